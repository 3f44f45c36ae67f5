"""Layers that are of no family."""

from keras import layers as nn
from keras import ops

from kdl import layers as kdl
from layer_cases.case import IMAGES, Case, layer, model, module


def products(x, y):
    outer = ops.reshape(x[:, :, None] * y[:, None], (-1, 64 * 64))
    return nn.Dense(64)(outer)


def sample_in_torch(t):
    def forward(self, x):
        mean, log_variance = x.chunk(2, 1)
        rate = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance)
        noise = t.torch.randn_like(mean)
        outputs = mean + t.torch.exp(0.5 * log_variance) * noise
        return outputs, rate.sum(1).mean()

    return t.Of(forward)


def reverse_in_torch(t):
    class Reverse(t.torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.view_as(x)

        @staticmethod
        def backward(ctx, gradient):
            return -gradient

    return t.Of(lambda self, x: Reverse.apply(x))


CASES = [
    Case(
        "Bilinear",
        [(2048, 64), (2048, 64)],
        lambda: kdl.Bilinear(64),
        model("`Dense` of as many weights, outer products first", products),
        module("`Bilinear`", lambda t: t.nn.Bilinear(64, 64, 64)),
    ),
    Case(
        "Corruption",
        [IMAGES],
        kdl.Corruption,
        layer("`GaussianNoise`", lambda: nn.GaussianNoise(0.3)),
    ),
    Case(
        "GaussianSampling",
        [(512, 512)],
        kdl.GaussianSampling,
        layer("`GaussianNoise`, which does less", lambda: nn.GaussianNoise(1.0)),
        module("of `torch.nn`", sample_in_torch),
    ),
    Case(
        "GradientReversal",
        [IMAGES],
        kdl.GradientReversal,
        layer("`Rescaling`", lambda: nn.Rescaling(-1.0)),
        module("`autograd.Function`", reverse_in_torch),
    ),
    Case(
        "Swish",
        [IMAGES],
        kdl.Swish,
        layer('`Activation("swish")`', lambda: nn.Activation("swish")),
        module(
            "`x * sigmoid(beta * x)`",
            lambda t: t.Of(
                lambda self, x: x * t.torch.sigmoid(self.beta * x), beta=t.weight()
            ),
        ),
    ),
]
