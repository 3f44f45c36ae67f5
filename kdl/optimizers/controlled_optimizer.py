"""Control over the updates of an optimizer."""

import contextlib
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, Self

import keras
from keras import ops

from kdl import private
from kdl.checks import check_boolean
from kdl.optimizers.arguments import (
    INTERVALS,
    by_name,
    check_hyperparameters,
    check_inner_optimizer,
    check_multipliers,
    check_proximal,
    first_keys,
    paths_of,
    places_of,
)
from kdl.optimizers.freezing import freezing
from kdl.optimizers.momentum import as_momentum
from kdl.optimizers.proximal import shrink, step_sizes
from kdl.optimizers.tensors import assign, lerp, read, snapshot, untaped
from kdl.optimizers.watching import watching
from kdl.optimizers.wrapper import Wrapper
from kdl.regularizers import ElasticNet
from kdl.schedules import Adjustable
from kdl.typing import FloatOrSchedule, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class ControlledOptimizer(Wrapper):
    """Scales, shrinks and watches the updates of another optimizer.

    Where the inner optimizer takes a variable from `old` to `updated`, this one takes
    it to

        new = prox(old + multiplier * (updated - old))

    with a multiplier for each variable, and with the proximal operator of an elastic
    net, in the metric of the inner optimizer. What Keras does around an update keeps
    its place: gradients are clipped before, weight decay is part of it, moving
    averages and constraints see the new value, and gradients accumulate until there
    is an update.

    Multipliers are the learning rates of PyTorch's parameter groups: rates that fall
    with depth, a slower backbone, layers that thaw one after the other. Keras has
    one rate for all variables, or a `MultiOptimizer` of several optimizers, and
    compiles `layer.trainable` into the training step. With a multiplier of 0 a
    variable keeps its value, bit by bit, and its moving average; its gradient counts
    as zero, also in the global norm and if it is not a number. The model still
    computes all gradients: `layer.trainable = False` before `compile` saves that.

    Proximal steps set weights to exactly zero, where gradient descent on an L1
    penalty leaves them near it. They reach the minimum of the loss plus the penalty
    under any of the inner optimizers below, also with momentum, so the penalty is
    not to be given to the layer as well. With a learning rate that ends at 0, weights
    that ought to be zero may be left halfway.

    Any number may be a schedule, which is read at `iterations`, the count of updates,
    while Keras reads the schedule of a learning rate at the count of batches. An
    `Adjustable` number is a variable times a schedule, and callbacks may assign the
    variable, `adjustable[name]`, while a fit runs. A learning rate that follows a
    schedule is always adjustable; one that is a number is assigned as in Keras.

    Arguments such as `use_ema`, `clipnorm` or `gradient_accumulation_steps` belong to
    the inner optimizer. With nothing asked for, that one alone is at work.

    Args:
        inner_optimizer: `keras.optimizers.Optimizer`, but no `LossScaleOptimizer`,
            which goes around this one, and no `MultiOptimizer`.
        multipliers: Optional dict, or list of pairs of what would be keys and values,
            of which the first that is of a variable counts. Keys are regular
            expressions for the `path` of a variable, the whole of it or its end after
            a `/`, as `"head/.*"` for `"sequential/head/kernel"`; layers, for all of
            their variables; or, in pairs, variables. Layers tell apart what has the
            same path in two nested models. A variable that has no key has `1.0`, a key
            that no variable has is an error. Values are floats in `[0, inf)`, such as
            `0.9 ** depth`, or `keras.optimizers.schedules.LearningRateSchedule`, such
            as `kdl.schedules.Adjustable`. A layer goes by its name in `adjustable` and
            `values`, a variable by its path.
        proximal: Optional dict or list of pairs. Keys as those of `multipliers`,
            values are `kdl.regularizers.ElasticNet` of numbers. The inner optimizer
            must be one of Keras's SGD, Adam, AdamW, RMSprop and Adagrad.
        hyperparameters: Optional dict. Keys are among `"beta_1"` and `"beta_2"`, of
            Adam and AdamW, `"momentum"`, of SGD and RMSprop, and `"weight_decay"`, of
            any optimizer that has one already. Values are schedules, such as
            `kdl.schedules.OneCycleMomentum`, or floats, in place of what the inner
            optimizer has.
        watch: Boolean. Whether to keep, for each variable, the norm of the gradient,
            before it is clipped, and the ratio of the norm of the last update to that
            of the variable. Both are vectors in the order of the variables,
            `gradient_norms` and `update_ratios`. Defaults to `False`.

    Raises:
        ValueError: If an argument is not as described.

    Example:

    >>> optimizer = kdl.optimizers.ControlledOptimizer(
    ...     keras.optimizers.AdamW(1e-3),
    ...     multipliers={".*bias": 0.5, ".*kernel": kdl.schedules.Adjustable(0.0)},
    ...     watch=True,
    ... )
    >>> model.compile(optimizer, "mse")
    >>> optimizer.adjustable["multiplier/.*kernel"].assign(1.0)
    >>> logs = optimizer.values()

    References:
        - [Howard and Ruder, 2018](https://arxiv.org/abs/1801.06146), rates by layer
          and gradual unfreezing
        - [Parikh and Boyd, 2014](https://doi.org/10.1561/2400000003), proximal steps
        - [Yun, Lozano and Yang, 2021](https://arxiv.org/abs/2007.07530), in the
          metric of an adaptive optimizer
    """

    def __init__(
        self,
        inner_optimizer: keras.optimizers.Optimizer,
        multipliers: Mapping[Any, FloatOrSchedule]
        | Sequence[tuple[Any, FloatOrSchedule]]
        | None = None,
        proximal: Mapping[Any, ElasticNet]
        | Sequence[tuple[Any, ElasticNet]]
        | None = None,
        hyperparameters: Mapping[str, FloatOrSchedule] | None = None,
        watch: bool = False,
    ) -> None:
        super().__init__(check_inner_optimizer(inner_optimizer))
        multipliers, targets = by_name("multipliers", multipliers)
        proximal, others = by_name("proximal", proximal)
        # What is no pattern, by argument and name; in no dict, whose variables Keras
        # would take for those of the optimizer.
        self._targets = SimpleNamespace(multipliers=targets, proximal=others)
        self.multipliers = check_multipliers(multipliers)
        self.proximal = check_proximal(proximal, inner_optimizer)
        self.hyperparameters = check_hyperparameters(hyperparameters, inner_optimizer)
        self.watch = check_boolean("watch", watch)
        self.gradient_norms = self.update_ratios = None
        self.adjustable = self._add_adjustable()
        self._paths = None
        # How many replicas of a strategy of TensorFlow are in a step at once.
        self._replacing = SimpleNamespace(depth=0, before={})

    def _add_adjustable(self):
        starts = {
            name: number.value
            for name, number in self._numbers().items()
            if isinstance(number, Adjustable)
        }
        if not isinstance(self.inner_optimizer.learning_rate, keras.Variable):
            starts["learning_rate"] = 1.0
        return {
            name: self.add_variable(
                shape=(),
                initializer=keras.initializers.Constant(start),
                dtype="float32",
                name=f"adjustable_{index}",
            )
            for index, (name, start) in enumerate(starts.items())
        }

    def _numbers(self):
        """What may follow a schedule, by the name that users know it by."""
        multipliers = {f"multiplier/{key}": x for key, x in self.multipliers.items()}
        return {**multipliers, **self.hyperparameters}

    def build(self, variables: Sequence[keras.Variable]) -> None:
        if self.built:
            return
        self._paths = paths = paths_of(variables, self._paths)
        found = {}
        for name, targets in vars(self._targets).items():
            keys = getattr(self, name)
            places = places_of(name, keys, targets, variables, paths)
            found[name] = first_keys(places, variables)
            # For a file: variables have no other names that are their own.
            setattr(self._targets, name, {key: places[key] for key in targets})
        # By the id of a variable, the name of its multiplier, unless that is 1.
        self._scaled = {
            variable: f"multiplier/{key}"
            for variable, key in found["multipliers"].items()
            if self.multipliers[key] != 1.0
        }
        # By the id of a variable, the name of its regularizer.
        self._shrunk = found["proximal"]
        if self.watch:
            self.gradient_norms, self.update_ratios = (
                self.add_variable((len(variables),), dtype="float32", name=name)
                for name in ("gradient_norms", "update_ratios")
            )
        super().build(variables)

    def apply(
        self,
        grads: Sequence[Tensor],
        trainable_variables: Sequence[keras.Variable] | None = None,
    ) -> None:
        if not self.built and trainable_variables is not None:
            trainable_variables = list(trainable_variables)
            self.build(trainable_variables)
        asked = self.multipliers or self.proximal or self.hyperparameters
        if not self.built or not (asked or self.watch or self.adjustable):
            self.inner_optimizer.apply(grads, trainable_variables)
            return
        variables = list(trainable_variables or private.trained_variables(self))
        private.check_variables_are_known(self, variables)
        grads = private.sum_over_replicas(self.inner_optimizer, grads, variables)
        self._apply(list(grads), variables, self._in_force())

    def _in_force(self):
        """The numbers of this update, as floats or float32 tensors."""
        numbers = self._numbers()
        step = ops.convert_to_tensor(self.iterations) if numbers else None
        for name, number in numbers.items():
            if name in self.adjustable:
                variable = ops.convert_to_tensor(self.adjustable[name])
                numbers[name] = ops.multiply(variable, number.factor(step))
            elif not isinstance(number, float):
                numbers[name] = ops.cast(number(step), "float32")
        return numbers

    def _apply(self, grads, variables, numbers):
        inner = self.inner_optimizer
        with contextlib.ExitStack() as stack:
            stack.enter_context(untaped())
            noted = [v for v in variables if self.watch or id(v) in self._scaled]
            old = dict(zip(map(id, noted), snapshot(noted), strict=True))
            if self.watch:
                vectors = self.gradient_norms, self.update_ratios
                stack.enter_context(watching(inner, grads, variables, old, *vectors))
            if frozen := self._frozen(variables, numbers):
                freezer = freezing(inner, grads, variables, old, frozen)
                grads = stack.enter_context(freezer)
            replacements = self._replacements(old, numbers)
            stack.enter_context(_replaced(inner, replacements, self._replacing))
            inner.apply(grads, variables)

    def _frozen(self, variables, numbers):
        """Whether a variable is frozen, by its id, if it may be."""
        frozen = {
            name: ops.equal(numbers[name], 0)
            for name in set(self._scaled.values())
            if not isinstance(numbers[name], float) or numbers[name] == 0
        }
        names = {id(v): self._scaled.get(id(v)) for v in variables}
        return {key: frozen[name] for key, name in names.items() if name in frozen}

    def _replacements(self, old, numbers):
        """Attributes of the inner optimizer during an update."""
        attributes = {name: numbers[name] for name in self.hyperparameters}
        attributes |= private.is_summed()
        if not isinstance(attributes.get("momentum", 0.0), float):
            attributes["momentum"] = as_momentum(attributes["momentum"])
        if "learning_rate" in self.adjustable:
            rate = self.learning_rate
            attributes[private.LEARNING_RATE] = lambda: rate
        if self._scaled or self._shrunk:
            # From within, since moving averages and constraints come right after it.
            update = private.update_step(self.inner_optimizer)

            def controlled(grads, variables, learning_rate):
                update(grads, variables, learning_rate)
                self._scale(variables, old, numbers)
                self._shrink(variables, learning_rate, numbers)

            attributes[private.UPDATE_STEP] = controlled
        return attributes

    def _scale(self, variables, old, numbers):
        scaled = [v for v in variables if id(v) in self._scaled]
        multipliers = [numbers[self._scaled[id(v)]] for v in scaled]
        starts = [old[id(v)] for v in scaled]
        assign(scaled, lerp(starts, read(scaled), multipliers))

    def _shrink(self, variables, learning_rate, numbers):
        shrunk = [v for v in variables if id(v) in self._shrunk]
        if not shrunk:
            return
        learning_rate = ops.cast(learning_rate, "float32")
        step_size_of = step_sizes(self.inner_optimizer, learning_rate)
        for variable in shrunk:
            multiplier = numbers.get(self._scaled.get(id(variable)), 1.0)
            regularizer = self.proximal[self._shrunk[id(variable)]]
            step_size = multiplier * step_size_of(variable)
            variable.assign(shrink(read([variable])[0], step_size, regularizer))

    @property
    def learning_rate(self) -> Any:
        rate = super().learning_rate
        if "learning_rate" not in self.adjustable:
            return rate
        factor = ops.convert_to_tensor(self.adjustable["learning_rate"])
        return ops.multiply(rate, factor)

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        self.inner_optimizer.learning_rate = learning_rate

    def values(self) -> dict[str, float]:
        """Returns what is in force, and what was watched, as Python floats.

        In a callback, `self.model` has to be read before, which has JAX bring the
        variables up to date.

        Returns:
            Dict by name: `"learning_rate"`, `"multiplier/<pattern>"`, the names of the
            hyperparameters and, if watched, `"gradient_norm/<path>"` and
            `"update_ratio/<path>"`.
        """
        values = {"learning_rate": self.learning_rate, **self._in_force()}
        values = {name: float(ops.convert_to_numpy(x)) for name, x in values.items()}
        if self.watch and self.built:
            for name, vector in (
                ("gradient_norm", self.gradient_norms),
                ("update_ratio", self.update_ratios),
            ):
                numbers = ops.convert_to_numpy(vector).tolist()
                named = zip(self._paths, numbers, strict=True)
                values |= {f"{name}/{path}": number for path, number in named}
        return values

    def check_adjustable(self, name: str, value: float) -> None:
        """Refuses a value of an adjustable number that is outside its interval.

        Args:
            name: String. One of the keys of `adjustable`.
            value: Float. What its variable is to be.

        Raises:
            ValueError: If the number would leave its interval.
        """
        # The learning rate is a factor of its schedule.
        number = self._numbers().get(name, Adjustable())
        number.check_value(value, name, INTERVALS.get(name, "[0, inf)"))

    def get_config(self) -> dict[str, Any]:
        names = ("inner_optimizer", "multipliers", "proximal", "hyperparameters")
        config = {
            name: keras.saving.serialize_keras_object(getattr(self, name))
            for name in names
        }
        config["watch"] = self.watch
        if self._paths:
            # Not an argument: what the patterns match, also after loading.
            config["paths"] = list(self._paths)
        targets = vars(self._targets)
        if any(targets.values()):
            config["targets"] = {
                name: {key: _as_list(target) for key, target in named.items()}
                for name, named in targets.items()
            }
        return config

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> Self:
        config = keras.saving.deserialize_keras_object(config, custom_objects)
        paths, targets = config.pop("paths", None), config.pop("targets", None)
        optimizer = cls(**config)
        optimizer._paths = paths
        if targets:
            optimizer._targets = SimpleNamespace(**targets)
        return optimizer


def _as_list(target):
    """Places of variables, or, before they are known, paths."""
    if isinstance(target, list):
        return list(target)
    is_one = isinstance(target, keras.Variable)
    return [variable.path for variable in ([target] if is_one else target.variables)]


@contextlib.contextmanager
def _replaced(target, attributes, state):
    """Has an object have other attributes for a while, past its `__setattr__`.

    Replicas of a strategy of TensorFlow take a step side by side, each in a thread that
    waits for the others. The first one replaces, for all, and the last one puts back.

    Args:
        target: Any object.
        attributes: Dict.
        state: Namespace of `depth`, how many are within, and `before`, a dict.
    """
    if not state.depth:
        state.before = {
            name: vars(target)[name] for name in attributes if name in vars(target)
        }
        vars(target).update(attributes)
    state.depth += 1
    try:
        yield
    finally:
        state.depth -= 1
        if not state.depth:
            for name in attributes:
                del vars(target)[name]
            vars(target).update(state.before)
