"""Boosting by gradients of a loss."""

from collections.abc import Callable
from typing import Literal

import keras
import numpy as np
from keras import layers, tree
from numpy.typing import ArrayLike
from scipy.special import softmax

from kdl.checks import check_choice, check_integer, check_number
from kdl.evaluation.probabilities import as_array, check_classes, check_trained
from kdl.models.copies import copied, inputs_of
from kdl.typing import Arrays


def gradient_boosting(
    train: Callable[..., keras.Model],
    x: Arrays,
    y: ArrayLike,
    rounds: int = 10,
    shrinkage: float = 0.1,
    loss: Literal["squared", "log"] = "squared",
) -> keras.Model:
    """Returns a sum of networks, each trained on what those before left open.

    With `F` the sum so far, network `m` learns to predict the residuals by least
    squares, and `F` becomes `F + shrinkage * network(x)`:

    - `"squared"`, for numbers: `F` begins as the mean of the targets, and the residuals
      are `y - F`;
    - `"log"`, for classes: `F` are logits, which begin as the logarithms of the shares
      of the classes, and the residuals are `onehot(y) - softmax(F)`, the negative
      gradient of the negative log-likelihood.

    Small networks with little shrinkage do best; more of them may memorize.

    Args:
        train: Function `train(x, residuals, round)` that returns a new `keras.Model`,
            trained by least squares on these. Residuals are a float32 array of shape
            `(examples, outputs)`, which is that of the model's outputs, and rounds
            count from 0.
        x: Array of inputs, or a structure of such.
        y: Targets: numbers of shape `(examples,)` or `(examples, outputs)`, or integers
            of shape `(examples,)`.
        rounds: Integer in `[1, inf)`. Number of networks. Defaults to `10`.
        shrinkage: Float in `(0, 1]`. Share of each network that counts. Defaults to
            `0.1`.
        loss: `"squared"` or `"log"`. Defaults to `"squared"`.

    Returns:
        Compiled `keras.Model` of numbers, or of logits, of shape `(batch, outputs)`.

    Raises:
        ValueError: If an argument is not as described, or if a model has other outputs.

    Example:

    >>> def train(x, residuals, round):
    ...     layers = [keras.Input((8, 8, 1)), keras.layers.Flatten()]
    ...     hidden = keras.layers.Dense(8, "relu")
    ...     model = keras.Sequential([*layers, hidden, keras.layers.Dense(10)])
    ...     model.compile(keras.optimizers.Adam(0.05), "mse")
    ...     model.fit(x, residuals, verbose=0)
    ...     return model
    >>> boosted = kdl.evaluation.gradient_boosting(train, x, y, rounds=2, loss="log")

    References:
        - [Friedman, 2001](https://doi.org/10.1214/aos/1013203451)
        - [Badirli et al., 2020](https://arxiv.org/abs/2002.07971), of networks
    """
    rounds = check_integer("rounds", rounds, "[1, inf)")
    shrinkage = check_number("shrinkage", shrinkage, "(0, 1]")
    check_choice("loss", loss, ("squared", "log"))
    if loss == "log":
        labels = check_classes("y", y)
        classes = int(labels.max()) + 1
        target = np.eye(classes)[labels]
        shares = target.mean(axis=0)
        if not shares.all():
            raise ValueError(
                f"`y` must have examples of each class from 0 to {classes - 1}. "
                f"Received: none of class {int(np.argmin(shares))}"
            )
        start = np.log(shares)
    else:
        allowed = "`y` must be finite numbers of shape (examples, outputs)."
        target = as_array("y", np.ravel(y), 1, allowed).reshape(len(y), -1)
        start = target.mean(axis=0)
    total, models = np.tile(start, (len(target), 1)), []
    for n in range(rounds):
        fitted = softmax(total, axis=1) if loss == "log" else total
        model = train(x, (target - fitted).astype("float32"), n)
        step = check_trained(model).predict(x, verbose=0)
        if np.shape(step) != target.shape:
            raise ValueError(
                f"`train` must return models with outputs of shape (batch, "
                f"{target.shape[1]}). Received: {np.shape(step)}"
            )
        total = total + shrinkage * step
        models.append(model)
    return _sum(models, start, shrinkage, loss)


def _sum(models, start, shrinkage, loss):
    """One model of the start and all steps."""
    inputs = tree.map_structure(
        lambda x: keras.Input(x.shape[1:], dtype=x.dtype, name=x.name),
        inputs_of(models[0]),
    )
    members = [copied(model, f"member_{n + 1}") for n, model in enumerate(models)]
    parts = [member(inputs) for member in members]
    together = parts[0] if len(parts) == 1 else layers.Add(dtype="float32")(parts)
    steps = layers.EinsumDense(
        "bk,k->bk", len(start), bias_axes="k", name="boosted", dtype="float32"
    )
    outputs = steps(together)
    steps.set_weights([np.full(len(start), shrinkage), start])
    model = keras.Model(inputs, outputs, name="gradient_boosting")
    if loss == "log":
        crossentropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("sgd", crossentropy, metrics=["accuracy"])
    else:
        model.compile("sgd", "mse")
    return model
