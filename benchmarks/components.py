"""What a component costs in a training step, beside the nearest one of Keras.

A network of three dense layers of 256 units trains on batches of 128 examples, with the
component and with Keras's in its place. Target: 1.05 times, or what the base takes
beside itself. What has no counterpart in Keras stands beside what does the most similar
work.

The figures are in docs/benchmarks/components.md.

KERAS_BACKEND=jax python benchmarks/components.py [--pairs 15] [--steps 60] [--only ...]
"""

import argparse
import time

import keras
import numpy as np
from paired import report_each

from kdl.layers import DropConnectDense, Dropout, PixelShuffle2D
from kdl.losses import (
    BernoulliNLL,
    GaussianKL,
    GaussianNLL,
    SparseCategoricalCrossentropy,
    TripletLoss,
    WeightedLoss,
)
from kdl.metrics import ConfusionMatrix, F1Score
from kdl.regularizers import ElasticNet, GroupLasso, KLSparsity, MaxNorm

SIZE, BATCH = 256, 128
LOSSES, METRICS = keras.losses, keras.metrics
L1L2 = keras.regularizers.L1L2


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    chosen = [row for row in rows() if arguments.only in row[0]]
    report_each(
        f"Components in a training step, {keras.backend.backend()}",
        (
            (
                name,
                trainer(arguments.steps, **ours),
                base_name,
                trainer(arguments.steps, **base),
            )
            for name, ours, base_name, base in chosen
        ),
        1.05,
        arguments.pairs,
    )


def rows():
    """Name and options of each component, and of what it stands beside."""
    l1l2 = {"kernel_regularizer": L1L2(1e-5, 1e-5)}
    for penalty in (ElasticNet(1e-5), MaxNorm(3.0, 1e-5), GroupLasso(1e-5)):
        name = type(penalty).__name__
        yield name, {"kernel_regularizer": penalty}, "L1L2", l1l2
    yield (
        "KLSparsity",
        {"activity_regularizer": KLSparsity(0.1, 1e-3), "activation": "sigmoid"},
        "L1L2, of activities",
        {"activity_regularizer": L1L2(1e-5, 1e-5), "activation": "sigmoid"},
    )
    for ours, name, theirs, of in (
        (SparseCategoricalCrossentropy(True), "", "Sparse", "labels"),
        (
            SparseCategoricalCrossentropy(True, label_smoothing=0.1),
            ", smoothed",
            "",
            "one-hot",
        ),
    ):
        base = getattr(LOSSES, f"{theirs}CategoricalCrossentropy")
        options = {} if theirs else {"label_smoothing": 0.1}
        yield (
            f"SparseCategoricalCrossentropy{name}",
            {"loss": ours, "targets": "labels"},
            f"{theirs}CategoricalCrossentropy{name}",
            {"loss": base(from_logits=True, **options), "targets": of},
        )
    crossentropy = LOSSES.SparseCategoricalCrossentropy(from_logits=True)
    yield (
        "WeightedLoss",
        {"loss": WeightedLoss(crossentropy, 0.5), "targets": "labels"},
        "SparseCategoricalCrossentropy",
        {"loss": crossentropy, "targets": "labels"},
    )
    for mining in ("hard", "semihard"):
        yield (
            f"TripletLoss, {mining}",
            {"loss": TripletLoss(mining=mining), "targets": "labels"},
            "SparseCategoricalCrossentropy",
            {"loss": crossentropy, "targets": "labels"},
        )
    binary = LOSSES.BinaryCrossentropy(from_logits=True)
    for ours, theirs in (
        (BernoulliNLL(), binary),
        (GaussianNLL(), LOSSES.MeanSquaredError()),
        (GaussianKL(), LOSSES.MeanSquaredError()),
    ):
        names = type(ours).__name__, type(theirs).__name__
        yield names[0], {"loss": ours}, names[1], {"loss": theirs}
    yield (
        "ConfusionMatrix",
        {"targets": "labels", "metric": ConfusionMatrix(10), "units": 10},
        "MeanIoU",
        {
            "targets": "labels",
            "metric": METRICS.MeanIoU(10, sparse_y_pred=False),
            "units": 10,
        },
    )
    yield (
        "F1Score",
        {"targets": "labels", "metric": F1Score(10), "units": 10},
        "F1Score, of one-hot",
        {"targets": "one-hot", "metric": METRICS.F1Score("macro"), "units": 10},
    )
    yield (
        "Dropout",
        {"between": lambda: Dropout(0.3)},
        "Dropout",
        {"between": lambda: keras.layers.Dropout(0.3)},
    )
    yield (
        "DropConnectDense",
        {"dense": lambda **options: DropConnectDense(rate=0.3, **options)},
        "Dense and Dropout",
        {"between": lambda: keras.layers.Dropout(0.3)},
    )
    yield (
        "PixelShuffle2D",
        {"images": lambda: PixelShuffle2D(2)},
        "Reshape",
        {"images": lambda: keras.layers.Reshape((16, 16, 1))},
    )


def trainer(
    steps,
    targets="values",
    loss=None,
    metric=None,
    units=SIZE,
    between=keras.layers.Identity,
    dense=keras.layers.Dense,
    images=None,
    activation="relu",
    **options,
):
    """A function that trains for some steps and returns the seconds it took."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(steps * BATCH, SIZE)).astype("float32")
    y = rng.integers(min(units, 10), size=len(x)).astype("int32")
    if targets == "one-hot":
        y = np.eye(units, dtype="float32")[y]
    elif targets == "values":
        y = rng.uniform(size=(len(x), units)).astype("float32")
    if loss is None:
        sparse = "Sparse" if targets == "labels" else ""
        loss = getattr(LOSSES, f"{sparse}CategoricalCrossentropy")(from_logits=True)
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((SIZE,))])
    for _ in range(3):
        model.add(dense(units=SIZE, activation=activation, **options))
        model.add(between())
    model.add(keras.layers.Dense(units))
    if images:
        model.add(keras.layers.Reshape((8, 8, 4)))
        model.add(images())
        model.add(keras.layers.Flatten())
    model.compile("adam", loss, metrics=[metric] if metric else None)

    def run():
        start = time.perf_counter()
        model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0)
        return (time.perf_counter() - start) / steps

    run()  # Compiles.
    return run


if __name__ == "__main__":
    main()
