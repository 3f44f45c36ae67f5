import keras
import numpy as np
import pytest

from kdl.evaluation import ensemble, snapshots

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 3)).astype("float32")
Y = RNG.integers(0, 2, 20)


def make():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)], name="net")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(), loss)
    return model


class Rates(keras.callbacks.Callback):
    """Remembers the learning rate before each step, and the weights after."""

    def __init__(self):
        super().__init__()
        self.rates, self.weights = [], []

    def on_train_batch_begin(self, batch, logs=None):
        rate = self.model.optimizer.learning_rate
        self.rates.append(float(keras.ops.convert_to_numpy(rate)))

    def on_epoch_end(self, epoch, logs=None):
        self.weights.append(self.model.get_weights())


def test_are_taken_at_the_end_of_each_cycle():
    model, rates = make(), Rates()
    # Trained before, which changes nothing.
    model.train_on_batch(X, Y)
    models = snapshots(model, X, Y, 3, 2, 0.5, 8, callbacks=[rates], verbose=0)
    # Six steps a cycle: 20 examples in batches of 8, twice.
    cycle = [0.25 * (1 + np.cos(np.pi * step / 6)) for step in range(6)]
    np.testing.assert_allclose(rates.rates, 3 * cycle, rtol=1e-5)
    assert len(models) == 3
    for n, copy in enumerate(models):
        for found, desired in zip(
            copy.get_weights(), rates.weights[2 * n + 1], strict=True
        ):
            np.testing.assert_array_equal(found, desired)
        assert copy.compiled
    # They differ, since the rate jumps up in between.
    assert not np.array_equal(models[0].get_weights()[0], models[1].get_weights()[0])
    together = ensemble(models)
    assert together.predict(X, verbose=0).shape == (20, 2)


@pytest.mark.one_backend
def test_refuses_bad_arguments():
    for arguments, message in (
        ({"cycles": 0}, "`cycles` must be an integer in [1, inf). Received: cycles=0"),
        (
            {"learning_rate": 0},
            "`learning_rate` must be a number in (0, inf). Received: learning_rate=0",
        ),
        (
            {"validation_split": 0.5},
            "`validation_split` must be left out: a cycle has a step for each batch of "
            "`x` in each of its epochs. Received: validation_split=0.5",
        ),
        (
            {"steps_per_epoch": 1},
            "`steps_per_epoch` must be left out: a cycle has a step for each batch of "
            "`x` in each of its epochs. Received: steps_per_epoch=1",
        ),
        ({"model": 3}, "`model` must be a compiled keras.Model. Received: model=3"),
    ):
        with pytest.raises(ValueError) as error:
            snapshots(**{"model": make(), "x": X, "y": Y, **arguments})
        assert str(error.value) == message
