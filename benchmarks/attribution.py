"""What attributions take, beside predictions and gradients.

Of 32 images of 28 x 28 pixels, the gradient of a class is to take at most 3 times as
long as a prediction, and integrated gradients of 50 steps at most 1.2 times as long as
50 gradients. Networks are those of the recipe `images`. Both sides are compiled where
the backend compiles, and called once before.

The figures are in docs/benchmarks/attribution.md.

KERAS_BACKEND=jax OMP_NUM_THREADS=1 python benchmarks/attribution.py [--only resnet]
"""

import argparse
import functools
import time

import keras
import numpy as np
from paired import report_each

import kdl
from kdl.attribution import (
    grad_cam,
    gradient,
    integrated_gradients,
    occlusion,
    smooth_grad,
)

IMAGES, SHAPE, STEPS, SAMPLES = 32, (28, 28, 1), 50, 16
GRADIENT, INTEGRATED = 3.0, 1.2
REPEATS = 5  # Of what is short, within one measurement.


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="", help="what the name of a row has")
    only = parser.parse_args().only
    x = np.random.default_rng(0).random((IMAGES, *SHAPE), "float32")
    classes = np.arange(IMAGES) % 10
    backend = keras.backend.backend()
    for target, rows in ((GRADIENT, gradients), (INTEGRATED, sums)):
        report_each(f"KERAS_BACKEND={backend}", _some(rows(x, classes), only), target)


def _some(rows, only):
    return (row for row in rows if only in row[0])


def gradients(x, classes):
    for name, model in networks():
        predict = timed(model.predict_on_batch, x, repeats=REPEATS)
        for way, run in (
            ("gradient", functools.partial(gradient, model, x, classes)),
            ("Grad-CAM", functools.partial(grad_cam, model, x, classes)),
        ):
            yield f"{way}, {name}", timed(run, repeats=REPEATS), "prediction", predict


def sums(x, classes):
    for name, model in networks():
        once = functools.partial(gradient, model, x, classes)
        for way, run, count in (
            ("integrated gradients", integrated_gradients, STEPS),
            ("SmoothGrad", functools.partial(smooth_grad, samples=SAMPLES), SAMPLES),
        ):
            yield (
                f"{way}, {name}",
                timed(run, model, x, classes),
                f"{count} gradients",
                timed(once, repeats=count, of_all=True),
            )
        covered = functools.partial(occlusion, model, x, classes, window=4)
        predict = timed(model.predict_on_batch, x, repeats=14**2, of_all=True)
        yield f"occlusion, {name}", timed(covered), "196 predictions", predict


def networks():
    yield "cnn", kdl.models.cnn(SHAPE, 10, filters=(32, 64), depth=1)
    yield "resnet", kdl.models.resnet(SHAPE, 10, filters=(24, 48, 96), depth=1)


def timed(function, *args, repeats=1, of_all=False):
    """A function that returns the seconds of a call, or of several."""
    function(*args)

    def seconds():
        begun = time.perf_counter()
        for _ in range(repeats):
            function(*args)
        taken = time.perf_counter() - begun
        return taken if of_all else taken / repeats

    return seconds


if __name__ == "__main__":
    main()
