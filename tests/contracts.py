"""What every component promises, on every backend.

The test class of a component inherits the contract of its kind and names the component;
pytest then holds the component to the contract. Tests that only this component needs
follow in the same class.
"""

import contextlib
import copy
import errno
import functools
import inspect
import json
import math
import pickle
import re
import subprocess
import sys

import keras
import keras_tuner
import numpy as np
import pytest
from probe import Probe

from kdl import private
from kdl.callbacks.training_state import variables_of
from kdl.layers import Clock
from kdl.models import Feeding
from kdl.recipes import hyperparameters, run
from kdl.recipes.training.precision import heads
from kdl.schedules import Adjustable
from kdl.schedules.number import find_numbers


class Contract:
    """Promises of anything public that takes arguments.

    Attributes:
        component: The class under test.
        arguments: Dict. Sets every named argument, none of them to its default.
        refused: List of `(arguments, message)`. Each must raise a `ValueError` with
            exactly this message.
        alternatives: Dict. By argument, a list of values of other kinds that it takes.
    """

    component = None
    arguments = {}
    refused = []
    alternatives = {}

    def make(self, **overrides):
        return self.component(**{**self.arguments, **overrides})

    def parameters(self):
        return {
            name: parameter
            for name, parameter in inspect.signature(self.component).parameters.items()
            if parameter.kind is not parameter.VAR_KEYWORD
        }

    @pytest.mark.one_backend
    def test_documents_every_argument(self):
        args = inspect.getdoc(self.component).partition("\nArgs:\n")[2]
        args = re.split(r"^\S", args, maxsplit=1, flags=re.MULTILINE)[0]
        for name in inspect.signature(self.component).parameters:
            assert re.search(rf"^    \**{name}: ", args, re.MULTILINE), name

    @pytest.mark.one_backend
    def test_keeps_every_argument(self):
        component = self.make()
        assert set(self.parameters()) <= set(self.arguments)
        for name, parameter in self.parameters().items():
            assert not same(self.arguments[name], parameter.default), name
            assert same(getattr(component, name), self.arguments[name]), name

    @pytest.mark.one_backend
    def test_refuses_bad_arguments(self):
        assert self.refused
        for arguments, message in self.refused:
            with pytest.raises(ValueError) as error:
                self.make(**arguments)
            assert str(error.value) == message

    @pytest.mark.one_backend
    def test_refuses_by_name_what_an_argument_cannot_be(self):
        """At once, unless it is of the kind of what the argument is."""
        named = [f"`{name}" for name in self.parameters()]
        for name, value in self.arguments.items():
            if name not in self.parameters():
                continue
            for other in ANYTHING:
                try:
                    self.make(**{name: other})
                except ValueError as error:
                    assert any(part in str(error) for part in named), (name, other)
                else:
                    kinds = [value, *self.alternatives.get(name, [])]
                    fits = other is None or any(_is_of_kind(other, x) for x in kinds)
                    assert fits, (name, other)

    @pytest.mark.one_backend
    def test_takes_numpy_s_scalars_for_python_s(self):
        for name, value in self.arguments.items():
            if name in self.parameters() and isinstance(value, (bool, int, float, str)):
                array = np.asarray(value)
                for scalar in (
                    [array[()]] if isinstance(value, str) else [array, array[()]]
                ):
                    kept = getattr(self.make(**{name: scalar}), name)
                    assert same(kept, value) and not isinstance(kept, np.generic)


# What may be given by mistake.
ANYTHING = [None, "x", -1, 0, 1.5, math.nan, math.inf, [], {}, object(), 10**30, True]


def _is_of_kind(other, value):
    """Whether something given by mistake could have been meant, as another value is."""
    if isinstance(value, float):
        # A schedule may be a number as well.
        return isinstance(other, (int, float)) and not isinstance(other, bool)
    if isinstance(value, (list, tuple)):
        return isinstance(other, (list, tuple))
    return type(other) is type(value)


class SavedContract(Contract):
    """Promises of anything that Keras saves with a model."""

    @pytest.mark.one_backend
    def test_is_registered(self):
        name = keras.saving.get_registered_name(self.component)
        assert name == f"kdl>{self.component.__name__}"

    def test_config_holds_every_argument(self):
        config = self.make().get_config()
        for name in self.parameters():
            assert same(config[name], self.arguments[name]), name

    def test_config_survives_json(self):
        self.assert_survives_json(self.make())

    def assert_survives_json(self, part):
        text = json.dumps(keras.saving.serialize_keras_object(part))
        revived = keras.saving.deserialize_keras_object(json.loads(text))
        assert type(revived) is self.component
        assert revived.get_config() == part.get_config()

    def scheduled(self):
        """The component with a schedule in place of each float, of the same value."""
        numbers = {k: v for k, v in self.arguments.items() if isinstance(v, float)}
        return self.make(**{name: Adjustable(v) for name, v in numbers.items()})

    def adjustable(self):
        """Components with one number each that callbacks may change."""
        for name, value in self.arguments.items():
            if isinstance(value, float):
                # Not every float may follow a schedule.
                with contextlib.suppress(ValueError):
                    yield self.make(**{name: Adjustable(value)})


class RegularizerContract(SavedContract):
    """Promises of a penalty on a weight of shape `weight_shape`."""

    weight_shape = (4, 3)

    def weight(self, dtype="float32"):
        return normal(self.weight_shape, dtype)

    @pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
    def test_returns_a_nonnegative_scalar(self, dtype):
        penalty = self.make()(self.weight(dtype))
        assert penalty.shape == ()
        assert keras.backend.standardize_dtype(penalty.dtype) == dtype
        assert float(penalty) >= 0

    @pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
    def test_takes_schedules(self, dtype):
        """Of any value, by a clock, and in the config."""
        scheduled = self.scheduled()
        dense = keras.layers.Dense(3, kernel_regularizer=scheduled, dtype=dtype)
        model = keras.Sequential([keras.Input((4,)), Clock(), dense])
        model(np.ones((1, 4)))
        (loss,) = model.losses
        assert keras.backend.standardize_dtype(loss.dtype) == dtype
        # The numbers are in float32, of whichever type the weight is.
        desired = float(self.make()(keras.ops.cast(dense.kernel, "float32")))
        rtol = 1e-5 if dtype == "float32" else 2e-2
        np.testing.assert_allclose(float(loss), desired, rtol=rtol)
        self.assert_survives_json(scheduled)

    def test_every_number_changes_what_it_computes(self):
        for regularizer in self.adjustable():
            dense = keras.layers.Dense(3, kernel_regularizer=regularizer)
            assert_numbers_matter(keras.Sequential([Clock(), dense]), np.ones((1, 4)))

    def test_compiles(self):
        regularizer, weight = self.make(), self.weight()
        assert_close(compiled(regularizer)(weight), regularizer(weight))

    def descend(self, initializer):
        """The kernel of a layer before and after a step down the penalty alone."""
        regularizer = self.make()
        layer = keras.layers.Dense(
            3, kernel_initializer=initializer, kernel_regularizer=regularizer
        )
        model = keras.Sequential([keras.Input((4,)), layer])
        model.compile(keras.optimizers.SGD(0.01), "mse")
        before = array(layer.kernel)
        # On inputs of zero, the kernel has no gradient but that of the penalty.
        model.fit(np.zeros((8, 4)), np.zeros((8, 3)), verbose=0)
        return before, array(layer.kernel)

    def test_gradient_descent_lowers_it(self):
        before, after = self.descend(keras.initializers.RandomNormal(seed=0))
        assert array(self.make()(after)) < array(self.make()(before))

    def test_gradient_is_finite_at_zero(self):
        _, after = self.descend("zeros")
        assert np.isfinite(after).all()


class ScheduleContract(SavedContract):
    """Promises of a schedule that `reference`, in float64, repeats.

    Attributes:
        peak: Float. The largest value under `arguments`, the unit of the tolerance.
        period: Integer. Number of steps after which the schedule has shown itself.
    """

    peak = None
    period = None

    def reference(self, step):
        raise NotImplementedError

    def test_agrees_with_the_reference_at_every_step(self):
        schedule = compiled(self.make())
        assert schedule(keras.ops.convert_to_tensor(3)).shape == ()
        # All at once, which costs one call.
        steps = [*range(self.period + 10), 10**7]
        actual = schedule(keras.ops.convert_to_tensor(steps, "int32"))
        desired = [self.reference(step) for step in steps]
        np.testing.assert_allclose(
            array(actual), desired, rtol=0, atol=1e-6 * self.peak
        )

    def test_takes_steps_of_any_type(self):
        schedule = self.make()
        desired = self.reference(3)
        variable = keras.Variable(3, dtype="int32", trainable=False)
        tensors = [keras.ops.convert_to_tensor(3, t) for t in ("int32", "float32")]
        for step in (3, np.int64(3), np.array(3), variable, *tensors):
            value = schedule(step)
            assert value.shape == ()
            assert keras.backend.standardize_dtype(value.dtype) == "float32"
            assert abs(float(value) - desired) < 1e-6 * self.peak

    def test_is_finite_at_any_step(self):
        schedule = self.make()
        values = [float(schedule(step)) for step in (0, 10**9, 2**31 - 1)]
        assert np.isfinite(values).all()
        # Nor does rounding bring it below zero, where no rate or penalty may be.
        assert min(values) >= 0

    def test_drives_an_optimizer_and_reloads(self, tmp_path):
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(self.make()), "mse")
        model.fit(np.ones((8, 2)), np.ones((8, 1)), batch_size=2, verbose=0)
        model.save(tmp_path / "model.keras")
        revived = keras.saving.load_model(tmp_path / "model.keras")
        rate = float(array(revived.optimizer.learning_rate))
        assert abs(rate - self.reference(4)) < 1e-6 * self.peak


class LossContract(SavedContract):
    """Promises of a loss that `reference` repeats, one value for each example.

    Attributes:
        y_true, y_pred: Arrays. A batch.
        minimum: Array. Predictions for which the loss is zero.
        extreme: Array. Predictions for which a careless formula is not finite.
    """

    y_true = y_pred = minimum = extreme = None

    def reference(self, y_true, y_pred):
        raise NotImplementedError

    def test_agrees_with_the_reference(self):
        desired = self.reference(self.y_true, self.y_pred)
        weights = np.linspace(0, 1, len(desired))
        for reduction, reduce in (
            (None, lambda losses: losses),
            ("sum", np.sum),
            ("sum_over_batch_size", np.mean),
        ):
            loss = self.make(reduction=reduction)
            assert_close(loss(self.y_true, self.y_pred), reduce(desired))
            assert_close(
                loss(self.y_true, self.y_pred, weights), reduce(weights * desired)
            )

    def test_of_an_empty_batch_is_as_keras_has_it(self):
        loss = self.make()(self.y_true[:0], self.y_pred[:0])
        desired = keras.losses.MeanSquaredError()(np.zeros((0, 2)), np.zeros((0, 2)))
        assert tuple(loss.shape) == tuple(desired.shape) == (0,)

    def test_name_is_the_same_each_time(self):
        """Unlike those that Keras makes up, by which it counts what there was."""
        assert self.make().name == self.make().name

    def test_is_zero_at_its_minimum(self):
        assert_close(self.make()(self.y_true, self.minimum), 0)

    def test_compiles(self):
        loss, y_pred = self.make(), keras.ops.convert_to_tensor(self.y_pred, "float32")
        y_true = keras.ops.convert_to_tensor(self.y_true)
        assert_close(compiled(loss)(y_true, y_pred), loss(y_true, y_pred))

    def test_takes_schedules(self):
        """Of any value, by a clock, and in the config."""
        scheduled = self.scheduled()
        model = keras.Sequential(
            [
                keras.Input(self.y_pred.shape[1:]),
                Clock(),
                keras.layers.Activation("linear"),
            ]
        )
        model.compile("sgd", scheduled)
        loss = model.evaluate(
            self.y_pred, self.y_true, batch_size=len(self.y_pred), verbose=0
        )
        assert_close(loss, self.make()(self.y_true, self.y_pred))
        self.assert_survives_json(scheduled)

    def test_every_number_changes_what_it_computes(self):
        for loss in self.adjustable():
            layers = [Clock(), keras.layers.Activation("linear")]
            model = keras.Sequential([keras.Input(self.y_pred.shape[1:]), *layers])
            model.compile("sgd", loss)
            assert_numbers_matter(model, self.y_pred, self.y_true)

    def test_gradient_is_finite_at_extreme_predictions(self):
        dense = keras.layers.Dense(
            self.extreme.shape[1], kernel_initializer="identity", use_bias=False
        )
        model = keras.Sequential([keras.Input((self.extreme.shape[1],)), dense])
        model.compile(keras.optimizers.SGD(1e-30), self.make())
        model.fit(self.extreme, self.y_true, verbose=0)
        assert np.isfinite(array(dense.kernel)).all()


class InitializerContract(SavedContract):
    """Promises of an initializer of a weight of shape `shape`."""

    shape = (6, 4)

    def draw(self, dtype="float32", **overrides):
        return array(self.make(**overrides)(self.shape, dtype=dtype))

    @pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
    def test_returns_the_shape_and_dtype_asked_for(self, dtype):
        values = self.make()(self.shape, dtype=dtype)
        assert tuple(values.shape) == self.shape
        assert keras.backend.standardize_dtype(values.dtype) == dtype
        assert np.isfinite(array(keras.ops.cast(values, "float32"))).all()

    def test_dtype_defaults_to_that_of_keras(self):
        values = self.make()(self.shape)
        assert keras.backend.standardize_dtype(values.dtype) == keras.config.floatx()

    def test_initializes_a_variable_and_reloads(self, tmp_path):
        layer = Holder(self.shape, self.make())
        model = keras.Sequential([keras.Input((1,)), layer])
        assert_close(layer.held, self.draw())
        model.save(tmp_path / "model.keras")
        revived = keras.saving.load_model(tmp_path / "model.keras").layers[0]
        assert type(revived.initializer) is self.component
        assert_close(revived.held, layer.held)


class RandomInitializerContract(InitializerContract):
    """Promises of an initializer that draws from a seed.

    Attributes:
        large: Tuple. A shape of so many values that their moments show.
        variance: Float. What the variance of the values of that shape is to be.
    """

    large = (400, 300)
    variance = None

    def test_seed_decides(self):
        assert same(self.draw(seed=3), self.draw(seed=3))
        assert not same(self.draw(seed=3), self.draw(seed=4))
        # As with Keras's, without a seed two initializers draw differently.
        assert not same(self.draw(seed=None), self.draw(seed=None))

    def test_has_the_stated_moments(self):
        values = array(self.make()(self.large)).ravel().astype("float64")
        # Standard errors of a mean and of a variance of independent values.
        n, fourth = values.size, np.mean(values**4)
        assert abs(values.mean()) < 5 * np.sqrt(self.variance / n)
        error = np.sqrt((fourth - self.variance**2) / n)
        assert abs(np.mean(values**2) - self.variance) < 5 * error


@keras.saving.register_keras_serializable(package="tests")
class Holder(keras.layers.Layer):
    """Passes its inputs on, and has a weight from an initializer."""

    def __init__(self, shape, initializer, **kwargs):
        super().__init__(**kwargs)
        self.shape = tuple(shape)
        self.initializer = keras.initializers.get(initializer)

    def build(self, _):
        self.held = self.add_weight(shape=self.shape, initializer=self.initializer)

    def call(self, inputs):
        return inputs

    def get_config(self):
        initializer = keras.saving.serialize_keras_object(self.initializer)
        own = {"shape": list(self.shape), "initializer": initializer}
        return {**super().get_config(), **own}


class MetricContract(SavedContract):
    """Promises of a metric of class labels that `reference` repeats.

    Attributes:
        y_true, y_pred: Arrays. All the examples, an even number of at least six.
    """

    y_true = y_pred = None

    def reference(self, y_true, y_pred, sample_weight=None):
        """What `result` is to be: a float, or a dict of floats by their full names."""
        raise NotImplementedError

    def updated(self, metric, sample_weight=None):
        """The metric after three batches, of which the last one is small."""
        for part in np.split(np.arange(len(self.y_true)), [2, len(self.y_true) - 1]):
            weight = None if sample_weight is None else sample_weight[part]
            metric.update_state(self.y_true[part], self.y_pred[part], weight)
        return metric

    def assert_is(self, result, desired):
        if not isinstance(desired, dict):
            result, desired = {"": result}, {"": desired}
        assert result.keys() == desired.keys()
        for name, value in desired.items():
            assert_close(result[name], value)

    def test_agrees_with_the_reference_over_batches(self):
        metric = self.updated(self.make())
        self.assert_is(metric.result(), self.reference(self.y_true, self.y_pred))

    def test_weighs_examples(self):
        weights = np.random.default_rng(0).uniform(0, 2, len(self.y_true))
        weights[0] = 0
        metric = self.updated(self.make(), weights)
        desired = self.reference(self.y_true, self.y_pred, weights)
        self.assert_is(metric.result(), desired)

    def test_an_empty_batch_changes_nothing(self):
        metric = self.updated(self.make())
        metric.update_state(self.y_true[:0], self.y_pred[:0])
        self.assert_is(metric.result(), self.reference(self.y_true, self.y_pred))

    def test_takes_a_label_that_32_bits_would_make_another_for_none(self):
        y_true, results = np.array(self.y_true, "int64"), []
        right = y_true.flat[0]
        for label in (right + 2**32, 2**31 - 1):
            metric, y_true.flat[0] = self.make(), label
            metric.update_state(y_true, self.y_pred)
            results.append(metric.result())
        self.assert_is(*results)

    def test_forgets_when_it_is_reset(self):
        metric = self.updated(self.make())
        metric.reset_state()
        self.updated(metric)
        self.assert_is(metric.result(), self.reference(self.y_true, self.y_pred))

    def test_compiles(self):
        metric = self.make()
        state = metric.stateless_reset_state()

        def update(state, y_true, y_pred):
            return metric.stateless_update_state(state, y_true, y_pred)

        if keras.backend.backend() != "torch":
            # Dynamo does not trace Keras's scopes, nor does Keras compile them.
            update = compiled(update)
        tensors = map(keras.ops.convert_to_tensor, (self.y_true, self.y_pred))
        state = update(state, *tensors)
        desired = self.reference(self.y_true, self.y_pred)
        self.assert_is(metric.stateless_result(state), desired)

    def test_enters_the_logs_of_a_compiled_fit(self, monkeypatch):
        compile_without_a_compiler(monkeypatch)
        metric = self.make()
        identity = keras.layers.Activation("linear")
        model = keras.Sequential([keras.Input(self.y_pred.shape[1:]), identity])
        # A loss that no label is out of range for.
        loss = lambda y_true, y_pred: keras.ops.mean(y_pred, -1)  # noqa: E731
        model.compile("sgd", loss, metrics=[metric], jit_compile=True)
        data = {"x": self.y_pred, "y": self.y_true, "batch_size": 2, "verbose": 0}
        validation_data = self.y_pred, self.y_true
        history = model.fit(**data, epochs=2, validation_data=validation_data).history
        logs = model.evaluate(**data, return_dict=True)
        desired = self.reference(self.y_true, self.y_pred)
        if not isinstance(desired, dict):
            desired = {metric.name: desired}
        assert logs.keys() - {"loss"} == desired.keys()
        for name, value in desired.items():
            assert isinstance(logs[name], float)
            assert_close(logs[name], value)
            assert_close(history[name], [value] * 2)
            assert_close(history[f"val_{name}"], [value] * 2)


class OptimizerContract(SavedContract):
    """Promises of an optimizer around another one, its first argument.

    Attributes:
        inner_optimizers: Dict of functions that return a new inner optimizer.
    """

    inner_optimizers = {
        "momentum": lambda: keras.optimizers.SGD(0.05, momentum=0.9),
        "adam": lambda: keras.optimizers.Adam(0.01, clipnorm=1.0),
        "decay": lambda: keras.optimizers.AdamW(0.01, weight_decay=0.1),
        "average": lambda: keras.optimizers.Adam(
            0.01, use_ema=True, ema_overwrite_frequency=4
        ),
        "accumulation": lambda: keras.optimizers.AdamW(
            0.01, global_clipnorm=0.5, gradient_accumulation_steps=3
        ),
    }

    def test_config_holds_every_argument(self):
        config = self.make().get_config()
        for name in self.parameters():
            value = keras.saving.serialize_keras_object(self.arguments[name])
            assert same(config[name], value), name

    @pytest.fixture
    def float16(self):
        policy = keras.config.dtype_policy()
        keras.config.set_dtype_policy("mixed_float16")
        yield
        keras.config.set_dtype_policy(policy)

    def model(self, optimizer, **options):
        keras.utils.set_random_seed(0)
        model = keras.Sequential(
            [
                keras.Input((4,)),
                keras.layers.Dense(6, activation="tanh", name="first"),
                keras.layers.Dense(3, kernel_constraint="max_norm", name="last"),
            ],
            name="model",
        )
        model.compile(optimizer, "mse", **options)
        return model

    def fit(self, model, epochs=2, **options):
        x = np.random.default_rng(0).normal(size=(40, 4)).astype("float32")
        data = {"x": x, "y": x[:, :3], "batch_size": 8, "shuffle": False}
        model.fit(**data, epochs=epochs, verbose=0, **options)
        return model

    def trained(self, optimizer, **options):
        """Weights and state after a fit."""
        model = self.fit(self.model(optimizer, **options))
        weights = [array(weight) for weight in model.weights]
        return weights, [array(variable) for variable in model.optimizer.variables]

    @pytest.mark.builds_late
    @pytest.mark.parametrize("name", inner_optimizers)
    def test_changes_nothing_unless_asked(self, name):
        bare = self.inner_optimizers[name]
        assert same(self.trained(self.component(bare())), self.trained(bare()))

    def test_changes_nothing_within_loss_scaling(self, float16):
        bare = keras.optimizers.Adam(0.01, use_ema=True)
        inner = keras.optimizers.Adam.from_config(bare.get_config())
        results = []
        for optimizer in (self.component(inner), bare):
            model = self.model(optimizer)
            assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
            swap = keras.callbacks.SwapEMAWeights()
            self.fit(model, callbacks=[swap], validation_split=0.2)
            state = model.weights + model.optimizer.variables
            results.append([array(variable) for variable in state])
        assert same(*results)

    def test_trains_compiled_as_it_does_otherwise(self, monkeypatch):
        compile_without_a_compiler(monkeypatch)
        weights = []
        for jit_compile in (False, True):
            inner = keras.optimizers.Adam(0.01, gradient_accumulation_steps=2)
            optimizer = self.make(inner_optimizer=inner)
            model = self.model(optimizer, jit_compile=jit_compile)
            before = [array(weight) for weight in model.weights]
            self.fit(model, epochs=1)
            # A second fit goes on from the state that the first one left.
            self.fit(model, epochs=1)
            assert int(array(optimizer.iterations)) == 5
            weights.append([array(weight) for weight in model.weights])
        for old, *new in zip(before, *weights, strict=True):
            assert (new[0] != old).any()
            assert_close(*new)

    def test_training_continues_after_reloading(self, tmp_path):
        rate = keras.optimizers.schedules.CosineDecay(0.01, 20)
        inner = keras.optimizers.Adam(rate)
        model = self.fit(self.model(self.make(inner_optimizer=inner)))
        model.save(tmp_path / "model.keras")
        # In a process that has imported kdl alone.
        code = (
            "import sys, keras, kdl, numpy as np; folder = sys.argv[1];"
            "model = keras.saving.load_model(folder + '/model.keras');"
            "data = dict(np.load(folder + '/data.npz'));"
            "model.fit(**data, batch_size=8, shuffle=False, verbose=0);"
            "state = model.weights + model.optimizer.variables;"
            "state = map(keras.ops.convert_to_numpy, state);"
            "np.savez(folder + '/state.npz', *state)"
        )
        x = np.random.default_rng(0).normal(size=(40, 4)).astype("float32")
        np.savez(tmp_path / "data.npz", x=x, y=x[:, :3])
        subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
        self.fit(model, epochs=1)
        state = [array(v) for v in model.weights + model.optimizer.variables]
        with np.load(tmp_path / "state.npz") as revived:
            assert same([revived[name] for name in revived.files], state)


class LayerContract(SavedContract):
    """Promises of a layer called on a tensor of shape `input_shape`.

    Training is one batch of `train_on_batch`, whose step is that of `fit`: to prepare
    the data of a `fit` takes TensorFlow longer than a step of a small layer.

    Attributes:
        is_composed: Boolean. Whether the layer does nothing but call layers with tests
            of their own. PyTorch takes half a minute to trace a fit of such a one.
        has_keras_cell: Boolean. Whether it runs a recurrent cell of Keras, or one like
            it.
    """

    input_shape = None
    is_composed = False
    has_keras_cell = False

    def inputs(self):
        return normal(self.input_shape)

    def wrap(self, layer):
        """The layer, or a model with it that takes a tensor and returns a tensor."""
        return layer

    def batch(self):
        """Two examples, an array of floats, as a model is given that Keras exports."""
        shape = (2, *self.input_shape[1:])
        return np.random.default_rng(0).normal(size=shape).astype("float32")

    def test_shapes_agree(self):
        layer, shape = self.wrap(self.make()), (None, *self.input_shape[1:])
        symbolic = layer(keras.Input(batch_shape=shape)).shape
        assert layer.compute_output_shape(shape) == symbolic
        for training in (False, True):
            actual = called(layer, self.inputs(), training=training).shape
            assert tuple(actual) == (self.input_shape[0], *symbolic[1:])

    @pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
    def test_mixed_precision(self, dtype):
        layer = self.make(dtype=f"mixed_{dtype}")
        wrapped = self.wrap(layer)
        for training in (False, True):
            outputs = called(wrapped, self.inputs(), training=training)
            assert keras.backend.standardize_dtype(outputs.dtype) == dtype
            assert np.isfinite(array(keras.ops.cast(outputs, "float32"))).all()
        assert {weight.dtype for weight in layer.trainable_weights} <= {"float32"}
        revived = self.component.from_config(layer.get_config())
        assert revived.dtype_policy.name == f"mixed_{dtype}"

    def test_leaves_no_part_unbuilt(self):
        """Keras would call it once more, uncompiled, in each fit or prediction."""
        model = keras.Sequential([self.wrap(self.make())])
        model(self.inputs())
        parts = model._flatten_layers()
        assert [part.name for part in parts if not part.built] == []

    def test_takes_an_empty_batch(self):
        if keras.backend.backend() == "tensorflow" and self.has_keras_cell:
            pytest.skip("There, Keras's matmul and bias fail on an empty batch")
        layer, inputs = self.wrap(self.make()), self.inputs()
        shape = tuple(layer(keras.Input(batch_shape=inputs.shape)).shape)
        for training in (False, True):
            outputs = called(layer, inputs[:0], training=training)
            assert tuple(outputs.shape) == (0, *shape[1:])

    def test_is_finite_where_everything_is_padding(self):
        layer, inputs = self.make(), self.inputs()
        is_alone = type(self).wrap is LayerContract.wrap
        if is_alone and "mask" in layer.call_signature_parameters:
            nothing = np.zeros(inputs.shape[:2], "bool")
            outputs = keras.tree.flatten(layer(inputs, mask=nothing))
            assert all(np.isfinite(array(part)).all() for part in outputs)

    def test_inference_is_deterministic(self):
        layer, inputs = self.wrap(self.make()), self.inputs()
        assert_close(layer(inputs), layer(inputs))

    def test_inference_compiles(self):
        layer, inputs = self.wrap(self.make()), self.inputs()
        assert_close(layer(inputs), compiled(layer)(inputs))

    def test_trains_compiled_and_reloads(self, tmp_path):
        model, inputs = keras.Sequential([self.wrap(self.make())]), array(self.inputs())
        targets = np.zeros_like(array(model(inputs)))
        # On PyTorch it takes half a minute, and tests/test_traced_fits.py does it, of
        # those that are not composed.
        model.compile("sgd", "mse", jit_compile=keras.backend.backend() != "torch")
        before = [array(weight) for weight in model.trainable_weights]
        model.train_on_batch(inputs, targets)
        for old, weight in zip(before, model.trainable_weights, strict=True):
            assert np.isfinite(array(weight)).all()
            assert (array(weight) != old).any()
        model.save(tmp_path / "model.keras")
        revived = keras.saving.load_model(tmp_path / "model.keras")
        assert_close(revived(inputs), model(inputs))

    def test_learns_nothing_when_frozen(self, tmp_path):
        """Before it is built, as where it is loaded from a file."""
        layer, inputs = self.make(trainable=False), array(self.inputs())
        model = keras.Sequential([self.wrap(layer), Shift()])
        targets = np.zeros_like(array(model(inputs)))
        before = [array(weight) for weight in layer.weights]
        if not before:
            return
        # What is compiled is no other, and takes a while for loops.
        model.compile("sgd", "mse", run_eagerly=True)
        model.train_on_batch(inputs, targets)
        assert same([array(weight) for weight in layer.weights], before)
        model.save(tmp_path / "model.keras")
        revived = keras.saving.load_model(tmp_path / "model.keras")
        # What training would change.
        names = [weight.name for weight in revived.trainable_variables]
        assert names == ["shift"]

    def test_every_number_changes_what_it_computes(self):
        """Each that callbacks are shown, so that none is set in vain."""
        for layer in self.adjustable():
            model = keras.Sequential([Clock(), self.wrap(layer)])
            assert_numbers_matter(model, self.inputs())

    def test_gradient_is_finite_at_zero(self):
        inputs, layers = np.zeros_like(array(self.inputs())), [self.wrap(self.make())]
        if np.issubdtype(inputs.dtype, np.floating):
            # Its gradient is the sum of those of the inputs.
            layers.insert(0, Shift())
        model = keras.Sequential(layers)
        model.compile("sgd", "mse")
        model.train_on_batch(inputs, np.ones_like(array(model(inputs))))
        for weight in model.trainable_weights:
            assert np.isfinite(array(weight)).all()


@keras.saving.register_keras_serializable(package="tests")
class Shift(keras.layers.Layer):
    """Adds a number that is learned to its inputs."""

    supports_masking = True

    def build(self, _):
        self.shift = self.add_weight(shape=(), initializer="zeros", name="shift")

    def call(self, inputs):
        return inputs + self.shift


class CallbackContract(Contract):
    """Promises of a callback for `model.fit`.

    Attributes:
        seen: List. What the compiled steps of three epochs of three batches see of
            the number `"probe/value"`, which is 8 unless the callback adjusts it.
        alone: Boolean. Whether `fit` takes it alone as well, rather than in a list.
        monitored: Optional dict. Arguments beside `monitor` that let it go by any
            metric of the logs, or `None` if it goes by none.
        writes: Boolean. Whether it writes files of its own, by `kdl.files`.
        taken_up: Integer. The epoch, of three, that a second fit goes on at.
    """

    seen = [8] * 9
    alone = True
    monitored = None
    writes = False
    taken_up = 1

    def optimizer(self, **options):
        return keras.optimizers.SGD(0.1, **options)

    def small_model(self, optimizer=None, **options):
        """The same each time, of which only the first one is compiled."""
        optimizer = optimizer or self.optimizer()
        config = keras.saving.serialize_keras_object(optimizer)
        key = json.dumps([config, options, keras.config.dtype_policy().name])
        # Keras counts what it has named.
        key = re.sub(r'"name": "\w+"', "", key)
        if key not in _SMALL_MODELS:
            model = self.new_model(optimizer, **options)
            _SMALL_MODELS[key] = model, begin_anew(model)
        model, begin = _SMALL_MODELS[key]
        begin()
        return model

    def new_model(self, optimizer=None, **options):
        keras.utils.set_random_seed(0)
        probe = Probe(Adjustable(8), 9, name="probe")
        model = keras.Sequential(
            [keras.Input((4,)), Clock(), probe, keras.layers.Dense(3)], name="model"
        )
        model.compile(optimizer or self.optimizer(), "mse", **options)
        return model

    def train(self, model, callbacks, epochs=3, **options):
        before = model.get_config()
        history = model.fit(
            **small_data(),
            epochs=epochs,
            callbacks=callbacks,
            verbose=0,
            **options,
        )
        # A callback changes numbers, not what the model is made of.
        assert model.get_config() == before
        return history.history

    def state(self, model):
        """Weights, and what the steps saw among them."""
        return [array(weight) for weight in model.weights]

    def trained(self, callbacks):
        """History and state of the same small fit each time."""
        model = self.small_model()
        return self.train(model, callbacks), self.state(model)

    @property
    def expected(self):
        """What an uninterrupted fit comes to, found once for all tests."""
        if "_expected" not in vars(type(self)):
            type(self)._expected = self.trained([self.make()])
        return self._expected

    def assert_sees(self, model, seen):
        probe = model.get_layer("probe")
        assert_close(probe.calls, len(seen))
        assert_close(probe.seen, seen)

    @pytest.mark.builds_late
    def test_compiled_step_sees_what_it_sets(self):
        # Compiled while the callback is there.
        model = self.new_model()
        self.train(model, [self.make()])
        self.assert_sees(model, self.seen)

    def test_compiled_step_sees_it_in_every_setting(self):
        # On PyTorch tracing takes half a minute: benchmarks/what_can_change.py does it.
        jit_compile = keras.backend.backend() != "torch"
        policy = keras.config.dtype_policy()
        keras.config.set_dtype_policy("mixed_float16")
        try:
            optimizer = self.optimizer(gradient_accumulation_steps=2)
            model = self.small_model(optimizer=optimizer, jit_compile=jit_compile)
            self.train(model, [self.make()])
        finally:
            keras.config.set_dtype_policy(policy)
        self.assert_sees(model, self.seen)

    def test_compiled_step_sees_it_where_keras_runs_several_at_once(self):
        if keras.backend.backend() == "torch":
            pytest.skip("Keras has no steps_per_execution on PyTorch")
        model = self.small_model(steps_per_execution=3)
        self.train(model, [self.make()])
        self.assert_sees(model, self.seen)

    def test_a_second_fit_is_like_a_first(self):
        callback = self.make()
        self.trained([callback])
        assert same(self.trained([callback]), self.expected)

    def test_a_fit_after_an_interrupted_one_is_like_a_first(self):
        def interrupt(epoch, logs):
            if epoch == 1:
                raise KeyboardInterrupt

        callback = self.make()
        interruption = keras.callbacks.LambdaCallback(on_epoch_end=interrupt)
        with pytest.raises(KeyboardInterrupt):
            self.trained([callback, interruption])
        assert same(self.trained([callback]), self.expected)

    def test_survives_copies(self):
        clone = copy.deepcopy(pickle.loads(pickle.dumps(self.make())))
        assert same(self.trained([clone]), self.expected)
        # Of one that has been used, too.
        assert same(self.trained([copy.deepcopy(clone)]), self.expected)
        pickle.dumps(clone)

    def test_goes_on_where_it_was(self):
        model, first = self.small_model(), self.make()
        before = self.train(model, [first], epochs=self.taken_up)
        second = self.make()
        callbacks = [second]
        if hasattr(first, "get_state"):
            # As after a file.
            state = pickle.loads(pickle.dumps(first.get_state()))
            json.dumps(keras.tree.map_structure(_plain, state))
            restore = keras.callbacks.LambdaCallback(
                on_train_begin=lambda logs: second.set_state(state)
            )
            callbacks.append(restore)
        after = self.train(model, callbacks, initial_epoch=self.taken_up)
        history = {name: before[name] + after[name] for name in before}
        assert same((history, self.state(model)), self.expected)

    def test_takes_metrics_of_any_shape(self):
        """It goes by other ones, or by none."""
        # After the others, it sees what Keras makes of them.
        history, state = self.trained([Metrics(), self.make()])
        assert same(
            ({name: history[name] for name in self.expected[0]}, state), self.expected
        )

    def test_goes_by_an_array_of_one_as_by_a_number(self):
        if self.monitored is None:
            pytest.skip("It goes by no metric")
        found = []
        for name in ("number", "one"):
            callback = self.make(monitor=name, **self.monitored)
            history, state = self.trained([Metrics(), callback])
            found.append((history["loss"], state))
        assert same(*found)

    def test_goes_on_where_its_metric_is_not_a_number(self):
        if self.monitored is None:
            pytest.skip("It goes by no metric")
        callback = self.make(monitor="nan", **self.monitored)
        assert self.trained([Metrics(), callback])[0]["loss"]

    @pytest.mark.filterwarnings("ignore:.* leaves out 'text'")
    @pytest.mark.parametrize(
        ("name", "message"),
        [
            (
                "array",
                r"The metric 'array' must be one number to [^.]*, but it is an array "
                r"of shape \(3,\)\. Use a metric that averages over the classes, such "
                r"as `kdl\.metrics\.F1Score`\.",
            ),
            ("text", r"The metric 'text' must be a number to .*: text='good'"),
            ("missing", r"The logs have no metric 'missing' to .* They have: .*'loss'"),
        ],
    )
    def test_refuses_to_go_by_what_is_no_number(self, name, message):
        if self.monitored is None:
            pytest.skip("It goes by no metric")
        with pytest.raises(ValueError, match=message):
            callbacks = [Metrics(), self.make(monitor=name, **self.monitored)]
            self.trained([Text(), *callbacks])

    def test_goes_on_with_one_warning_when_the_disk_is_full(self, monkeypatch):
        if not self.writes:
            pytest.skip("It writes no files")

        def full(descriptor):
            raise OSError(errno.ENOSPC, "No space left on device")

        expected = self.expected
        with monkeypatch.context() as patch, pytest.warns(UserWarning) as caught:
            patch.setattr("kdl.files.os.fsync", full)
            assert same(self.trained([self.make()]), expected)
        messages = [str(w.message) for w in caught if w.category is UserWarning]
        assert len(messages) == 1, messages
        assert re.search(
            r"^Cannot write .*: No space left on device\. The training goes on, and "
            rf"{self.component.__name__} tries again the next time\.$",
            messages[0],
        )

    def test_works_alone_or_refuses(self):
        if self.alone or keras.backend.backend() == "tensorflow":
            assert same(self.trained(self.make()), self.expected)
        else:
            with pytest.raises(RuntimeError) as error:
                self.trained(self.make())
            assert str(error.value) == "`fit` must get its callbacks in a list"


@functools.cache
def small_data():
    """Three batches to train on and one to validate on, as arguments of `fit`.

    Of arrays, Keras has TensorFlow trace a pipeline in each `fit`, which takes longer
    than its epochs.
    """
    x = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
    data = {"x": x, "y": x[:, :3], "batch_size": 8, "validation_split": 0.25}
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        batches = tf.data.Dataset.from_tensor_slices((x, x[:, :3])).batch(8)
        data = {"x": batches.take(3), "validation_data": batches.skip(3)}
    return {**data, "shuffle": False}


# Of all callbacks, by what they are compiled with.
_SMALL_MODELS = {}


def begin_anew(model, x=None, y=None):
    """Notes the values of a compiled model's variables.

    To trace and compile its steps takes nearly all the time of a small fit.

    Args:
        model: `keras.Model`.
        x, y: Optional batch, of which the loss and the metrics are made now: `fit`
            would draw random numbers for it on PyTorch.

    Returns:
        Function that gives the variables these values, and random numbers their seed.
    """
    variables = variables_of(model)
    values = [array(variable) for variable in variables]
    if x is not None:
        outputs = model(x)
        model.compute_loss(x, y, outputs)
        model.compute_metrics(x, y, outputs)

    def begin():
        keras.utils.set_random_seed(0)
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)

    return begin


class Metrics(keras.callbacks.Callback):
    """Puts metrics into the logs, as Keras puts those that are arrays."""

    def on_epoch_end(self, epoch, logs=None):
        value = 1.0 / (1 + epoch)
        logs["number"] = value
        logs["one"] = keras.ops.convert_to_tensor([value])
        logs["array"] = keras.ops.convert_to_tensor([value, 2.0, 3.0])
        logs["nan"] = float("nan")


class Text(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        logs["text"] = "good"


class SpaceContract:
    """Promises of a search space: a function of `hp` that returns a part.

    Attributes:
        space: The function, as a `staticmethod`.
        arguments: Dict. What it takes besides.
        made: Dict. For each choice, a predicate of what it returns.
        numbers: Dict. For each choice, the names of its numbers.
        others: Names of further hyperparameters, which an argument asks for.
        refused: List of `(arguments, message)`.
    """

    space = None
    arguments = {}
    made = {}
    numbers = {}
    others = ()
    refused = []

    @property
    def name(self):
        return self.space.__name__

    def make(self, hp=None, **options):
        hp = hp or keras_tuner.HyperParameters()
        return self.space(hp, **{**self.arguments, **options})

    def declared(self, **options):
        hp = keras_tuner.HyperParameters()
        self.make(hp, **options)
        return hp

    def test_returns_what_is_chosen(self):
        assert set(self.made) == set(self.numbers)
        for choice, is_it in self.made.items():
            hp = keras_tuner.HyperParameters()
            hp.values[self.name] = choice
            # As one of several, and alone.
            assert is_it(self.make(hp, choices=list(self.made))), choice
            assert is_it(self.make(choices=[choice])), choice

    def test_first_choice_is_the_default(self):
        for choices in (list(self.made), list(self.made)[::-1]):
            assert self.declared(choices=choices).values[self.name] == choices[0]

    def test_whole_space_is_declared_at_once(self):
        hp = self.declared(choices=list(self.made))
        declared = [parameter.name for parameter in hp.space]
        # Of one name, KerasTuner would lose the active one.
        assert len(set(declared)) == len(declared)
        numbers = {n for names in self.numbers.values() for n in names}
        assert set(declared) == {self.name, *(f"{self.name}/{n}" for n in numbers)}
        for parameter in hp.space:
            if hasattr(parameter, "min_value"):
                assert parameter.min_value <= parameter.default <= parameter.max_value

    def test_numbers_belong_to_their_choice(self):
        for choice, names in self.numbers.items():
            hp = keras_tuner.HyperParameters()
            hp.values[self.name] = choice
            self.make(hp, choices=list(self.made))
            active = {f"{self.name}/{name}" for name in names}
            assert set(hp.values) == {self.name, *active}
            # A single choice is none.
            assert set(self.declared(choices=[choice]).values) == active

    def test_scope_begins_the_names(self):
        names = [parameter.name for parameter in self.declared().space]
        scoped = [parameter.name for parameter in self.declared(scope="dense").space]
        assert scoped == [f"dense/{name}" for name in names]

    def test_refuses_choices_in_place_of_the_scope(self):
        choices = list(self.made)[:1]
        with pytest.raises(ValueError) as error:
            self.make(scope=choices)
        assert str(error.value) == (
            "`scope` must be a string, with which the names begin, or None. Received: "
            f"scope={choices!r}. Choices are given as `choices=…`."
        )

    @pytest.mark.parametrize("kind", ["RandomSearch", "BayesianOptimization"])
    def test_any_point_that_a_tuner_proposes_makes_a_part(self, kind, tmp_path):
        made = []

        def build(hp):
            part = self.make(hp, choices=list(self.made))
            assert self.made[hp.values[self.name]](part)
            made.append(hp.values[self.name])
            return part

        class Tuner(getattr(keras_tuner, kind)):
            def run_trial(self, trial, **kwargs):
                build(trial.hyperparameters)
                return len(made)

        tuner = Tuner(
            build,
            keras_tuner.Objective("score", "max"),
            max_trials=12,
            directory=tmp_path,
            seed=0,
        )
        tuner.search()
        assert len(set(made)) > min(2, len(self.made) - 1)

    def test_is_at_its_defaults_where_a_condition_is_not_met(self):
        hp = keras_tuner.HyperParameters()
        hp.Choice("parent", ["a", "b"])
        with hp.conditional_scope("parent", ["b"]):
            part = self.make(hp, choices=list(self.made))
        assert next(iter(self.made.values()))(part)

    def test_refuses_calls_of_one_name_that_differ(self):
        one, *others = self.made
        hp = self.declared(choices=[one, *others])
        with pytest.raises(ValueError) as error:
            self.make(hp, choices=others[:2])
        assert str(error.value) == (
            f"`{self.name}` must be declared alike in every call. Received: {one!r}, "
            f"of another call, where this one has {others[:2]}. A `scope` gives a call "
            "names of its own."
        )

    def test_says_what_each_hyperparameter_means(self):
        numbers = {n for names in self.numbers.values() for n in names}
        names = {self.name, *(f"{self.name}/{n}" for n in numbers), *self.others}
        assert self.space.meanings.keys() == names
        # Beside a table of names, in a line.
        assert all(0 < len(line) < 70 for line in self.space.meanings.values())

    def test_documents_choices_and_numbers(self):
        text = inspect.getdoc(self.space)
        for choice, names in self.numbers.items():
            assert f'`"{choice}"`' in text
            assert all(f"`{name.rpartition('/')[2]}`" in text for name in names)

    def test_refuses_bad_arguments(self):
        assert self.refused
        for arguments, message in self.refused:
            with pytest.raises(ValueError) as error:
                self.make(**arguments)
            assert str(error.value) == message


class RecipeContract:
    """Promises of a recipe.

    Attributes:
        recipe: The recipe under test.
        epochs: Integer. Number of epochs after which its defaults have learned.
        examples: Integer. How many of its training examples suffice for that.
    """

    recipe = None
    epochs = 3
    examples = 256

    def data(self):
        data = self.recipe.data()
        some = {name: leading(data[name], self.examples) for name in ("x", "y")}
        return {**data, **some}

    def batch(self):
        data = self.recipe.data()
        return {name: leading(data[name], 2) for name in ("x", "y")}

    @pytest.mark.one_backend
    def test_takes_another_objective(self):
        """As `kdl tune --objective` gives it one."""
        recipe, other = copy.copy(self.recipe), keras_tuner.Objective("val_loss", "max")
        recipe.objective = other
        assert recipe.objective is other

    def test_defaults_learn(self):
        keras.utils.set_random_seed(0)
        model, history = run(self.recipe, **self.data(), epochs=self.epochs, verbose=0)
        objective = self.recipe.objective
        first, *_, last = history.history[objective.name]
        assert last < first if objective.direction == "min" else last > first
        test = leading(self.recipe.test_data(), 256)
        test["x"] = self.recipe.inputs_for(model, test["x"])
        if "y" in test:
            test["y"] = self.recipe.targets_for(model, test["y"])
        scores = model.evaluate(**test, verbose=0, return_dict=True)
        assert objective.name.removeprefix("val_") in scores

    def test_has_what_the_command_line_asks_for(self):
        fit = inspect.signature(self.recipe.fit).parameters
        assert fit["epochs"].default is None and self.recipe.epochs >= 1
        assert "seed" in fit
        # What it makes of the test set, and in which file it belongs.
        assert callable(self.recipe.examine)
        # A recipe by name, on a source by name.
        assert isinstance(type(self.recipe)().source, str)
        assert type(self.recipe)("gallery").source == "gallery"

    def test_refuses_bad_arguments(self):
        for arguments, name in (
            ({"source": "nowhere"}, "source"),
            ({"source": ["digits"]}, "source"),
            ({"seed": -1}, "seed"),
            ({"seed": None}, "seed"),
            ({"seed": 2**32}, "seed"),
        ):
            with pytest.raises(ValueError, match=f"^`{name}` must be "):
                type(self.recipe)(**arguments)

    def test_data_are_the_same_each_time(self):
        assert same(self.recipe.data(), self.recipe.data())
        assert same(self.recipe.test_data(), self.recipe.test_data())

    def test_space_is_described_and_has_its_defaults_within(self):
        hp = keras_tuner.HyperParameters()
        self.recipe.space(hp)
        assert type(self.recipe).__doc__
        for parameter in hp.space:
            assert parameter.name in self.recipe.meanings, parameter.name
            if hasattr(parameter, "min_value"):
                assert parameter.min_value <= parameter.default <= parameter.max_value
            else:
                assert parameter.default in parameter.values

    @pytest.mark.one_backend
    def test_builds_in_mixed_precision_with_a_last_layer_of_float32(self):
        recipe = copy.copy(self.recipe)
        # KerasTuner has bound it to the recipe that was copied.
        vars(recipe).pop("build")
        recipe.precision = "mixed_bfloat16"
        model = recipe.build(hyperparameters(recipe, {}))
        assert keras.config.dtype_policy().name == "float32"
        parts = private.layers_of(model)
        assert "bfloat16" in {part.compute_dtype for part in parts}
        assert {weight.dtype for weight in model.trainable_weights} <= {"float32"}
        assert {layer.compute_dtype for layer in heads(model)} <= {"float32"}

    @pytest.mark.one_backend
    def test_tuner_sees_the_whole_space_at_once_and_searches_it(self, tmp_path):
        tuner = keras_tuner.RandomSearch(
            self.recipe, self.recipe.objective, max_trials=2, directory=tmp_path
        )
        space = {hp.name for hp in tuner.oracle.get_space().space}
        tuner.search(**self.data(), epochs=1, verbose=0)
        assert space == {hp.name for hp in tuner.oracle.get_space().space}
        (best,) = tuner.get_best_hyperparameters()
        run(self.recipe, **self.data(), hp=best, epochs=1, verbose=0)


def assert_numbers_matter(model, x, y=None):
    """Holds that outputs or losses change with each number that callbacks are shown."""
    model(x)
    # Also what the masks are drawn from.
    state = [array(variable) for variable in model.variables]

    def computed(number, value):
        for variable, before in zip(model.variables, state, strict=True):
            variable.assign(before)
        number.variable.assign(value)
        outputs = model(x, training=True)
        losses = model.losses if y is None else [model.compute_loss(x, y, outputs)]
        return [array(part) for part in (outputs, *losses)]

    numbers = find_numbers(model)
    assert numbers
    for name, number in numbers.items():
        _, high = map(float, number.interval[1:-1].split(","))
        values = (0.1, 5.0) if math.isinf(high) else (0.1 * high, 0.9 * high)
        assert not same(*(computed(number, value) for value in values)), name


def leading(data, count):
    """The first examples of an array, or of a structure of arrays."""
    return keras.tree.map_structure(lambda part: part[:count], data)


def normal(shape, dtype="float32"):
    """Returns a fixed tensor of standard normal values."""
    values = np.random.default_rng(0).normal(size=shape)
    return keras.ops.convert_to_tensor(values, dtype)


def array(tensor):
    """Returns a tensor of any backend as a NumPy array."""
    return keras.ops.convert_to_numpy(tensor)


def _plain(value):
    """An array of a state, which need not be JSON, as something that is."""
    return None if isinstance(value, np.ndarray) else value


def assert_close(actual, desired):
    np.testing.assert_allclose(array(actual), array(desired), rtol=1e-5, atol=1e-6)


def same(a, b):
    """Whether two nests of containers, arrays and plain values are equal.

    A schedule, a loss, a metric, an initializer, a layer or a feeding equals one of
    the same config, and the config itself.
    """
    kinds = (
        keras.optimizers.schedules.LearningRateSchedule,
        keras.losses.Loss,
        keras.metrics.Metric,
        keras.initializers.Initializer,
        keras.layers.Layer,
        Feeding,
    )
    a, b = (
        keras.saving.serialize_keras_object(x) if isinstance(x, kinds) else x
        for x in (a, b)
    )
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if not isinstance(a, np.ndarray):
        return a == b
    kinds = {a.dtype.kind, np.asarray(b).dtype.kind}
    return np.array_equal(a, b, equal_nan=kinds <= set("fM"))


def compiled(function):
    """Returns `function` as the current backend compiles it, in one graph."""
    match keras.backend.backend():
        case "jax":
            import jax

            return jax.jit(function)
        case "tensorflow":
            import tensorflow as tf

            return tf.function(function, jit_compile=True)
        case "torch":
            import torch

            # It remembers what it compiled, and refuses the ninth of a kind.
            torch.compiler.reset()
            # The eager backend traces the whole graph but needs no C++ compiler.
            return torch.compile(function, backend="eager", fullgraph=True)


def called(layer, inputs, training=False):
    """Returns what a layer returns for a tensor, and updates its state.

    JAX compiles the call as one, which takes less than to compile each operation.
    """
    # A clock must have seen its model before it is compiled.
    if keras.backend.backend() != "jax" or isinstance(layer, Clock):
        return layer(inputs, training=training)
    import jax

    if not layer.built:
        layer(
            keras.KerasTensor(
                inputs.shape, keras.backend.standardize_dtype(inputs.dtype)
            )
        )

    @jax.jit
    def call(state, inputs):
        mapping = list(zip(layer.variables, state, strict=True))
        with keras.StatelessScope(mapping) as scope:
            outputs = layer(inputs, training=training)
        return outputs, [scope.get_current_value(v) for v in layer.variables]

    outputs, state = call([variable.value for variable in layer.variables], inputs)
    for variable, value in zip(layer.variables, state, strict=True):
        variable.assign(value)
    return outputs


def compile_without_a_compiler(monkeypatch):
    """Has PyTorch's `fit(jit_compile=True)` trace the graph, but not build it."""
    if keras.backend.backend() == "torch":
        import torch

        # Of the ninth fit that it traces it would trace nothing.
        torch.compiler.reset()
        eager = functools.partial(torch.compile, backend="eager")
        monkeypatch.setattr(torch, "compile", eager)
