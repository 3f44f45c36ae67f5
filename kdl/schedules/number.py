"""Numbers of a part that may follow a schedule."""

import contextlib
import re
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import DTypeLike

from kdl import private
from kdl.checks import check_number, check_number_or_schedule
from kdl.schedules.adjustable import Adjustable
from kdl.schedules.per_update import PerUpdate
from kdl.typing import FloatOrSchedule, Tensor

# Steps at which a schedule is tried when a part takes it: 0, 1, 2, 5, 10, … 5e8.
_TRIED = [0, *(digit * 10**power for power in range(9) for digit in (1, 2, 5))]
_INTERVAL = re.compile(r"[\[(][-+.\w]+, ?[-+.\w]+[\])]")
_CHUNK = 1024  # Steps that an eager backend evaluates at a time.
# Most attributes of a layer, which hold nothing. Callbacks look once an epoch.
_PLAIN = {bool, float, int, str, type(None)}


def number(
    name: str, value: "FloatOrSchedule | dict[str, Any] | Number", interval: str
) -> "float | Number":
    """Returns a number of a part: a float, or what `now` reads off a schedule.

    A part that takes a schedule writes one line in its `__init__`, one in its config,
    and `now` where it uses the number, a layer in each call, in training or not:

        self.rate = number("rate", rate, "[0, 1)")
        "rate": keras.saving.serialize_keras_object(self.rate)
        rate = now(self.rate, training)

    The part is a layer, a regularizer or a loss, and the number an attribute of it.
    That is where `kdl.layers.Clock`, which drives it, looks.

    Args:
        name: String. Name of the argument, as the user wrote it.
        value: Value of the argument: a number or a
            `keras.optimizers.schedules.LearningRateSchedule`, also as a config.
        interval: String. Interval notation, such as `"[0, 1)"` or `"(0, inf)"`.

    Returns:
        A Python float for a number, and otherwise an object for `now`.

    Raises:
        ValueError: If `name` is no string, if `interval` is none, if `value` is neither
            a number in the interval nor a schedule, or a schedule that is outside the
            interval at step 0, 1, 2, 5, 10, 20, and so on.

    Example:

    >>> rate = kdl.schedules.number("rate", 0.5, "[0, 1)")
    >>> keep = 1 - kdl.schedules.now(rate)
    """
    if not isinstance(name, str) or not name:
        raise ValueError(
            f"`name` must be a string that is not empty. Received: name={name!r}"
        )
    if not isinstance(interval, str) or not _INTERVAL.fullmatch(interval):
        raise ValueError(
            "`interval` must be an interval, such as '[0, 1)' or '(0, inf)'. "
            f"Received: interval={interval!r}"
        )
    if isinstance(value, dict) and value:
        value = keras.saving.deserialize_keras_object(value)
    if isinstance(value, Number):
        value = value.schedule
    value = check_number_or_schedule(name, value, interval)
    return value if isinstance(value, float) else Number(name, value, interval)


def now(
    value: "float | Number", training: bool | None = True, dtype: DTypeLike = "float32"
) -> Tensor:
    """Returns what a number of a part is at the current training batch.

    Args:
        value: What `number` returned.
        training: Boolean. Whether the part is called on a training batch. If not, a
            number that no clock drives is what it will be at step 0. Defaults to
            `True`, as for regularizers and losses, which cannot tell.
        dtype: Dtype of what it is to be combined with. Defaults to `"float32"`.

    Returns:
        A Python float, or a scalar tensor of the dtype.

    Raises:
        ValueError: If the number follows a schedule, and the model has no
            `kdl.layers.Clock` to drive it.

    Example:

    >>> kdl.schedules.now(kdl.schedules.number("rate", 0.5, "[0, 1)"))
    0.5
    """
    if isinstance(value, Number):
        value = value.now(training)
    return value if isinstance(value, float) else ops.cast(value, dtype)


@keras.saving.register_keras_serializable(package="kdl")
class Number:
    """A number that follows a schedule by the clock of a model.

    Attributes:
        name: String. Name of the argument of the part.
        schedule: `keras.optimizers.schedules.LearningRateSchedule`.
        interval: String. Interval that the number lies in.
        is_adjustable: Boolean. Whether the schedule is `Adjustable`.
        is_used: Boolean. Whether the part ever asks for it. One that found out, when
            it was built, that it does not, says so, and callbacks are not shown it.
        clock: Weak reference to the `kdl.layers.Clock` that drives it, once it does.
    """

    def __init__(self, name, schedule, interval):
        self.name, self.schedule, self.interval = name, schedule, interval
        self.clock = self._variable = None
        self._factor = inner = schedule
        self.is_adjustable = isinstance(schedule, Adjustable)
        self.is_used = True
        if self.is_adjustable:
            self._factor, inner = schedule.factor, schedule.schedule
            self._start = schedule.value
        self.per_update = isinstance(inner, PerUpdate)
        if _marks_within(inner.schedule if self.per_update else inner):
            raise ValueError(
                f"`{name}` must follow a schedule that Adjustable and PerUpdate, in "
                "this order, go around: `Adjustable(schedule=PerUpdate(schedule))`. "
                f"Received: {type(schedule).__name__}, with one of them within."
            )
        self._first, self._chunk, self._in_chunks = 0, (), True
        check_values(name, schedule, interval)

    @property
    def variable(self):
        """What callbacks may change: a scalar float32 variable. Only if adjustable."""
        # Made when it is first asked for: where Keras infers shapes, a variable can
        # be made with a value of a file, but not be assigned it.
        if self._variable is None:
            with _outside_of_graphs():
                self._variable = keras.Variable(
                    keras.initializers.Constant(self._start),
                    shape=(),
                    dtype="float32",
                    trainable=False,
                    autocast=False,
                    name=self.name,
                )
        return self._variable

    def restore(self, value, over):
        """Gives the variable a value of a file, over one that it has been given."""
        if self._variable is None:
            self._start = value
        elif over:
            self._variable.assign(value)

    def check_variable(self, value):
        """Refuses a value of the variable that is outside the interval."""
        self.schedule.check_value(value, self.name, self.interval)

    def now(self, training=True):
        """The number at the current training batch."""
        clock = self.clock and self.clock()
        if not (clock and clock.counts_here()) and _is_to_be_driven(training):
            raise ValueError(
                f"`{self.name}` follows a schedule, {type(self.schedule).__name__}, "
                "but no clock counts the batches of the model for it. Make a "
                "`kdl.layers.Clock()` the first layer of the model: "
                "`x = kdl.layers.Clock()(inputs)`, or "
                "`keras.Sequential([kdl.layers.Clock(), model])`. If it has one, the "
                "number must be an attribute of a layer, of its regularizers, or of a "
                "loss that the model is compiled with."
            )
        if clock is None:
            return self.at(ops.zeros((), "int32"))
        return self.at(clock.step(self.per_update))

    def at(self, step):
        """The number at a step, an int where the backend is eager."""
        factor = self._look_up(step) if isinstance(step, int) else self._factor(step)
        if self.is_adjustable:
            factor = ops.convert_to_tensor(self.variable) * factor
        return factor

    def _look_up(self, step):
        """The schedule at a Python step, evaluated for many steps at a time."""
        if not 0 <= step - self._first < len(self._chunk):
            self._first, self._chunk = step, self._evaluate_chunk(step)
        return self._chunk[step - self._first]

    def _evaluate_chunk(self, step):
        if self._in_chunks:
            steps = np.arange(step, step + _CHUNK, dtype="int32")
            try:
                chunk = self._factor(ops.convert_to_tensor(steps))
            except Exception:
                # A schedule need not take many steps, and some of Keras's do not. What
                # else is wrong with it will be so with one.
                chunk = ()
            if np.shape(chunk) == (_CHUNK,):
                chunk = ops.convert_to_numpy(chunk).tolist()
                tried = [0, 1, _CHUNK - 1]
                single = [float(self._factor(int(steps[i]))) for i in tried]
                if np.allclose([chunk[i] for i in tried], single, rtol=1e-5):
                    return chunk
            self._in_chunks = False
        return [float(self._factor(step))]

    def __getstate__(self):
        return {**self.__dict__, "clock": None}

    def get_config(self):
        return {"schedule": keras.saving.serialize_keras_object(self.schedule)}

    @classmethod
    def from_config(cls, config):
        # The part that holds it gives it its name and interval again.
        schedule = keras.saving.deserialize_keras_object(config["schedule"])
        return cls(None, schedule, "(-inf, inf)")


def check_values(name, schedule, interval):
    """Refuses a schedule that is outside an interval at one of some steps."""
    for step in _TRIED:
        # To six digits, beyond which a schedule in float32 may round over its end.
        value = float(f"{float(schedule(step)):.6g}")
        try:
            check_number(name, value, interval)
        except ValueError as error:
            kind = type(schedule).__name__
            raise ValueError(f"{error} at step {step} of its {kind}") from None


def find_numbers(model):
    """Finds the numbers of a model that follow schedules.

    They are attributes of its layers, of regularizers of those and of their
    variables, or of its losses.

    Args:
        model: `keras.Model` or another layer.

    Returns:
        Dict of `Number`s by name, such as `"dense/kernel_regularizer/alpha"`.
    """
    layers = private.layers_of(model)
    losses = keras.tree.flatten_with_path(getattr(model, "loss", None))
    held = [("/".join(["loss", *map(str, path)]), loss) for path, loss in losses]
    held += [(layer.name, layer) for layer in layers]
    # What Keras's layers hold has been found by its attribute at this point.
    for layer in reversed(layers):
        for variable in layer.weights:
            regularizer = getattr(variable, "regularizer", None)
            held.append((f"{layer.name}/{variable.name}_regularizer", regularizer))
    found = {}
    for prefix, holder in held:
        for name, value in _numbers_in(holder, prefix):
            if all(value is not other for other in found.values()):
                found[_unused(name, found)] = value
    return found


def state_in_progress():
    """The scope that Keras reads variables from instead of themselves, or `None`."""
    with keras.StatelessScope(initialize_variables=False) as scope:
        return scope.original_scope


def _marks_within(schedule):
    """Whether a schedule is, or is made of, one that means nothing there."""
    if isinstance(schedule, (Adjustable, PerUpdate)):
        return True
    parts = keras.tree.flatten(getattr(schedule, "__dict__", {}))
    return any(
        _marks_within(part)
        for part in parts
        if isinstance(part, keras.optimizers.schedules.LearningRateSchedule)
    )


def _is_to_be_driven(training):
    """Whether a number that is read now, and that no clock drives, needs one."""
    layer, state = private.outermost_call(), state_in_progress()
    if state is None or layer is None:
        return training
    if isinstance(layer, keras.Model):
        # Keras infers the shapes of a model on no state of it. There it is refused at
        # once: when JAX fails within the first step of a fit, the weights are lost.
        weights = layer.trainable_variables
        return training or all(state.get_current_value(v) is None for v in weights)
    # Those of a layer are inferred on no state at all.
    return training and bool(state.state_mapping)


def _numbers_in(holder, prefix, seen=()):
    attributes = {} if holder in seen else getattr(holder, "__dict__", {})
    for name, value in attributes.items():
        if type(value) in _PLAIN:
            continue
        parts = [value]
        if isinstance(value, (list, tuple, dict)):
            parts = list(value.values()) if isinstance(value, dict) else value
        for part in parts:
            if isinstance(part, Number):
                if part.is_used:
                    yield f"{prefix}/{part.name}", part
            elif isinstance(part, (keras.regularizers.Regularizer, keras.losses.Loss)):
                yield from _numbers_in(part, f"{prefix}/{name}", (*seen, holder))


def _unused(name, names):
    count = 0
    while (candidate := f"{name}_{count}" if count else name) in names:
        count += 1
    return candidate


def _outside_of_graphs():
    """A context in which a variable gets its value, and not a node of a graph."""
    match keras.backend.backend():
        case "jax":
            import jax

            # Keras sees to it only where it traces a step itself.
            return jax.ensure_compile_time_eval()
    return contextlib.nullcontext()
