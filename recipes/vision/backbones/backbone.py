"""A model that has learned from other images, as the beginning of a new one."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from kdl.models import features
from kdl.models.copies import copy_weights, settled_layer, step_of
from kdl.recipes.load import MODEL, STATE, read_json, read_model, trained
from kdl.recipes.own.named import find, is_own
from kdl.recipes.vision.backbones import applications
from kdl.recipes.vision.image_recipe import ImageRecipe
from kdl.typing import StrPath

COLORS = "colors"
# By which red, green and blue make grey, as in ITU-R BT.601.
_LUMA = 0.299, 0.587, 0.114
_GROWTH = 1, 2, 4, 8, 16  # Of images that are too small.


@dataclasses.dataclass(frozen=True)
class Origin:
    """A model that has learned something, and how it takes images.

    Args:
        model: `keras.Model`.
        kernel: Array of shape `(channels, channels)`, or a number that stands for it
            times the identity.
        bias: Array of shape `(channels,)`, or a number. `images @ kernel + bias`, of
            values in `[0, 1]`, is what the model takes.
        least: Integer. Pixels a side that images must have.
    """

    model: keras.Model
    kernel: np.ndarray | float = 1.0
    bias: np.ndarray | float = 0.0
    least: int = 1


def backbone(
    source: StrPath | keras.Model,
    shape: Sequence[int],
    layers: str | Sequence[str] | None = None,
) -> keras.Model:
    """Returns the part of a trained model that makes feature maps of images.

    It begins a model of your own: put a head on its outputs, or compare images by them
    in `kdl.losses.PerceptualLoss`. Weights and statistics are copied, so that training
    it leaves the source as it was. What belonged to the training of the source alone
    is left behind: penalties, and its `kdl.layers.Clock`, of which schedules keep the
    values that they had reached.

    Images are given as a recipe has them, with values in `[0, 1]`. The model begins
    with what the source wants besides: the preprocessing of `keras.applications`, one
    channel made of three or three of one, and another size, if the source takes images
    of one size alone, or none so small.

    Args:
        source: The folder of a run or a search of a recipe of images, the path of a
            `.keras` file, `"keras.applications:NAME"`, such as
            `"keras.applications:MobileNetV2"`, or a `keras.Model`. Keras downloads the
            ImageNet weights of its own networks once.
        shape: Sequence of height, width and channels of the images; the channels are 1,
            3 or those of the source.
        layers: Optional name of a layer, or list of names, of which the outputs are
            wanted. Defaults to `None`: the last layer that returns images, or, of a
            model that itself returns images, the last one of those of the fewest
            pixels.

    Returns:
        `keras.Model` of images of shape `(batch, height, width, channels)`.

    Raises:
        ValueError: If the source is nothing of this, is damaged, or has no feature
            maps; or if it takes no images that these can be made into.
        ConnectionError: If weights must be downloaded and cannot be.

    Example:

    >>> network = kdl.models.resnet((28, 28, 1), 10, (8, 16), depth=1, stem="pooled")
    >>> part = kdl.recipes.backbone(network, (32, 32, 3))
    >>> part.output_shape
    (None, 7, 7, 16)
    """
    return fitted(origin(source), shape, layers)[0]


def check_backbone(source):
    """Returns `source`, provided it is of a kind that `backbone` takes.

    It loads nothing, and so finds at once what is misspelt.

    Raises:
        ValueError: If it is not.
    """
    if isinstance(source, keras.Model):
        return source
    if isinstance(source, (str, Path)):
        text = str(source)
        if text.startswith(applications.PREFIX):
            applications.check_application(text.removeprefix(applications.PREFIX))
            return source
        path = Path(source).expanduser()
        if path.is_dir() or (path.is_file() and path.suffix == ".keras"):
            return source
    raise ValueError(
        "A backbone must be the folder of a run or a search, the path of a .keras "
        "file, 'keras.applications:NAME' or a keras.Model. "
        f"Received: {source!r}"
    )


def origin(source):
    """Returns the `Origin` that a source of `backbone` stands for.

    Raises:
        ValueError: As `backbone`.
        ConnectionError: Likewise.
    """
    source = check_backbone(source)
    if isinstance(source, keras.Model):
        return Origin(source)
    name = str(source)
    if name.startswith(applications.PREFIX):
        name = name.removeprefix(applications.PREFIX)
        model = applications.application(name)
        return Origin(
            model, *applications.colors(name), least=applications.least_side(name)
        )
    path = Path(source).expanduser()
    return _of_folder(path) if path.is_dir() else Origin(read_model(path))


def _of_folder(folder):
    """The origin in a folder of the command line."""
    there = trained(folder)["recipe"]
    path = folder / MODEL
    if is_own(there):
        raise ValueError(
            f"The recipe of {folder} is a file of yours, which is not run here. Give "
            f"its model alone, {path}."
        )
    named = find(there)
    if not issubclass(named.target, ImageRecipe):
        raise ValueError(
            f"A backbone must be of a recipe of images. {folder} is of the recipe "
            f"{there!r}."
        )
    white = read_json(folder / STATE).get("white", 1.0)
    return Origin(read_model(path), kernel=float(white))


def fitted(origin, shape, layers=None, keep=True):
    """Returns the backbone of an origin for images of a shape, and how it was fitted.

    Args:
        origin: `Origin`.
        shape: Sequence of height, width and channels.
        layers: As of `backbone`.
        keep: Boolean. Whether weights are copied, rather than drawn anew.

    Returns:
        Tuple of a `keras.Model` and a list of clauses, each on one thing that images
        are made into.

    Raises:
        ValueError: As `backbone`.
    """
    model = _checked(origin.model)
    sides, channels = model.input_shape[1:3], model.input_shape[3]
    kernel, bias, lines = _colors(origin, shape[-1], channels)
    failure = None
    for factor in _GROWTH:
        size = tuple(
            fixed or max(origin.least, factor * side)
            for fixed, side in zip(sides, shape[:2], strict=True)
        )
        inputs = keras.Input(tuple(shape), name="images")
        x = inputs
        if size != tuple(shape[:2]):
            resized = keras.layers.Resizing(
                *size, data_format="channels_last", name=_free("resized", model)
            )
            # Or else, where a model is not told, all that follows is in training.
            x = resized(x, training=False)
        colors = None
        if kernel is not None:
            colors = keras.layers.Dense(
                kernel.shape[1], trainable=False, name=_free(COLORS, model)
            )
            x = colors(x)
        try:
            copy = _copied(model, inputs, x)
        except ValueError as error:
            # Such as of a convolution without padding that is left without a pixel.
            failure = failure or error
            continue
        break
    else:
        reason = " ".join(str(failure).split())
        raise ValueError(
            f"The backbone {model.name!r} cannot take images of {_sides(shape)} "
            f"pixels, nor of {_GROWTH[-1]} times as many a side: {reason}"
        )
    if colors is not None:
        colors.set_weights([kernel, bias])
    if keep:
        copy_weights(model, copy)
    part = features(copy, _feature_layers(model, copy) if layers is None else layers)
    if size != tuple(shape[:2]):
        lines.append(f"are resized from {_sides(shape)} to {_sides(size)} pixels")
    return part, lines


def _checked(model):
    """Returns a model without what it was compiled with, provided it takes images."""
    inputs = getattr(model, "inputs", None) or []
    if len(inputs) != 1 or len(inputs[0].shape) != 4:
        shapes = (
            " and ".join(str(tuple(one.shape)) for one in inputs) or "unknown shape"
        )
        raise ValueError(
            "A backbone must take images of shape (batch, height, width, channels) "
            f"and nothing else. The model {model.name!r} takes inputs of {shapes}."
        )
    return keras.Model(inputs[0], model.outputs, name=model.name)


def _colors(origin, given, wanted):
    """Kernel and bias by which channels become those of a model, and what to say."""
    lines = []
    if given == wanted or wanted is None:
        kernel = np.eye(given)
    elif (given, wanted) == (1, 3):
        kernel = np.ones((1, 3))
        lines.append("in grey become red, green and blue alike")
    elif (given, wanted) == (3, 1):
        kernel = np.array(_LUMA)[:, np.newaxis]
        lines.append("in colour become grey")
    else:
        raise ValueError(
            f"The backbone {origin.model.name!r} takes images of {wanted} channels. "
            "Only 1 channel can become 3, and 3 become 1. "
            f"Received: images of {given} channels"
        )
    width = kernel.shape[1]
    is_number = np.ndim(origin.kernel) == 0
    kernel = kernel @ (origin.kernel * np.eye(width) if is_number else origin.kernel)
    bias = np.zeros(width) + origin.bias
    is_identity = kernel.shape[0] == width and np.array_equal(kernel, np.eye(width))
    return (None if is_identity and not bias.any() else kernel), bias, lines


def _copied(model, inputs, x):
    """Copies a model, with other weights; it takes `x`, which `inputs` became."""

    def call(layer, *args, **kwargs):
        args, kwargs = keras.tree.map_structure(
            lambda value: x if value is first else value, (args, kwargs)
        )
        return layer(*args, **kwargs)

    # What is called on these is called on `x`.
    first = inputs
    step = step_of(model)
    return keras.models.clone_model(
        model,
        input_tensors=inputs,
        clone_function=lambda layer: _settled_layer(layer, step),
        call_function=call,
        recursive=True,
    )


def _settled_layer(layer, step):
    """A copy of a layer with other weights, without what belonged to its training."""
    copy = settled_layer(layer, step)
    if isinstance(layer, keras.layers.Layer) and not layer.name.startswith(COLORS):
        copy.trainable = True
    return copy


def _feature_layers(model, copy):
    """The name of the layer whose outputs are wanted, unless others are named."""
    names = [layer.name for layer in model.layers]
    maps = [
        layer
        for layer in copy.layers
        if layer.name in names
        and not isinstance(layer, keras.layers.InputLayer)
        and len(getattr(layer.output, "shape", ())) == 4
    ]
    trained = [n for n, layer in enumerate(maps) if layer.weights]
    if not trained:
        raise ValueError(
            f"A backbone must have feature maps. The model {model.name!r} has no layer "
            "with weights that returns images."
        )
    if len(copy.output_shape) == 4:
        # Beyond them, it only enlarges.
        pixels = [
            np.prod([side or 1 for side in one.output.shape[1:3]]) for one in maps
        ]
        maps = [one for one, n in zip(maps, pixels, strict=True) if n == min(pixels)]
    return maps[-1].name


def _free(name, model):
    """A name that no layer of a model has."""
    names, count = {layer.name for layer in model.layers}, 0
    while (free := f"{name}_{count}" if count else name) in names:
        count += 1
    return free


def _sides(shape):
    return " x ".join(map(str, shape[:2]))
