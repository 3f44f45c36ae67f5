"""Gains of nonlinearities, and the draw that they scale."""

import keras

NONLINEARITIES = ("linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu")


def gain_of(nonlinearity, a=0.01):
    """Returns what a layer multiplies its weights by to make up for a nonlinearity.

    Args:
        nonlinearity: One of `NONLINEARITIES`.
        a: Float. Slope of `"leaky_relu"` below zero. Defaults to `0.01`, that of
            `torch.nn.init.calculate_gain`.
    """
    match nonlinearity:
        case "tanh":
            return 5 / 3
        case "relu":
            return 2**0.5
        case "leaky_relu":
            return (2 / (1 + a**2)) ** 0.5
        case "selu":
            return 3 / 4
    return 1.0


def draw(initializer, shape, dtype):
    """Draws as Keras does, from the distribution that an initializer means.

    Args:
        initializer: `VarianceScaling` whose `distribution` is `"normal"` or
            `"uniform"`. To Keras, the former is a truncated normal.
        shape: Shape of the weight.
        dtype: Dtype of the weight, or `None`.
    """
    normal = initializer.distribution == "normal"
    return keras.initializers.VarianceScaling(
        initializer.scale,
        initializer.mode,
        "untruncated_normal" if normal else "uniform",
        initializer.seed,
        initializer.input_axes,
        initializer.output_axes,
    )(shape, dtype=dtype)
