"""Two networks of a model, each with an optimizer of its own."""

import keras


class TwoOptimizers(keras.optimizers.MultiOptimizer):
    """Keras's optimizer of several, for a model of two networks.

    It has the learning rate of the first one. A rate that is assigned is that of both.

    Args:
        first: `keras.optimizers.Optimizer` of all variables but those of the second.
        second: Another one.
        variables: Variables that the second one trains.
    """

    def __init__(self, first, second, variables):
        super().__init__(_ByVariable(first, second, variables))
        self.first, self.second = first, second

    @property
    def learning_rate(self):
        return self.first.learning_rate

    @learning_rate.setter
    def learning_rate(self, rate):
        self.first.learning_rate = self.second.learning_rate = rate

    def get_config(self):
        return {
            name: keras.saving.serialize_keras_object(getattr(self, name))
            for name in ("first", "second")
        }


class _ByVariable:
    """Tells which optimizer trains a variable."""

    def __init__(self, first, second, variables):
        self.first, self.second = first, second
        self.ids = {id(variable) for variable in variables}

    def __call__(self, variable):
        return self.second if id(variable) in self.ids else self.first

    def values(self):
        return [self.first, self.second]
