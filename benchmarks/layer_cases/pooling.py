"""Layers that make images smaller or larger."""

import math

import numpy as np
from keras import layers as nn

from kdl import layers as kdl
from layer_cases.case import IMAGES, SMALL, Case, layer, model, module


def shuffle(x):
    x = nn.Permute((1, 3, 2, 4, 5))(nn.Reshape((32, 32, 2, 2, 16))(x))
    return nn.Reshape((64, 64, 16))(x)


def grids(pool):
    """Applies a pooling by grids of three sizes, and joins what they have."""

    def apply(x):
        return nn.Concatenate()([nn.Flatten()(pool(32 // n)(x)) for n in (1, 2, 4)])

    return apply


def grids_in_torch(t, pool):
    return t.Of(
        lambda self, x: t.torch.cat([pool(x, n).flatten(2) for n in (1, 2, 4)], 2)
    )


def spots():
    """Where in its window, of an image of twice the size, each number was."""
    corners = np.arange(16) * 2
    corners = (corners[:, None] * 32 + corners)[None, :, :, None]
    within = np.random.default_rng(0).choice([0, 1, 32, 33], SMALL)
    return (corners + within).astype("int32")


def unpool_in_torch(t):
    pixel = t.F.pad(t.torch.ones(64, 1, 1, 1), [0, 1, 0, 1])
    return t.Of(
        lambda self, x: t.F.conv_transpose2d(x, self.pixel, stride=2, groups=64),
        pixel=t.nn.Buffer(pixel),
    )


CASES = [
    Case(
        "FractionalMaxPooling2D",
        [IMAGES],
        lambda: kdl.FractionalMaxPooling2D(math.sqrt(2)),
        layer("`MaxPooling2D`, which does less", lambda: nn.MaxPooling2D(2)),
        module(
            "`FractionalMaxPool2d`",
            lambda t: t.nn.FractionalMaxPool2d(2, output_ratio=math.sqrt(0.5)),
        ),
    ),
    Case(
        "MaxPoolingWithArgmax2D",
        [IMAGES],
        kdl.MaxPoolingWithArgmax2D,
        layer("`MaxPooling2D`, which does less", lambda: nn.MaxPooling2D(2)),
        module(
            "`MaxPool2d(return_indices=True)`",
            lambda t: t.nn.MaxPool2d(2, return_indices=True),
        ),
    ),
    Case(
        "MaxUnpooling2D",
        [SMALL, spots()],
        kdl.MaxUnpooling2D,
        model("`UpSampling2D`, which does less", lambda x, spots: nn.UpSampling2D()(x)),
        module("`MaxUnpool2d`", lambda t: t.nn.MaxUnpool2d(2)),
    ),
    Case(
        "PixelShuffle2D",
        [IMAGES],
        lambda: kdl.PixelShuffle2D(2),
        model("`Reshape` and `Permute`", shuffle),
        module("`PixelShuffle`", lambda t: t.nn.PixelShuffle(2)),
    ),
    Case(
        "SpatialPyramidPooling2D",
        [IMAGES],
        kdl.SpatialPyramidPooling2D,
        model("`MaxPooling2D`, three", grids(nn.MaxPooling2D)),
        module(
            "`AdaptiveMaxPool2d`, three",
            lambda t: grids_in_torch(t, t.F.adaptive_max_pool2d),
        ),
    ),
    Case(
        "SpatialPyramidPooling2D, average",
        [IMAGES],
        lambda: kdl.SpatialPyramidPooling2D(mode="average"),
        model("`AveragePooling2D`, three", grids(nn.AveragePooling2D)),
        module(
            "`AdaptiveAvgPool2d`, three",
            lambda t: grids_in_torch(t, t.F.adaptive_avg_pool2d),
        ),
    ),
    Case(
        "Unpooling2D",
        [IMAGES],
        lambda: kdl.Unpooling2D(2),
        layer("`UpSampling2D`, which copies", nn.UpSampling2D),
        module("`conv_transpose2d` of one pixel", unpool_in_torch),
    ),
]
