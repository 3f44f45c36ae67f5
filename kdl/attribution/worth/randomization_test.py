"""Whether attributions depend on what the model has learned."""

from collections.abc import Callable

import keras
import numpy as np
from numpy.typing import ArrayLike

from kdl.checks import check_seed
from kdl.private import layers_of
from kdl.seeds import ATTRIBUTION, generator


def randomization_test(
    model: keras.Model,
    attribute: Callable[[keras.Model], ArrayLike],
    seed: int | None = 0,
) -> dict[str, float]:
    """Returns how alike attributions stay as a model forgets, from its last layer on.

    Layer by layer, from the outputs to the inputs, the numbers of each weight are
    shuffled, and the attributions compared with those of the model as it was: by
    Spearman's correlation of their sizes. Attributions that explain the model change.
    Those that stay alike show the input, as an edge detector does, not the model.

    The paper draws weights anew from their initializers; shuffled ones keep the scale
    that training gave them, and need no initializer. Weights of one value, such as
    biases of zero, stay as they are. All weights are put back at the end.

    Args:
        model: Built `keras.Model`.
        attribute: Function of a model that returns an array of attributions of shape
            `(examples, …)`, of the same inputs and classes each time.
        seed: Integer in `[0, 2**32)`, or `None` for one that differs each time. Draws
            how weights are shuffled. Defaults to `0`.

    Returns:
        Dict of floats in `[-1, 1]`, the mean correlation of the examples by the name of
        the layer down to which weights are shuffled, from the last layer to the first.
        It is NaN where attributions are all alike.

    Raises:
        ValueError: If the model has no weights, or if attributions are no
            array.

    Example:

    >>> def attribute(model):
    ...     return kdl.attribution.saliency(model, x[:8], score=y[:8])
    >>> correlations = kdl.attribution.randomization_test(model, attribute)
    >>> len(correlations)
    1

    References:
        - [Adebayo et al., 2018](https://arxiv.org/abs/1810.03292)
    """
    rng = generator(check_seed("seed", seed), ATTRIBUTION)
    layers = _layers(model)
    if not layers:
        raise ValueError(
            "`model` must have weights, and be built. Received: "
            f"the model {getattr(model, 'name', model)!r}, which has none"
        )
    original = _sizes(attribute(model))
    weights = [variable for _, variables in layers for variable in variables]
    before = [variable.numpy() for variable in weights]
    found = {}
    try:
        for name, variables in reversed(layers):
            for variable in variables:
                value = np.asarray(variable.numpy())
                variable.assign(rng.permutation(value.ravel()).reshape(value.shape))
            found[name] = _correlation(original, _sizes(attribute(model)))
    finally:
        for variable, value in zip(weights, before, strict=True):
            variable.assign(value)
    return found


def _layers(model):
    """Path and own weights of each layer that has some floats, in order."""
    found, seen = [], set()
    for layer in layers_of(model):
        inner = {
            id(weight)
            for part in layers_of(layer)
            if part is not layer
            for weight in part.weights
        }
        own = [
            weight
            for weight in layer.weights
            if id(weight) not in inner | seen
            and keras.backend.is_float_dtype(weight.dtype)
        ]
        seen |= set(map(id, own))
        if own:
            found.append((own[0].path.rpartition("/")[0], own))
    return found


def _sizes(attributions):
    attributions = np.asarray(attributions)
    if attributions.dtype.kind != "f" or attributions.ndim < 2:
        raise ValueError(
            "`attribute` must return a float array of shape (examples, …). Received: "
            f"dtype={attributions.dtype}, shape={attributions.shape}"
        )
    return np.abs(attributions).reshape(len(attributions), -1)


def _correlation(one, other):
    """Mean of Spearman's correlations of rows."""
    # Here, since it takes longer to import than all of kdl.
    from scipy.stats import rankdata

    ranks = [rankdata(part, axis=1) for part in (one, other)]
    ranks = [part - part.mean(axis=1, keepdims=True) for part in ranks]
    norms = [np.sqrt((part**2).sum(axis=1)) for part in ranks]
    is_varied = (norms[0] > 0) & (norms[1] > 0)
    if not is_varied.any():
        return float("nan")
    products = (ranks[0] * ranks[1]).sum(axis=1)[is_varied]
    return float(np.mean(products / (norms[0] * norms[1])[is_varied]))
