"""Two networks of a model, each with an optimizer of its own."""

import keras
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule

from kdl import private


class TwoOptimizers(keras.optimizers.MultiOptimizer):
    """Keras's optimizer of several, for a model of two networks.

    It has the learning rate of the first one. Where one is assigned, that of the second
    changes by the same factor, if both were numbers.

    Args:
        first: `keras.optimizers.Optimizer` of all variables but those of the second.
        second: Another one.
        variables: Variables that the second one trains.
    """

    def __init__(self, first, second, variables):
        super().__init__(_ByVariable(first, second, variables))
        self.first, self.second = first, second
        self.ratio = _ratio(first, second)

    @property
    def learning_rate(self):
        return self.first.learning_rate

    @learning_rate.setter
    def learning_rate(self, rate):
        self.first.learning_rate = rate
        if self.ratio != 1:
            is_schedule = isinstance(rate, LearningRateSchedule)
            rate = Multiple(rate, self.ratio) if is_schedule else self.ratio * rate
        self.second.learning_rate = rate

    def get_config(self):
        return {
            name: keras.saving.serialize_keras_object(getattr(self, name))
            for name in ("first", "second")
        }


@keras.saving.register_keras_serializable(package="kdl")
class Multiple(LearningRateSchedule):
    """A schedule times a number."""

    def __init__(self, schedule, factor):
        if isinstance(schedule, dict):
            schedule = keras.saving.deserialize_keras_object(schedule)
        self.schedule, self.factor = schedule, factor

    def __call__(self, step):
        return self.schedule(step) * self.factor

    def get_config(self):
        schedule = keras.saving.serialize_keras_object(self.schedule)
        return {"schedule": schedule, "factor": self.factor}


def _ratio(first, second):
    """Learning rate of the second one as a multiple of that of the first."""
    rates = [private.learning_rate(optimizer) for optimizer in (first, second)]
    if any(isinstance(rate, LearningRateSchedule) for rate in rates):
        return 1.0
    one, other = (float(ops.convert_to_numpy(rate)) for rate in rates)
    return other / one if one else 1.0


class _ByVariable:
    """Tells which optimizer trains a variable."""

    def __init__(self, first, second, variables):
        self.first, self.second = first, second
        self.ids = {id(variable) for variable in variables}

    def __call__(self, variable):
        return self.second if id(variable) in self.ids else self.first

    def values(self):
        return [self.first, self.second]
