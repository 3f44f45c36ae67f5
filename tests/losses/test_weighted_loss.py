import keras
import numpy as np
import pytest
from contracts import LossContract, assert_close

from kdl.losses import WeightedLoss


class TestWeightedLoss(LossContract):
    component = WeightedLoss
    arguments = {"loss": keras.losses.MeanSquaredError(), "weight": 0.25, "name": "w"}
    refused = [
        (
            {"loss": "mse"},
            "`loss` must be a keras.losses.Loss. Received: loss='mse'",
        ),
        (
            {"weight": -1},
            "`weight` must be a number in [0, inf) or a LearningRateSchedule. "
            "Received: weight=-1",
        ),
    ]
    y_true = np.array([[1.0, 2.0], [3.0, 5.0]])
    y_pred = np.array([[1.0, 2.5], [3.0, 4.0]])
    minimum = y_true
    extreme = np.array([[1e10, -1e10], [0.0, 1e-10]])

    def reference(self, y_true, y_pred):
        return 0.25 * ((y_true - y_pred) ** 2).mean(axis=-1)

    def make(self, reduction="sum_over_batch_size", **overrides):
        loss = keras.losses.MeanSquaredError(reduction=reduction)
        return super().make(**{"loss": loss, **overrides})

    @pytest.mark.parametrize("weight", [0.0, 1.0])
    def test_keeps_the_mask_of_the_loss(self, weight):
        inner = keras.losses.SparseCategoricalCrossentropy(ignore_class=-1)
        y_true, y_pred = np.array([1, -1]), np.array([[0.2, 0.8], [0.5, 0.5]])
        actual = WeightedLoss(inner, weight)(y_true, y_pred)
        assert_close(actual, weight * -np.log(0.8))

    def test_is_named_as_the_loss(self):
        assert WeightedLoss(keras.losses.Huber(name="h"), 1).name == "h"
