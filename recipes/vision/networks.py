"""The networks among which the recipe `images` chooses."""

import math

import keras

from kdl import models
from kdl.models.images.efficientnet import B0
from kdl.models.images.inception import GOOGLENET
from kdl.models.images.parts import STEMS

FAMILIES = ("cnn", "vgg", "inception", "resnet", "efficientnet")
# Images of so many pixels a side, or fewer, are small.
SMALL = 16
# Those whose blocks may be dropped, and those whose blocks have an order.
DEEP, ORDERED = ("resnet", "efficientnet"), ("cnn", "vgg")
_POOLED = 64  # Up to so many pixels, the stem pools once; from there on it is large.


def network(p, shape, classes, rate, penalty):
    """Returns a network for images of a size.

    It halves them until their longer side has some four pixels, a plain one until it
    has eight at most.

    Args:
        p: Namespace of hyperparameters, those of the recipe `images`.
        shape: Height, width and channels of the images.
        classes: Integer. Number of classes, or `None` for the images after the last
            stage.
        rate: Number or schedule. Probability that a unit, or a connection, is dropped.
        penalty: Regularizer of all kernels, or `None`.

    Returns:
        `keras.Model` of logits, or of images.
    """
    longest, shortest = max(shape[:2]), min(shape[:2])
    halvings = max(1, round(math.log2(longest / 4)))
    halvings = min(halvings, int(math.log2(shortest)))
    stem_halvings = 0 if longest <= SMALL else 1 if longest <= _POOLED else 2
    # Of a narrow image, the stem leaves something of its shorter side.
    stem_halvings = min(stem_halvings, halvings)
    stem = STEMS[stem_halvings]
    options = {
        "rate": rate,
        "kernel_regularizer": penalty,
        "normalization": normalization(p.normalization),
        "activation": p.activation,
    }
    match p.family:
        case "cnn":
            poolings = max(1, math.ceil(math.log2(longest / 8)))
            poolings = min(poolings, int(math.log2(shortest)))
            filters = [p.filters] + [2 * p.filters] * poolings
            depth = [p.depth + 1] + [p.depth] * poolings
            if classes is not None:
                options |= {
                    "units": [p.units],
                    "connections": p.drop == "connections",
                }
            return models.cnn(shape, classes, filters, depth, order=p.order, **options)
        case "vgg":
            filters = _doubled(p.filters, halvings)
            return models.vgg(
                shape, classes, filters, p.depth, order=p.order, **options
            )
        case "inception":
            if stem == "large":
                # It halves once more.
                stem_halvings = 3
                if halvings < stem_halvings:
                    stem, stem_halvings = "pooled", 1
            count = min(1 + halvings - stem_halvings, len(GOOGLENET))
            stages = [stage[: p.depth] for stage in GOOGLENET[:count]]
            width = p.filters / 64
            return models.inception(shape, classes, stages, width, stem, **options)
        case "efficientnet":
            # Its large stem halves once.
            is_large = longest > _POOLED and halvings > 0
            stem, left = ("large", halvings - 1) if is_large else ("small", halvings)
            stages = []
            for stage in B0:
                left -= stage.strides == 2
                if left < 0:
                    break
                stages.append((*stage[:-1], min(stage.depth, p.depth)))
            return models.efficientnet(
                shape,
                classes,
                stages,
                width=p.filters / 32,
                last_filters=4 * stages[-1][3],
                stem=stem,
                depth_rate=p.depth_rate,
                **options,
            )
    filters = _doubled(p.filters, 1 + halvings - stem_halvings)
    return models.resnet(
        shape,
        classes,
        filters,
        p.depth,
        stem=stem,
        depth_rate=p.depth_rate,
        **options,
    )


def normalization(name):
    """Returns what a name stands for; averages of few steps suit short trainings."""
    if name == "batch":
        return keras.layers.BatchNormalization(momentum=0.9)
    return None if name == "none" else name


def _doubled(filters, count):
    return [filters * 2**n for n in range(count)]
