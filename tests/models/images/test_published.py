import re

import keras
import numpy as np
import pytest
from contracts import array, called
from torch_images import trainable

from kdl.layers import ConvBlock, InvertedResidualBlock, SqueezeExcitation2D
from kdl.layers.convolution.image_block import Chain
from kdl.models import published
from kdl.models.images.published import PUBLISHED


@pytest.mark.one_backend
@pytest.mark.parametrize("network", PUBLISHED)
def test_has_the_parameters_that_were_published(network):
    size = PUBLISHED[network].size
    model = published(network)
    assert trainable(model) == PUBLISHED[network].parameters
    assert model.input_shape == (None, size, size, 3)
    assert model.output_shape == (None, 1000)


@pytest.mark.one_backend
def test_refuses_unknown_ones():
    with pytest.raises(ValueError) as error:
        published("resnet19")
    assert str(error.value) == (
        f"`network` must be one of {', '.join(map(repr, PUBLISHED))}. Received: "
        "network='resnet19'"
    )


def test_vgg16_is_that_of_keras():
    theirs = theirs_of("VGG16", 32)
    ours = published("vgg16", (32, 32, 3), 5)
    ours.set_weights(theirs.get_weights())
    assert_same(ours, theirs)


def test_resnet50_is_that_of_keras():
    # Of an odd size, Keras pads as TensorFlow does.
    theirs = theirs_of("ResNet50", 33)
    norm = keras.layers.BatchNormalization(epsilon=1.001e-5)
    ours = published("resnet50", (33, 33, 3), 5, normalization=norm, strides_first=True)
    copy_convolution(ours.get_layer("stem"), theirs, "conv1_conv", "conv1_bn")
    for stage, depth in enumerate((3, 4, 6, 3), 1):
        for number in range(1, depth + 1):
            block = ours.get_layer(f"stage_{stage}_block_{number}")
            prefix = f"conv{stage + 1}_block{number}_"
            for place, part in enumerate(block.branch.layers, 1):
                names = f"{prefix}{place}_conv", f"{prefix}{place}_bn"
                copy_convolution(part, theirs, *names)
            if block.projection is not None:
                names = f"{prefix}0_conv", f"{prefix}0_bn"
                copy_convolution(block.projection, theirs, *names)
    ours.layers[-1].set_weights(theirs.layers[-1].get_weights())
    assert_same(ours, theirs)


def test_efficientnet_b0_is_that_of_keras():
    theirs = theirs_of("EfficientNetB0", 32)
    ours = published("efficientnet-b0", (32, 32, 3), 5)
    for layer, other in zip(leaves(ours), leaves(theirs), strict=True):
        weights = other.get_weights()
        if isinstance(layer, keras.layers.Dense):
            # Of Keras's excitation, as convolutions of 1 by 1.
            weights[0] = weights[0].reshape(layer.kernel.shape)
        layer.set_weights(weights)
    # Its first layer divides by 255.
    assert_same(ours, theirs, scale=255)


def theirs_of(name, size):
    """A network of Keras for five classes, with weights that all matter.

    They keep the signal of about one size.
    """
    model = getattr(keras.applications, name)(
        weights=None,
        input_shape=(size, size, 3),
        classes=5,
        classifier_activation=None,
    )
    rng = np.random.default_rng(0)
    for weight in model.weights:
        shape, path = weight.shape, weight.path
        if re.match(r"normalization(_\d+)?/", path):
            # Without weights of ImageNet, it changes nothing. It is numbered where
            # another test has made one.
            continue
        if path.endswith("kernel"):
            fan_in = np.prod(shape[:2] if "dwconv" in path else shape[:-1])
            values = rng.normal(size=shape) * np.sqrt(2 / fan_in)
        elif path.endswith(("gamma", "variance")):
            values = rng.uniform(0.5, 1.5, size=shape)
        else:
            values = rng.normal(size=shape) / 10
        weight.assign(values)
    return model


def copy_convolution(block, model, convolution, normalization):
    """Takes weights over; a bias moves the mean that is subtracted from it."""
    kernel, bias = model.get_layer(convolution).get_weights()
    gamma, beta, mean, variance = model.get_layer(normalization).get_weights()
    block.convolutions[0].set_weights([kernel])
    block.normalizations[0].set_weights([gamma, beta, mean - bias, variance])


def leaves(layer):
    """Yields the layers that have weights, and none within, in order."""
    match layer:
        case keras.Model() | Chain():
            for part in layer.layers:
                yield from leaves(part)
        case ConvBlock():
            for pair in zip(layer.convolutions, layer.normalizations, strict=True):
                yield from pair
        case InvertedResidualBlock():
            yield from leaves(getattr(layer.branch, "branch", layer.branch))
        case SqueezeExcitation2D():
            yield from (layer.squeeze, layer.excite)
        case keras.layers.Normalization():
            pass
        case _ if layer.weights:
            yield layer


def assert_same(ours, theirs, scale=1):
    size = theirs.input_shape[1]
    images = np.random.default_rng(1).uniform(size=(2, size, size, 3))
    images = images.astype("float32")
    desired = array(called(theirs, images * np.float32(scale)))
    assert desired.std() > 0.05
    actual = array(called(ours, images))
    np.testing.assert_allclose(actual, desired, atol=1e-4 * np.abs(desired).max())
