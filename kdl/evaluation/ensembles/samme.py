"""Boosting of classifiers."""

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
from numpy.typing import ArrayLike

from kdl.checks import check_boolean, check_integer, check_number
from kdl.evaluation.ensembles.ensemble import ensemble
from kdl.evaluation.probabilities import check_classes, check_trained
from kdl.models.interface import check_from_logits
from kdl.typing import Arrays


class Boosted(NamedTuple):
    """An ensemble that was boosted.

    Attributes:
        model: `keras.Model`, which decides by weighted votes.
        weights: Float array. Weight of each member, which does not sum to one.
        errors: Float array. Weighted error of each member on the training data.
    """

    model: keras.Model
    weights: np.ndarray
    errors: np.ndarray


def samme(
    train: Callable[..., keras.Model],
    x: Arrays,
    y: ArrayLike,
    rounds: int = 10,
    learning_rate: float = 1.0,
    from_logits: bool = True,
) -> Boosted:
    """Trains classifiers one after the other, each on what those before got wrong.

    This is AdaBoost for any number of classes. Member `m` is trained with weights of
    the examples, and errs on a weighted share `e` of them. With `K` classes that
    `y` has, its vote counts

        a = learning_rate * (log((1 - e) / e) + log(K - 1))

    and the weights of what it got wrong are multiplied by `exp(a)`. It ends before
    `rounds` with a member that makes no error, or with one that is no better than
    chance, which is left out.

    It helps weak learners, such as networks that are small or trained for short.
    Labels that are wrong get ever more weight.

    Args:
        train: Function `train(x, y, sample_weight, round)` that returns a new
            `keras.Model`, trained on these. Weights are a float32 array with a mean of
            1, and rounds count from 0.
        x: Array of inputs, or a structure of such.
        y: Integer array of shape `(examples,)`, their classes.
        rounds: Integer in `[1, inf)`. Most members. Defaults to `10`.
        learning_rate: Float in `(0, inf)`. Defaults to `1.0`.
        from_logits: Boolean. Whether the models return logits, rather than
            probabilities. Defaults to `True`.

    Returns:
        Named tuple of `model`, the `kdl.evaluation.ensemble` by hard votes; `weights`
        and `errors`, float arrays with a number for each member.

    Raises:
        ValueError: If an argument is not as described, if the first model is no better
            than chance, or if the loss of a model says otherwise than `from_logits`.

    Example:

    >>> def train(x, y, sample_weight, round):
    ...     model = kdl.models.cnn((8, 8, 1), 10, filters=(2,), units=())
    ...     loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    ...     model.compile(keras.optimizers.Adam(0.05), loss)
    ...     model.fit(x, y, sample_weight=sample_weight, verbose=0)
    ...     return model
    >>> boosted = kdl.evaluation.samme(train, x, y, rounds=2)

    References:
        - [Zhu, Zou, Rosset and Hastie, 2009](https://doi.org/10.4310/SII.2009.v2.n3.a8)
    """
    rounds = check_integer("rounds", rounds, "[1, inf)")
    learning_rate = check_number("learning_rate", learning_rate, "(0, inf)")
    check_boolean("from_logits", from_logits)
    y = check_classes("y", y)
    # A label that no example has is no class that chance might name.
    classes = max(len(np.unique(y)), 2)
    weights = np.full(len(y), 1 / len(y))
    models, votes, errors = [], [], []
    for n in range(rounds):
        model = train(x, y, (weights * len(y)).astype("float32"), n)
        check_from_logits(check_trained(model), from_logits)
        scores = model.predict(x, verbose=0)
        found = (
            scores.argmax(-1)
            if scores.shape[-1] > 1
            else scores[:, 0] > (0 if from_logits else 0.5)
        )
        wrong = found != y
        error = float(weights @ wrong)
        if error >= 1 - 1 / classes:
            if not models:
                raise ValueError(
                    "`train` must return models that are better than chance. Received: "
                    f"one that errs on {error:.4g} of the examples of {classes} classes"
                )
            break
        models.append(model)
        errors.append(error)
        if error == 0:
            # Its vote would count infinitely much.
            votes.append(1.0)
            break
        log_odds = np.log((1 - error) / error) + np.log(classes - 1)
        votes.append(learning_rate * log_odds)
        weights = weights * np.exp(votes[-1] * wrong)
        weights /= weights.sum()
    together = ensemble(models, "hard", votes, from_logits)
    return Boosted(together, np.array(votes), np.array(errors))
