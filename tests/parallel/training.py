"""Trains on one device, then on two, and prints what differs, as JSON.

On PyTorch it is run in two processes.
"""

import json
import os
import sys
from types import SimpleNamespace

import keras
import numpy as np

import kdl
from kdl.parallel import DataParallel

EPOCHS, STEPS = 2, 6


class Interruption(keras.callbacks.Callback):
    """Ends a fit in the middle of its last epoch, in an error or as if killed."""

    def __init__(self, end):
        super().__init__()
        self.end, self._epoch = end, 0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if self._epoch == EPOCHS - 1 and batch == 5:
            self.end()


def interrupt():
    raise KeyError("interrupted")


def model():
    """A network with statistics of a batch, and an optimizer that clips gradients."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    network = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            kdl.layers.Clock(),
            # Without a bias: before a normalization, its gradient is rounding alone.
            layers.Conv2D(4, 3, strides=2, use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.Flatten(),
            layers.Dense(10, "softmax"),
        ]
    )
    total = EPOCHS * STEPS
    optimizer = kdl.optimizers.ControlledOptimizer(
        keras.optimizers.Adam(kdl.schedules.OneCycle(0.01, total), global_clipnorm=0.5),
        multipliers={".*kernel": 0.5},
        hyperparameters={"beta_1": kdl.schedules.OneCycleMomentum(total)},
        watch=True,
    )
    network.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return network


def fit(parallel=None, callbacks=()):
    """Trains; a last validation batch divides by no number of devices."""
    (x, y), (x_val, y_val), _ = kdl.data.digits()
    network = model()
    batches = kdl.data.Batches(
        x[:100], y[:100], 16, remainder="drop", shard=parallel and parallel.shard
    )
    callbacks = list(callbacks)
    for callback in callbacks:
        if isinstance(callback, kdl.callbacks.Resume):
            callback.cover(batches, [])
    history = (parallel.fit if parallel else keras.Model.fit)(
        network,
        batches,
        shuffle=False,
        epochs=EPOCHS,
        validation_data=(x_val[:37], y_val[:37]),
        validation_batch_size=16,
        callbacks=callbacks,
        verbose=0,
    )
    return network, history.history


def state(network):
    variables = [*network.variables, *network.optimizer.variables]
    return [keras.ops.convert_to_numpy(variable) for variable in variables]


def difference(one, other):
    """The largest difference of weights and optimizer, and of the history."""
    pairs = list(zip(state(one[0]), state(other[0]), strict=True))
    pairs += [(one[1][name], other[1][name]) for name in one[1]]
    return max(float(np.abs(np.subtract(a, b, dtype="f8")).max()) for a, b in pairs)


def main(folder):
    found = {"devices": 2}
    # Before anything is computed.
    parallel = DataParallel(2)
    alone = fit()
    with parallel:
        together = fit(parallel)
        found["difference"] = difference(alone, together)
        found["clock"] = int(keras.ops.convert_to_numpy(together[0].layers[0].batches))
        try:
            resume = kdl.callbacks.Resume(folder, save_freq=2)
            fit(parallel, [Interruption(interrupt), resume])
        except KeyError:
            resume = kdl.callbacks.Resume(folder, save_freq=2)
            resumed = fit(parallel, [resume])
            found["resumed"] = difference(together, resumed)
        try:
            kdl.recipes.run(Odd(), **Odd().data())
        except ValueError as error:
            found["odd"] = str(error)
        if parallel.shard is not None:
            end = interrupt if parallel.writes else lambda: os._exit(1)
            try:
                fit(parallel, [Interruption(end if not parallel.writes else int)])
            except RuntimeError as error:
                found["lost"] = str(error)
    if parallel.writes:
        print(json.dumps(found))


class Odd(kdl.recipes.Recipe):
    """Has batches that two devices cannot share."""

    default_source = "digits"

    def space(self, hp):
        return SimpleNamespace(batch_size=15)

    def build(self, hp):
        return model()


if __name__ == "__main__":
    main(*sys.argv[1:])
