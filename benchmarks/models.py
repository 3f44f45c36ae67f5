"""What a training step of each family of image models costs, and what it computes.

A table of times, forward and backward, with the gradients of weights and images:
each family beside the same network in layers of Keras, written out in plain_models.py
or of `keras.applications`, with as many weights. Target: 1.10 times, or what the base
takes beside itself. On PyTorch, ResNet-18 beside the same in `torch.nn`, as torchvision
has it. Target: 1.15 times. An EfficientNet beside a ResNet that computes as much.
Target: 2.5 times.

With `--count` a table of what the defaults of the recipe `images` compute for an image
of `fashion`, by PyTorch's counter of floating point operations, on PyTorch alone.

The figures are in docs/models.md.

KERAS_BACKEND=jax python benchmarks/models.py [--pairs 9] [--only ...] [--count]
"""

import argparse

import keras
import numpy as np
import plain_models
from paired import report_each
from training_step import BACKEND, timer

import kdl
from kdl import models
from kdl.models.images.inception import GOOGLENET
from kdl.recipes.vision.networks import FAMILIES

BATCH, CLASSES = 16, 10
SMALL, LARGE = (28, 28, 1), (64, 64, 3)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--only", default="")
    parser.add_argument("--count", action="store_true")
    options = parser.parse_args()
    if options.count:
        count()
        return
    report(
        "Families beside layers of Keras", beside_keras(), 1.1, options, is_equal=True
    )
    if BACKEND == "torch":
        report("A family beside torch.nn", beside_torch(), 1.15, options)
    report("Families that compute as much", of_equal_flops(), 2.5, options)


def report(title, cases, target, options, is_equal=False):
    """Prints a table of cases: name, model, name of the base, base, shape."""
    rows = (
        (name, timer(ours, shape), base, timer(theirs, shape))
        for name, ours, base, theirs, shape in made(cases, options.only, is_equal)
    )
    report_each(
        f"{title}, forward and backward, {BACKEND}", rows, target, options.pairs
    )
    print()


def made(cases, only, is_equal):
    for name, ours, base, theirs, *shape in cases:
        if only not in name:
            continue
        ours, theirs = ours(), theirs()
        if is_equal:
            # Keras's ResNet50 has biases that batch normalization cancels.
            ratio = parameters(ours) / parameters(theirs)
            assert abs(ratio - 1) < 0.002, (name, ratio)
        yield name, ours, base, theirs, [(BATCH, *shape)]


def beside_keras():
    """Tuples of a name, a function that makes a model, the base's two, and a shape."""
    batch = keras.layers.BatchNormalization(momentum=0.9)
    shared = {"normalization": batch, "classes": CLASSES}
    applications = keras.applications
    plain = "Keras's layers"
    yield (
        "vgg",
        lambda: models.vgg(SMALL, filters=(24, 48, 96), depth=2, **shared),
        plain,
        lambda: plain_models.vgg(SMALL, CLASSES, (24, 48, 96), 2),
        *SMALL,
    )
    yield (
        "inception",
        lambda: models.inception(SMALL, stages=GOOGLENET[:1], stem="pooled", **shared),
        plain,
        lambda: plain_models.inception(SMALL, CLASSES, GOOGLENET[:1]),
        *SMALL,
    )
    yield (
        "resnet",
        lambda: models.resnet(
            SMALL, filters=(24, 48), depth=2, stem="pooled", **shared
        ),
        plain,
        lambda: plain_models.resnet(SMALL, CLASSES, (24, 48), 2),
        *SMALL,
    )
    yield (
        "resnet50",
        lambda: models.published("resnet50", LARGE, CLASSES),
        "keras.applications",
        lambda: applications.ResNet50(
            weights=None, input_shape=LARGE, classes=CLASSES, classifier_activation=None
        ),
        *LARGE,
    )
    yield (
        "efficientnet-b0",
        lambda: models.published("efficientnet-b0", LARGE, CLASSES),
        "keras.applications",
        lambda: applications.EfficientNetB0(
            weights=None, input_shape=LARGE, classes=CLASSES, classifier_activation=None
        ),
        *LARGE,
    )
    yield (
        "unet",
        lambda: models.unet((48, 48, 1), filters=(16, 32, 64), **shared),
        plain,
        lambda: plain_models.unet((48, 48, 1), CLASSES, (16, 32, 64)),
        *(48, 48, 1),
    )


def beside_torch():
    from plain_models_torch import ResNet18

    yield (
        "resnet18",
        lambda: models.published("resnet18", LARGE, CLASSES),
        "torch.nn",
        lambda: ResNet18(CLASSES),
        *LARGE,
    )


def of_equal_flops():
    """An EfficientNet and a ResNet of some 9 million operations for an image, each."""
    recipe = kdl.recipes.Images("fashion")

    def network(**values):
        return recipe.build(kdl.recipes.hyperparameters(recipe, values))

    yield (
        "efficientnet",
        lambda: network(family="efficientnet", filters=32),
        "resnet",
        lambda: network(family="resnet", filters=8),
        *SMALL,
    )


def count():
    """Prints parameters and operations of the families in the recipe."""
    recipe = kdl.recipes.Images("fashion")
    print("| family | parameters | million operations an image |")
    print("|---|---|---|")
    for family in FAMILIES:
        hp = kdl.recipes.hyperparameters(recipe, {"family": family})
        model = recipe.build(hp)
        print(f"| {family} | {parameters(model):,} | {flops(model, SMALL) / 1e6:.1f} |")


def flops(model, shape):
    """Floating point operations for an image; a product and a sum are two."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        model(np.zeros((1, *shape), "float32"))
    return counter.get_total_flops()


def parameters(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


if __name__ == "__main__":
    main()
