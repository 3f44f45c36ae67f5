"""Models whose losses give a number away.

Kernels are ones, inputs are ones, targets are zeros, and there is one example to a
batch. Unless its optimizer is what is tried, a model does not learn.
"""

import dataclasses
from collections.abc import Callable

import keras
from keras import layers, ops, optimizers

from change_cases.part import STEPS
from kdl.layers import Clock


@dataclasses.dataclass
class Run:
    """How a model is made and fitted.

    Attributes:
        clock: Function that is called on the inputs.
        options: Dict. Arguments of `compile`.
        accumulate: Optional integer. The `gradient_accumulation_steps`.
        policy: String. Name of the dtype policy.
        listed: Boolean. Whether `fit` is given a list of callbacks.
        per_update: Boolean. Whether a schedule is one of updates, not of batches.
        held: Optional string. What a callback is to change, if not as of the `Part`.
    """

    clock: Callable = lambda x: Clock()(x)
    options: dict = dataclasses.field(default_factory=dict)
    accumulate: int | None = None
    policy: str = "float32"
    listed: bool = True
    per_update: bool = False
    held: str | None = None


class Recorded(keras.Model):
    """A model that keeps the loss of each training batch, in the compiled step."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        options = {"initializer": "zeros", "trainable": False, "autocast": False}
        self.batch = self.add_weight((), dtype="int32", **options)
        self.record = self.add_weight((STEPS,), dtype="float32", **options)

    def compute_loss(self, *args, training=True, **kwargs):
        loss = super().compute_loss(*args, training=training, **kwargs)
        if training:
            batch = ops.convert_to_tensor(self.batch)
            here = ops.arange(STEPS, dtype="int32") == batch
            now = ops.cast(ops.stop_gradient(loss), "float32")
            record = ops.convert_to_tensor(self.record)
            self.record.assign(ops.where(here, now, record))
            self.batch.assign(batch + 1)
        return loss


def compiled(run, part, loss="mse", optimizer=None, size=1, **options):
    inputs = keras.Input((size,))
    model = Recorded(inputs, part(run.clock(inputs)))
    model.compile(optimizer or sgd(0.0, run), loss, **options, **run.options)
    return model


def sgd(rate, run):
    return optimizers.SGD(rate, gradient_accumulation_steps=run.accumulate)


def dense(units=1, name="dense", **options):
    options = {"kernel_initializer": "ones", "use_bias": False, **options}
    return layers.Dense(units, name=name, **options)


def outputs_alone(y_true, y_pred):
    return ops.mean(y_pred)
