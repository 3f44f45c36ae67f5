"""Whether Keras and KerasTuner still have the private names that kdl uses.

Where a test fails, a release has changed the name: kdl/private.py is to follow.
"""

import importlib
import inspect

import keras
import keras_tuner
import numpy as np
import pytest
from contracts import array

import kdl
from kdl import private


def small():
    inner = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="inner")])
    model = keras.Sequential([keras.Input((3,)), inner, keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(), "mse")
    return model


def fitted(optimizer):
    model = small()
    model.compile(optimizer, "mse")
    model.fit(np.ones((8, 3)), np.ones((8, 1)), batch_size=2, verbose=0)
    return model


class TestLayers:
    def test_origin_of_a_tensor_is_what_has_made_it_of_what(self):
        inputs = keras.Input((3,))
        layer = keras.layers.Dense(2)
        made_by, made_of = private.origin(layer(inputs))
        assert made_by is layer and made_of[0] is inputs

    def test_statistics_of_batch_normalization_have_a_method(self):
        layer = keras.layers.BatchNormalization()
        x = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")
        layer.build(x.shape)
        moments = getattr(layer, private.MOMENTS)
        mean, variance = moments(keras.ops.convert_to_tensor(x), None)
        np.testing.assert_allclose(array(mean).ravel(), x.mean(0), atol=1e-6)
        np.testing.assert_allclose(array(variance).ravel(), x.var(0), atol=1e-6)

    @pytest.mark.skipif(keras.backend.backend() != "jax", reason="JAX alone")
    def test_batches_are_laid_out_by_a_function_of_the_trainer(self):
        seen = []

        class Layout(keras.distribution.DataParallel):
            def get_data_layout(self, data_shape):
                seen.append(data_shape[0])
                return super().get_data_layout(data_shape)

        layout = Layout(devices=["cpu:0"])
        with layout.scope(), private.layout_of_each_batch():
            model = small()
            model.evaluate(np.ones((5, 3)), np.ones((5, 1)), batch_size=3, verbose=0)
        assert {3, 2} <= set(seen)

    def test_layers_of_a_model_are_all_within(self):
        model = small()
        found = private.layers_of(model)
        assert found[0] is model
        assert {layer.name for layer in found} >= {"inner", model.layers[-1].name}

    def test_parts_of_a_layer_are_those_directly_within(self):
        model = small()
        (inner,) = (layer for layer in model.layers if hasattr(layer, "layers"))
        parts = list(private.parts_of(model))
        assert inner in parts and model.layers[-1] in parts
        # Neither itself nor what is within one of its parts.
        assert model not in parts and inner.layers[-1] not in parts
        assert list(private.parts_of(model.layers[-1])) == []

    def test_a_step_is_built_with_all_its_variables(self):
        model = small()
        model.compile("adam", "mse", metrics=["mae"])
        private.build_step(model, (np.ones((2, 3)), np.ones((2, 1))))
        if keras.backend.backend() == "tensorflow":
            assert model.optimizer.built
            # The mean of the loss, and that of the errors.
            assert len(model.metrics_variables) == 4
        model.fit(np.ones((8, 3)), np.ones((8, 1)), verbose=0)

    def test_outermost_call_is_the_model_s_and_has_one_context(self):
        seen = []

        class Asks(keras.layers.Layer):
            def call(self, inputs):
                seen.append((private.outermost_call(), private.call_context(self)))
                return inputs

        class Twice(keras.layers.Layer):
            def __init__(self, layer):
                super().__init__()
                self.layer = layer

            def call(self, inputs):
                return self.layer(self.layer(inputs))

        outer = Twice(Asks())
        outer.build((1, 1))
        outer(keras.ops.ones((1, 1)))
        (first, context), (second, same) = seen[-2:]
        assert first is second is outer
        assert context is same
        outer(keras.ops.ones((1, 1)))
        assert seen[-1][1] is not context
        assert private.outermost_call() is None

    def test_untracked_part_is_no_part(self):
        layer = keras.layers.RNN(keras.layers.GRUCell(2))
        layer.build((None, None, 3))
        assert layer.trainable_variables
        private.untrack(layer, layer.cell)
        assert not layer.trainable_variables

    def test_masks_are_kept_until_they_are_dropped(self):
        layer = keras.layers.GRU(2, dropout=0.5)
        inputs = keras.ops.ones((1, 4, 3))
        layer.build(inputs.shape)
        states = layer.get_initial_state(1)

        def mask():
            return array(layer.cell.get_dropout_mask(inputs[:, 0]))

        private.draw_dropout_masks(layer, inputs, states)
        first = mask()
        assert np.array_equal(first, mask())
        drawn = [first]
        for _ in range(20):
            private.drop_dropout_masks(layer)
            private.draw_dropout_masks(layer, inputs, states)
            drawn.append(mask())
        # All alike with a probability of 1 in 8**20.
        assert any(not np.array_equal(first, other) for other in drawn)


class TestOptimizers:
    def test_scaling_of_the_loss_is_kept_in_the_file(self, tmp_path):
        policy = keras.config.dtype_policy()
        keras.config.set_dtype_policy("mixed_float16")
        try:
            model = small()
        finally:
            keras.config.set_dtype_policy(policy)
        kinds = []
        for keep in (lambda model: None, private.keep_loss_scaling):
            keep(model)
            kinds.append(model.get_compile_config()["optimizer"]["class_name"])
        assert kinds == ["Adam", "LossScaleOptimizer"]

    @pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's")
    def test_gradients_are_summed_by_a_method_of_the_optimizers(self):
        inner = keras.optimizers.SGD(1.0)
        model = small()
        model.compile(kdl.optimizers.ControlledOptimizer(inner, watch=True), "mse")
        with private.summed_gradients(model.optimizer):
            # One replica has nothing to sum.
            pairs = [("gradient", "variable")]
            assert getattr(inner, private._SUM)(pairs) is pairs
            model.fit(np.ones((8, 3)), np.ones((8, 1)), batch_size=4, verbose=0)
        assert private._SUM not in vars(inner) and "apply" not in vars(model.optimizer)

    @pytest.mark.parametrize(
        ("optimizer", "names"),
        [
            (
                keras.optimizers.Adam(amsgrad=True, use_ema=True),
                ["velocities", "velocity_hats", "model_variables_moving_average"],
            ),
            (
                keras.optimizers.RMSprop(centered=True),
                ["velocities", "average_gradients"],
            ),
            (keras.optimizers.Adagrad(), ["accumulators"]),
            (
                keras.optimizers.SGD(gradient_accumulation_steps=3),
                ["accumulated_gradients"],
            ),
        ],
    )
    def test_slots_are_of_the_variable(self, optimizer, names):
        fitted(optimizer)
        variables = private.trained_variables(optimizer)
        assert len(variables) == 4
        for place, variable in enumerate(variables):
            assert private.variable_index(optimizer, variable) == place
            for name in names:
                found = private.slot(optimizer, name, variable)
                assert tuple(found.shape) == tuple(variable.shape)
                assert np.any(array(found) != 0) or name == "average_gradients"

    def test_counts_batches_that_accumulate(self):
        model = fitted(keras.optimizers.SGD(gradient_accumulation_steps=2))
        assert private.count_batches(model.optimizer) == 4
        assert int(model.optimizer.iterations) == 2

    def test_refuses_variables_it_was_not_built_for(self):
        model = fitted(keras.optimizers.SGD())
        private.check_variables_are_known(model.optimizer, model.trainable_variables)
        with pytest.raises(ValueError, match="Unknown variable"):
            private.check_variables_are_known(
                model.optimizer, [keras.Variable([1.0], name="another")]
            )

    def test_untracked_variable_is_not_its_own(self):
        optimizer = keras.optimizers.SGD()
        before = list(optimizer.variables)
        private.untrack_variable(optimizer, before[0])
        assert [id(v) for v in optimizer.variables] == [id(v) for v in before[1:]]

    def test_rate_set_past_its_setter_is_the_rate(self):
        optimizer = keras.optimizers.SGD(0.5)
        rate = private.learning_rate(optimizer)
        assert float(rate) == 0.5
        schedule = keras.optimizers.schedules.ExponentialDecay(0.25, 1, 1.0)
        private.set_learning_rate(optimizer, schedule)
        assert float(optimizer.learning_rate) == 0.25
        # It is still a variable of the optimizer.
        assert any(v is rate for v in optimizer.variables)

    def test_update_goes_through_the_step_that_is_replaced(self):
        model, seen = small(), []
        update = private.update_step(model.optimizer)

        def noted(grads, variables, learning_rate):
            seen.append(len(variables))
            return update(grads, variables, learning_rate)

        setattr(model.optimizer, private.UPDATE_STEP, noted)
        model.fit(np.ones((2, 3)), np.ones((2, 1)), verbose=0)
        assert seen and set(seen) == {4}


def searched(folder):
    hp = keras_tuner.HyperParameters()
    hp.Choice("x", [1, 2])
    oracle = keras_tuner.oracles.RandomSearchOracle(
        keras_tuner.Objective("score", "min"), max_trials=3, hyperparameters=hp
    )

    class Tuner(keras_tuner.Tuner):
        def run_trial(self, trial, *args, **kwargs):
            return float(trial.hyperparameters.get("x"))

    return Tuner(oracle, directory=folder, project_name="search", overwrite=True)


@pytest.mark.one_backend
class TestKerasTuner:
    def test_files_are_where_they_are_said_to_be(self, tmp_path):
        tuner = searched(tmp_path)
        tuner.search()
        oracle = tuner.oracle
        assert private.search_folder(oracle) == tmp_path / "search"
        assert private.oracle_file(oracle).exists()
        assert private.tuner_file(tuner).exists()
        name = next(iter(oracle.trials))
        folder = private.trial_folder(oracle, name)
        assert (folder / "trial.json").exists()
        assert str(private.checkpoint_file(tuner, name)).startswith(str(folder))

    def test_no_tuner_is_a_worker_by_itself(self, tmp_path, monkeypatch):
        tuner = searched(tmp_path)
        assert not private.is_worker(tuner)
        monkeypatch.setenv("KERASTUNER_TUNER_ID", "tuner0")
        monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
        monkeypatch.setenv("KERASTUNER_ORACLE_PORT", "1")
        assert private.is_worker(tuner)

    def test_run_trial_raises_and_tells_scores(self, tmp_path):
        tuner = searched(tmp_path)
        trial = tuner.oracle.create_trial("me")
        private.run_trial(tuner, trial)
        score = tuner.oracle.get_trial(trial.trial_id).metrics.get_best_value("score")
        assert score == trial.hyperparameters.get("x")

        def fail(trial):
            raise ArithmeticError

        tuner.run_trial = fail
        with pytest.raises(ArithmeticError):
            private.run_trial(tuner, trial)

    def test_queued_trial_is_handed_out_first(self, tmp_path):
        oracle = searched(tmp_path).oracle
        trial = oracle.create_trial("me")
        oracle.ongoing_trials.clear()
        private.queue_trial(oracle, trial.trial_id)
        assert oracle.create_trial("me").trial_id == trial.trial_id

    def test_remembered_values_are_duplicates(self, tmp_path):
        oracle = searched(tmp_path).oracle
        trial = oracle.create_trial("me")
        (tried,) = trial.hyperparameters.values.values()
        assert private.is_duplicate(oracle, {"x": tried})
        private.remember_values(oracle, trial.trial_id, {"x": 3 - tried})
        assert private.is_duplicate(oracle, {"x": 3 - tried})
        assert not private.is_duplicate(oracle, {"x": tried})


@pytest.mark.one_backend
@pytest.mark.parametrize(
    ("name", "method"),
    [(name, one) for name, some in private.OVERRIDDEN.items() for one in some],
)
def test_method_is_still_there_to_be_overridden(name, method):
    module, _, name = name.rpartition(".")
    component = getattr(importlib.import_module(module), name)
    # What Keras makes an instance variable can be seen on an instance alone.
    if name == "Wrapper":
        optimizer = keras.optimizers.SGD(use_ema=True)
        optimizer.build([keras.Variable([1.0])])
        assert len(getattr(optimizer, method)) == 1
        return
    classes = [base for base in component.__mro__ if method in vars(base)]
    (ours, *_), (theirs, *_) = (
        [vars(base)[method] for base in classes if ("kdl." in base.__module__) is kdl]
        for kdl in (True, False)
    )
    if not isinstance(ours, property):
        assert str(inspect.signature(theirs)) == str(inspect.signature(ours))
