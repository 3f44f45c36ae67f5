"""Five ways to learn from one shirt among fifty other clothes.

72 shirts and 3,600 pictures of other clothes of Fashion-MNIST train, and 100 and 900
each validate and test. Of each arm, the learning rate with the best balanced accuracy
in validation is tested. The calibration error and the log loss are those of a test set
as imbalanced as the training set, for which the test images are weighted. `threshold`
is the plain network once more, of which the share of shirts in training is the
threshold instead of one half.

The figures are in docs/benchmarks/evidence.md.

KERAS_BACKEND=jax python benchmarks/evidence/imbalance.py [--seeds 5]
"""

import argparse
import functools

import keras
import numpy as np
from comparison import compare

from kdl.data import Batches, fashion

RARE, SHIRT = 50, 6
RATES = 1e-3, 3e-3
EPOCHS, BATCH, BINS = 20, 64, 10
SCORES = {
    "balanced accuracy": "higher is better",
    "expected calibration error": "lower is better",
    "log loss": "lower is better",
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    arms = "plain", "threshold", "class_weight", "weights", "balance", "focal loss"
    for number, (score, which) in enumerate(SCORES.items()):
        compare(
            f"{score.capitalize()}, {which}",
            {
                arm: lambda seed, arm=arm, number=number: best(arm, seed)[number]
                for arm in arms
            },
            options.seeds,
        )


@functools.cache
def best(arm, seed):
    """The scores on the test set, at the learning rate that validates best."""
    results = [trained(arm, seed, rate) for rate in RATES]
    return max(results, key=lambda result: result[0][0])[1]


@functools.cache
def trained(arm, seed, rate):
    """The scores on the validation set and on the test set."""
    (_, y), validation, test = data(seed)
    share = y.mean()
    if arm == "threshold":
        model, threshold = fitted("plain", seed, rate), share
    else:
        model, threshold = fitted(arm, seed, rate), 0.5
    return [
        scores(y, model.predict(x, batch_size=500, verbose=0)[:, 0], share, threshold)
        for x, y in (validation, test)
    ]


def data(seed):
    (x, y), *others = fashion()
    y, *targets = (
        (part == SHIRT).astype("int32") for part in (y, *(t for _, t in others))
    )
    clothes = np.flatnonzero(y == 0)
    shirts = np.random.default_rng(seed).permutation(np.flatnonzero(y))
    rows = np.r_[clothes, shirts[: len(clothes) // RARE]]
    tests = [(x, t) for (x, _), t in zip(others, targets, strict=True)]
    return (x[rows], y[rows]), *tests


@functools.cache
def fitted(arm, seed, rate):
    (x, y), *_ = data(seed)
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.AveragePooling2D(2),
            keras.layers.Flatten(),
            keras.layers.Dense(64, "relu"),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(1, "sigmoid"),
        ]
    )
    loss = "binary_crossentropy"
    if arm == "focal loss":
        loss = keras.losses.BinaryFocalCrossentropy(gamma=2.0)
    model.compile(keras.optimizers.Adam(rate), loss)
    of_classes = len(y) / (2 * np.bincount(y))
    given = {"weights": of_classes[y]} if arm == "weights" else {}
    batches = Batches(
        x, y, BATCH, seed, remainder="drop", balance=arm == "balance", **given
    )
    weight = dict(enumerate(of_classes)) if arm == "class_weight" else None
    options = {"epochs": EPOCHS, "class_weight": weight, "verbose": 0}
    model.fit(batches, shuffle=False, **options)
    return model


def scores(y, p, share, threshold):
    """Balanced accuracy, calibration error and log loss of probabilities."""
    accuracy = np.mean(
        [((p > threshold) == label)[y == label].mean() for label in (0, 1)]
    )
    # Each class weighs what its share in training is.
    weight = np.where(y == 1, share / y.mean(), (1 - share) / (1 - y.mean())) / len(y)
    bins = np.minimum((p * BINS).astype(int), BINS - 1)
    gaps = [(weight * (p - y))[bins == number].sum() for number in range(BINS)]
    p = np.clip(p, 1e-7, 1 - 1e-7)
    loss = -(weight * np.where(y == 1, np.log(p), np.log(1 - p))).sum()
    return accuracy, np.abs(gaps).sum(), loss


if __name__ == "__main__":
    main()
