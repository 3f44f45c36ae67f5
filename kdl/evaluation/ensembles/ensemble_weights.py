"""Weights of the members of an ensemble."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize

from kdl.checks import check_choice
from kdl.evaluation.probabilities import as_array, check_labels, check_probabilities

_LEAST = 1e-12  # A probability of which the logarithm is finite.


def ensemble_weights(
    predictions: ArrayLike, y: ArrayLike, loss: Literal["nll", "squared"] = "nll"
) -> np.ndarray:
    """Returns weights of members that would have been best on validation data.

    They are at least 0, sum to 1, and minimize

    - `"nll"`: the mean of `-log(sum_m w_m p_m[y])`, of probabilities `p_m`;
    - `"squared"`: the mean of `(sum_m w_m f_m - y)²`, of numbers, or of probabilities
      of classes with `y` one-hot.

    Both are convex: the weights that are found are the best. Choose them on data
    that no member was fitted to, and test on others. Members that are nearly alike
    share their weight in a way that the data hardly decide.

    Args:
        predictions: Array of shape `(members, examples, classes)`, probabilities, or,
            for numbers, `(members, examples)`.
        y: Integer array of shape `(examples,)`, classes, or numbers.
        loss: `"nll"` or `"squared"`. Defaults to `"nll"`.

    Returns:
        Float array of shape `(members,)`.

    Raises:
        ValueError: If an argument is not as described.

    Example:

    >>> rng = np.random.default_rng(0)
    >>> good = np.where(np.eye(10)[y], 0.91, 0.01)
    >>> bad = np.full_like(good, 0.1)
    >>> kdl.evaluation.ensemble_weights([bad, good], y).round(2)
    array([0., 1.])

    References:
        - [Breiman, 1996](https://doi.org/10.1007/BF00117832), stacked regressions
    """
    check_choice("loss", loss, ("nll", "squared"))
    if loss == "squared" and np.ndim(predictions) == 2:
        allowed = "`predictions` must be finite numbers of shape (members, examples)."
        members = as_array("predictions", predictions, 2, allowed, least=1)
        allowed = f"`y` must be {members.shape[1]} finite numbers."
        target = as_array("y", np.ravel(y), 1, allowed)
        if target.shape != members.shape[1:]:
            raise ValueError(f"{allowed} Received: shape={target.shape}")
    else:
        members = check_probabilities("predictions", predictions, 3)
        labels = check_labels("y", y, members.shape[1:])
        if loss == "nll":
            members = members[:, np.arange(len(labels)), labels]
        else:
            target = np.eye(members.shape[-1])[labels].ravel()
            members = members.reshape(len(members), -1)
    count = len(members)
    if loss == "nll":

        def value(w):
            p = np.maximum(w @ members, _LEAST)
            return -np.log(p).mean(), -(members / p).mean(axis=1)

    else:
        # Its scale decides when the search stops.
        scale = np.var(target) or 1.0

        def value(w):
            error = w @ members - target
            return (error**2).mean() / scale, 2 * members @ error / error.size / scale

    found = minimize(
        value,
        np.full(count, 1 / count),
        jac=True,
        method="SLSQP",
        bounds=[(0, 1)] * count,
        constraints={
            "type": "eq",
            "fun": lambda w: w.sum() - 1,
            "jac": lambda w: np.ones(count),
        },
        options={"ftol": 1e-12, "maxiter": 1000},
    )
    weights = np.clip(found.x, 0, None)
    weights[weights < 1e-8] = 0  # Zero within the tolerance of the search.
    return weights / weights.sum()
