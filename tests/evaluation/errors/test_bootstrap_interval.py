import numpy as np
import pytest
from scipy import stats

from kdl.evaluation import bootstrap_interval

pytestmark = pytest.mark.one_backend


def test_of_a_mean_is_that_of_scipy():
    values = np.random.default_rng(0).exponential(size=200)
    found = bootstrap_interval(np.mean, values, resamples=4000)
    expected = stats.bootstrap(
        (values,), np.mean, n_resamples=4000, method="percentile", rng=1
    ).confidence_interval
    assert found[0] == pytest.approx(values.mean())
    # The ends of 4,000 samples have a standard error of some .0025.
    np.testing.assert_allclose(found[1:], expected, atol=0.015)


def test_holds_an_accuracy_as_often_as_it_says():
    rng, held = np.random.default_rng(0), 0
    for _ in range(300):
        right = rng.random(80) < 0.8
        _, low, high = bootstrap_interval(np.mean, right, resamples=200)
        held += low <= 0.8 <= high
    # Standard error .0126; the percentile interval is known to be a little narrow.
    assert 0.88 < held / 300 < 0.98


def test_rows_stay_together_and_samples_without_the_metric_are_left_out():
    labels = np.r_[np.zeros(30), 1]

    def rate(labels, copied):
        np.testing.assert_array_equal(labels, copied)
        if labels.sum() == 0:
            raise ValueError("no such class")
        return 1.0

    assert bootstrap_interval(rate, labels, labels.copy()) == (1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        (
            ([1, 2], [1]),
            {},
            "The arrays must have as many rows, one or more. Received: 2, 1",
        ),
        (
            (),
            {},
            "The arrays must have as many rows, one or more. Received: no array",
        ),
        (
            ([1.0],),
            {"resamples": 9},
            "`resamples` must be an integer in [100, inf). Received: resamples=9",
        ),
        (
            ([1.0],),
            {"confidence": 1.0},
            "`confidence` must be a number in (0, 1). Received: confidence=1.0",
        ),
    ],
)
def test_refuses(arrays, options, message):
    with pytest.raises(ValueError) as error:
        bootstrap_interval(np.mean, *arrays, **options)
    assert str(error.value) == message
