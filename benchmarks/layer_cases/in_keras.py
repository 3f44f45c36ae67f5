"""Functions that apply several layers of Keras."""

import functools

from keras import layers as nn


def chain(*parts):
    return lambda x: functools.reduce(lambda x, part: part(x), parts, x)


def conv(filters, size=3, activation="relu", **options):
    """A convolution, depthwise if `filters` is `None`, normalized and activated."""

    def apply(x):
        common = {**options, "padding": "same", "use_bias": False}
        if filters is None:
            x = nn.DepthwiseConv2D(size, **common)(x)
        else:
            x = nn.Conv2D(filters, size, **common)(x)
        x = nn.BatchNormalization()(x)
        return nn.Activation(activation)(x) if activation else x

    return apply


def residual(branch, activation="relu"):
    return lambda x: nn.Activation(activation)(nn.Add()([x, branch(x)]))


def excite(units, channels, activation="relu"):
    """Scales each channel by a number that two dense layers make of all means."""
    return lambda x: nn.Multiply()(
        [
            x,
            chain(
                nn.GlobalAveragePooling2D(keepdims=True),
                nn.Dense(units, activation),
                nn.Dense(channels, "sigmoid"),
            )(x),
        ]
    )
