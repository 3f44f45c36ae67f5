"""Networks in modules of PyTorch, as torchvision has them."""

import torch
from torch import nn


class ResNet18(nn.Module):
    def __init__(self, classes):
        super().__init__()
        stages = [Block(64, 64, 1), Block(64, 64, 1)]
        for channels in (128, 256, 512):
            stages += [Block(channels // 2, channels, 2), Block(channels, channels, 1)]
        self.layers = nn.Sequential(
            *convolution(3, 64, 7, 2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, 1),
            *stages,
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(512, classes),
        )

    def forward(self, images):
        return self.layers(images)


class Block(nn.Module):
    def __init__(self, inputs, outputs, strides):
        super().__init__()
        self.branch = nn.Sequential(
            *convolution(inputs, outputs, 3, strides),
            nn.ReLU(inplace=True),
            *convolution(outputs, outputs, 3, 1),
        )
        is_alike = inputs == outputs and strides == 1
        projection = nn.Sequential(*convolution(inputs, outputs, 1, strides))
        self.shortcut = nn.Identity() if is_alike else projection

    def forward(self, images):
        return torch.relu(self.branch(images) + self.shortcut(images))


def convolution(inputs, outputs, side, strides):
    return [
        nn.Conv2d(inputs, outputs, side, strides, side // 2, bias=False),
        nn.BatchNorm2d(outputs),
    ]
