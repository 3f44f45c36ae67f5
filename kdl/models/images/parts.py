"""What the families of image models have in common."""

import keras
from keras import layers

from kdl.checks import check_choice, check_integer, check_optional
from kdl.layers import (
    Clock,
    ConvBlock,
    DropConnectDense,
    Dropout,
    StochasticDepth,
)
from kdl.schedules.number import Number, number

LAST = {"data_format": "channels_last"}
STEMS = "small", "pooled", "large"


def begin(input_shape, *scheduled):
    """Returns the inputs of a model, and the images that its first layer takes.

    Args:
        input_shape: Sequence of height, width and channels.
        *scheduled: Numbers and objects of numbers. If one of them follows a schedule,
            the images pass by a `Clock`.

    Raises:
        ValueError: If `input_shape` is no shape of images.
    """
    shape = tuple(input_shape) if isinstance(input_shape, (list, tuple)) else ()
    if len(shape) != 3 or None is shape[-1]:
        raise ValueError(
            "`input_shape` must be (height, width, channels), of which height and "
            f"width may be None. Received: input_shape={input_shape!r}"
        )
    for side in shape:
        check_optional(check_integer, "input_shape", side, "[1, inf)")
    inputs = keras.Input(shape, name="images")
    return inputs, Clock(name="clock")(inputs) if _follows(scheduled) else inputs


def _follows(parts):
    """Whether a part, or a number that it has, follows a schedule."""
    schedule = keras.optimizers.schedules.LearningRateSchedule
    return any(
        isinstance(value, (schedule, Number))
        for part in keras.tree.flatten(parts)
        for value in [part, *getattr(part, "__dict__", {}).values()]
    )


def check_filters(name, filters, what="stage"):
    """Returns a tuple of channels, one for each stage, or each other thing."""
    if not isinstance(filters, (list, tuple)) or not filters:
        raise ValueError(
            f"`{name}` must be a sequence of integers in [1, inf), one for each "
            f"{what}. Received: {name}={filters!r}"
        )
    return tuple(check_integer(name, value, "[1, inf)") for value in filters)


def check_units(units):
    """Returns a tuple of the units of dense layers, of which there may be none."""
    is_empty = isinstance(units, (list, tuple)) and not units
    return () if is_empty else check_filters("units", units, "dense layer")


def check_each(name, value, stages):
    """Returns a tuple of integers, one for each stage; one stands for all of them."""
    values = value if isinstance(value, (list, tuple)) else (value,) * stages
    values = tuple(check_integer(name, one, "[1, inf)") for one in values)
    if len(values) != stages:
        raise ValueError(
            f"`{name}` must be an integer, or {stages} of them, one for each stage. "
            f"Received: {name}={value!r}"
        )
    return values


def check_size(input_shape, factor, what):
    """Refuses images that a network of so many strides makes smaller than a pixel.

    Args:
        input_shape: Height, width and channels.
        factor: Integer. By which the network shrinks its images.
        what: String. The network, in messages.
    """
    for side in input_shape[:2]:
        if side is not None and side < factor:
            raise ValueError(
                f"`input_shape` must have {factor} pixels a side or more, by which "
                f"{what} divides them. Received: input_shape={tuple(input_shape)!r}. "
                "Use fewer stages, or a smaller stem."
            )


def stem_layers(x, kind, filters, **shared):
    """Returns images after the first layers of a network.

    Args:
        x: Images.
        kind: `"small"`, a convolution of 3 by 3; `"pooled"`, the same and a pooling of
            2 by 2; `"large"`, a convolution of 7 by 7 with strides of 2 and a pooling
            of 3 by 3 with such.
        filters: Integer. Channels.
        **shared: Arguments of `ConvBlock`.
    """
    check_choice("stem", kind, STEMS)
    side, strides = (7, 2) if kind == "large" else (3, 1)
    x = ConvBlock(filters, side, strides, name="stem", **shared)(x)
    if kind == "small":
        return x
    side = 3 if kind == "large" else 2
    pooling = layers.MaxPooling2D(side, 2, "same", name="stem_pooling", **LAST)
    return pooling(x)


def stem_factor(kind):
    """By which a stem shrinks its images."""
    return {"small": 1, "pooled": 2, "large": 4}[check_choice("stem", kind, STEMS)]


def depth_rates(rate, count):
    """Returns the probability with which each block is dropped.

    Args:
        rate: Number in `[0, 1)`, that of the last block, to which they rise from 0 in
            even steps; or a sequence of numbers or schedules, one for each block.
        count: Integer. Number of blocks.
    """
    if isinstance(rate, (list, tuple)):
        if len(rate) != count:
            raise ValueError(
                f"`depth_rate` must be a number in [0, 1), or {count} rates, one for "
                f"each block. Received: depth_rate={rate!r}"
            )
        return list(rate)
    return StochasticDepth.linear_rates(rate, count) if rate else [0.0] * count


def finish(
    inputs,
    x,
    classes,
    rate,
    name,
    *,
    units=(),
    activation="relu",
    kernel_regularizer=None,
    pooled=True,
    connections=False,
):
    """Returns a model that ends with logits, or with the images as they are.

    Args:
        inputs: Inputs of the model.
        x: Images after the last stage.
        classes: Optional integer. Number of classes; `None` for none.
        rate: Number in `[0, 1)` or a schedule of it. Probability that a unit before a
            dense layer is dropped.
        name: String. Name of the model.
        units: Tuple of integers. Units of dense layers before the last.
        activation: Function or its name, that of these.
        kernel_regularizer: Optional regularizer of all dense layers.
        pooled: Boolean. Whether the mean over height and width is taken. Otherwise
            they are flattened.
        connections: Boolean. Whether `rate` is of the connections of `units`, and not
            of the units themselves.

    Returns:
        `keras.Model`.
    """
    check_optional(check_integer, "classes", classes, "[1, inf)")
    number("rate", rate, "[0, 1)")
    penalty = {"kernel_regularizer": kernel_regularizer}
    if classes is None:
        return keras.Model(inputs, x, name=name)
    if pooled:
        x = layers.GlobalAveragePooling2D(name="pooling", **LAST)(x)
    else:
        if None in x.shape[1:]:
            raise ValueError(
                "`input_shape` must have a height and a width for dense layers. "
                f"Received: input_shape={tuple(inputs.shape[1:])}"
            )
        x = layers.Flatten(name="flatten", **LAST)(x)
    for place, width in enumerate(units, 1):
        options = {"activation": activation, "name": f"dense_{place}", **penalty}
        if connections:
            x = DropConnectDense(width, rate, **options)(x)
        else:
            x = _dropped(layers.Dense(width, **options)(x), rate, f"dropout_{place}")
    if not units:
        x = _dropped(x, rate, "dropout")
    # In float32, whatever the precision of the others.
    x = layers.Dense(classes, dtype=keras.config.floatx(), name="logits", **penalty)(x)
    return keras.Model(inputs, x, name=name)


def _dropped(x, rate, name):
    return x if rate == 0 else Dropout(rate, name=name)(x)
