"""Classifiers of scikit-learn, as layers on the features of a network.

Keras's own layers do what they do, so that the model that is saved needs no
scikit-learn, and the same file predicts on each backend.
"""

import keras
import numpy as np
from keras import ops
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

CLASSIFIERS = "logistic_regression", "svm", "nearest_neighbors"
# Of the mean variance of the features, the least that one of them is divided by.
_FLOOR, _EPSILON = 1e-3, 1e-6
# The score of a class of which there was no example, and minus the squared distance of
# a reference that is none.
_ABSENT, _FAR = -10.0, -1e9


def add_standardized(x, is_trained):
    """Returns features of mean 0 and variance 1, whatever backbone they are of.

    Args:
        x: Features of shape `(batch, features)`.
        is_trained: Boolean. Whether means and variances follow those of batches, rather
            than being set by `fit_shallow`.
    """
    standardized = keras.layers.BatchNormalization(
        momentum=0.9,
        # In a batch, features that are all alike are common.
        epsilon=1e-3 if is_trained else _EPSILON,
        center=False,
        scale=False,
        trainable=is_trained,
        name="head_standardized",
    )
    return standardized(x)


def add_shallow(x, p, classes, most):
    """Returns logits of features, by layers whose weights `fit_shallow` sets.

    Args:
        x: Features of shape `(batch, features)`, from `add_standardized`.
        p: Namespace of `classifier` and what belongs to it: `gamma`, `neighbors`.
        classes: Integer.
        most: Integer. Most examples that `fit_shallow` is given.
    """
    width = x.shape[-1]
    if p.classifier != "logistic_regression":
        # With weights of `2 * factor * reference` and biases of `-factor *
        # |reference|²` it is `-factor * |x - reference|²`, but for `|x|²`.
        reference = keras.layers.Dense(most, trainable=False, name="head_references")
        nearness = reference(x)
    if p.classifier == "svm":
        square = ops.sum(ops.square(x), axis=-1, keepdims=True)
        x = ops.exp(nearness - p.gamma / width * square)
    elif p.classifier == "nearest_neighbors":
        count = min(p.neighbors, most)
        _, nearest = ops.top_k(nearness, count)
        votes = keras.layers.Embedding(
            most, classes, trainable=False, name="head_votes"
        )(nearest)
        # As if each class had one vote more.
        x = ops.log((ops.sum(votes, axis=1) + 1) / (count + classes))
    # In float32, whatever the precision of the others.
    logits = keras.layers.Dense(
        classes, trainable=False, dtype=keras.config.floatx(), name="head_logits"
    )
    return logits(x)


def fit_shallow(model, p, x, y, sample_weight=None):
    """Sets the layers of `add_shallow` to what scikit-learn makes of examples.

    Args:
        model: `keras.Model` with these layers.
        p: Namespace as of `add_shallow`, and `C`.
        x: Array of features of shape `(examples, features)`.
        y: Integer array of labels.
        sample_weight: Optional array of shape `(examples,)`.

    Raises:
        ValueError: If there are more examples than the layers hold, or if neighbors
            are to be weighted.
    """
    x = np.asarray(x, "float64")
    mean = np.average(x, axis=0, weights=sample_weight)
    variance = np.average(np.square(x - mean), axis=0, weights=sample_weight)
    # What hardly varies here may be far off in another image.
    variance = np.maximum(variance, _FLOOR * variance.mean() or 1.0)
    model.get_layer("head_standardized").set_weights([mean, variance])
    x = (x - mean) / np.sqrt(variance + _EPSILON)
    logits = model.get_layer("head_logits")
    classes = logits.units
    if p.classifier == "logistic_regression":
        logits.set_weights(_logistic_regression(p, x, y, sample_weight, classes))
        return
    references = model.get_layer("head_references")
    most = references.units
    if len(x) > most:
        raise ValueError(
            f"`x` must have {most} examples at most, as many as the source has to "
            f"train and validate. Received: {len(x)}"
        )
    is_svm = p.classifier == "svm"
    gamma = p.gamma / x.shape[1] if is_svm else 1.0
    kernel, bias = np.zeros((x.shape[1], most)), np.full(most, _FAR)
    kernel[:, : len(x)] = 2 * gamma * x.T
    bias[: len(x)] = -gamma * np.sum(np.square(x), axis=1)
    references.set_weights([kernel, bias])
    if is_svm:
        logits.set_weights(_svm(p, gamma, x, y, sample_weight, classes, most))
        return
    if sample_weight is not None:
        raise ValueError(
            "`sample_weight` has no meaning for nearest neighbors. Choose another "
            "`classifier`."
        )
    votes = np.zeros((most, classes))
    votes[np.arange(len(y)), y] = 1
    model.get_layer("head_votes").set_weights([votes])
    logits.set_weights([np.eye(classes), np.zeros(classes)])


def calibrate(model, logits, y):
    """Divides the logits of a model by the temperature that suits some examples best.

    Args:
        model: `keras.Model` with the layers of `add_shallow`.
        logits: Array of what it returns for the examples.
        y: Integer array of their labels.

    References:
        - [Guo et al., 2017](https://arxiv.org/abs/1706.04599)
    """
    logits = np.asarray(logits, "float64")

    def loss(log_temperature):
        scores = log_softmax(logits / np.exp(log_temperature), axis=-1)
        return -scores[np.arange(len(y)), y].mean()

    best = minimize_scalar(loss, bounds=(-5, 5), method="bounded").x
    layer = model.get_layer("head_logits")
    layer.set_weights([part / np.exp(best) for part in layer.get_weights()])


def _logistic_regression(p, x, y, sample_weight, classes):
    from sklearn.linear_model import LogisticRegression

    found = LogisticRegression(C=p.C, max_iter=1000).fit(x, y, sample_weight)
    kernel, bias = np.zeros((x.shape[1], classes)), np.full(classes, _ABSENT)
    # Of two classes, one has the coefficients, and the other one has zeros.
    places = found.classes_[-len(found.coef_) :]
    bias[found.classes_] = 0.0
    kernel[:, places], bias[places] = found.coef_.T, found.intercept_
    return kernel, bias


def _svm(p, gamma, x, y, sample_weight, classes, most):
    from sklearn.svm import SVC

    kernel, bias = np.zeros((most, classes)), np.full(classes, _ABSENT)
    for label in np.unique(y):
        # One against the rest.
        found = SVC(C=p.C, gamma=gamma).fit(x, y == label, sample_weight)
        kernel[found.support_, label] = found.dual_coef_[0]
        bias[label] = found.intercept_[0]
    return kernel, bias
