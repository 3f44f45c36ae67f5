"""Numbers of layers, of penalties and of losses."""

import dataclasses

import keras
import numpy as np
from keras import layers

from change_cases.models import compiled, dense
from change_cases.part import Part
from kdl.layers import DropConnectDense, Dropout
from kdl.losses import SparseCategoricalCrossentropy, WeightedLoss
from kdl.regularizers import ElasticNet

# The mean square of so many ones, of which some are dropped, has a standard error of
# 0.3 % at the largest rate, 0.8.
UNITS = 400_000


def dropping(label, layer, size=UNITS, **options):
    """A rate. The loss is the mean square of ones, of which some are dropped."""
    return Part(
        label,
        "part/rate",
        lambda rate, run: compiled(run, layer(rate), size=size),
        lambda rate: 1 / (1 - rate),
        size=size,
        tolerance=0.02,
        **options,
    )


DROPOUT = dropping(
    "rate of `kdl.layers.Dropout`", lambda rate: Dropout(rate, seed=0, name="part")
)
DROPCONNECT = dropping(
    "rate of `DropConnectDense`",
    lambda rate: DropConnectDense(
        UNITS, rate, 0, kernel_initializer="ones", name="part"
    ),
    size=1,
)
KERAS_DROPOUT = dropping(
    "rate of Keras's `Dropout`",
    lambda rate: layers.Dropout(rate, seed=0, name="part"),
    held="float",
)


def penalized(label, argument, regularizer, **options):
    """A strength. The loss is an error of 1, and the penalty of a 1."""
    return Part(
        label,
        f"dense/kernel_regularizer/{argument}",
        lambda strength, run: compiled(
            run, dense(kernel_regularizer=regularizer(strength))
        ),
        lambda strength: 1 + strength,
        **options,
    )


ELASTIC_NET = penalized(
    "strength of `ElasticNet` in a Keras `Dense`",
    "alpha",
    lambda alpha: ElasticNet(alpha, l1_ratio=1.0),
)
BOTH_ELASTIC_NET = dataclasses.replace(
    ELASTIC_NET, label="the same, adjustable and scheduled", held="both"
)
KERAS_L2 = penalized(
    "strength of Keras's `L2`", "l2", keras.regularizers.L2, held="float"
)


def weighted(weight, run):
    """The loss is the weight of an error of 1."""
    return compiled(run, dense(), WeightedLoss(keras.losses.MeanSquaredError(), weight))


def weighted_by_keras(weight, run):
    return compiled(run, dense(), ["mse"], loss_weights=[weight])


WEIGHT = Part("weight of a `WeightedLoss`", "loss/weight", weighted)
KERAS_WEIGHT = Part(
    "`loss_weights` of `compile`", "loss_weights", weighted_by_keras, held="float"
)


def smoothed(smoothing, run):
    """The logits are 1, 0 and 0, and the label is 0."""
    kernel = keras.initializers.Constant(np.array([[1.0, 0.0, 0.0]]))
    loss = SparseCategoricalCrossentropy(True, smoothing)
    return compiled(run, dense(3, kernel_initializer=kernel), loss)


def cross_entropy(smoothing):
    log_p = np.array([1, 0, 0]) - np.log(np.e + 2)
    return -(1 - smoothing) * log_p[0] - smoothing * log_p.mean()


SMOOTHING = Part("label smoothing", "loss/label_smoothing", smoothed, cross_entropy)
