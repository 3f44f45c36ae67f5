"""What the compiled training step saw."""

import keras
from keras import ops

from kdl.schedules import now, number


@keras.saving.register_keras_serializable(package="test")
class Probe(keras.layers.Layer):
    """Returns its inputs, and records a number as each training call sees it.

    What a callback or a test reads of a number may differ from what was compiled into
    the step, so the step itself keeps the record, in a variable.

    Args:
        value: Number or schedule.
        size: Integer. How many calls are recorded.
    """

    def __init__(self, value, size, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.value = number("value", value, "(-inf, inf)")
        self.size = size
        self.calls = self.add_weight(
            shape=(), dtype="int32", initializer="zeros", trainable=False, name="calls"
        )
        # In float32 under any policy.
        options = {"trainable": False, "autocast": False, "name": "record"}
        self.record = self.add_weight(shape=(size,), initializer="zeros", **options)
        self.built = True

    def call(self, inputs, training=False):
        if training:
            calls = ops.convert_to_tensor(self.calls)
            here = ops.arange(self.size, dtype="int32") == calls
            record = ops.convert_to_tensor(self.record)
            self.record.assign(ops.where(here, now(self.value), record))
            self.calls.assign(calls + 1)
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape

    @property
    def seen(self):
        """The numbers that the calls saw, in order."""
        return ops.convert_to_numpy(self.record)[: int(self.calls)]

    def get_config(self):
        value = keras.saving.serialize_keras_object(self.value)
        return {**super().get_config(), "value": value, "size": self.size}
