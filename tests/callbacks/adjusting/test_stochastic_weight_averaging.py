import keras
import numpy as np
import pytest
import torch
from contracts import CallbackContract, array, assert_close, same

import kdl
from kdl.callbacks import StochasticWeightAveraging
from kdl.data import Batches

X = np.random.default_rng(0).normal(size=(20, 4)).astype("float32")


class TestStochasticWeightAveraging(CallbackContract):
    component = StochasticWeightAveraging
    writes = True
    alone = False
    taken_up = 2
    refused = [
        (
            {"start_from_epoch": -1},
            "`start_from_epoch` must be an integer in [0, inf). "
            "Received: start_from_epoch=-1",
        ),
        (
            {"data": iter([X])},
            "`data` must be an array, a list or dict of arrays of as many examples, or "
            "batches that can be read more than once, such as a keras.utils.PyDataset, "
            "a tf.data.Dataset or a DataLoader. Received: data of type list_iterator",
        ),
        ({"every": 0}, "`every` must be an integer in [1, inf). Received: every=0"),
        (
            {"batch_size": 0},
            "`batch_size` must be an integer in [1, inf). Received: batch_size=0",
        ),
        (
            {"by": "step"},
            "`by` must be one of 'epoch', 'update'. Received: by='step'",
        ),
        (
            {"start_from_update": -1},
            "`start_from_update` must be an integer in [0, inf). "
            "Received: start_from_update=-1",
        ),
        (
            {"by": "epoch"},
            "`start_from_update` must come with by='update'. "
            "Received: start_from_update=5, by='epoch'",
        ),
        (
            {"path": "mean.h5"},
            "`path` must end in '.keras'. Received: path='mean.h5'",
        ),
        (
            {"path": ""},
            "`path` must be a path, a string that is not empty or a `pathlib.Path`. "
            "Received: path=''",
        ),
    ]

    @pytest.fixture(autouse=True)
    def has_a_folder(self, tmp_path):
        self.arguments = {
            "start_from_epoch": 1,
            "data": X,
            "every": 2,
            "batch_size": 8,
            "by": "update",
            "start_from_update": 5,
            "path": tmp_path / "new" / "mean.keras",
        }

    @pytest.mark.parametrize(
        ("start", "every", "averaged"),
        [(0, 1, [0, 1, 2, 3, 4]), (2, 1, [2, 3, 4]), (1, 2, [1, 3]), (4, 3, [4])],
    )
    def test_ends_with_the_mean(self, start, every, averaged):
        model = network(normalized=False)
        weights = []
        record = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: weights.append(trainable(model))
        )
        averaging = StochasticWeightAveraging(start, every=every)
        model.fit(X, X, 5, 5, callbacks=[record, averaging], verbose=0)
        assert averaging.count == len(averaged)
        for n, actual in enumerate(trainable(model)):
            mean = np.mean([weights[epoch][n] for epoch in averaged], axis=0)
            np.testing.assert_allclose(actual, mean, rtol=1e-5, atol=1e-6)

    @pytest.mark.parametrize(
        ("start", "every", "averaged"),
        [(0, 1, range(8)), (3, 2, [3, 5, 7]), (1, 5, [1, 6]), (7, 3, [7])],
    )
    @pytest.mark.parametrize("length", [1, 2])
    def test_ends_with_the_mean_of_updates(self, start, every, averaged, length):
        class Record(keras.callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None):
                weights.append(trainable(self.model))

        model, weights = network(normalized=False), []
        optimizer = keras.optimizers.SGD(
            0.1, gradient_accumulation_steps=length if length > 1 else None
        )
        model.compile(optimizer, "mse")
        averaging = StochasticWeightAveraging(
            every=every, by="update", start_from_update=start
        )
        callbacks = [Record(), averaging]
        model.fit(X, X, 5, 2 * length, callbacks=callbacks, verbose=0)
        assert averaging.count == len(averaged)
        for n, actual in enumerate(trainable(model)):
            seen = [weights[length * (update + 1) - 1][n] for update in averaged]
            mean = np.mean(seen, axis=0)
            np.testing.assert_allclose(actual, mean, rtol=1e-5, atol=1e-6)

    def test_keeps_the_averaged_model_on_disk(self, tmp_path):
        path, found = tmp_path / "mean.keras", []

        def load(epoch, logs):
            found.append(path.exists() and keras.saving.load_model(path).get_weights())
            states.append([array(v) for v in model.variables])

        # At a rate that keeps all of it finite.
        model, states = network(rate=0.05), []
        record = keras.callbacks.LambdaCallback(on_epoch_end=load)
        averaging = StochasticWeightAveraging(1, X, path=path)
        model.fit(X, X, 5, 3, callbacks=[averaging, record], verbose=0)
        # After one epoch, the mean is of one, and no file before.
        assert found[0] is False
        last = keras.saving.load_model(path)
        for actual, after, mean in zip(
            model.get_weights(), last.get_weights(), found[2], strict=True
        ):
            assert_close(after, actual)
            assert_close(mean, actual)
        # Training has gone on as without it.
        other, others_seen = network(rate=0.05), []
        record = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: others_seen.append(
                [array(v) for v in other.variables]
            )
        )
        other.fit(X, X, 5, 3, callbacks=[record], verbose=0)
        assert same(states, others_seen)

    @pytest.mark.parametrize(
        "data",
        [
            X,
            {"x": X},
            Batches(X, X, 5, shuffle=False),
            torch.utils.data.DataLoader(
                torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(X)), 5
            ),
        ],
    )
    def test_renews_batch_normalization_as_torch_does(self, data):
        model = network(named=isinstance(data, dict))
        averaging = StochasticWeightAveraging(1, data, batch_size=5)
        x = data if isinstance(data, dict) else X
        model.fit(x, X, 5, 3, callbacks=[averaging], verbose=0)
        dense, norm = model.get_layer("dense"), model.get_layer("norm")
        layers = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.BatchNorm1d(6))
        with torch.no_grad():
            layers[0].weight.copy_(torch.tensor(array(dense.kernel).T.copy()))
            layers[0].bias.copy_(torch.tensor(array(dense.bias)))
        torch.optim.swa_utils.update_bn(torch.tensor(X).split(5), layers)
        assert_close(norm.moving_mean, layers[1].running_mean.numpy())
        # PyTorch's is that of a sample of five, Keras's that of the batch itself.
        variance = layers[1].running_var.numpy() * 4 / 5
        assert_close(norm.moving_variance, variance)
        assert norm.momentum == 0.9

    def test_changes_nothing_else(self):
        model = network()
        states = []
        record = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: states.append(others(model))
        )
        averaging = StochasticWeightAveraging(0, X)
        model.fit(X, X, 5, 2, callbacks=[record, averaging], verbose=0)
        assert same(others(model), states[-1])

    def test_refuses_batch_normalization_without_data(self):
        with pytest.raises(ValueError) as error:
            network().fit(X, X, callbacks=[StochasticWeightAveraging(0)], verbose=0)
        assert str(error.value) == (
            "`data` must be inputs of the model, by which its batch normalization "
            "'norm' is to learn the statistics of the averaged weights. Received: "
            "data=None"
        )

    def test_refuses_a_fit_that_is_too_short(self):
        with pytest.raises(ValueError) as error:
            self.trained([StochasticWeightAveraging(3)])
        assert str(error.value) == (
            "`start_from_epoch` must be below 3, the epochs of the fit. "
            "Received: start_from_epoch=3"
        )

    def test_warns_of_a_fit_that_was_stopped_before(self):
        class Stop(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                self.model.stop_training = True

        with pytest.warns(UserWarning, match="nothing to average: the fit ended"):
            self.trained([Stop(), StochasticWeightAveraging(1)])


def network(normalized=True, named=False, rate=0.5):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,), name="x")
    x = kdl.layers.Clock()(inputs)
    x = keras.layers.Dense(6, name="dense")(x)
    if normalized:
        x = keras.layers.BatchNormalization(momentum=0.9, name="norm")(x)
    x = keras.layers.Dropout(0.5, seed=0)(x)
    outputs = keras.layers.Dense(4)(x)
    model = keras.Model({"x": inputs} if named else inputs, outputs)
    model.compile(keras.optimizers.SGD(rate), "mse")
    return model


def trainable(model):
    return [array(variable) for variable in model.trainable_variables]


def others(model):
    """All that is neither trained nor an average: the clock and random states."""
    return [
        array(v)
        for v in model.variables
        if "moving" not in v.path and v.trainable is False
    ]
