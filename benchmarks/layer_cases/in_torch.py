"""Modules of PyTorch of several parts."""

import torch
from torch import nn
from torch.nn import functional as F

__all__ = ["F", "Of", "conv", "convs", "excite", "nn", "torch", "weight"]


class Of(nn.Module):
    """A function of itself, for its parts, and of the inputs."""

    def __init__(self, function, **parts):
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *inputs):
        return self.function(self, *inputs)


def weight(*shape):
    return nn.Parameter(torch.randn(shape) * 0.1)


def conv(channels, filters, size=3, activation=nn.ReLU, dilation=1, groups=1):
    """A convolution, normalized and activated."""
    options = {"dilation": dilation, "groups": groups, "bias": False}
    padding = dilation * (size // 2)
    parts = [
        nn.Conv2d(channels, filters, size, padding=padding, **options),
        nn.BatchNorm2d(filters),
    ]
    return nn.Sequential(*parts, *([activation(inplace=True)] if activation else []))


def convs(*sizes):
    return nn.Sequential(*(conv(*size) for size in sizes))


def excite(channels, units, activation):
    """The number for each channel that two layers make of all means."""
    return nn.Sequential(
        nn.Conv2d(channels, units, 1),
        activation(inplace=True),
        nn.Conv2d(units, channels, 1),
        nn.Sigmoid(),
    )
