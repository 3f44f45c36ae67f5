import copy
import os
import pickle
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from contracts import LayerContract, array, assert_close, compile_without_a_compiler
from keras import layers
from probe import Probe

from kdl.callbacks import Adjust, LogNumbers
from kdl.layers import Clock, DropConnectDense, Dropout
from kdl.layers.clock import numbers_of
from kdl.losses import SparseCategoricalCrossentropy, WeightedLoss
from kdl.regularizers import ElasticNet
from kdl.schedules import Adjustable, PerUpdate

X = np.random.default_rng(0).normal(size=(24, 4)).astype("float32")
Y = np.random.default_rng(1).normal(size=(24, 3)).astype("float32")


def ramp(end=1024.0, steps=1024):
    """The step itself, as a schedule, or a part of it."""
    return keras.optimizers.schedules.PolynomialDecay(0.0, steps, end)


def fit(model, batch_size=4, epochs=1, x=X, y=Y, **options):
    return model.fit(x, y, batch_size, epochs, verbose=0, shuffle=False, **options)


def compiled_model(*parts, optimizer="sgd", loss="mse", **options):
    model = keras.Sequential([keras.Input((4,)), Clock(), *parts, layers.Dense(3)])
    model.compile(optimizer, loss, **options)
    return model


class TestClock(LayerContract):
    component = Clock
    arguments = {}
    input_shape = (2, 4)
    # Frozen, it counts all the same: its count is not learned.
    test_learns_nothing_when_frozen = None

    def test_refuses_bad_arguments(self):
        with pytest.raises(ValueError, match="Unrecognized keyword"):
            Clock(rate=1)

    def test_mixed_precision(self):
        outputs = Clock(dtype="mixed_bfloat16")(self.inputs())
        assert keras.backend.standardize_dtype(outputs.dtype) == "float32"

    def test_counts_training_batches_alone(self):
        probe = Probe(ramp(), 16)
        model = compiled_model(probe)
        fit(model, epochs=2, validation_data=(X, Y))
        assert_close(probe.seen, np.arange(12))
        model.evaluate(X, Y, verbose=0)
        model.predict(X, verbose=0)
        assert int(array(model.layers[0].batches)) == 12
        # Batches of another shape are compiled anew.
        fit(model, batch_size=10)
        assert_close(probe.seen, np.arange(15))

    def test_counts_within_one_execution_of_several_steps(self):
        if keras.backend.backend() == "torch":
            pytest.skip("Keras has no steps_per_execution on PyTorch")
        probe = Probe(ramp(), 12)
        model = compiled_model(probe, steps_per_execution=4)
        fit(model, epochs=2)
        assert_close(probe.seen, np.arange(12))

    def test_counts_batches_or_updates(self):
        probes = Probe(ramp(), 12), Probe(PerUpdate(ramp()), 12)
        optimizer = keras.optimizers.SGD(0.1, gradient_accumulation_steps=4)
        model = compiled_model(*probes, optimizer=optimizer)
        fit(model, epochs=2)
        assert_close(probes[0].seen, np.arange(12))
        assert_close(probes[1].seen, np.arange(12) // 4)
        assert int(array(optimizer.iterations)) == 3

    def test_counts_updates_of_an_optimizer_in_another(self):
        probe = Probe(PerUpdate(ramp()), 6)
        inner = keras.optimizers.SGD(0.1, gradient_accumulation_steps=2)
        fit(compiled_model(probe, optimizer=keras.optimizers.LossScaleOptimizer(inner)))
        assert_close(probe.seen, np.arange(6) // 2)

    def test_layer_used_twice_is_at_one_step(self):
        probe, inputs = Probe(ramp(), 12), keras.Input((4,))
        x = Clock()(inputs)
        model = keras.Model(inputs, layers.Dense(3)(probe(probe(x))))
        model.compile("sgd", "mse")
        fit(model)
        assert_close(probe.seen, np.repeat(np.arange(6), 2))

    def test_drives_nested_models_called_twice(self):
        probe = Probe(ramp(), 12)
        inner = keras.Sequential([layers.Dense(4), probe])
        fit(compiled_model(inner, inner))
        assert_close(probe.seen, np.repeat(np.arange(6), 2))

    def test_model_may_be_in_two_others(self):
        probe = Probe(ramp(), 20)
        shared = keras.Sequential([keras.Input((4,)), probe])
        first, second = compiled_model(shared), compiled_model(shared)
        for model in (first, second):
            fit(model)
        # Of another shape, so that JAX compiles the first model again.
        fit(first, batch_size=6)
        assert_close(probe.seen, [*range(6), *range(6), *range(6, 10)])

    def test_models_may_share_it_with_their_trunk(self):
        inputs, probe = keras.Input((4,)), Probe(ramp(), 20)
        trunk, heads = probe(Clock()(inputs)), []
        for value in (2.0, 3.0):
            penalty = ElasticNet(Adjustable(value), l1_ratio=1.0)
            head = layers.Dense(3, kernel_regularizer=penalty)
            heads.append(keras.Model(inputs, head(trunk)))
            heads[-1].compile(keras.optimizers.SGD(0.0), "mse")
        first, second = heads
        for model in (first, second):
            fit(model)
        keras.Model(inputs, trunk)(X)
        # The number is still in the state of the first model, whatever came since.
        before = first.evaluate(X, Y, verbose=0)
        first.layers[-1].kernel_regularizer.alpha.variable.assign(1.0)
        loss = fit(first).history["loss"][0]
        norm = np.abs(array(first.layers[-1].kernel)).sum()
        assert_close(loss, before - norm)
        assert_close(probe.seen, np.arange(18))

    def test_drives_a_subclass_of_model(self):
        class Custom(keras.Model):
            def __init__(self):
                super().__init__()
                self.clock, self.probe = Clock(), Probe(ramp(), 6)
                self.dense = layers.Dense(3)

            def call(self, inputs, training=False):
                x = self.clock(inputs, training=training)
                return self.dense(self.probe(x, training=training))

        model = Custom()
        model.compile("sgd", "mse")
        fit(model)
        assert_close(model.probe.seen, np.arange(6))

    def test_may_be_nested_or_wrapped_around_a_model(self):
        probe = Probe(ramp(), 6)
        model = keras.Sequential([layers.Dense(3), probe])
        model = keras.Sequential([keras.Input((4,)), Clock(), model])
        outer = keras.Sequential([keras.Input((4,)), model])
        outer.compile("sgd", "mse")
        fit(outer)
        assert_close(probe.seen, np.arange(6))

    @pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
    def test_counts_in_mixed_precision(self, policy):
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(policy)
        try:
            probe = Probe(ramp(), 6)
            model = compiled_model(probe, DropConnectDense(4, ramp(0.5)))
            # Between two numbers of bfloat16.
            model.layers[0].batches.assign(257)
            fit(model)
        finally:
            keras.config.set_dtype_policy(before)
        assert_close(probe.seen, np.arange(257, 263))

    def test_counts_compiled_by_xla_or_dynamo(self, monkeypatch):
        compile_without_a_compiler(monkeypatch)
        probe = Probe(ramp(), 6)
        dense = layers.Dense(4, kernel_regularizer=ElasticNet(ramp(1.0)))
        fit(compiled_model(probe, dense, jit_compile=True))
        assert_close(probe.seen, np.arange(6))

    def test_passes_any_structure_on(self):
        a, b = keras.Input((4,)), keras.Input((), dtype="int32")
        outputs = Clock(dtype="mixed_bfloat16")({"a": a, "b": [b]})
        assert outputs["a"].dtype == "float32" and outputs["b"][0].dtype == "int32"
        model = keras.Model([a, b], outputs)
        values = model([X, np.arange(24) + 10**6])
        assert_close(values["a"], X)
        assert_close(values["b"][0], np.arange(24) + 10**6)

    def test_passes_masks_on(self):
        inputs = keras.Input((None,), dtype="int32")
        x = Clock()(layers.Embedding(3, 4, mask_zero=True)(inputs))
        model = keras.Model(inputs, layers.GlobalAveragePooling1D()(x))
        tokens = np.array([[1, 2, 0, 0, 0]])
        assert_close(model(tokens), model(np.array([[1, 2]])))

    def test_second_input_is_at_the_same_step(self):
        probe, a, b = Probe(ramp(), 6), keras.Input((4,)), keras.Input((4,))
        x, z = Clock()([a, b])
        z = probe(layers.Dense(4)(layers.Dense(4)(z)))
        model = keras.Model([a, b], layers.Dense(3)(layers.add([x, z])))
        model.compile("sgd", "mse")
        fit(model, x=[X, X])
        assert_close(probe.seen, np.arange(6))

    def test_counts_calls_outside_of_fit(self):
        probe = Probe(ramp(), 6)
        model = keras.Sequential([keras.Input((4,)), Clock(), probe])
        for training in (True, False, True):
            model(X, training=training)
        assert_close(probe.seen, [0, 1])

    def test_predicts_before_any_fit(self, tmp_path):
        model = compiled_model(Dropout(ramp(0.5)))
        outputs = model.predict(X, verbose=0)
        model.save(tmp_path / "model.keras")
        revived = keras.saving.load_model(tmp_path / "model.keras")
        assert_close(revived.predict(X, verbose=0), outputs)
        state = revived.trainable_variables, revived.non_trainable_variables
        assert_close(revived.stateless_call(*state, X)[0], outputs)
        # Into what serves each backend.
        kind = "torch" if keras.backend.backend() == "torch" else "tf_saved_model"
        model.export(str(tmp_path / "model.pt2"), format=kind, verbose=False)

    def test_counts_updates_of_a_later_compilation(self):
        model = compiled_model(Probe(PerUpdate(ramp()), 6))
        model(X)
        model.compile(keras.optimizers.SGD(0.1, gradient_accumulation_steps=2), "mse")
        fit(model)
        assert_close(model.layers[1].seen, np.arange(6) // 2)

    def test_survives_clones(self):
        model = compiled_model(Probe(ramp(), 6))
        fit(model)
        clone = keras.models.clone_model(model)
        clone.compile("sgd", "mse")
        fit(clone)
        assert_close(clone.layers[1].seen, np.arange(6))


class TestNumbersByTheClock:
    """Numbers of parts at each step of a fit, read off its losses."""

    def losses(self, *parts, loss="mse", x=X, y=Y):
        """The model, which does not learn, and the loss of each of eight batches."""
        model = keras.Sequential([keras.Input(x.shape[1:]), Clock(), *parts])
        model.compile(keras.optimizers.SGD(0.0), loss)
        return model, fit(model, len(x), 8, x, y).history["loss"]

    def test_penalty_of_a_keras_layer(self):
        dense = layers.Dense(3, kernel_regularizer=ElasticNet(ramp(), l1_ratio=1.0))
        _, losses = self.losses(dense, x=np.zeros_like(X), y=np.zeros_like(Y))
        assert_close(losses, np.arange(8) * np.abs(array(dense.kernel)).sum())

    def test_penalty_on_activities(self):
        dense = layers.Dense(3, activity_regularizer=ElasticNet(ramp(), l1_ratio=1.0))
        model, losses = self.losses(dense)
        outputs = array(model(X))
        # Keras divides the penalty by the number of examples.
        penalty = np.abs(outputs).sum() / len(X)
        assert_close(losses, ((outputs - Y) ** 2).mean() + np.arange(8) * penalty)

    def test_penalty_that_two_layers_share(self):
        shared = ElasticNet(ramp(), l1_ratio=1.0)
        dense = [layers.Dense(3, kernel_regularizer=shared) for _ in range(2)]
        _, losses = self.losses(*dense, x=np.zeros_like(X), y=np.zeros_like(Y))
        norm = sum(np.abs(array(layer.kernel)).sum() for layer in dense)
        assert_close(losses, np.arange(8) * norm)

    def test_weight_of_a_loss(self):
        loss = WeightedLoss(keras.losses.MeanSquaredError(), ramp())
        model, losses = self.losses(layers.Dense(3), loss=loss)
        assert_close(losses, np.arange(8) * ((array(model(X)) - Y) ** 2).mean())

    def test_label_smoothing(self):
        loss = SparseCategoricalCrossentropy(True, label_smoothing=ramp(0.5, 8))
        labels = np.arange(24) % 3
        model, losses = self.losses(layers.Dense(3), loss=loss, y=labels)
        p = np.exp(array(model(X)))
        log_p = np.log(p / p.sum(axis=1, keepdims=True))
        for step in range(8):
            targets = np.eye(3)[labels] * (1 - step / 16) + step / 48
            assert_close(losses[step], -(targets * log_p).sum(axis=1).mean())

    @pytest.mark.parametrize("noise_shape", [None, (None, 100)])
    def test_rate_of_dropout(self, noise_shape):
        ones = np.ones((1000, 100))
        rate = keras.optimizers.schedules.PiecewiseConstantDecay([2], [0.0, 0.75])
        dropout = Dropout(rate, noise_shape, seed=0)
        _, losses = self.losses(dropout, x=ones, y=np.zeros_like(ones))
        # Of what is kept, the square is 16. The standard error of the mean of 100,000
        # draws is 0.02.
        np.testing.assert_allclose(losses, [1, 1, 1, *[4] * 5], atol=0.1)

    def test_rate_of_dropconnect(self):
        rate = keras.optimizers.schedules.PiecewiseConstantDecay([2], [0.0, 0.75])
        dense = DropConnectDense(5000, rate, seed=0, kernel_initializer="ones")
        ones = np.ones((2, 100))
        _, losses = self.losses(dense, x=ones, y=np.full((2, 5000), 100))
        # A sum of 100 draws of 0 or 4 has variance 300; that of 5,000 sums has a
        # standard error of 6.
        np.testing.assert_allclose(losses, [0, 0, 0, *[300] * 5], atol=25)

    @pytest.mark.parametrize("kind", [list, dict])
    def test_weights_of_several_losses(self, kind):
        inputs = keras.Input((4,))
        x = Clock()(inputs)
        outputs = {"a": layers.Dense(3)(x), "b": layers.Dense(3)(x)}
        mse = keras.losses.MeanSquaredError()
        loss = {"a": WeightedLoss(mse, 1.0), "b": WeightedLoss(mse, ramp())}
        y = {"a": Y, "b": Y}
        if kind is list:
            outputs, loss, y = (list(x.values()) for x in (outputs, loss, y))
        model = keras.Model(inputs, outputs)
        model.compile(keras.optimizers.SGD(0.0), loss)
        losses = fit(model, 24, 8, X, y).history["loss"]
        predicted = model(X)
        predicted = predicted if kind is list else [predicted["a"], predicted["b"]]
        a, b = (((array(p) - Y) ** 2).mean() for p in predicted)
        assert_close(losses, a + np.arange(8) * b)

    def test_evaluation_is_at_the_last_training_step(self):
        loss = WeightedLoss(keras.losses.MeanSquaredError(), ramp())
        model, losses = self.losses(layers.Dense(3), loss=loss)
        assert_close(model.evaluate(X, Y, verbose=0), losses[-1])

    def test_resumes_within_an_epoch_in_another_process(self, tmp_path):
        def make():
            keras.utils.set_random_seed(0)
            # Not dropout, whose seeds Keras does not save.
            regularizer = ElasticNet(Adjustable(0.5, ramp(0.1, 10)), Adjustable(0.5))
            return compiled_model(
                Probe(ramp(), 6),
                layers.Dense(4, kernel_regularizer=regularizer),
                loss=WeightedLoss(keras.losses.MeanSquaredError(), Adjustable(2.0)),
            )

        whole, part = make(), make()
        for model in (whole, part):
            for start in (0, 4, 8):
                model.train_on_batch(X[start : start + 4], Y[start : start + 4])
            for factor, variable in enumerate(model.layers[0].variables[1:], 3):
                variable.assign(factor / 10)
        part.save(tmp_path / "part.keras")
        np.savez(tmp_path / "data.npz", x=X, y=Y)
        code = (
            "import sys, keras, kdl, probe, numpy as np; folder = sys.argv[1];"
            "model = keras.saving.load_model(folder + '/part.keras');"
            "data = np.load(folder + '/data.npz');"
            "[model.train_on_batch(data['x'][i:i + 4], data['y'][i:i + 4])"
            " for i in (12, 16, 20)]; model.save(folder + '/rest.keras')"
        )
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)],
            check=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        )
        for start in (12, 16, 20):
            whole.train_on_batch(X[start : start + 4], Y[start : start + 4])
        rest = keras.saving.load_model(tmp_path / "rest.keras")
        assert_close(rest.layers[1].seen, np.arange(6))
        for ours, theirs in zip(whole.weights, rest.weights, strict=True):
            assert_close(theirs, ours)
        # The variables of the numbers come back once the model is called.
        rest.evaluate(X, Y, verbose=0)
        assert_close(
            [float(variable) for variable in rest.layers[0].variables],
            [6, 0.3, 0.4, 0.5],
        )


class TestAdjustableNumbers:
    """Their variables, in the state of models and in files."""

    def model(self, start=0.5, **names):
        """A model with an adjustable number in a layer, a penalty and a loss."""
        penalty = ElasticNet(Adjustable(start))
        dense = layers.Dense(4, kernel_regularizer=penalty, **names)
        parts = Probe(Adjustable(start), 24), dense
        loss = WeightedLoss(keras.losses.MeanSquaredError(), Adjustable(start))
        return compiled_model(*parts, optimizer=keras.optimizers.SGD(0.0), loss=loss)

    def adjusted(self, model):
        for value, number in enumerate(numbers_of(model).values(), 1):
            number.variable.assign(value / 8)
        return {name: v / 8 for v, name in enumerate(numbers_of(model), 1)}

    def values(self, model):
        return {name: float(n.variable) for name, n in numbers_of(model).items()}

    def test_stay_in_place_whatever_model_is_called(self):
        model = self.model()
        fit(model)
        desired = self.adjusted(model)
        probe = model.layers[1]
        part = keras.Model(model.inputs, model.layers[2].output)

        class Call(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                part(X)

        before = model.evaluate(X, Y, verbose=0)
        losses = fit(model, epochs=3, callbacks=[Call()]).history["loss"]
        assert self.values(model) == desired
        assert_close(losses, [before] * 3)
        assert_close(probe.seen[6:], np.full(18, desired[f"{probe.name}/value"]))

    def test_load_into_another_model(self, tmp_path):
        model, other, fitted = self.model(), self.model(), self.model()
        fit(fitted)
        model.predict(X, verbose=0)
        desired = list(self.adjusted(model).values())
        model.save_weights(tmp_path / "model.weights.h5")
        for another in (other, fitted):
            another.load_weights(tmp_path / "model.weights.h5")
            assert list(self.values(another).values()) == desired
            fit(another)
            assert list(self.values(another).values()) == desired

    def test_may_be_adjusted_once_loaded(self, tmp_path):
        model = self.model()
        self.adjusted(model)
        model.save(tmp_path / "model.keras")
        for _ in range(2):
            loaded = keras.saving.load_model(tmp_path / "model.keras")
            probe = loaded.layers[1]
            loaded.save(tmp_path / "model.keras")  # Before it was ever called.
        name = f"{probe.name}/value"
        callbacks = [Adjust(name, lambda epoch: 3.0), LogNumbers()]
        history = fit(loaded, epochs=2, callbacks=callbacks[1:]).history
        before = probe.seen
        assert_close(before, history[name][:1] * 12)
        assert before[0] in (1 / 8, 2 / 8, 3 / 8)
        fit(loaded, epochs=2, callbacks=callbacks)
        assert_close(probe.seen[12:], [3.0] * 12)

    def test_may_be_set_before_a_loaded_model_is_called(self, tmp_path):
        self.model().save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        loaded.layers[1].value.variable.assign(7.0)
        fit(loaded)
        assert_close(loaded.layers[1].seen, [7.0] * 6)

    def test_of_models_that_share_a_clock_load_each_its_own(self, tmp_path):
        inputs, models = keras.Input((4,)), []
        trunk = Clock()(inputs)
        for name, value in (("a", 2.0), ("b", 3.0)):
            penalty = ElasticNet(Adjustable(value))
            head = layers.Dense(3, kernel_regularizer=penalty, name=name)
            models.append(keras.Model(inputs, head(trunk)))
            models[-1].compile("sgd", "mse")
            fit(models[-1])
        models[0].save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        # However often they are asked for before they are in use.
        numbers_of(loaded)
        numbers_of(loaded)
        assert self.values(loaded) == {"a/kernel_regularizer/alpha": 2.0}

    def test_survive_pickles(self):
        model = self.model()
        fit(model)
        penalty = model.layers[2].kernel_regularizer
        copies = pickle.loads(pickle.dumps(penalty)), copy.deepcopy(penalty)
        for other in copies:
            assert other.get_config() == penalty.get_config()
        revived = pickle.loads(pickle.dumps(model))
        assert self.values(revived).keys() == self.values(model).keys()

    def test_of_another_model_are_not_taken(self, tmp_path):
        model = self.model()
        fit(model)
        model.layers[0].save_own_variables(store := {})
        clock = Clock()
        clock.load_own_variables(store)
        other = keras.Sequential([keras.Input((4,)), clock, Dropout(Adjustable(0.5))])
        with pytest.warns(UserWarning, match="are not those of the model"):
            other(X)


class TestRefusals:
    """What would be ignored is refused when it would be, and says what to do."""

    message = (
        "follows a schedule, PolynomialDecay, but no clock counts the batches of the "
        "model for it. Make a `kdl.layers.Clock()` the first layer of the model: "
        "`x = kdl.layers.Clock()(inputs)`, or "
        "`keras.Sequential([kdl.layers.Clock(), model])`. If it has one, the number "
        "must be an attribute of a layer, of its regularizers, or of a loss that the "
        "model is compiled with."
    )

    def refused(self, *parts, loss="mse"):
        model = keras.Sequential([keras.Input((4,)), *parts])
        model.compile("sgd", loss)
        with pytest.raises(ValueError) as error:
            fit(model)
        # On JAX, Keras loses the weights if the first step fails.
        assert all(np.isfinite(array(weight)).all() for weight in model.weights)
        return str(error.value)

    @pytest.mark.parametrize("rate", [ramp(0.5), Adjustable(0.5)])
    def test_layer_without_a_clock(self, rate):
        message = self.refused(Dropout(rate), layers.Dense(3))
        expected = f"`rate` {self.message}".replace(
            "PolynomialDecay", type(rate).__name__
        )
        assert expected in message

    def test_regularizer_without_a_clock(self):
        dense = layers.Dense(3, kernel_regularizer=ElasticNet(ramp()))
        assert self.refused(dense) == f"`alpha` {self.message}"

    def test_loss_without_a_clock(self):
        loss = WeightedLoss(keras.losses.MeanSquaredError(), ramp())
        assert self.refused(layers.Dense(3), loss=loss) == f"`weight` {self.message}"

    def test_part_of_a_model_that_has_a_clock(self):
        inner = keras.Sequential([keras.Input((4,)), Dropout(ramp(0.5)), Probe(0, 6)])
        fit(compiled_model(inner))
        assert self.message in self.refused(inner, layers.Dense(3))
        inner.compile("sgd", "mse")
        with pytest.raises(ValueError, match="no clock counts"):
            fit(inner, y=X)

    def test_two_clocks(self):
        inner = keras.Sequential([keras.Input((4,)), Clock(name="b"), layers.Dense(4)])
        model = keras.Sequential(
            [keras.Input((4,)), Clock(name="a"), inner, layers.Dense(3)], name="outer"
        )
        model.compile("sgd", "mse")
        with pytest.raises(ValueError) as error:
            fit(model)
        assert (
            "The model 'outer' has 2 clocks: 'a', 'b'. One drives all: keep that of "
            "the outermost model."
        ) in str(error.value)

    def test_clock_called_twice(self):
        inner = keras.Sequential([keras.Input((4,)), Clock(name="a"), layers.Dense(4)])
        assert (
            "The clock 'a' is called twice in one call of 'sequential"
        ) in self.refused(inner, inner, layers.Dense(3))

    def test_model_that_the_clock_has_not_seen(self):
        if keras.backend.backend() != "jax":
            pytest.skip("TensorFlow and PyTorch call the model itself at each batch")

        def make():
            dense = layers.Dense(3, kernel_regularizer=ElasticNet(ramp()))
            model = keras.Sequential([keras.Input((4,)), Clock(), dense])
            model.compile("sgd")
            return model

        with pytest.raises(ValueError, match="Call the model on a batch before `fit`"):
            fit(make(), y=None)
        model = make()
        model(X)
        fit(model, y=None)

    @pytest.mark.parametrize("takes", [False, True])
    def test_model_that_keeps_training_to_itself(self, takes):
        class Takes(keras.Model):
            def __init__(self, **kwargs):
                super().__init__(**kwargs)
                self.clock, self.dense = Clock(), layers.Dense(3)

            def call(self, inputs, training=None):
                return self.dense(self.clock(inputs))

        class Keeps(Takes):
            def call(self, inputs):
                return self.dense(self.clock(inputs))

        if takes and keras.backend.backend() != "jax":
            pytest.skip("TensorFlow and PyTorch tell the layers of such a model")
        model = (Takes if takes else Keeps)(name="m")
        model.compile("sgd", "mse")
        with pytest.raises(ValueError) as error:
            fit(model)
        assert (
            "The model 'm' does not tell its clock whether it trains. Its `call` has "
            "to take `training`, and to pass it on: "
            "`self.clock(inputs, training=training)`"
        ) in str(error.value)
