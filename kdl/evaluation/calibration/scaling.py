"""Scaling of logits, after which a classifier is as sure as it is right."""

from typing import Literal, NamedTuple

import keras
import numpy as np
from keras import layers, ops, tree
from numpy.typing import ArrayLike
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax, softmax

from kdl.checks import check_boolean, check_choice
from kdl.evaluation.probabilities import (
    check_labels,
    check_logits,
    check_probabilities,
)
from kdl.models.compiling import compile_as
from kdl.models.copies import copied, inputs_of
from kdl.models.interface import check_from_logits

METHODS = ("temperature", "vector")
_LEAST = 1e-12  # A probability of which the logarithm is finite.


class Scaling(NamedTuple):
    """What is done to logits: `scale * logits + offset`, class by class.

    Attributes:
        scale: Float array of shape `(classes,)`.
        offset: Float array of shape `(classes,)`.
    """

    scale: np.ndarray
    offset: np.ndarray

    @property
    def temperature(self):
        """What logits are divided by, if it is the same for all; else `None`."""
        is_one = np.ptp(self.scale) == 0 and not self.offset.any()
        return float(1 / self.scale[0]) if is_one else None

    def probabilities(self, scores, from_logits=True):
        """Returns calibrated probabilities, for logits or for probabilities."""
        logits = _logits("scores", scores, from_logits)
        return softmax(self.scale * logits + self.offset, axis=-1)


def fit_scaling(
    scores: ArrayLike,
    y: ArrayLike,
    method: Literal["temperature", "vector"] = "temperature",
    from_logits: bool = True,
) -> Scaling:
    """Returns the scaling of logits with the least negative log-likelihood.

    - `"temperature"`: all logits are divided by one number. Predicted classes stay.
    - `"vector"`: each class has a factor and an offset, so that classes change, too.
      The changes, `scale - 1` and `offset`, have a standard normal prior: for `n`
      examples, half the sum of their squares, divided by `n`, is added to what is
      minimized. Without it, as in the paper, numbers go to infinity where the examples
      leave them open, as for a class that is never mistaken.

    Fit it to validation data, of which the model has not learned. It may lower the
    negative log-likelihood and raise the calibration error: look at both.

    Args:
        scores: Array of shape `(examples, classes)`, what the model says.
        y: Integer array of shape `(examples,)`, the classes.
        method: `"temperature"` or `"vector"`. Defaults to `"temperature"`.
        from_logits: Boolean. Whether scores are logits, rather than probabilities,
            whose logarithms are scaled. Defaults to `True`.

    Returns:
        Named tuple of `scale` and `offset`, float arrays of shape `(classes,)`. It has
        the attribute `temperature`, and `probabilities(scores, from_logits=True)`,
        which returns calibrated ones.

    Raises:
        ValueError: If an argument is not as described, or if there is no best
            temperature: all examples are right, or the scores are no better than
            chance.

    Example:

    >>> logits = model.predict(validation[0], verbose=0)
    >>> scaling = kdl.evaluation.fit_scaling(logits, validation[1], "vector")
    >>> scaling.probabilities(logits).shape
    (180, 10)

    References:
        - [Guo et al., 2017](https://arxiv.org/abs/1706.04599)
    """
    check_choice("method", method, METHODS)
    logits = _logits("scores", scores, from_logits)
    labels = check_labels("y", y, logits.shape)
    classes = logits.shape[1]
    if method == "temperature":
        scale = np.full(classes, _inverse_temperature(logits, labels))
        return Scaling(scale, np.zeros(classes))
    return Scaling(*_vector(logits, labels))


def calibrated(
    model: keras.Model, scaling: Scaling, from_logits: bool = True
) -> keras.Model:
    """Returns a classifier with a scaling of its logits built in.

    It takes and returns what the model does, logits or probabilities, and has its loss
    and metrics, to be evaluated, saved in one file and exported. The model itself stays
    as it is: the new one holds a copy of it, as `kdl.evaluation.ensemble` does.

    Args:
        model: Built `keras.Model` that returns scores of shape `(batch, classes)`.
        scaling: What `kdl.evaluation.fit_scaling` returned.
        from_logits: Boolean. Whether outputs are logits, rather than probabilities.
            Defaults to `True`.

    Returns:
        `keras.Model`.

    Raises:
        ValueError: If the model has other outputs, or if its loss says otherwise than
            `from_logits`.

    Example:

    >>> logits = model.predict(validation[0], verbose=0)
    >>> scaling = kdl.evaluation.fit_scaling(logits, validation[1], "vector")
    >>> calibrated = kdl.evaluation.calibrated(model, scaling)

    References:
        - [Guo et al., 2017](https://arxiv.org/abs/1706.04599)
    """
    check_from_logits(model, check_boolean("from_logits", from_logits))
    classes = len(scaling.scale)
    inputs = tree.map_structure(
        lambda x: keras.Input(x.shape[1:], dtype=x.dtype, name=x.name),
        inputs_of(model),
    )
    outputs = copied(model, f"{model.name}_uncalibrated")(inputs)
    shape = tuple(getattr(outputs, "shape", ()))
    if len(shape) != 2 or shape[1] != classes:
        raise ValueError(
            f"`model` must return scores of shape (batch, {classes}), as `scaling` has "
            f"{classes} classes. Received: {shape or 'several tensors'}"
        )
    logits = ops.cast(outputs, "float32")
    if not from_logits:
        logits = ops.log(ops.maximum(logits, _LEAST))
    if scaling.temperature is not None:
        layer = layers.Rescaling(
            float(scaling.scale[0]), name="temperature", dtype="float32"
        )
        logits = layer(logits)
    else:
        layer = layers.EinsumDense(
            "bk,k->bk", classes, bias_axes="k", name="scaling", dtype="float32"
        )
        logits = layer(logits)
        layer.set_weights([scaling.scale, scaling.offset])
    if not from_logits:
        logits = layers.Softmax(dtype="float32")(logits)
    found = keras.Model(inputs, logits, name=f"{model.name}_calibrated")
    compile_as(found, model)
    return found


def _logits(name, scores, from_logits):
    if check_boolean("from_logits", from_logits):
        return check_logits(name, scores)
    return np.log(np.maximum(check_probabilities(name, scores), _LEAST))


def _inverse_temperature(logits, labels):
    """The factor of logits with the least loss, which is convex in it."""
    right = logits[np.arange(len(labels)), labels]
    if (right >= logits.max(axis=1)).all():
        raise ValueError(
            "`y` must have an example that `scores` get wrong, or no temperature is "
            "low enough. Received: none"
        )
    if (right - logits.mean(axis=1)).mean() <= 0:
        raise ValueError(
            "`scores` must favour the classes of `y`, or no temperature is high "
            "enough. Received: scores that are no better than chance"
        )
    rows = np.arange(len(labels))

    def loss(power):
        return -(log_softmax(np.exp(power) * logits, axis=1)[rows, labels]).mean()

    # Around the scale of the logits, which decides how far to look.
    center = -np.log(np.std(logits))
    found = minimize_scalar(
        loss,
        bounds=(center - 12, center + 12),
        method="bounded",
        options={"xatol": 1e-10},
    )
    return float(np.exp(found.x))


def _vector(logits, labels):
    """Factors and offsets with the least loss and penalty, which are convex in them."""
    count, classes = logits.shape
    target = np.eye(classes)[labels]

    def loss(values):
        scale, offset = values[:classes], values[classes:]
        scaled = log_softmax(scale * logits + offset, axis=1)
        error = (np.exp(scaled) - target) / count
        change = np.concatenate([scale - 1, offset])
        gradient = np.concatenate([(error * logits).sum(0), error.sum(0)])
        nll = -scaled[np.arange(count), labels].mean()
        return nll + change @ change / 2 / count, gradient + change / count

    start = np.concatenate([np.ones(classes), np.zeros(classes)])
    options = {"ftol": 1e-14, "gtol": 1e-9, "maxiter": 10_000, "maxfun": 100_000}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options=options)
    return found.x[:classes], found.x[classes:]
