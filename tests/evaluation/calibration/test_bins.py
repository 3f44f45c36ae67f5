import numpy as np
import pytest
from scipy.special import softmax
from sklearn.calibration import calibration_curve

from kdl.evaluation import expected_calibration_error, reliability

pytestmark = pytest.mark.one_backend

RNG = np.random.default_rng(0)
Y = RNG.integers(0, 3, 400)
P = softmax(2 * RNG.normal(size=(400, 3)) + np.eye(3)[Y], axis=1)
SURE, RIGHT = P.max(1), P.argmax(1) == Y


@pytest.mark.parametrize(
    ("strategy", "name"), [("width", "uniform"), ("mass", "quantile")]
)
@pytest.mark.parametrize("bins", [1, 5, 15])
def test_is_the_calibration_curve_of_scikit_learn(strategy, name, bins):
    found = reliability(P, Y, bins, strategy)
    accuracy, confidence = calibration_curve(RIGHT, SURE, n_bins=bins, strategy=name)
    np.testing.assert_allclose(found.accuracy, accuracy)
    np.testing.assert_allclose(found.confidence, confidence)
    assert found.counts.sum() == 400


def test_bins_of_equal_mass_have_as_many_examples():
    np.testing.assert_array_equal(reliability(P, Y, 8, "mass").counts, 50)


def test_error_is_the_mean_gap():
    """Counted example by example, after Naeini et al."""
    bins, total = 10, 0
    for n in range(bins):
        inside = (n / bins < SURE) & ((n + 1) / bins >= SURE)
        if inside.any():
            total += inside.sum() * abs(RIGHT[inside].mean() - SURE[inside].mean())
    found = expected_calibration_error(P, Y, bins)
    assert found == pytest.approx(total / 400)
    order = np.argsort(SURE)
    parts = np.array_split(order, bins)
    gaps = [len(p) * abs(RIGHT[p].mean() - SURE[p].mean()) for p in parts]
    found = expected_calibration_error(P, Y, bins, "mass")
    assert found == pytest.approx(sum(gaps) / 400)


def test_is_small_for_a_calibrated_classifier_and_large_for_one_that_is_too_sure():
    p = RNG.dirichlet(np.ones(3), 20_000)
    y = (RNG.uniform(size=(20_000, 1)) > np.cumsum(p, 1)).sum(1)
    # Each of 15 bins errs by half a root of its size, or less: 15 halves over roots.
    assert expected_calibration_error(p, y) < 15 * 0.5 / np.sqrt(15 * 20_000) * 2
    sharp = p**4 / (p**4).sum(1, keepdims=True)
    assert expected_calibration_error(sharp, y) > 0.1


def test_equal_probabilities_stay_in_one_bin():
    p = np.array([[0.8, 0.2]] * 6 + [[0.6, 0.4]] * 2)
    y = [0, 0, 0, 1, 0, 0, 1, 0]
    found = reliability(p, y, 4, "mass")
    np.testing.assert_allclose(found.confidence, [0.6, 0.8])
    np.testing.assert_array_equal(found.counts, [2, 6])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"bins": 0},
            "`bins` must be an integer in [1, inf). Received: bins=0",
        ),
        (
            {"strategy": "depth"},
            "`strategy` must be one of 'width', 'mass'. Received: strategy='depth'",
        ),
        (
            {"probabilities": SURE},
            "`probabilities` must be probabilities of shape (examples, classes), which "
            "sum to 1. Received: shape=(400,)",
        ),
        (
            {"probabilities": np.full((400, 3), np.nan)},
            "`probabilities` must be probabilities of shape (examples, classes), which "
            "sum to 1. Received: numbers that are not finite",
        ),
        (
            {"y": Y.astype(float)},
            "`y` must be 400 integers in [0, 3). Received: float64 of shape (400,)",
        ),
    ],
)
def test_refuses_bad_arguments(arguments, message):
    for function in (reliability, expected_calibration_error):
        with pytest.raises(ValueError) as error:
            function(**{"probabilities": P, "y": Y, **arguments})
        assert str(error.value) == message
