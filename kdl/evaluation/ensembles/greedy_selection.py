"""Members of an ensemble, chosen one by one."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import log_loss

from kdl.checks import check_integer
from kdl.evaluation.probabilities import check_labels, check_probabilities


def greedy_selection(
    predictions: ArrayLike,
    y: ArrayLike,
    rounds: int,
    loss: Callable[[Any, Any], float] | None = None,
) -> np.ndarray:
    """Returns how often each model is to be a member of an ensemble.

    It begins with none, and adds in each round the model with which the mean of all
    members has the least loss on validation data. A model may be added again, which
    gives it more weight, and a bad one need never be. The members of the best round
    count: the loss need not fall in each.

    It takes many models of one search well, and any loss; `ensemble_weights` finds the
    best weights of few.

    Args:
        predictions: Array of shape `(models, examples, …)`, of probabilities of
            validation data, or of numbers.
        y: Array of shape `(examples, …)`, their targets.
        rounds: Integer in `[1, inf)`. How many members are added. The share of a member
            is a multiple of one divided by it, at most.
        loss: Optional function of targets and of a mean of predictions, which returns a
            number, lower is better. Defaults to `None`, the negative log-likelihood of
            classes.

    Returns:
        Integer array of shape `(models,)`, which `kdl.evaluation.ensemble` takes as
        `weights`.

    Raises:
        ValueError: If an argument is not as described, or if numbers are not finite.

    Example:

    >>> good = np.where(np.eye(10)[y], 0.91, 0.01)
    >>> bad = np.full_like(good, 0.1)
    >>> kdl.evaluation.greedy_selection([bad, good], y, rounds=5)
    array([0, 1])

    References:
        - [Caruana et al., 2004](https://doi.org/10.1145/1015330.1015432)
    """
    rounds = check_integer("rounds", rounds, "[1, inf)")
    predictions, y = np.asarray(predictions, "float64"), np.asarray(y)
    if predictions.ndim < 2 or predictions.shape[1] != len(y):
        raise ValueError(
            f"`predictions` must be of shape (models, {len(y)}, …), as `y` has "
            f"{len(y)} examples. Received: shape={predictions.shape}"
        )
    if loss is None:
        predictions = check_probabilities("predictions", predictions, 3)
        y = check_labels("y", y, predictions.shape[1:])
        labels = np.arange(predictions.shape[-1])

        def loss(y, mean):
            return log_loss(y, mean, labels=labels)

    elif not np.isfinite(predictions).all():
        raise ValueError(
            f"`predictions` must be finite numbers of shape (models, {len(y)}, …). "
            "Received: numbers that are not finite"
        )
    total, chosen = np.zeros(predictions.shape[1:]), []
    losses = []
    for size in range(1, rounds + 1):
        found = [loss(y, (total + part) / size) for part in predictions]
        if np.isnan(found).any():
            # It would count as the least.
            raise ValueError("`loss` must return a number. Received: nan")
        best = int(np.argmin(found))
        total = total + predictions[best]
        chosen.append(best)
        losses.append(found[best])
    kept = chosen[: int(np.argmin(losses)) + 1]
    return np.bincount(kept, minlength=len(predictions))
