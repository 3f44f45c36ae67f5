import keras
import numpy as np
import pytest
from contracts import MetricContract, assert_close
from sklearn.metrics import fbeta_score

from kdl.metrics import F1Score, FBetaScore

RNG = np.random.default_rng(0)
LABELS = np.array([0, 1, 2, 0, 3, 2, 1, 0, 2, 0])
SCORES = RNG.normal(size=(10, 4)).astype("float32")


def reference(beta, average, sample_weight=None):
    predicted, options = SCORES.argmax(1), {"beta": beta, "average": average}
    options |= {"labels": range(4), "zero_division": 0, "sample_weight": sample_weight}
    return fbeta_score(LABELS, predicted, **options)


class TestFBetaScore(MetricContract):
    component = FBetaScore
    arguments = {"num_classes": 4, "beta": 2.0, "average": None, "threshold": 0.25}
    refused = [
        (
            {"num_classes": 1},
            "`num_classes` must be an integer in [2, inf). Received: num_classes=1",
        ),
        ({"beta": 0}, "`beta` must be a number in (0, inf). Received: beta=0"),
        (
            {"average": "binary"},
            "`average` must be one of 'macro', 'micro', 'weighted', None. "
            "Received: average='binary'",
        ),
        (
            {"threshold": "0.5"},
            "`threshold` must be a number in (-inf, inf). Received: threshold='0.5'",
        ),
    ]
    y_true = LABELS
    y_pred = SCORES

    def make(self, **overrides):
        return super().make(**{"name": "f2", **overrides})

    def reference(self, y_true, y_pred, sample_weight=None):
        scores = reference(2.0, None, sample_weight)
        return {f"f2_{k}": score for k, score in enumerate(scores)}

    @pytest.mark.parametrize("average", ["macro", "micro", "weighted"])
    @pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
    def test_is_that_of_scikit_learn(self, average, beta):
        for weight in (None, RNG.uniform(size=10)):
            metric = self.updated(self.make(beta=beta, average=average), weight)
            assert_close(metric.result(), reference(beta, average, weight))

    def test_is_that_of_keras_on_one_hot_labels(self):
        theirs = keras.metrics.FBetaScore(average="macro", beta=0.5)
        theirs.update_state(np.eye(4, dtype="float32")[LABELS], SCORES)
        ours = FBetaScore(4, 0.5)
        ours.update_state(LABELS, SCORES)
        assert_close(ours.result(), theirs.result())

    def test_is_f1_where_beta_is_one(self):
        metrics = FBetaScore(4), F1Score(4)
        for metric in metrics:
            metric.update_state(LABELS, SCORES)
        assert_close(*(metric.result() for metric in metrics))
        assert [metric.name for metric in metrics] == ["fbeta_score", "f1_score"]
