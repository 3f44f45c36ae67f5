import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import binomtest
from sklearn import metrics

from kdl_cli.examination.scores import class_metrics, class_rows, number_metrics

pytestmark = pytest.mark.one_backend
RNG = np.random.default_rng(0)
LABELS = RNG.integers(3, size=80)
PROBABILITIES = softmax(RNG.normal(size=(80, 3)) + 1.5 * np.eye(3)[LABELS], axis=1)
PREDICTED = PROBABILITIES.argmax(axis=1)


def test_metrics_of_classes_are_those_of_scikit_learn():
    found = {row["metric"]: row for row in class_metrics(LABELS, PROBABILITIES)}
    expected = {
        "accuracy": metrics.accuracy_score(LABELS, PREDICTED),
        "balanced accuracy": metrics.balanced_accuracy_score(LABELS, PREDICTED),
        "F1, mean over classes": metrics.f1_score(LABELS, PREDICTED, average="macro"),
        "cross-entropy": metrics.log_loss(LABELS, PROBABILITIES),
        "area under ROC curves": metrics.roc_auc_score(
            LABELS, PROBABILITIES, multi_class="ovr"
        ),
    }
    for name, value in expected.items():
        assert found[name]["value"] == pytest.approx(value)
        assert found[name]["low"] < value < found[name]["high"]


def test_metrics_of_numbers_are_those_of_scikit_learn():
    targets = RNG.normal(size=60)
    predicted = targets + 0.3 * RNG.normal(size=60)
    found = {r["metric"]: r["value"] for r in number_metrics(targets, predicted)}
    assert found == pytest.approx(
        {
            "root mean squared error": metrics.root_mean_squared_error(
                targets, predicted
            ),
            "mean absolute error": metrics.mean_absolute_error(targets, predicted),
            "R²": metrics.r2_score(targets, predicted),
            "mean error": np.mean(predicted - targets),
        }
    )


def test_classes_have_the_intervals_of_wilson():
    rows = class_rows(LABELS, PROBABILITIES, ["a", "b", "c"])
    precision, recall, f1, counts = metrics.precision_recall_fscore_support(
        LABELS, PREDICTED
    )
    for n, row in enumerate(rows):
        assert (row["class"], row["examples"]) == ("abc"[n], counts[n])
        assert row["F1"] == pytest.approx(f1[n])
        assert row["found"][0] == pytest.approx(recall[n])
        assert row["right where predicted"][0] == pytest.approx(precision[n])
        hits = round(recall[n] * counts[n])
        ends = binomtest(int(hits), int(counts[n])).proportion_ci(method="wilson")
        assert row["found"][1:] == pytest.approx((ends.low, ends.high), rel=1e-9)


def test_a_class_that_is_not_there_has_no_shares():
    row = class_rows(np.array([0, 0]), np.array([[0.9, 0.1]] * 2), ["a", "b"])[1]
    assert row == {
        "class": "b",
        "examples": 0,
        "found": None,
        "right where predicted": None,
        "F1": None,
    }
