"""Blocks of convolutions as PyTorch computes them at inference.

Images are tensors with their channels first. Strides are over images that are padded as
TensorFlow does it.
"""

import keras
import numpy as np
import torch
from contracts import array

# Arguments of a block whose weights are only counted, and so need not be drawn.
COUNTED = {"kernel_initializer": "zeros", "data_format": "channels_last"}


def randomize(layer):
    """Gives the weights of a layer values that all matter."""
    rng = np.random.default_rng(0)
    for weight in layer.weights:
        values = rng.normal(size=weight.shape) / 2
        if "variance" in weight.path or "gamma" in weight.path:
            values = rng.uniform(0.5, 1.5, size=weight.shape)
        weight.assign(values)


def images_of(data_format, shape):
    """Random images in a format, and the same for PyTorch, of a shape for PyTorch."""
    images = np.random.default_rng(1).normal(size=shape).astype("float32")
    tensor = torch.tensor(images)
    return to_format(images, data_format), tensor


def to_format(images, data_format):
    """Images with their channels first, as an array in a format."""
    images = np.asarray(images)
    return images if data_format == "channels_first" else np.moveaxis(images, 1, 3)


def trainable(layer):
    """Number of parameters, without the moving averages of batch normalization."""
    return sum(np.prod(weight.shape) for weight in layer.trainable_weights)


@torch.no_grad()
def conv_block(block, images, order="CBR", strides=1, activation=torch.relu, **options):
    """What a `ConvBlock` of these arguments is to return, with its weights."""
    convolutions = iter(block.convolutions)
    normalizations = iter(block.normalizations)
    for letter in order:
        if letter == "C":
            images = convolution(next(convolutions), images, strides, **options)
            strides = 1
        elif letter == "R":
            images = activation(images)
        elif block.normalizations:
            images = normalization(next(normalizations), images)
    return images


@torch.no_grad()
def residual(layer, images, strides, orders, projected="CB"):
    """The sum in a residual block whose convolutions have these strides and orders."""
    outputs = images
    blocks = getattr(layer.branch, "branch", layer.branch).layers
    for block, order, step in zip(blocks, orders, strides, strict=True):
        outputs = conv_block(block, outputs, order, step)
    if layer.projection is not None:
        step = int(np.prod(strides))
        images = conv_block(layer.projection, images, projected, step)
    return images + outputs


@torch.no_grad()
def convolution(layer, images, strides, dilation_rate=1):
    kernel, *bias = (torch.tensor(array(weight)) for weight in layer.weights)
    # Height, width, inputs, outputs; a depthwise kernel has 1 output for each input.
    is_depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    kernel = kernel.permute((2, 3, 0, 1) if is_depthwise else (3, 2, 0, 1))
    padding = []
    for size, reach in zip(images.shape[2:], kernel.shape[2:], strict=True):
        steps = -(-size // strides) - 1
        reach = (reach - 1) * dilation_rate + 1
        total = max(steps * strides + reach - size, 0)
        padding = [total // 2, total - total // 2, *padding]
    return torch.nn.functional.conv2d(
        torch.nn.functional.pad(images, padding),
        kernel,
        *bias,
        stride=strides,
        dilation=dilation_rate,
        groups=images.shape[1] if is_depthwise else 1,
    )


@torch.no_grad()
def normalization(layer, images):
    weights = [torch.tensor(array(weight)) for weight in layer.weights]
    match layer:
        case keras.layers.BatchNormalization():
            gamma, beta, mean, variance = weights
            return torch.nn.functional.batch_norm(
                images, mean, variance, gamma, beta, eps=1e-3
            )
        case keras.layers.LayerNormalization():
            images = images.permute(0, 2, 3, 1)
            images = torch.nn.functional.layer_norm(
                images, images.shape[-1:], *weights, eps=1e-3
            )
            return images.permute(0, 3, 1, 2)
        case keras.layers.GroupNormalization():
            groups = images.shape[1] if layer.groups == -1 else layer.groups
            return torch.nn.functional.group_norm(images, groups, *weights, eps=1e-3)
