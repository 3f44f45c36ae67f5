"""Changes with Keras alone, by callbacks that are written the obvious way.

A way is here a function of a `Part` that returns its number, a callback, and what that
sets at each step.
"""

import dataclasses

import keras
import numpy as np
from keras import layers, ops, optimizers

from change_cases.models import compiled, dense, outputs_alone, sgd
from change_cases.of_layers import KERAS_DROPOUT, KERAS_L2, KERAS_WEIGHT
from change_cases.of_optimizers import (
    RATE,
    SCHEDULED_RATE,
    decayed,
    optimized,
    steps_of_adam,
    steps_of_momentum,
    steps_of_weights,
)
from change_cases.part import BATCHES, EPOCH, FROZEN_AT_FIRST, START, Part


class Set(keras.callbacks.Callback):
    """Sets something of the model before each epoch."""

    def __init__(self, assign, values):
        super().__init__()
        self.assign, self.values = assign, values

    def on_epoch_begin(self, epoch, logs=None):
        self.assign(self.model, self.values[epoch * BATCHES])


class SetEachBatch(Set):
    """Sets it before each batch."""

    def on_epoch_begin(self, epoch, logs=None):
        self.first = epoch * BATCHES

    def on_train_batch_begin(self, batch, logs=None):
        self.assign(self.model, self.values[self.first + batch])


class Scale(layers.Layer):
    """Multiplies its inputs by a variable."""

    def __init__(self, factor):
        super().__init__(name="part")
        constant = keras.initializers.Constant(factor)
        self.factor = self.add_weight((), constant, trainable=False)
        self.built = True

    def call(self, inputs):
        return inputs * ops.convert_to_tensor(self.factor)


PLAIN_BETA_1 = optimized(
    "`beta_1` of AdamW alone",
    "beta_1",
    lambda x, run: optimizers.AdamW(1.0, 0.0, beta_1=x),
    foretell=steps_of_adam,
    held="float",
)
PLAIN_WEIGHT_DECAY = optimized(
    "weight decay of AdamW alone",
    "weight_decay",
    lambda x, run: optimizers.AdamW(0.1, x),
    foretell=decayed,
    held="float",
)
PLAIN_MOMENTUM = optimized(
    "momentum of SGD alone",
    "momentum",
    lambda x, run: optimizers.SGD(1.0, x),
    foretell=steps_of_momentum,
    held="float",
)
SCALE = Part(
    "a variable of a layer",
    "part/factor",
    lambda layer, run: compiled(run, layer),
    lambda factor: factor**2,
    held="float",
)


def half_frozen(trainable, run):
    """The loss is the sum of two weights, one of which may be frozen."""

    def both(x):
        first = dense(name="first")
        first.trainable = bool(trainable)
        return layers.add([first(x), dense()(x)])

    return compiled(run, both, outputs_alone, sgd(0.1, run))


TRAINABLE = Part(
    "a layer, frozen and then not",
    "first/trainable",
    half_frozen,
    lambda trainable: 0.1 * (1 + trainable),
    steps_of_weights,
    held="float",
    ramp=FROZEN_AT_FIRST,
)
FROZEN = dataclasses.replace(TRAINABLE, ramp=1 - FROZEN_AT_FIRST)


def each_epoch(assign):
    def way(part):
        values = part.ramp[BATCHES * EPOCH]
        return part.number(), Set(assign, values), values

    return way


def of_optimizer(name):
    return each_epoch(lambda model, value: setattr(model.optimizer, name, value))


def rate_each_batch(part):
    def assign(model, value):
        model.optimizer.learning_rate = value

    return part.number(), SetEachBatch(assign, part.ramp[1:]), part.ramp[1:]


def keras_plateau(part):
    callback = keras.callbacks.ReduceLROnPlateau("loss", 0.5, 1, min_delta=100)
    return part.number(), callback, part.factor * 0.5 ** np.maximum(EPOCH - 1, 0)


def set_rate_of_dropout(model, value):
    model.get_layer("part").rate = value


def set_strength(model, value):
    model.get_layer("dense").kernel_regularizer.l2 = value


def set_trainable(model, value):
    model.get_layer("first").trainable = bool(value)


def variable_as_weight(part):
    weight = keras.Variable(START, dtype="float32", trainable=False)
    values = part.ramp[BATCHES * EPOCH]
    return weight, Set(lambda model, value: weight.assign(value), values), values


def of_a_model_at_hand(part):
    layer, values = Scale(START), iter(part.ramp[1:])
    callback = keras.callbacks.LambdaCallback(
        on_train_batch_begin=lambda batch, logs: layer.factor.assign(next(values))
    )
    return layer, callback, part.ramp[1:]


def of_the_callbacks_model(part):
    def assign(model, value):
        model.get_layer("part").factor.assign(value)

    return Scale(START), SetEachBatch(assign, part.ramp[1:]), part.ramp[1:]


MULTIPLIERS = "`ControlledOptimizer(…, multipliers={…: schedule})`"
HYPERPARAMETERS = "`ControlledOptimizer(…, hyperparameters={…: schedule})`"
BY_HAND = {
    "`Dropout.rate = x` each epoch": (
        KERAS_DROPOUT,
        each_epoch(set_rate_of_dropout),
        "`kdl.layers.Dropout(schedule)`",
    ),
    "`L2.l2 = x` each epoch": (
        KERAS_L2,
        each_epoch(set_strength),
        "`ElasticNet(schedule, l1_ratio=0.0)`",
    ),
    "`loss_weights=[variable]`, assigned each epoch": (
        KERAS_WEIGHT,
        variable_as_weight,
        "`WeightedLoss(loss, schedule)`",
    ),
    "`variable.assign(x)` each batch, a variable of a layer": (
        SCALE,
        of_a_model_at_hand,
        '`Adjust(…, by="batch")`',
    ),
    "the same, found through `self.model`": (
        SCALE,
        of_the_callbacks_model,
        '`Adjust(…, by="batch")`',
    ),
    "`learning_rate = x` each batch": (
        RATE,
        rate_each_batch,
        '`Adjust("learning_rate", …, by="batch")`',
    ),
    "the same each epoch, of a schedule": (
        SCHEDULED_RATE,
        of_optimizer("learning_rate"),
        "`Adjust`, with a `ControlledOptimizer`",
    ),
    "`ReduceLROnPlateau`, of a schedule": (
        SCHEDULED_RATE,
        keras_plateau,
        "`ReduceOnPlateau`, with a `ControlledOptimizer`",
    ),
    "`AdamW.weight_decay = x` each epoch": (
        PLAIN_WEIGHT_DECAY,
        of_optimizer("weight_decay"),
        HYPERPARAMETERS,
    ),
    "`AdamW.beta_1 = x` each epoch": (
        PLAIN_BETA_1,
        of_optimizer("beta_1"),
        HYPERPARAMETERS,
    ),
    "`SGD.momentum = x` each epoch": (
        PLAIN_MOMENTUM,
        of_optimizer("momentum"),
        HYPERPARAMETERS,
    ),
    "`layer.trainable = False` after an epoch": (
        FROZEN,
        each_epoch(set_trainable),
        MULTIPLIERS,
    ),
    "`layer.trainable = True` after an epoch": (
        TRAINABLE,
        each_epoch(set_trainable),
        MULTIPLIERS,
    ),
}
