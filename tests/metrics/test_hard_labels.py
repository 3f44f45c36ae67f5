import keras
import numpy as np
import pytest
from contracts import MetricContract, assert_close
from sklearn.metrics import f1_score

from kdl.losses import SparseCategoricalCrossentropy
from kdl.metrics import F1Score, HardLabels

RNG = np.random.default_rng(0)
SHARES = RNG.dirichlet([1.0] * 3, 8).astype("float32")


class TestHardLabels(MetricContract):
    component = HardLabels
    arguments = {"metric": F1Score(3, average="macro")}
    refused = [
        (
            {"metric": "accuracy"},
            "`metric` must be a keras.metrics.Metric. Received: metric='accuracy'",
        ),
    ]
    y_true = SHARES.argmax(-1)
    y_pred = RNG.normal(size=(8, 3)).astype("float32")

    def make(self, **overrides):
        return super().make(**{"metric": F1Score(3, average="macro"), **overrides})

    def reference(self, y_true, y_pred, sample_weight=None):
        found = y_pred.argmax(-1)
        return f1_score(y_true, found, average="macro", sample_weight=sample_weight)

    def test_takes_the_largest_share_for_the_label(self):
        of_shares, of_labels = self.make(), self.make()
        weights = RNG.uniform(0, 2, 8)
        of_shares.update_state(SHARES, self.y_pred, weights)
        of_labels.update_state(self.y_true, self.y_pred, weights)
        assert_close(of_shares.result(), of_labels.result())

    @pytest.mark.parametrize("smoothing", [0.0, 0.1])
    def test_learns_from_shares_and_is_tested_on_labels(self, smoothing):
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3)])
        accuracy = keras.metrics.SparseCategoricalAccuracy("accuracy")
        model.compile(
            "sgd",
            SparseCategoricalCrossentropy(True, smoothing),
            metrics=[HardLabels(accuracy)],
        )
        before = model.predict(self.y_pred, verbose=0).argmax(-1)
        history = model.fit(
            self.y_pred,
            SHARES,
            batch_size=8,
            validation_data=(self.y_pred, self.y_true),
            verbose=0,
        ).history
        after = model.predict(self.y_pred, verbose=0).argmax(-1)
        assert_close(history["accuracy"], [np.mean(before == self.y_true)])
        assert_close(history["val_accuracy"], [np.mean(after == self.y_true)])
