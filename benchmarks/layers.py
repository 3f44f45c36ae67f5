"""What the layers of kdl cost, beside PyTorch's own or the nearest ones of Keras.

A table of times: each layer, forward and backward in training, with the gradients of
its weights and of its inputs; compiled on JAX and TensorFlow as `fit` does, eager on
PyTorch. On PyTorch a layer stands beside PyTorch's module, or what is written in
`torch.nn` in its place; elsewhere, or with `--keras`, beside layers of Keras, of which
some do less. Both run in one process on the same threads. Target: 1.10 times, or what
the base takes beside itself.

A table of what `StochasticDepth` saves: CPU of a fit whose eight branches are dropped
with a probability of 0.9 and 0. Target: 0.4 times.

A table of memory: what `EmbeddingBag` and `Embedding` with a reduction take at most,
forward and backward, beyond what the process had. Target: a quarter, but for "max".

The figures are in docs/benchmarks/layers.md.

KERAS_BACKEND=jax python benchmarks/layers.py [--pairs 15] [--only ...] [--keras]
"""

import argparse
import functools
import inspect
import math
import multiprocessing
import re
import sys
import time
from pathlib import Path

import keras
import numpy as np
from keras import ops
from paired import report_each

from kdl import layers as kdl

BACKEND = keras.backend.backend()
IMAGES, SMALL = (32, 32, 32, 64), (32, 16, 16, 64)
# Attention draws a number for each pair of tokens, which takes long on TensorFlow.
SEQUENCES, ATTENDED, STEPS = (32, 128, 256), (8, 64, 256), (32, 64, 128)
VECTORS = (512, 512)
TOKENS, BAG = 2000, (512, 512)
SECONDS = 0.05  # A run repeats the step until it takes about as long.


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--only", default="")
    parser.add_argument("--keras", action="store_true")
    arguments = parser.parse_args()
    bases = in_torch() if BACKEND == "torch" and not arguments.keras else {}
    bases = in_keras() | bases
    report_each(
        f"Layers, forward and backward, {BACKEND}",
        (
            (name, timer(make(), inputs), base_name, timer(make_base(), inputs))
            for name, (make, *inputs) in of_kdl().items()
            for base_name, make_base in [bases[name]]
            if arguments.only in name
        ),
        1.1,
        arguments.pairs,
    )
    name = "StochasticDepth, in turns"
    if arguments.only in name:
        print()
        report_each(
            f"CPU of a fit with eight branches, {BACKEND}",
            [("a rate of 0.9", fit_of_branches(0.9), "of 0", fit_of_branches(0.0))],
            0.4,
            arguments.pairs,
        )
    if arguments.only in "EmbeddingBag":
        print()
        report_memory()


def of_kdl():
    """How to make each layer, and the shapes or values of its inputs, by name."""
    spots = np.arange(16) * 2
    spots = (spots[:, None] * 32 + spots)[None, :, :, None]
    return {
        "AtrousSpatialPyramidPooling": (
            lambda: kdl.AtrousSpatialPyramidPooling(64, (2, 4, 6)),
            SMALL,
        ),
        "Bilinear": (lambda: kdl.Bilinear(64), (2048, 64), (2048, 64)),
        "BottleneckBlock": (lambda: kdl.BottleneckBlock(16), IMAGES),
        "ConvBlock": (lambda: kdl.ConvBlock(64), IMAGES),
        "UNetUpBlock": (
            lambda: kdl.UNetUpBlock(32),
            (32, 8, 8, 64),
            (32, 16, 16, 32),
        ),
        "DropBlock2D": (lambda: kdl.DropBlock2D(0.1, 5), SMALL),
        "DropConnectConv2D": (
            lambda: kdl.DropConnectConv2D(64, 3, 0.3, padding="same"),
            IMAGES,
        ),
        "DropConnectDense": (lambda: kdl.DropConnectDense(512, 0.3), VECTORS),
        "DropConnectDense, per example": (
            lambda: kdl.DropConnectDense(128, 0.3, per_example=True),
            (32, 128),
        ),
        "DropConnectGRU": (
            lambda: kdl.DropConnectGRU(128, 0.3, return_sequences=True),
            STEPS,
        ),
        "DropConnectLSTM": (
            lambda: kdl.DropConnectLSTM(128, 0.3, return_sequences=True),
            STEPS,
        ),
        "Dropout": (lambda: kdl.Dropout(0.3), SMALL),
        **{
            f"EmbeddingBag, {combiner}": (
                functools.partial(kdl.EmbeddingBag, TOKENS, 64, combiner),
                tokens(*BAG),
            )
            for combiner in ("sum", "mean", "max")
        },
        "UNetDownBlock": (lambda: kdl.UNetDownBlock(64), SMALL),
        "FractionalMaxPooling2D": (
            lambda: kdl.FractionalMaxPooling2D(math.sqrt(2)),
            IMAGES,
        ),
        "GaussianSampling": (kdl.GaussianSampling, (512, 512)),
        "GradientReversal": (kdl.GradientReversal, IMAGES),
        "InceptionBlock": (
            lambda: kdl.InceptionBlock((32, 48, 64, 8, 16, 16)),
            SMALL,
        ),
        "InvertedResidualBlock": (
            lambda: kdl.InvertedResidualBlock(64, expansion=4),
            SMALL,
        ),
        "LearnedPositionalEmbedding": (
            lambda: kdl.LearnedPositionalEmbedding(128),
            SEQUENCES,
        ),
        "MaxPoolingWithArgmax2D": (kdl.MaxPoolingWithArgmax2D, IMAGES),
        "MaxUnpooling2D": (
            kdl.MaxUnpooling2D,
            SMALL,
            # Somewhere in the window of each.
            (spots + np.random.default_rng(0).choice([0, 1, 32, 33], SMALL)).astype(
                "int32"
            ),
        ),
        "PeepholeLSTM": (
            lambda: kdl.PeepholeLSTM(128, return_sequences=True),
            STEPS,
        ),
        "PixelShuffle2D": (lambda: kdl.PixelShuffle2D(2), IMAGES),
        "PyramidPooling": (kdl.PyramidPooling, IMAGES),
        "ResidualBlock": (lambda: kdl.ResidualBlock(64), SMALL),
        "SinusoidalPositionalEncoding": (kdl.SinusoidalPositionalEncoding, SEQUENCES),
        "SpatialPyramidPooling2D": (kdl.SpatialPyramidPooling2D, IMAGES),
        "SpatialPyramidPooling2D, average": (
            lambda: kdl.SpatialPyramidPooling2D(mode="average"),
            IMAGES,
        ),
        "SqueezeExcitation2D": (lambda: kdl.SqueezeExcitation2D(16), IMAGES),
        "Standout": (lambda: kdl.Standout(512, activation="relu"), VECTORS),
        "StochasticDepth, by rows": (
            lambda: kdl.StochasticDepth(keras.layers.Dense(512), 0.3, "row"),
            VECTORS,
        ),
        "Swish": (kdl.Swish, IMAGES),
        "TransformerDecoderBlock": (
            lambda: composed(kdl.TransformerDecoderBlock(8, 512), ATTENDED, ATTENDED),
            ATTENDED,
            ATTENDED,
        ),
        "TransformerEncoderBlock": (
            lambda: kdl.TransformerEncoderBlock(8, 512),
            ATTENDED,
        ),
        "Unpooling2D": (lambda: kdl.Unpooling2D(2), IMAGES),
        "VGGBlock": (lambda: kdl.VGGBlock(64), SMALL),
    }


def in_keras():
    """What each layer stands beside, and how to make it of layers of Keras, by name."""
    nn = keras.layers

    def conv(filters, size=3, activation="relu", **options):
        def apply(x):
            common = {**options, "padding": "same", "use_bias": False}
            if filters is None:
                x = nn.DepthwiseConv2D(size, **common)(x)
            else:
                x = nn.Conv2D(filters, size, **common)(x)
            x = nn.BatchNormalization()(x)
            return nn.Activation(activation)(x) if activation else x

        return apply

    def chain(*parts):
        return lambda x: functools.reduce(lambda x, part: part(x), parts, x)

    def encode(x):
        skip = chain(conv(64), conv(64))(x)
        return nn.MaxPooling2D()(skip), skip

    def decode(below, skip):
        below = nn.Conv2DTranspose(32, 2, 2)(below)
        return chain(conv(32), conv(32))(nn.Concatenate()([skip, below]))

    def inception(x):
        branches = (
            conv(32, 1),
            chain(conv(48, 1), conv(64)),
            chain(conv(8, 1), conv(16, 5)),
            chain(nn.MaxPooling2D(3, 1, "same"), conv(16, 1)),
        )
        return nn.Concatenate()([branch(x) for branch in branches])

    def aspp(x):
        size = x.shape[1]
        image = chain(
            nn.GlobalAveragePooling2D(keepdims=True),
            conv(64, 1),
            nn.UpSampling2D(size),
        )
        rates = [conv(64, dilation_rate=rate) for rate in (2, 4, 6)]
        branches = [branch(x) for branch in (conv(64, 1), *rates, image)]
        return conv(64, 1)(nn.Concatenate()(branches))

    def pyramid(x):
        # Three grids that divide the image, where the fourth, of 3 or 6, does not.
        contexts = [
            chain(
                nn.AveragePooling2D(32 // n),
                conv(16, 1),
                nn.UpSampling2D(32 // n, interpolation="bilinear"),
            )(x)
            for n in (1, 2, 4, 8)
        ]
        return nn.Concatenate()([x, *contexts])

    def pooled(pool):
        def apply(x):
            grids = [nn.Flatten()(pool(32 // n)(x)) for n in (1, 2, 4)]
            return nn.Concatenate()(grids)

        return apply

    def residual(branch, activation="relu"):
        return lambda x: nn.Activation(activation)(nn.Add()([x, branch(x)]))

    def excite(units, channels, activation="relu"):
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

    def attend(x, context, **options):
        attention = nn.MultiHeadAttention(8, 32, dropout=0.1)
        after = nn.Dropout(0.1)(attention(x, context, **options))
        return nn.LayerNormalization(epsilon=1e-5)(nn.Add()([x, after]))

    def feed_forward(x):
        after = chain(nn.Dense(512, "relu"), nn.Dropout(0.1), nn.Dense(256))(x)
        after = nn.Dropout(0.1)(after)
        return nn.LayerNormalization(epsilon=1e-5)(nn.Add()([x, after]))

    def bag(combiner):
        reduce = getattr(ops, combiner)
        return lambda x: reduce(nn.Embedding(TOKENS, 64)(x), axis=1)

    class Positions(nn.Layer):
        def build(self, shape):
            self.table = nn.Embedding(*shape[1:])

        def call(self, inputs):
            return inputs + self.table(ops.arange(inputs.shape[1]))

    def of(function, *shapes, dtype="float32"):
        return lambda: composed(function, *shapes, dtype=dtype)

    waves = ops.zeros(SEQUENCES[1:])
    return {
        "AtrousSpatialPyramidPooling": ("of Keras", of(aspp, SMALL)),
        "Bilinear": (
            "`Dense` of as many weights, outer products first",
            of(
                lambda x, y: nn.Dense(64)(
                    ops.reshape(x[:, :, None] * y[:, None], (-1, 64 * 64))
                ),
                (2048, 64),
                (2048, 64),
            ),
        ),
        "BottleneckBlock": (
            "of Keras",
            of(residual(chain(conv(16, 1), conv(16), conv(64, 1, None))), IMAGES),
        ),
        "ConvBlock": ("of Keras", of(conv(64), IMAGES)),
        "UNetUpBlock": ("of Keras", of(decode, (32, 8, 8, 64), (32, 16, 16, 32))),
        "DropBlock2D": ("`Dropout`, which does less", lambda: nn.Dropout(0.1)),
        "DropConnectConv2D": (
            "`SpatialDropout2D`, `Conv2D`",
            of(
                chain(nn.SpatialDropout2D(0.3), nn.Conv2D(64, 3, padding="same")),
                IMAGES,
            ),
        ),
        "DropConnectDense": (
            "`Dropout`, `Dense`",
            of(chain(nn.Dropout(0.3), nn.Dense(512)), VECTORS),
        ),
        "DropConnectDense, per example": (
            "`Dropout` of as many numbers, product",
            of(
                lambda x: ops.sum(nn.Dropout(0.3)(x[:, :, None] * x[:, None]), axis=1),
                (32, 128),
            ),
        ),
        "DropConnectGRU": ("`GRU`", lambda: nn.GRU(128, return_sequences=True)),
        "DropConnectLSTM": ("`LSTM`", lambda: nn.LSTM(128, return_sequences=True)),
        "Dropout": ("`Dropout`", lambda: nn.Dropout(0.3)),
        **{
            f"EmbeddingBag, {combiner}": (
                f"`Embedding`, {combiner}",
                of(bag(combiner), BAG, dtype="int32"),
            )
            for combiner in ("sum", "mean", "max")
        },
        "UNetDownBlock": ("of Keras", of(encode, SMALL)),
        "FractionalMaxPooling2D": (
            "`MaxPooling2D`, which does less",
            lambda: nn.MaxPooling2D(2),
        ),
        "GaussianSampling": (
            "`GaussianNoise`, which does less",
            lambda: nn.GaussianNoise(1.0),
        ),
        "GradientReversal": ("`Rescaling`", lambda: nn.Rescaling(-1.0)),
        "InceptionBlock": ("of Keras", of(inception, SMALL)),
        "InvertedResidualBlock": (
            "of Keras",
            of(
                residual(
                    chain(
                        conv(256, 1, "swish"),
                        conv(None, 3, "swish"),
                        excite(16, 256, "swish"),
                        conv(64, 1, None),
                    ),
                    "linear",
                ),
                SMALL,
            ),
        ),
        "LearnedPositionalEmbedding": ("`Embedding`, sum", Positions),
        "MaxPoolingWithArgmax2D": (
            "`MaxPooling2D`, which does less",
            lambda: nn.MaxPooling2D(2),
        ),
        "MaxUnpooling2D": (
            "`UpSampling2D`, which does less",
            lambda: keras.Model(
                inputs := [nn.Input(SMALL[1:]), nn.Input(SMALL[1:], dtype="int32")],
                nn.UpSampling2D()(inputs[0]),
            ),
        ),
        "PeepholeLSTM": (
            "`RNN` of an `LSTMCell`",
            lambda: nn.RNN(nn.LSTMCell(128), return_sequences=True),
        ),
        "PixelShuffle2D": (
            "`Reshape` and `Permute`",
            of(
                chain(
                    nn.Reshape((32, 32, 2, 2, 16)),
                    nn.Permute((1, 3, 2, 4, 5)),
                    nn.Reshape((64, 64, 16)),
                ),
                IMAGES,
            ),
        ),
        "PyramidPooling": ("of Keras, of grids that divide", of(pyramid, IMAGES)),
        "ResidualBlock": (
            "of Keras",
            of(residual(chain(conv(64), conv(64, 3, None))), SMALL),
        ),
        "SinusoidalPositionalEncoding": (
            "sum, waves made once",
            of(lambda x: x + waves, SEQUENCES),
        ),
        "SpatialPyramidPooling2D": (
            "`MaxPooling2D`, three",
            of(pooled(nn.MaxPooling2D), IMAGES),
        ),
        "SpatialPyramidPooling2D, average": (
            "`AveragePooling2D`, three",
            of(pooled(nn.AveragePooling2D), IMAGES),
        ),
        "SqueezeExcitation2D": ("of Keras", of(excite(16, 64), IMAGES)),
        "Standout": (
            "`Dense`, `Dropout`",
            of(chain(nn.Dense(512, "relu"), nn.Dropout(0.5)), VECTORS),
        ),
        "StochasticDepth, by rows": (
            "`Dense`, `Dropout` of rows",
            of(
                chain(nn.Dense(512), nn.Dropout(0.3, noise_shape=(None, 1))),
                VECTORS,
            ),
        ),
        "Swish": ('`Activation("swish")`', lambda: nn.Activation("swish")),
        "TransformerDecoderBlock": (
            "of Keras",
            of(
                lambda x, context: feed_forward(
                    attend(attend(x, x, use_causal_mask=True), context)
                ),
                ATTENDED,
                ATTENDED,
            ),
        ),
        "TransformerEncoderBlock": (
            "of Keras",
            of(lambda x: feed_forward(attend(x, x)), ATTENDED),
        ),
        "Unpooling2D": (
            "`UpSampling2D`, which copies",
            lambda: nn.UpSampling2D(),
        ),
        "VGGBlock": ("of Keras", of(lambda x: encode(x)[0], SMALL)),
    }


def in_torch():
    """What each layer stands beside on PyTorch, and how to make it, by name."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    class Of(nn.Module):
        """A function of its parts and of the inputs."""

        def __init__(self, function, **parts):
            super().__init__()
            self.function = function
            for name, part in parts.items():
                setattr(self, name, part)

        def forward(self, *inputs):
            return self.function(self, *inputs)

    def of(function, **parts):
        return lambda: Of(function, **{name: part() for name, part in parts.items()})

    def weight(*shape):
        return lambda: nn.Parameter(torch.randn(shape) * 0.1)

    def conv(channels, filters, size=3, activation=nn.ReLU, dilation=1, groups=1):
        options = {"dilation": dilation, "groups": groups, "bias": False}
        padding = dilation * (size // 2)
        parts = [
            nn.Conv2d(channels, filters, size, padding=padding, **options),
            nn.BatchNorm2d(filters),
        ]
        return nn.Sequential(
            *parts, *([activation(inplace=True)] if activation else [])
        )

    def convs(*sizes):
        return lambda: nn.Sequential(*(conv(*size) for size in sizes))

    def aspp(self, x):
        image = self.image(x.mean((2, 3), keepdim=True)).expand(-1, -1, 16, 16)
        return self.last(torch.cat([*(b(x) for b in self.branches), image], 1))

    def pyramid(self, x):
        contexts = [
            F.interpolate(
                context(F.adaptive_avg_pool2d(x, n)), size=(32, 32), mode="bilinear"
            )
            for n, context in zip((1, 2, 3, 6), self.contexts, strict=True)
        ]
        return torch.cat([x, *contexts], 1)

    def drop_block(self, x):
        # As of torchvision.
        kept = torch.full((32, 64, 12, 12), 0.1 / 25 * 16**2 / 12**2)
        kept = F.pad(torch.bernoulli(kept), [2] * 4)
        kept = 1 - F.max_pool2d(kept, 5, 1, 2)
        return x * kept * (kept.numel() / (1e-6 + kept.sum()))

    def sample(self, x):
        mean, log_variance = x.chunk(2, 1)
        rate = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance)
        outputs = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        return outputs, rate.sum(1).mean()

    class Reverse(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.view_as(x)

        @staticmethod
        def backward(ctx, gradient):
            return -gradient

    def invert(self, x):
        y = self.deep(self.wide(x))
        scale = self.excite(y.mean((2, 3), keepdim=True))
        return x + self.narrow(y * scale)

    def excite(channels, units, activation):
        return lambda: nn.Sequential(
            nn.Conv2d(channels, units, 1),
            activation(inplace=True),
            nn.Conv2d(units, channels, 1),
            nn.Sigmoid(),
        )

    def standout(self, x):
        z = self.linear(x)
        return torch.where(torch.rand_like(z) < z.sigmoid(), F.relu(z), 0)

    def by_rows(self, x):
        # As of torchvision.
        kept = torch.empty(len(x), 1).bernoulli_(0.7).div_(0.7)
        return self.linear(x) * kept

    waves = torch.zeros(SEQUENCES[1:])
    causal = nn.Transformer.generate_square_subsequent_mask(64)

    def pooled(pool):
        return of(lambda _, x: torch.cat([pool(x, n).flatten(2) for n in (1, 2, 4)], 2))

    transformer = {"dropout": 0.1, "batch_first": True}
    bags = functools.partial(nn.EmbeddingBag, TOKENS, 64)
    by_hand = "of `torch.nn`"
    return {
        "AtrousSpatialPyramidPooling": (
            by_hand,
            of(
                aspp,
                image=lambda: conv(64, 64, 1),
                branches=lambda: nn.ModuleList(
                    [conv(64, 64, 1), *(conv(64, 64, dilation=n) for n in (2, 4, 6))]
                ),
                last=lambda: conv(5 * 64, 64, 1),
            ),
        ),
        "Bilinear": ("`Bilinear`", lambda: nn.Bilinear(64, 64, 64)),
        "BottleneckBlock": (
            by_hand,
            of(
                lambda self, x: F.relu(x + self.branch(x), inplace=True),
                branch=convs((64, 16, 1), (16, 16), (16, 64, 1, None)),
            ),
        ),
        "ConvBlock": (by_hand, convs((64, 64))),
        "UNetUpBlock": (
            by_hand,
            of(
                lambda self, x, skip: self.convs(torch.cat([skip, self.up(x)], 1)),
                up=lambda: nn.ConvTranspose2d(64, 32, 2, 2),
                convs=convs((64, 32), (32, 32)),
            ),
        ),
        "DropBlock2D": (by_hand, of(drop_block)),
        "DropConnectConv2D": (
            "`conv2d`, `dropout` of its kernel",
            of(
                lambda self, x: F.conv2d(
                    x, F.dropout(self.kernel, 0.3), self.bias, padding=1
                ),
                kernel=weight(64, 64, 3, 3),
                bias=weight(64),
            ),
        ),
        "DropConnectDense": (
            "`linear`, `dropout` of its kernel",
            of(
                lambda self, x: F.linear(x, F.dropout(self.kernel, 0.3), self.bias),
                kernel=weight(512, 512),
                bias=weight(512),
            ),
        ),
        "DropConnectDense, per example": (
            "`bmm`, `dropout` of kernels",
            of(
                lambda self, x: (
                    self.bias
                    + torch.bmm(
                        x[:, None], F.dropout(self.kernel.expand(32, -1, -1), 0.3)
                    )[:, 0]
                ),
                kernel=weight(128, 128),
                bias=weight(128),
            ),
        ),
        "Dropout": ("`Dropout`", lambda: nn.Dropout(0.3)),
        **{
            f"EmbeddingBag, {mode}": (
                "`EmbeddingBag`",
                functools.partial(bags, mode=mode),
            )
            for mode in ("sum", "mean", "max")
        },
        "UNetDownBlock": (
            by_hand,
            of(
                lambda self, x: (F.max_pool2d(skip := self.convs(x), 2), skip),
                convs=convs((64, 64), (64, 64)),
            ),
        ),
        "FractionalMaxPooling2D": (
            "`FractionalMaxPool2d`",
            lambda: nn.FractionalMaxPool2d(2, output_ratio=math.sqrt(0.5)),
        ),
        "GaussianSampling": (by_hand, of(sample)),
        "GradientReversal": ("`autograd.Function`", of(lambda _, x: Reverse.apply(x))),
        "InceptionBlock": (
            by_hand,
            of(
                lambda self, x: torch.cat(
                    [
                        self.one(x),
                        self.three(x),
                        self.five(x),
                        self.pooled(F.max_pool2d(x, 3, 1, 1)),
                    ],
                    1,
                ),
                one=convs((64, 32, 1)),
                three=convs((64, 48, 1), (48, 64)),
                five=convs((64, 8, 1), (8, 16, 5)),
                pooled=convs((64, 16, 1)),
            ),
        ),
        "InvertedResidualBlock": (
            by_hand,
            of(
                invert,
                wide=convs((64, 256, 1, nn.SiLU)),
                deep=convs((256, 256, 3, nn.SiLU, 1, 256)),
                excite=excite(256, 16, nn.SiLU),
                narrow=convs((256, 64, 1, None)),
            ),
        ),
        "LearnedPositionalEmbedding": (
            "sum",
            of(lambda self, x: x + self.table, table=weight(128, 256)),
        ),
        "MaxPoolingWithArgmax2D": (
            "`MaxPool2d(return_indices=True)`",
            lambda: nn.MaxPool2d(2, return_indices=True),
        ),
        "MaxUnpooling2D": ("`MaxUnpool2d`", lambda: nn.MaxUnpool2d(2)),
        "PixelShuffle2D": ("`PixelShuffle`", lambda: nn.PixelShuffle(2)),
        "PyramidPooling": (
            by_hand,
            of(
                pyramid,
                contexts=lambda: nn.ModuleList([conv(64, 16, 1) for _ in range(4)]),
            ),
        ),
        "ResidualBlock": (
            by_hand,
            of(
                lambda self, x: F.relu(x + self.branch(x), inplace=True),
                branch=convs((64, 64), (64, 64, 3, None)),
            ),
        ),
        "SinusoidalPositionalEncoding": (
            "sum, waves made once",
            of(lambda _, x: x + waves),
        ),
        "SpatialPyramidPooling2D": (
            "`AdaptiveMaxPool2d`, three",
            pooled(F.adaptive_max_pool2d),
        ),
        "SpatialPyramidPooling2D, average": (
            "`AdaptiveAvgPool2d`, three",
            pooled(F.adaptive_avg_pool2d),
        ),
        "SqueezeExcitation2D": (
            by_hand,
            of(
                lambda self, x: x * self.excite(x.mean((2, 3), keepdim=True)),
                excite=excite(64, 16, nn.ReLU),
            ),
        ),
        "Standout": (by_hand, of(standout, linear=lambda: nn.Linear(512, 512))),
        "StochasticDepth, by rows": (
            by_hand,
            of(by_rows, linear=lambda: nn.Linear(512, 512)),
        ),
        "Swish": (
            "`x * sigmoid(beta * x)`",
            of(lambda self, x: x * torch.sigmoid(self.beta * x), beta=weight()),
        ),
        "TransformerDecoderBlock": (
            "`TransformerDecoderLayer`",
            of(
                lambda self, x, context: self.layer(
                    x, context, tgt_mask=causal, tgt_is_causal=True
                ),
                layer=lambda: nn.TransformerDecoderLayer(256, 8, 512, **transformer),
            ),
        ),
        "TransformerEncoderBlock": (
            "`TransformerEncoderLayer`",
            lambda: nn.TransformerEncoderLayer(256, 8, 512, **transformer),
        ),
        "Unpooling2D": (
            "`conv_transpose2d` of one pixel",
            of(
                lambda self, x: F.conv_transpose2d(x, self.pixel, stride=2, groups=64),
                pixel=lambda: nn.Buffer(F.pad(torch.ones(64, 1, 1, 1), [0, 1, 0, 1])),
            ),
        ),
        "VGGBlock": (
            by_hand,
            of(
                lambda self, x: F.max_pool2d(self.convs(x), 2),
                convs=convs((64, 64), (64, 64)),
            ),
        ),
    }


def composed(function, *shapes, dtype="float32"):
    """A model of the layers that a function applies to inputs of these shapes."""
    inputs = [keras.Input(shape[1:], dtype=dtype) for shape in shapes]
    return keras.Model(inputs, function(*inputs))


def tokens(*shape):
    return np.random.default_rng(0).integers(TOKENS, size=shape).astype("int32")


def timer(part, inputs):
    """A function that returns the seconds of a step of training by a part."""
    step = stepper(part, inputs)
    step()  # Compiles.
    times = 1
    while (seconds := repeat(step, times)) * times < SECONDS:
        times = max(times + 1, math.ceil(SECONDS / seconds))
    return functools.partial(repeat, step, times)


def repeat(step, times):
    start = time.perf_counter()
    for _ in range(times):
        step()
    return (time.perf_counter() - start) / times


def stepper(part, inputs):
    """A function that calls a part in training, for its outputs and gradients.

    Args:
        part: `keras.layers.Layer`, or `torch.nn.Module` with the channels first.
        inputs: List of shapes of random inputs and, after those, of arrays of
            integers. Gradients are of the former, and of the weights.
    """
    rng = np.random.default_rng(0)
    inputs = [
        rng.normal(size=x).astype("float32") if isinstance(x, tuple) else x
        for x in inputs
    ]
    inputs = [ops.convert_to_tensor(x) for x in inputs]
    if not isinstance(part, keras.layers.Layer):
        # The same memory, which PyTorch convolves faster than with channels first.
        inputs = [x.permute(0, 3, 1, 2) if x.ndim == 4 else x for x in inputs]
        inputs = [x if is_float(x) else x.long() for x in inputs]
        return step_of_torch(part, list(part.parameters()), inputs, rng)
    options = {}
    if "training" in inspect.signature(part.call).parameters:
        options["training"] = True

    def call(*inputs, function=part):
        return function(inputs[0] if len(inputs) == 1 else list(inputs), **options)

    call(*inputs)  # Builds.
    step = {"jax": step_of_jax, "tensorflow": step_of_tensorflow}
    if BACKEND in step:
        return step[BACKEND](part, call, inputs, rng)
    weights = [variable.value for variable in part.trainable_variables]
    return step_of_torch(
        lambda *x: [call(*x), part.losses],
        weights,
        inputs,
        rng,
    )


def step_of_jax(part, call, inputs, rng):
    import jax

    weights = [variable.value for variable in part.trainable_variables]
    state = [variable.value for variable in part.non_trainable_variables]
    floats, integers = divided(inputs)

    def forward(weights, floats, state, integers):
        stateless = functools.partial(
            part.stateless_call, weights, state, return_losses=True
        )
        outputs, state, losses = call(*floats, *integers, function=stateless)
        outputs, others = divided([outputs, losses])
        return outputs, (others, state)

    @jax.jit
    def train(weights, floats, state, integers, upstream):
        outputs, backward, others = jax.vjp(
            lambda *x: forward(*x, state, integers), weights, floats, has_aux=True
        )
        return others[1], (outputs, others, backward(upstream))

    outputs, _ = jax.eval_shape(forward, weights, floats, state, integers)
    upstream = gradients_like(outputs, rng)

    def step():
        nonlocal state
        state, results = train(weights, floats, state, integers, upstream)
        jax.block_until_ready(results)

    return step


def step_of_tensorflow(part, call, inputs, rng):
    import tensorflow as tf

    floats, integers = divided(inputs)

    def forward(*inputs):
        return divided([call(*inputs), part.losses])

    @tf.function(jit_compile=True)
    def train(floats, integers, upstream):
        with tf.GradientTape() as tape:
            tape.watch(floats)
            outputs, others = forward(*floats, *integers)
        weights = [variable.value for variable in part.trainable_variables]
        gradients = tape.gradient(outputs, [*weights, *floats], upstream)
        # Of an embedding, XLA would leave them unmade.
        gradients = [g if g is None else tf.convert_to_tensor(g) for g in gradients]
        return outputs, others, gradients

    upstream = gradients_like(forward(*inputs)[0], rng)
    return lambda: train(floats, integers, upstream)


def step_of_torch(call, weights, inputs, rng):
    import torch

    floats, integers = divided(inputs)
    sources = [*weights, *(x.requires_grad_() for x in floats)]

    def forward():
        return divided(call(*floats, *integers))

    upstream = gradients_like(forward()[0], rng)

    def step():
        outputs, _ = forward()
        torch.autograd.grad(outputs, sources, upstream, allow_unused=True)

    return step


def divided(tensors):
    """Those of some tensors that are floats, and the others."""
    tensors = keras.tree.flatten(tensors)
    return (
        [x for x in tensors if is_float(x)],
        [x for x in tensors if not is_float(x)],
    )


def is_float(x):
    return keras.backend.is_float_dtype(keras.backend.standardize_dtype(x.dtype))


def gradients_like(outputs, rng):
    return [ops.convert_to_tensor(rng.normal(size=x.shape), x.dtype) for x in outputs]


def fit_of_branches(rate):
    """A function that returns the CPU of a fit of branches, dropped in turns."""
    keras.utils.set_random_seed(0)
    inputs = x = keras.Input((512,))
    for _ in range(8):
        branch = keras.layers.Dense(512, activation="relu")
        x = x + kdl.StochasticDepth(branch, rate)(x)
    model = keras.Model(inputs, x)
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(60 * 128, 512)).astype("float32")

    def run():
        start = time.process_time()
        model.fit(x, x, batch_size=128, shuffle=False, verbose=0)
        return time.process_time() - start

    run()  # Compiles.
    return run


def report_memory():
    """Prints what bags of embeddings take at most, in a process of its own each."""
    print(f"Memory of {BAG[0]} bags of {BAG[1]} tokens, {BACKEND}")
    print(f"$ python {' '.join(sys.argv)}\n")
    print("| combiner | EmbeddingBag, MB | Embedding, MB | ratio | 0.25 |")
    print("|---|---|---|---|---|")
    for combiner in ("sum", "mean", "max"):
        name = f"EmbeddingBag, {combiner}"
        # One that is forked would start with the pages of this one.
        with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
            ours, base = pool.starmap(memory, [(name, True), (name, False)], 1)
        verdict = "met" if ours <= base / 4 else "missed"
        print(
            f"| {combiner} | {ours:.1f} | {base:.1f} | {ours / base:.2f} | "
            f"{'' if combiner == 'max' else verdict} |",
            flush=True,
        )


def memory(name, is_ours):
    """Megabytes that a step takes at most, beyond what the process had."""
    make = of_kdl()[name][0] if is_ours else in_keras()[name][1]
    part = make()
    stepper(part, [tokens(2, BAG[1])])()
    step = stepper(part, [tokens(*BAG)])
    # Makes the peak what there is now.
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    step()
    return (resident("VmHWM") - before) / 1000


def resident(name):
    """Memory of this process in kilobytes, as Linux has it by this name."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(rf"{name}:\s+(\d+)", status)[1])


if __name__ == "__main__":
    main()
