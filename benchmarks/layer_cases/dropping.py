"""Layers that drop at random, but for recurrent ones."""

from keras import layers as nn
from keras import ops

from kdl import layers as kdl
from layer_cases.case import IMAGES, SMALL, VECTORS, Case, layer, model, module


def drop_block_in_torch(t):
    def forward(self, x):
        # As of torchvision.
        kept = t.torch.full((32, 64, 12, 12), 0.1 / 25 * 16**2 / 12**2)
        kept = t.F.pad(t.torch.bernoulli(kept), [2] * 4)
        kept = 1 - t.F.max_pool2d(kept, 5, 1, 2)
        return x * kept * (kept.numel() / (1e-6 + kept.sum()))

    return t.Of(forward)


def per_example_in_torch(t):
    def forward(self, x):
        kernels = t.F.dropout(self.kernel.expand(32, -1, -1), 0.3)
        return self.bias + t.torch.bmm(x[:, None], kernels)[:, 0]

    return t.Of(forward, kernel=t.weight(128, 128), bias=t.weight(128))


def standout_in_torch(t):
    def forward(self, x):
        z = self.linear(x)
        return t.torch.where(t.torch.rand_like(z) < z.sigmoid(), t.F.relu(z), 0)

    return t.Of(forward, linear=t.nn.Linear(512, 512))


def rows_in_torch(t):
    def forward(self, x):
        # As of torchvision.
        kept = t.torch.empty(len(x), 1).bernoulli_(0.7).div_(0.7)
        return self.linear(x) * kept

    return t.Of(forward, linear=t.nn.Linear(512, 512))


CASES = [
    Case(
        "DropBlock2D",
        [SMALL],
        lambda: kdl.DropBlock2D(0.1, 5),
        layer("`Dropout`, which does less", lambda: nn.Dropout(0.1)),
        module("of `torch.nn`", drop_block_in_torch),
    ),
    Case(
        "DropConnectConv2D",
        [IMAGES],
        lambda: kdl.DropConnectConv2D(64, 3, 0.3, padding="same"),
        model(
            "`SpatialDropout2D`, `Conv2D`",
            lambda x: nn.Conv2D(64, 3, padding="same")(nn.SpatialDropout2D(0.3)(x)),
        ),
        module(
            "`conv2d`, `dropout` of its kernel",
            lambda t: t.Of(
                lambda self, x: t.F.conv2d(
                    x, t.F.dropout(self.kernel, 0.3), self.bias, padding=1
                ),
                kernel=t.weight(64, 64, 3, 3),
                bias=t.weight(64),
            ),
        ),
    ),
    Case(
        "DropConnectDense",
        [VECTORS],
        lambda: kdl.DropConnectDense(512, 0.3),
        model("`Dropout`, `Dense`", lambda x: nn.Dense(512)(nn.Dropout(0.3)(x))),
        module(
            "`linear`, `dropout` of its kernel",
            lambda t: t.Of(
                lambda self, x: t.F.linear(x, t.F.dropout(self.kernel, 0.3), self.bias),
                kernel=t.weight(512, 512),
                bias=t.weight(512),
            ),
        ),
    ),
    Case(
        "DropConnectDense, per example",
        [(32, 128)],
        lambda: kdl.DropConnectDense(128, 0.3, per_example=True),
        model(
            "`Dropout` of as many numbers, product",
            lambda x: ops.sum(nn.Dropout(0.3)(x[:, :, None] * x[:, None]), axis=1),
        ),
        module("`bmm`, `dropout` of kernels", per_example_in_torch),
    ),
    Case(
        "Dropout",
        [SMALL],
        lambda: kdl.Dropout(0.3),
        layer("`Dropout`", lambda: nn.Dropout(0.3)),
        module("`Dropout`", lambda t: t.nn.Dropout(0.3)),
    ),
    Case(
        "Standout",
        [VECTORS],
        lambda: kdl.Standout(512, activation="relu"),
        model(
            "`Dense`, `Dropout`",
            lambda x: nn.Dropout(0.5)(nn.Dense(512, "relu")(x)),
        ),
        module("of `torch.nn`", standout_in_torch),
    ),
    Case(
        "StochasticDepth, by rows",
        [VECTORS],
        lambda: kdl.StochasticDepth(nn.Dense(512), 0.3, "row"),
        model(
            "`Dense`, `Dropout` of rows",
            lambda x: nn.Dropout(0.3, noise_shape=(None, 1))(nn.Dense(512)(x)),
        ),
        module("of `torch.nn`", rows_in_torch),
    ),
]
