import keras
import numpy as np
import pytest
from contracts import MetricContract, assert_close
from sklearn.metrics import f1_score

from kdl.metrics import ConfusionMatrix, F1Score

RNG = np.random.default_rng(0)
# No label is 3, and two are no class.
LABELS = np.array([0, 1, 2, 0, -1, 2, 4, 0, 2, 0])
SCORES = RNG.normal(size=(10, 4)).astype("float32")


def reference(y_true, predicted, average, num_classes=4, sample_weight=None):
    inside = (y_true >= 0) & (y_true < num_classes)
    return f1_score(
        y_true[inside],
        predicted[inside],
        labels=range(num_classes),
        average=average,
        sample_weight=None if sample_weight is None else sample_weight[inside],
        zero_division=0,
    )


class TestF1Score(MetricContract):
    component = F1Score
    arguments = {"num_classes": 4, "average": None, "threshold": 0.25}
    refused = [
        (
            {"num_classes": 4.0},
            "`num_classes` must be an integer in [2, inf). Received: num_classes=4.0",
        ),
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
        return super().make(**{"name": "f1", **overrides})

    def reference(self, y_true, y_pred, sample_weight=None):
        scores = reference(
            y_true, y_pred.argmax(axis=1), None, sample_weight=sample_weight
        )
        return {f"f1_{k}": score for k, score in enumerate(scores)}

    def test_name_is_the_same_each_time(self):
        """Unlike those that Keras makes up, or a search would lose its objective."""
        assert [F1Score(3).name for _ in range(2)] == ["f1_score"] * 2
        assert [ConfusionMatrix(3).name for _ in range(2)] == ["confusion_matrix"] * 2

    @pytest.mark.parametrize("metric", [F1Score(4), ConfusionMatrix(4)])
    @pytest.mark.parametrize("shape", [(10, 4), (5, 2), (1, 10)])
    def test_refuses_labels_of_another_shape(self, metric, shape):
        labels = np.resize(LABELS, shape)
        with pytest.raises(ValueError) as error:
            metric.update_state(labels, SCORES)
        assert str(error.value) == (
            f"`y_true` must be integer labels of shape (10,). Received: shape={shape}"
        )

    @pytest.mark.parametrize("average", ["macro", "micro", "weighted"])
    def test_is_that_of_scikit_learn(self, average):
        predicted, weights = SCORES.argmax(axis=1), RNG.uniform(size=10)
        for weight in (None, weights):
            metric = self.updated(self.make(average=average), weight)
            desired = reference(LABELS, predicted, average, sample_weight=weight)
            assert_close(metric.result(), desired)

    @pytest.mark.parametrize("average", ["macro", "micro", "weighted"])
    def test_is_zero_without_examples(self, average):
        metric = self.make(average=average)
        assert_close(metric.result(), 0)
        metric.update_state([7, -1], SCORES[:2])
        assert_close(metric.result(), 0)

    @pytest.mark.parametrize("threshold", [0.5, 0.0])
    def test_takes_one_column_of_two_classes(self, threshold):
        metric = F1Score(2, threshold=threshold)
        metric.update_state(LABELS, SCORES[:, :1])
        predicted = (SCORES[:, 0] > threshold).astype(int)
        assert_close(metric.result(), reference(LABELS, predicted, "macro", 2))

    def test_takes_pixels(self):
        labels = RNG.integers(0, 4, (2, 3, 5))
        scores = RNG.normal(size=(2, 3, 5, 4)).astype("float32")
        weights = np.array([0.5, 2])
        metric = F1Score(4)
        metric.update_state(labels[..., None], scores, weights)
        predicted = scores.argmax(axis=-1).ravel()
        weights = np.repeat(weights, 15)
        desired = reference(labels.ravel(), predicted, "macro", sample_weight=weights)
        assert_close(metric.result(), desired)

    def test_is_that_of_keras_on_one_hot_labels(self):
        labels = LABELS.clip(0, 3)
        theirs = keras.metrics.F1Score(average="macro")
        theirs.update_state(np.eye(4)[labels].astype("float32"), SCORES)
        ours = F1Score(4)
        ours.update_state(labels, SCORES)
        assert_close(ours.result(), theirs.result())

    def test_enters_the_logs_and_reloads(self, tmp_path, capsys):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])
        # A loss of a name, which a file can hold.
        loss = keras.losses.SparseCategoricalCrossentropy(True, ignore_class=-1)
        labels = np.where(LABELS > 3, -1, LABELS)
        model.compile("sgd", loss, metrics=[self.make(), F1Score(4, name="macro")])
        model.save(tmp_path / "model.keras")
        logs = model.evaluate(SCORES, labels, return_dict=True)
        # Neither as an array nor as its mean, which would be under the name alone.
        names = {"loss", "macro", "f1_0", "f1_1", "f1_2", "f1_3"}
        assert logs.keys() == names
        shown = capsys.readouterr().out
        assert "f1_3: " in shown and "f1: " not in shown
        mean = np.mean([logs[f"f1_{k}"] for k in range(4)])
        assert_close(logs["macro"], mean)
        revived = keras.saving.load_model(tmp_path / "model.keras")
        assert revived.evaluate(SCORES, labels, return_dict=True) == logs
