"""Blocks of convolutions."""

from keras import layers as nn

from kdl import layers as kdl
from layer_cases.case import IMAGES, SMALL, Case, model, module
from layer_cases.in_keras import chain, conv, excite, residual


def aspp(x):
    size = x.shape[1]
    image = chain(
        nn.GlobalAveragePooling2D(keepdims=True), conv(64, 1), nn.UpSampling2D(size)
    )
    rates = [conv(64, dilation_rate=rate) for rate in (2, 4, 6)]
    branches = [branch(x) for branch in (conv(64, 1), *rates, image)]
    return conv(64, 1)(nn.Concatenate()(branches))


def aspp_in_torch(t):
    def forward(self, x):
        image = self.image(x.mean((2, 3), keepdim=True)).expand(-1, -1, 16, 16)
        return self.last(t.torch.cat([*(b(x) for b in self.branches), image], 1))

    rates = [t.conv(64, 64, dilation=n) for n in (2, 4, 6)]
    return t.Of(
        forward,
        image=t.conv(64, 64, 1),
        branches=t.nn.ModuleList([t.conv(64, 64, 1), *rates]),
        last=t.conv(5 * 64, 64, 1),
    )


def residual_in_torch(t, branch):
    return t.Of(
        lambda self, x: t.F.relu(x + self.branch(x), inplace=True), branch=branch
    )


def inception(x):
    branches = (
        conv(32, 1),
        chain(conv(48, 1), conv(64)),
        chain(conv(8, 1), conv(16, 5)),
        chain(nn.MaxPooling2D(3, 1, "same"), conv(16, 1)),
    )
    return nn.Concatenate()([branch(x) for branch in branches])


def inception_in_torch(t):
    def forward(self, x):
        pooled = self.pooled(t.F.max_pool2d(x, 3, 1, 1))
        branches = [self.one(x), self.three(x), self.five(x), pooled]
        return t.torch.cat(branches, 1)

    return t.Of(
        forward,
        one=t.convs((64, 32, 1)),
        three=t.convs((64, 48, 1), (48, 64)),
        five=t.convs((64, 8, 1), (8, 16, 5)),
        pooled=t.convs((64, 16, 1)),
    )


def invert_in_torch(t):
    def forward(self, x):
        y = self.deep(self.wide(x))
        scale = self.excite(y.mean((2, 3), keepdim=True))
        return x + self.narrow(y * scale)

    return t.Of(
        forward,
        wide=t.convs((64, 256, 1, t.nn.SiLU)),
        deep=t.convs((256, 256, 3, t.nn.SiLU, 1, 256)),
        excite=t.excite(256, 16, t.nn.SiLU),
        narrow=t.convs((256, 64, 1, None)),
    )


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


def pyramid_in_torch(t):
    def forward(self, x):
        contexts = [
            t.F.interpolate(
                context(t.F.adaptive_avg_pool2d(x, n)), size=(32, 32), mode="bilinear"
            )
            for n, context in zip((1, 2, 3, 6), self.contexts, strict=True)
        ]
        return t.torch.cat([x, *contexts], 1)

    return t.Of(
        forward, contexts=t.nn.ModuleList([t.conv(64, 16, 1) for _ in range(4)])
    )


def down(x):
    skip = chain(conv(64), conv(64))(x)
    return nn.MaxPooling2D()(skip), skip


def up(below, skip):
    below = nn.Conv2DTranspose(32, 2, 2)(below)
    return chain(conv(32), conv(32))(nn.Concatenate()([skip, below]))


CASES = [
    Case(
        "AtrousSpatialPyramidPooling",
        [SMALL],
        lambda: kdl.AtrousSpatialPyramidPooling(64, (2, 4, 6)),
        model("of Keras", aspp),
        module("of `torch.nn`", aspp_in_torch),
    ),
    Case(
        "BottleneckBlock",
        [IMAGES],
        lambda: kdl.BottleneckBlock(16),
        model("of Keras", residual(chain(conv(16, 1), conv(16), conv(64, 1, None)))),
        module(
            "of `torch.nn`",
            lambda t: residual_in_torch(
                t, t.convs((64, 16, 1), (16, 16), (16, 64, 1, None))
            ),
        ),
    ),
    Case(
        "ConvBlock",
        [IMAGES],
        lambda: kdl.ConvBlock(64),
        model("of Keras", conv(64)),
        module("of `torch.nn`", lambda t: t.convs((64, 64))),
    ),
    Case(
        "InceptionBlock",
        [SMALL],
        lambda: kdl.InceptionBlock((32, 48, 64, 8, 16, 16)),
        model("of Keras", inception),
        module("of `torch.nn`", inception_in_torch),
    ),
    Case(
        "InvertedResidualBlock",
        [SMALL],
        lambda: kdl.InvertedResidualBlock(64, expansion=4),
        model(
            "of Keras",
            residual(
                chain(
                    conv(256, 1, "swish"),
                    conv(None, 3, "swish"),
                    excite(16, 256, "swish"),
                    conv(64, 1, None),
                ),
                "linear",
            ),
        ),
        module("of `torch.nn`", invert_in_torch),
    ),
    Case(
        "PyramidPooling",
        [IMAGES],
        kdl.PyramidPooling,
        model("of Keras, of grids that divide", pyramid),
        module("of `torch.nn`", pyramid_in_torch),
    ),
    Case(
        "ResidualBlock",
        [SMALL],
        lambda: kdl.ResidualBlock(64),
        model("of Keras", residual(chain(conv(64), conv(64, 3, None)))),
        module(
            "of `torch.nn`",
            lambda t: residual_in_torch(t, t.convs((64, 64), (64, 64, 3, None))),
        ),
    ),
    Case(
        "SqueezeExcitation2D",
        [IMAGES],
        lambda: kdl.SqueezeExcitation2D(16),
        model("of Keras", excite(16, 64)),
        module(
            "of `torch.nn`",
            lambda t: t.Of(
                lambda self, x: x * self.excite(x.mean((2, 3), keepdim=True)),
                excite=t.excite(64, 16, t.nn.ReLU),
            ),
        ),
    ),
    Case(
        "UNetDownBlock",
        [SMALL],
        lambda: kdl.UNetDownBlock(64),
        model("of Keras", down),
        module(
            "of `torch.nn`",
            lambda t: t.Of(
                lambda self, x: (t.F.max_pool2d(skip := self.convs(x), 2), skip),
                convs=t.convs((64, 64), (64, 64)),
            ),
        ),
    ),
    Case(
        "UNetUpBlock",
        [(32, 8, 8, 64), (32, 16, 16, 32)],
        lambda: kdl.UNetUpBlock(32),
        model("of Keras", up),
        module(
            "of `torch.nn`",
            lambda t: t.Of(
                lambda self, x, skip: self.convs(t.torch.cat([skip, self.up(x)], 1)),
                up=t.nn.ConvTranspose2d(64, 32, 2, 2),
                convs=t.convs((64, 32), (32, 32)),
            ),
        ),
    ),
    Case(
        "VGGBlock",
        [SMALL],
        lambda: kdl.VGGBlock(64),
        model("of Keras", lambda x: down(x)[0]),
        module(
            "of `torch.nn`",
            lambda t: t.Of(
                lambda self, x: t.F.max_pool2d(self.convs(x), 2),
                convs=t.convs((64, 64), (64, 64)),
            ),
        ),
    ),
]
