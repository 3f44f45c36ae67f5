import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from kdl.evaluation import label_errors

pytestmark = pytest.mark.one_backend


def test_by_hand():
    """Thresholds .7 and .75: row 2 is confidently of class 1, row 4 of neither."""
    labels = np.array([0, 0, 0, 1, 1, 1])
    first = np.array([0.95, 0.9, 0.25, 0.2, 0.4, 0.15])
    assert first[:3].mean() == pytest.approx(0.7)
    assert (1 - first[3:]).mean() == pytest.approx(0.75)
    found = label_errors(labels, np.stack([first, 1 - first], axis=1))
    np.testing.assert_array_equal(found, [2])


def test_finds_planted_errors():
    """A twentieth of the labels of digits, by models that have not seen them."""
    x, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    planted = rng.choice(len(y), len(y) // 20, replace=False)
    labels = y.copy()
    labels[planted] = (y[planted] + rng.integers(1, 10, len(planted))) % 10
    model = LogisticRegression(max_iter=200)
    probabilities = cross_val_predict(
        model, x / 16, labels, cv=5, method="predict_proba"
    )
    found = label_errors(labels, probabilities)
    hits = np.isin(found, planted)
    assert hits.mean() > 0.7
    assert np.isin(planted, found).mean() > 0.8
    # The likeliest come first.
    assert hits[:40].mean() > 0.95


def test_finds_none_where_all_is_well():
    labels = np.arange(60) % 3
    assert label_errors(labels, np.eye(3)[labels] * 0.7 + 0.1).size == 0


def test_a_class_without_examples_has_no_errors():
    labels = np.arange(60) % 2
    probabilities = np.eye(3)[labels] * 0.7 + 0.1
    assert label_errors(labels, probabilities).size == 0


@pytest.mark.parametrize(
    ("labels", "probabilities", "message"),
    [
        (
            [0.0, 1.0],
            np.eye(2),
            "`labels` must be 2 integers in [0, 2). Received: float64 of shape (2,)",
        ),
        ([0, 2], np.eye(2), "`labels` must be 2 integers in [0, 2). Received: 2"),
        (
            [0, 1],
            np.array([[1.0, 0.0], [3.0, 1.0]]),
            "`probabilities` must be probabilities of shape (examples, classes), which "
            "sum to 1. Received: numbers from 0, with sums from 1 to 4",
        ),
    ],
)
def test_refuses(labels, probabilities, message):
    with pytest.raises(ValueError) as error:
        label_errors(labels, probabilities)
    assert str(error.value) == message
