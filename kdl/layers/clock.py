"""The clock of a model."""

import collections
import warnings
import weakref
from typing import Any

import keras
import numpy as np
from keras import ops

from kdl import private
from kdl.schedules.number import Number, find_numbers, state_in_progress
from kdl.typing import Shapes, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class Clock(keras.layers.Layer):
    """Counts training batches, and so drives the schedules of a model.

    It returns its inputs as they are. Each training batch that passes through it is
    counted once, in the compiled step, on every backend and without a callback; in
    evaluation and prediction nothing is counted. The step of a schedule is the number
    of training batches before the current one.

    With a clock as the first layer, every number of a kdl part in the model takes a
    schedule: of its layers, of layers within layers, of the regularizers of any
    layer, also of Keras's own, and of the losses it is compiled with.

    Keras compiles what a layer holds in Python into the training step, so that a
    number set during `fit` changes nothing on JAX and TensorFlow. Its optimizers
    follow schedules since they count their updates; to a layer that count is out of
    reach on JAX. The clock is to the model what `iterations` is to the optimizer.

    A model has one clock, at its inputs: it has to come before what it drives, and to
    be called once a batch. So give it all the inputs of a model at once, and keep it
    out of a model or a block that is called several times within another, or with
    `training=False`.

    The count is saved with the model, with the variables of `Adjustable` numbers. A
    callback that restores weights, such as `EarlyStopping`, restores the count.

    Args:
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Tensor of any shape and dtype, or a list, tuple or dict of tensors.
        training: Boolean. Whether to count. Defaults to `None`: what Keras says of
            the call of the model.

    Returns:
        The inputs.

    Raises:
        ValueError: If a model has two clocks, calls its clock twice in one call, or
            does not tell it whether it trains.

    Example:

    >>> rate = kdl.schedules.OneCycle(0.5, total_steps=1000)
    >>> inputs = keras.Input((64,))
    >>> hidden = kdl.layers.Clock()(inputs)
    >>> hidden = kdl.layers.DropConnectDense(32, rate=rate)(hidden)
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.supports_masking = True
        self.batches = self.add_weight(
            shape=(),
            dtype="int32",
            initializer="zeros",
            trainable=False,
            name="batches",
        )
        self.built = True
        # All numbers ever found. Keras on JAX knows variables by their position, so
        # that none may move while a fit runs. (In a list, they would be found here.)
        self._numbers = collections.deque()
        # Those of each model that this clock is in, by name.
        self._models = weakref.WeakKeyDictionary()
        # The model that was called last, what it was compiled with, and that call.
        self._model = self._context = lambda: None
        self._compiled = None
        # What a file says of models that have not been seen: for each of them, names
        # and values.
        self._saved = []

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        self._look_around(training)
        for number in self._numbers:
            number.clock = weakref.ref(self)
        if training:
            self.batches.assign_add(1)
        return inputs

    def compute_output_shape(self, input_shape: Shapes) -> Shapes:
        return input_shape

    def compute_output_spec(self, inputs: Tensor, training: bool | None = None) -> Any:
        return keras.tree.map_structure(
            lambda x: keras.KerasTensor(x.shape, x.dtype, sparse=x.sparse), inputs
        )

    def step(self, per_update: bool = False) -> Tensor:
        """Returns the step in force: how many batches came before the current one.

        Args:
            per_update: Boolean. Whether to divide it by the number of batches in
                which the optimizer accumulates gradients. Defaults to `False`.

        Returns:
            Python int where the backend is eager, otherwise a scalar int32 tensor.
        """
        batches = _as_int(self.batches)
        if batches is None:
            step = ops.maximum(ops.convert_to_tensor(self.batches) - 1, 0)
        else:
            step = max(batches - 1, 0)
        if per_update:
            step = step // _batches_per_update(self._model())
        return step

    def counts_here(self) -> bool:
        """Whether this clock counts the batches of the model that is being run."""
        layer, state, model = (
            private.outermost_call(),
            state_in_progress(),
            self._model(),
        )
        if layer is not None and layer is model:
            return True
        if state is None or (layer is None and not _is_run_on(state, model)):
            # Without a layer, this is a regularizer or a loss after the model's call.
            return not isinstance(layer, keras.Model)
        # JAX runs the layers of a model on the state of the whole model.
        return self._is_in(state)

    def numbers(self, model: keras.Model) -> dict[str, Number]:
        """Returns the numbers of a model that this clock is in, and drives them."""
        layers = private.layers_of(model)
        clocks = [repr(layer.name) for layer in layers if isinstance(layer, Clock)]
        if len(clocks) > 1:
            raise ValueError(
                f"The model {model.name!r} has {len(clocks)} clocks: "
                f"{', '.join(clocks)}. One drives all: keep that of the outermost "
                "model."
            )
        seen = model in self._models
        numbers = self._models[model] = find_numbers(model)
        for number in numbers.values():
            if all(number is not other for other in self._numbers):
                self._numbers.append(number)
        if not seen:
            self._restore(model)
        return numbers

    @property
    def variables(self) -> list[keras.Variable]:
        """All state of the clock, and the variables of the numbers it drives."""
        # Nothing else that Keras tracks holds those of regularizers and losses.
        found = [number.variable for number in self._numbers if number.is_adjustable]
        return [*super().variables, *found]

    def save_own_variables(self, store: Any) -> None:
        store["batches"] = self.batches
        seen = [
            [(name, number.variable) for name, number in self._adjustable(model)]
            for model in self._models
        ]
        for n, group in enumerate(filter(None, [*self._saved, *seen])):
            for m, (name, value) in enumerate(group):
                store[f"{n}:{m}:{name.replace('/', '.')}"] = value

    def load_own_variables(self, store: Any) -> None:
        self.batches.assign(store["batches"])
        groups = {}
        for key in store.keys():  # noqa: SIM118, a group of an HDF5 file
            if key != "batches":
                n, m, name = key.split(":", 2)
                value = float(np.array(store[key]))
                groups.setdefault(int(n), {})[int(m)] = name, value
        self._saved = [[g[m] for m in sorted(g)] for _, g in sorted(groups.items())]
        for model in self._models:
            self._restore(model, over=True)

    def _adjustable(self, model):
        numbers = self._models[model].items()
        return [(name, number) for name, number in numbers if number.is_adjustable]

    def _restore(self, model, over=False):
        """Gives the numbers of a model the values that a file has for them."""
        numbers = self._adjustable(model)
        names = [name.replace("/", ".") for name, _ in numbers]
        # By their names, or by their order: Keras counts layers anew in each process.
        alike = [g for g in self._saved if len(g) == len(names)]
        alike.sort(key=lambda group: [name for name, _ in group] != names)
        if alike and names:
            self._saved.remove(alike[0])
            for (_, number), (_, value) in zip(numbers, alike[0], strict=True):
                number.restore(value, over)
        elif self._saved and len(self._models) == 1:
            saved = ", ".join(name for group in self._saved for name, _ in group)
            self._saved = []
            warnings.warn(
                f"The adjustable numbers of the file, {saved}, are not those of the "
                f"model {model.name!r}, {', '.join(names) or 'none'}, and are not "
                "restored.",
                stacklevel=2,
            )

    def _look_around(self, training):
        """Finds the numbers of the model that calls this clock, where one is seen."""
        model, state = private.outermost_call(), state_in_progress()
        if state is not None and self._is_in(state):
            # JAX runs the layers of a model without a call of the model itself.
            self._check_run(training)
            return
        if model is self:
            return
        if isinstance(model, keras.Model):
            _check_call(model)
        context = private.call_context(self)
        if context is self._context():
            raise ValueError(
                f"The clock {self.name!r} is called twice in one call of "
                f"{model.name!r}, and would count each batch twice. Call it once, on "
                "all inputs of the outermost model: `a, b = kdl.layers.Clock()([a, b])`"
            )
        self._context = weakref.ref(context)
        compiled = [id(getattr(model, name, None)) for name in ("optimizer", "loss")]
        # A part of the model may be called beside, which is not what is fitted.
        beside = state is None and not training and self._model() not in (None, model)
        if not beside and (model is not self._model() or compiled != self._compiled):
            self._model, self._compiled = weakref.ref(model), compiled
            self.numbers(model)

    def _check_run(self, training):
        model = self._model()
        if training and not self._models:
            raise ValueError(
                f"The clock {self.name!r} has not seen the model that it is in. Call "
                "the model on a batch before `fit`: Keras does so only for a model "
                "that is compiled with a loss or with metrics."
            )
        # A model of Keras's tells its layers what it has been told.
        if training is None and model is not None and _is_custom(model):
            raise ValueError(_TELL.format(model.name))

    def _is_in(self, state):
        return state.get_current_value(self.batches) is not None


_TELL = (
    "The model {!r} does not tell its clock whether it trains. Its `call` has to take "
    "`training`, and to pass it on: `self.clock(inputs, training=training)`"
)


def numbers_of(model):
    """Returns the numbers of a model on schedules, by name, with their saved values."""
    clock = _clock_of(model)
    return clock.numbers(model) if clock else find_numbers(model)


def driven_numbers(model):
    """Returns those that a clock drives, of a model without one none."""
    clock = _clock_of(model)
    return clock.numbers(model) if clock else {}


def _clock_of(model):
    layers = private.layers_of(model)
    return next((layer for layer in layers if isinstance(layer, Clock)), None)


def _check_call(model):
    if "training" not in model.call_signature_parameters:
        raise ValueError(_TELL.format(model.name))


def _is_custom(model):
    return not type(model).call.__module__.startswith("keras.")


def _is_run_on(state, model):
    """Whether a state is that of a model, rather than one of inferring shapes."""
    weights = model.trainable_variables if model is not None else []
    return any(state.get_current_value(weight) is not None for weight in weights)


def _batches_per_update(model):
    optimizer = getattr(model, "optimizer", None)
    while hasattr(optimizer, "inner_optimizer"):
        optimizer = optimizer.inner_optimizer
    return getattr(optimizer, "gradient_accumulation_steps", None) or 1


def _as_int(variable):
    """The value of a variable, where it can be read during a step, or `None`."""
    match keras.backend.backend():
        case "torch":
            import torch

            value = variable.value
            if not torch.compiler.is_compiling() and not value.is_meta:
                return int(value)
    return None
