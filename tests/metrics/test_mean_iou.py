import keras
import numpy as np
import pytest
from contracts import MetricContract, array, assert_close
from sklearn.metrics import jaccard_score

from kdl.metrics import MeanIoU

RNG = np.random.default_rng(0)
# Neither label nor prediction is ever 3, and two are no class.
LABELS = np.array([0, 1, 2, 0, -1, 2, 4, 0, 2, 0])
SCORES = RNG.normal(size=(10, 4)).astype("float32") - [0, 0, 0, 9]


class TestMeanIoU(MetricContract):
    component = MeanIoU
    arguments = {"num_classes": 4, "threshold": 0.25}
    refused = [
        (
            {"num_classes": 1},
            "`num_classes` must be an integer in [2, inf). Received: num_classes=1",
        ),
        (
            {"threshold": None},
            "`threshold` must be a number in (-inf, inf). Received: threshold=None",
        ),
    ]
    y_true = LABELS
    y_pred = SCORES.astype("float32")

    def reference(self, y_true, y_pred, sample_weight=None):
        inside = (y_true >= 0) & (y_true < 4)
        return jaccard_score(
            y_true[inside],
            y_pred.argmax(axis=1)[inside],
            average="macro",
            sample_weight=None if sample_weight is None else sample_weight[inside],
        )

    def test_leaves_out_a_class_that_is_nowhere(self):
        metric = MeanIoU(5)
        metric.update_state([0, 0, 1, 1], np.eye(5)[[0, 1, 1, 1]])
        assert_close(metric.result(), (1 / 2 + 2 / 3) / 2)

    @pytest.mark.parametrize("labels", [[], [7, -1]])
    def test_is_zero_without_labels(self, labels):
        metric = MeanIoU(4)
        metric.update_state(np.array(labels, int), self.y_pred[: len(labels)])
        assert_close(metric.result(), 0)

    def test_is_that_of_keras_for_masks(self):
        masks = RNG.integers(0, 3, (2, 6, 5))
        logits = RNG.normal(size=(2, 6, 5, 3)).astype("float32")
        ours, theirs = MeanIoU(3), keras.metrics.MeanIoU(3, sparse_y_pred=False)
        for metric in (ours, theirs):
            metric.update_state(masks, logits)
        np.testing.assert_allclose(
            array(ours.result()), array(theirs.result()), rtol=1e-6
        )
