"""Test-time augmentation of images by flips, in the model."""

import math

import keras
from keras import ops

from kdl.checks import check_boolean
from kdl.models.compiling import compile_as
from kdl.models.interface import check_from_logits


def average_flips(
    model: keras.Model, from_logits: bool = True, vertical: bool = False
) -> keras.Model:
    """Returns a model that averages what a classifier says of images and their mirrors.

    That is test-time augmentation: its probabilities are the means of those of each
    image and of the image flipped left to right; those of each pixel are flipped back.
    It shares the weights of the model and has its loss and metrics, to be evaluated,
    saved and exported like any other; train the model itself. It takes twice the time.
    It helps a model that was trained with flips, and makes one worse that was not.

    Args:
        model: `keras.Model` of images `(batch, height, width, channels)`, with scores
            of classes as outputs, `(batch, classes)`, or with those of each pixel,
            `(batch, height, width, classes)`. A single one is that of the second of two
            classes.
        from_logits: Boolean. Whether outputs are logits, rather than probabilities.
            Defaults to `True`.
        vertical: Boolean. Whether images are turned upside down as well, and both, in
            four times the time. Defaults to `False`.

    Returns:
        `keras.Model` of logits, the logarithms of the mean probabilities, or the
        log-odds of a single one; or of probabilities.

    Raises:
        ValueError: If the model takes no images, has other outputs, or if its loss says
            otherwise than `from_logits`.

    Example:

    >>> model = kdl.models.resnet((28, 28, 1), 10, filters=(8, 16), depth=1)
    >>> averaged = kdl.models.average_flips(model)

    References:
        - [Simonyan and Zisserman, 2015](https://arxiv.org/abs/1409.1556), section 3.2
    """
    check_boolean("from_logits", from_logits)
    check_boolean("vertical", vertical)
    shapes = [getattr(model, f"{side}_shape", None) for side in ("input", "output")]
    lengths = [len(shape) if isinstance(shape, tuple) else None for shape in shapes]
    of_pixels = lengths == [4, 4] and shapes[0][1:3] == shapes[1][1:3]
    if lengths != [4, 2] and not of_pixels:
        raise ValueError(
            "`model` must take images of shape (batch, height, width, channels) and "
            "return scores of shape (batch, classes), or (batch, height, width, "
            f"classes) of pixels. Received: {shapes[0]} to {shapes[1]}"
        )
    check_from_logits(model, from_logits)
    inputs = keras.Input(shapes[0][1:], dtype=model.inputs[0].dtype)
    all_scores = []
    for axes in ((), (2,), (1,), (1, 2)) if vertical else ((), (2,)):
        scores = model(ops.flip(inputs, axes) if axes else inputs)
        if axes and of_pixels:
            scores = ops.flip(scores, axes)
        all_scores.append(scores)
    stacked = ops.stack(all_scores)
    if not from_logits:
        outputs = ops.mean(stacked, 0)
    elif shapes[1][-1] == 1:
        # Log-odds, in which the number of images cancels.
        yes, no = (
            ops.logsumexp(ops.log_sigmoid(sign * stacked), 0) for sign in (1, -1)
        )
        outputs = yes - no
    else:
        outputs = ops.logsumexp(ops.log_softmax(stacked, -1), 0)
        outputs = outputs - math.log(len(all_scores))
    averaged = keras.Model(inputs, outputs, name=f"{model.name}_flips")
    compile_as(averaged, model)
    return averaged
