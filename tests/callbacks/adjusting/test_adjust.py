import keras
import numpy as np
import pytest
from contracts import CallbackContract, array, assert_close
from probe import Probe

from kdl.callbacks import Adjust, LogNumbers
from kdl.layers import Clock, Dropout
from kdl.optimizers import ControlledOptimizer
from kdl.schedules import Adjustable, OneCycle

X = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")


def halve(value, logs):
    return value / 2


def ramp(step):
    return 0.25 * step


def fitted(callback, value, epochs=2, optimizer="sgd", **options):
    """The probe and the model of a fit of three batches an epoch."""
    probe = Probe(value, 3 * epochs, name="probe")
    layers = [keras.Input((4,)), Clock(), probe, keras.layers.Dense(3)]
    model = keras.Sequential(layers, name="m")
    model.compile(optimizer, "mse")
    model.fit(
        X,
        X[:, :3],
        4,
        epochs,
        callbacks=[callback],
        shuffle=False,
        verbose=0,
        **options,
    )
    return probe, model


class TestAdjust(CallbackContract):
    component = Adjust
    arguments = {"name": "probe/value", "function": halve, "by": "metrics"}
    refused = [
        (
            {"by": "step"},
            "`by` must be one of 'epoch', 'batch', 'metrics'. Received: by='step'",
        )
    ]
    seen = [8, 8, 8, 4, 4, 4, 2, 2, 2]

    @pytest.mark.parametrize(
        ("by", "function", "seen"),
        [
            ("epoch", ramp, [0, 0, 0, 0.25, 0.25, 0.25]),
            ("batch", ramp, [0, 0.25, 0.5, 0.75, 1, 1.25]),
            ("batch", OneCycle(0.5, 6, anneal="linear", div_factor=5), None),
            ("metrics", lambda value, logs: logs["loss"], None),
        ],
    )
    def test_step_sees_what_the_function_says(self, by, function, seen):
        probe, model = fitted(Adjust("probe/value", function, by), Adjustable(7.0))
        if by == "metrics":
            seen = [7] * 3 + [model.history.history["loss"][0]] * 3
        if seen is None:
            seen = [float(function(step)) for step in range(6)]
        assert_close(probe.seen, seen)

    def test_counts_from_the_first_epoch(self):
        callback = Adjust("probe/value", ramp, "batch")
        probe, _ = fitted(callback, Adjustable(), 3, initial_epoch=1)
        assert_close(probe.seen, 0.25 * np.arange(3, 9))

    def test_multiplies_a_schedule(self):
        schedule = keras.optimizers.schedules.PolynomialDecay(0.0, 1024, 1024.0)
        callback = Adjust("probe/value", halve, "metrics")
        probe, _ = fitted(callback, Adjustable(1.0, schedule))
        assert_close(probe.seen, [0, 1, 2, 1.5, 2, 2.5])

    def test_sets_a_learning_rate(self):
        callback = Adjust("learning_rate", lambda epoch: 0.5 / (1 + epoch))
        _, model = fitted(callback, 0)
        assert_close(model.optimizer.learning_rate, 0.25)

    @pytest.mark.parametrize("wrapped", [False, True])
    def test_sets_what_an_optimizer_controls(self, wrapped):
        optimizer = ControlledOptimizer(
            keras.optimizers.SGD(0.1), {".*kernel": Adjustable(1.0)}
        )
        if wrapped:
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        callback = Adjust("multiplier/.*kernel", lambda epoch: 0.0)
        keras.utils.set_random_seed(0)
        _, model = fitted(callback, 0, optimizer=optimizer)
        keras.utils.set_random_seed(0)
        _, other = fitted(LogNumbers(), 0, optimizer=keras.optimizers.SGD(0.0))
        kernel, bias = model.layers[-1].trainable_weights
        np.testing.assert_array_equal(array(kernel), array(other.layers[-1].kernel))
        assert np.abs(array(bias)).min() > 0

    def refused_by(self, name, value=0, function=halve, **options):
        with pytest.raises(ValueError) as error:
            fitted(Adjust(name, function, "metrics"), value, **options)
        return str(error.value)

    def test_refuses_a_number_of_a_schedule_alone(self):
        assert self.refused_by("probe/value", OneCycle(0.5, 9)) == (
            "The model 'm' has no adjustable number 'probe/value'. It follows a "
            "schedule alone: give the part `kdl.schedules.Adjustable(schedule=…)` "
            "instead. Adjustable are: 'learning_rate'."
        )

    def test_refuses_a_number_of_python(self):
        assert self.refused_by("dropout/rate") == (
            "The model 'm' has no adjustable number 'dropout/rate'. Keras compiles a "
            "Python number, such as the rate of its own Dropout, into the training "
            "step: give a part of kdl `kdl.schedules.Adjustable(…)`. Adjustable are: "
            "'learning_rate'."
        )

    def test_refuses_a_learning_rate_of_a_schedule(self):
        optimizer = keras.optimizers.SGD(OneCycle(0.5, 9))
        assert self.refused_by("learning_rate", optimizer=optimizer) == (
            "The model 'm' has no adjustable number 'learning_rate'. The learning rate "
            "follows a schedule alone: wrap the optimizer in "
            "`kdl.optimizers.ControlledOptimizer`. Adjustable are: none."
        )

    def test_refuses_batches_that_keras_runs_at_once(self):
        if keras.backend.backend() == "torch":
            pytest.skip("Keras has no steps_per_execution on PyTorch")
        model = keras.Sequential([keras.Input((4,)), Clock(), Probe(Adjustable(), 9)])
        model.compile("sgd", "mse", steps_per_execution=3)
        name = f"{model.layers[1].name}/value"
        with pytest.raises(ValueError) as error:
            model.fit(X, X, callbacks=[Adjust(name, ramp, "batch")], verbose=0)
        assert str(error.value) == (
            "`by` must be 'epoch' or 'metrics', or the number must follow a schedule "
            "of its own: Keras calls callbacks once in 3 batches, for "
            "steps_per_execution=3. Received: by='batch'"
        )

    @pytest.mark.parametrize(
        ("name", "argument", "value", "interval"),
        [
            ("dropout/rate", "rate", 1.0, "[0, 1)"),
            ("dropout/rate", "rate", float("nan"), "[0, 1)"),
            ("multiplier/.*", "multiplier/.*", -1.0, "[0, inf)"),
            ("beta_1", "beta_1", 1.5, "[0, 1)"),
            ("learning_rate", "learning_rate", -0.5, "[0, inf)"),
        ],
    )
    def test_refuses_a_value_outside_the_interval(
        self, name, argument, value, interval
    ):
        dropout = Dropout(Adjustable(0.5), name="dropout")
        layers = [keras.Input((4,)), Clock(), dropout, keras.layers.Dense(4)]
        model = keras.Sequential(layers)
        optimizer = ControlledOptimizer(
            keras.optimizers.Adam(0.1),
            {".*": Adjustable()},
            hyperparameters={"beta_1": Adjustable(0.9)},
        )
        model.compile(optimizer, "mse")
        callback = Adjust(name, lambda epoch: 0.5 if epoch == 0 else value)
        with pytest.raises(ValueError) as error:
            model.fit(X, X, epochs=2, callbacks=[callback], verbose=0)
        assert str(error.value) == (
            f"`{argument}` must be a number in {interval}. Received: {argument}={value}"
        )
