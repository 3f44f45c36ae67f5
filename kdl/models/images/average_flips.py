"""Test-time augmentation of a classifier."""

import math

import keras
from keras import ops

from kdl.checks import check_boolean


def average_flips(model, from_logits=True):
    """Returns a model that averages what a classifier says of images and their mirrors.

    That is test-time augmentation: its probabilities are the means of those of each
    image and of the image flipped left to right. It shares the weights of the model and
    has its loss and metrics, to be evaluated, saved and exported like any other; train
    the model itself. It takes twice the time. It helps a model that was trained with
    flips, and makes one worse that was not.

    Args:
        model: `keras.Model` of images `(batch, height, width, channels)`, with scores
            of classes as outputs, `(batch, classes)`.
        from_logits: Boolean. Whether outputs are logits, rather than probabilities.
            Defaults to `True`.

    Returns:
        `keras.Model` of logits, the logarithms of the mean probabilities, or of
        probabilities.

    Raises:
        ValueError: If the model takes no images, or has other outputs.

    Example:

    >>> model = kdl.models.resnet((28, 28, 1), 10, filters=(8, 16), depth=1)
    >>> averaged = kdl.models.average_flips(model)

    References:
        - [Simonyan and Zisserman, 2015](https://arxiv.org/abs/1409.1556), section 3.2
    """
    check_boolean("from_logits", from_logits)
    shapes = [getattr(model, f"{side}_shape", None) for side in ("input", "output")]
    lengths = [len(shape) if isinstance(shape, tuple) else None for shape in shapes]
    if lengths != [4, 2]:
        raise ValueError(
            "`model` must take images of shape (batch, height, width, channels) and "
            f"return scores of shape (batch, classes). Received: {shapes[0]} to "
            f"{shapes[1]}"
        )
    inputs = keras.Input(shapes[0][1:], dtype=model.inputs[0].dtype)
    both = [model(inputs), model(ops.flip(inputs, 2))]
    if from_logits:
        some, others = (ops.log_softmax(scores, -1) for scores in both)
        outputs = ops.logaddexp(some, others) - math.log(2)
    else:
        outputs = (both[0] + both[1]) / 2
    averaged = keras.Model(inputs, outputs, name=f"{model.name}_flips")
    if model.compiled:
        averaged.compile_from_config(model.get_compile_config())
        # What "auto" meant where the model was saved may have been changed since.
        averaged.jit_compile = model.jit_compile
    return averaged
