"""What a layer of a model returns."""

from collections.abc import Sequence

import keras


def features(
    model: keras.Model, layer: str | Sequence[str] | None = None
) -> keras.Model:
    """Returns the part of a model up to one of its layers, or to several.

    It shares the weights of the model. What it returns serves a head of your own,
    another task, or a look at what the layer sees.

    Args:
        model: `keras.Model` of which inputs and outputs are known, such as those of
            `kdl.models` and of `keras.applications`.
        layer: Name of a layer, or a list of names. Defaults to `None`, for the last one
            that returns images.

    Returns:
        `keras.Model` of the outputs of the layer, or of a list of them.

    Raises:
        ValueError: If the model has no such layer, or is not functional.

    Example:

    >>> model = kdl.models.vgg((32, 32, 3), 10, filters=(8, 16), depth=1)
    >>> part = kdl.models.features(model, "stage_1")
    >>> part.output_shape
    (None, 16, 16, 8)
    """
    if not isinstance(model, (keras.Sequential, keras.Model)) or not getattr(
        model, "inputs", None
    ):
        raise ValueError(
            "`model` must be a keras.Model of which inputs and outputs are known, as "
            f"of keras.Model(inputs, outputs). Received: {model!r}"
        )
    names = [one.name for one in model.layers]
    if layer is None:
        of_images = [one.name for one in model.layers if len(one.output.shape) == 4]
        if not of_images:
            raise ValueError(f"`model` must have a layer of images. It has: {names}")
        layer = of_images[-1]
    wanted = [layer] if isinstance(layer, str) else layer
    for name in wanted:
        if name not in names:
            raise ValueError(
                f"`layer` must be the name of a layer of the model, one of "
                f"{', '.join(map(repr, names))}. Received: layer={name!r}"
            )
    outputs = [_output(model.get_layer(name)) for name in wanted]
    inputs = model.inputs[0] if isinstance(model, keras.Sequential) else model.input
    return keras.Model(inputs, outputs[0] if isinstance(layer, str) else outputs)


def _output(layer):
    """What a layer returns in the model that it is in."""
    if isinstance(layer, keras.Model):
        # Its own `output` would be that of its own graph.
        return keras.Operation.output.fget(layer)
    return layer.output
