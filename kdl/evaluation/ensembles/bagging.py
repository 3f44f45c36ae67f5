"""Models of samples of the data."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import keras
import numpy as np
from keras import tree
from numpy.typing import ArrayLike
from scipy.special import expit, softmax
from sklearn.metrics import r2_score

from kdl import seeds
from kdl.checks import check_boolean, check_choice, check_integer
from kdl.evaluation.ensembles.ensemble import VOTING, ensemble
from kdl.evaluation.probabilities import as_array, check_classes, check_trained
from kdl.models.interface import check_from_logits
from kdl.typing import Arrays


class Bagged(NamedTuple):
    """An ensemble of models of bootstrap samples.

    Attributes:
        model: `keras.Model` that combines the members.
        samples: Integer array of shape `(members, examples)`. Which examples each has
            learned, some several times.
        out_of_bag: Float array. What the members that have not learned an example say
            of it, on average; NaN where all have.
        score: Float. Accuracy of classes, or R² of numbers, of that.
    """

    model: keras.Model
    samples: np.ndarray
    out_of_bag: np.ndarray
    score: float


def bagging(
    train: Callable[..., keras.Model],
    x: Arrays,
    y: ArrayLike,
    members: int = 10,
    seed: int = 0,
    voting: Literal["soft", "hard", "mean"] = "soft",
    from_logits: bool = True,
) -> Bagged:
    """Trains models on bootstrap samples, and scores them on what each has not seen.

    A sample has as many examples as the data, drawn with replacement, so that about
    37 % of them are missing from it. These are out of the bag, and test the model as
    new data would: no validation set is needed. The score is that of fewer members than
    the ensemble has, and rather too low.

    Args:
        train: Function `train(x, y, member)` that returns a new `keras.Model`, trained
            on these. Members count from 0.
        x: Array of inputs, or a structure of such.
        y: Array of targets: integers of shape `(examples,)`, or numbers for `"mean"`.
        members: Integer in `[2, inf)`. Number of models. Defaults to `10`.
        seed: Integer in `[0, 2**32)`. Draws the samples. Defaults to `0`.
        voting: `"soft"`, `"hard"` or `"mean"`, as of `kdl.evaluation.ensemble`.
            Defaults to `"soft"`.
        from_logits: Boolean. Whether the models return logits, rather than
            probabilities. Defaults to `True`.

    Returns:
        Named tuple of `model`, a `keras.Model`; `samples`, an integer array of shape
        `(members, examples)`; `out_of_bag`, a float array of mean probabilities, votes
        or numbers; and `score`, their accuracy or, of numbers, R².

    Raises:
        ValueError: If an argument is not as described, or if the loss of a model says
            otherwise than `from_logits`.

    Example:

    >>> def train(x, y, member):
    ...     layers = [keras.Input((8, 8, 1)), keras.layers.Flatten()]
    ...     model = keras.Sequential([*layers, keras.layers.Dense(10)])
    ...     loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    ...     model.compile(keras.optimizers.Adam(0.05), loss)
    ...     model.fit(x, y, verbose=0)
    ...     return model
    >>> bagged = kdl.evaluation.bagging(train, x, y, members=3)
    >>> bagged.score > 0.5
    True

    References:
        - [Breiman, 1996](https://doi.org/10.1007/BF00058655)
    """
    members = check_integer("members", members, "[2, inf)")
    check_integer("seed", seed, "[0, 4294967296)")
    check_choice("voting", voting, VOTING)
    check_boolean("from_logits", from_logits)
    y, models, predictions = np.asarray(y), [], []
    if voting == "mean":
        allowed = "`y` must be finite numbers of shape (examples, …)."
        as_array("y", y.ravel(), 1, allowed)
    else:
        check_classes("y", y)
    draw = seeds.generator(seed, seeds.BAGS)
    samples = draw.integers(0, len(y), (members, len(y)))
    for n, rows in enumerate(samples):
        some = tree.map_structure(lambda part, rows=rows: np.asarray(part)[rows], x)
        models.append(train(some, y[rows], n))
        check_trained(models[-1])
        if voting != "mean":
            check_from_logits(models[-1], from_logits)
        scores = models[-1].predict(x, verbose=0)
        predictions.append(_votes(scores, voting, from_logits))
    found = out_of_bag(predictions, samples)
    together = ensemble(models, voting, from_logits=from_logits)
    return Bagged(together, samples, found, _score(found, y, voting))


def out_of_bag(predictions, samples):
    """Returns the means of predictions of the members that have not seen an example.

    Args:
        predictions: Array of shape `(members, examples, …)`.
        samples: Integer array of shape `(members, …)`, examples that each has seen.

    Returns:
        Float array of shape `(examples, …)`, NaN where all members have seen it.
    """
    predictions = np.asarray(predictions, "float64")
    is_out = np.ones(predictions.shape[:2], bool)
    for row, sample in zip(is_out, samples, strict=True):
        row[sample] = False
    is_out = is_out.reshape(*is_out.shape, *[1] * (predictions.ndim - 2))
    count = is_out.sum(axis=0)
    total = np.where(is_out, predictions, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _votes(scores, voting, from_logits):
    """What a member says, as the ensemble averages it."""
    if voting == "mean":
        return scores
    if scores.shape[-1] == 1:
        p = expit(scores) if from_logits else scores
        return (p > 0.5).astype("float64") if voting == "hard" else p
    if voting == "hard":
        return np.eye(scores.shape[-1])[scores.argmax(-1)]
    return softmax(scores, axis=-1) if from_logits else scores


def _score(found, y, voting):
    known = ~np.isnan(found.reshape(len(found), -1)).any(axis=1)
    if not known.any():
        return np.nan
    found, y = found[known], y[known]
    if voting == "mean":
        return float(r2_score(y.reshape(len(y), -1), found.reshape(len(y), -1)))
    labels = found[..., 0] > 0.5 if found.shape[-1] == 1 else found.argmax(-1)
    return float(np.mean(labels == y.reshape(labels.shape)))
