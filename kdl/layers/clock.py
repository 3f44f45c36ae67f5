"""The clock of a model."""

import weakref

import keras
import numpy as np
from keras import ops

from kdl.schedules.number import caller, numbers_of, state_in_progress, unused


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
    out of a model or a block that is called several times within another.

    The count is saved with the model, with the variables of `Adjustable` numbers.

    Args:
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Tensor of any shape and dtype, or a list, tuple or dict of tensors.
        training: Boolean. Whether to count. Defaults to `None`: what Keras says of
            the call of the model.

    Returns:
        The inputs.

    Raises:
        ValueError: If a model has two clocks, or one that it calls twice a batch.

    Example:

    >>> rate = kdl.schedules.OneCycle(0.5, total_steps=1000)
    >>> inputs = keras.Input((64,))
    >>> hidden = kdl.layers.Clock()(inputs)
    >>> hidden = kdl.layers.DropConnectDense(32, rate=rate)(hidden)
    """

    def __init__(self, **kwargs):
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
        # The numbers of each model that this clock has been called in, by name.
        self._numbers = weakref.WeakKeyDictionary()
        # The last of these models, what it was compiled with, and its last call.
        self._model = self._context = lambda: None
        self._compiled = None
        self._batches_per_update = 1
        # What a file says of numbers that are not found yet.
        self._saved = {}

    def call(self, inputs, training=None):
        self._look_around(training)
        for numbers in self._numbers.values():
            for number in numbers.values():
                number.clock = weakref.ref(self)
        if training:
            self.batches.assign_add(1)
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape

    def compute_output_spec(self, inputs, training=None):
        return keras.tree.map_structure(
            lambda x: keras.KerasTensor(x.shape, x.dtype, sparse=x.sparse), inputs
        )

    def step(self, per_update=False):
        """Returns the step in force: how many batches came before the current one.

        Args:
            per_update: Boolean. Whether to return the optimizer's updates instead.
                Defaults to `False`.

        Returns:
            Python int where the backend is eager, otherwise a scalar int32 tensor.
        """
        batches = _as_int(self.batches)
        if batches is None:
            step = ops.maximum(ops.convert_to_tensor(self.batches) - 1, 0)
        else:
            step = max(batches - 1, 0)
        return step // self._batches_per_update if per_update else step

    def counts_here(self):
        """Whether this clock counts the batches of the model that is being run."""
        layer, state = caller(), state_in_progress()
        if layer is not None and layer is self._model():
            return True
        if state is not None and state.state_mapping:
            # JAX runs the layers of a model on the state of the whole model.
            return self._is_in(state)
        # Without a layer, this is a regularizer or a loss, after the model's call.
        return not isinstance(layer, keras.Model)

    @property
    def variables(self):
        """All state of the clock, and the variables of the numbers it drives."""
        # Nothing else that Keras tracks holds those of regularizers and losses.
        return [*super().variables, *self._adjustable().values()]

    def save_own_variables(self, store):
        store["batches"] = self.batches
        for name, value in {**self._saved, **self._adjustable()}.items():
            store[name] = value

    def load_own_variables(self, store):
        self.batches.assign(store["batches"])
        adjustable, self._saved = self._adjustable(), {}
        for name in store.keys():  # noqa: SIM118, a group of an HDF5 file
            if name in adjustable:
                adjustable[name].assign(store[name])
            elif name != "batches":
                # Of a number that is found once the model is called.
                self._saved[name] = float(np.array(store[name]))

    def _adjustable(self):
        """The variables of the numbers, by names for a file."""
        found = {}
        # Those of the last model come first, and so have their own names.
        for numbers in reversed([*self._numbers.values()]):
            for name, number in numbers.items():
                variable = number.variable
                if variable is not None and all(
                    variable is not other for other in found.values()
                ):
                    found[unused(name.replace("/", "."), found)] = variable
        return found

    def _look_around(self, training):
        """Finds the numbers of the model that calls this clock, where one is seen."""
        model, state = caller(), state_in_progress()
        if state is not None and self._is_in(state):
            # JAX runs the layers of a model without a call of the model itself.
            if training is None:
                raise ValueError(
                    f"The clock {self.name!r} is not told whether a batch is trained "
                    "on. On JAX, the `call` of a model of your own has to take "
                    "`training` and to pass it on: `clock(inputs, training=training)`"
                )
            if not self._numbers:
                raise ValueError(
                    f"The clock {self.name!r} has not seen the model that it is in. "
                    "Call the model on a batch before `fit`: Keras does so only for a "
                    "model that is compiled with a loss or with metrics."
                )
            return
        if model is self:
            return
        context = self._get_call_context()
        if context is self._context():
            raise ValueError(
                f"The clock {self.name!r} is called twice in one call of "
                f"{model.name!r}, and would count each batch twice. Call it once, on "
                "all inputs of the outermost model: `a, b = kdl.layers.Clock()([a, b])`"
            )
        self._context = weakref.ref(context)
        optimizer, loss = (getattr(model, name, None) for name in ("optimizer", "loss"))
        compiled = id(optimizer), id(loss)
        if model is not self._model() or compiled != self._compiled:
            self._model, self._compiled = weakref.ref(model), compiled
            self._batches_per_update = _batches_per_update(optimizer)
            self._find_numbers(model)

    def _find_numbers(self, model):
        layers = model._flatten_layers()
        clocks = [repr(layer.name) for layer in layers if isinstance(layer, Clock)]
        if len(clocks) > 1:
            raise ValueError(
                f"The model {model.name!r} has {len(clocks)} clocks: "
                f"{', '.join(clocks)}. One drives all: keep that of the outermost "
                "model."
            )
        # Anew, so that it is the last one.
        self._numbers.pop(model, None)
        self._numbers[model] = numbers_of(model)
        for name, number in self._numbers[model].items():
            if (saved := self._saved.pop(name.replace("/", "."), None)) is not None:
                number.begin_at(saved)

    def _is_in(self, state):
        return state.get_current_value(self.batches) is not None


def _batches_per_update(optimizer):
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
