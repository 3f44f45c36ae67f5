import numpy as np
import pytest
from scipy.optimize import approx_fprime
from sklearn.preprocessing import PowerTransformer

from kdl.tuning.oracles.warp import Warp

pytestmark = pytest.mark.one_backend

RNG = np.random.default_rng(0)
SCORES = {
    "normal": RNG.normal(size=40),
    "a long tail": np.exp(2 * RNG.normal(size=40)),
    "a long tail below": -np.exp(2 * RNG.normal(size=40)),
    "few": np.array([3.0, 1.0, 2.0]),
    "equal": np.full(8, 0.5),
    "one": np.array([7.0]),
}


@pytest.mark.parametrize("name", SCORES)
class TestWarp:
    def test_goes_there_and_back(self, name):
        scores = SCORES[name]
        warp = Warp(scores)
        warped, _ = warp(scores)
        np.testing.assert_allclose(warp.inverse(warped), scores, rtol=1e-9, atol=1e-9)

    def test_keeps_the_order_and_has_mean_0_and_variance_1(self, name):
        scores = SCORES[name]
        warped, _ = Warp(scores)(scores)
        assert (np.argsort(warped, kind="stable") == np.argsort(scores)).all()
        assert warped.mean() == pytest.approx(0, abs=1e-9)
        if np.ptp(scores):
            assert warped.std() == pytest.approx(1)

    def test_slopes_are_those_of_the_map(self, name):
        scores = SCORES[name]
        warp = Warp(scores)
        _, slopes = warp(scores)
        for score, slope in zip(scores[:5], slopes, strict=False):
            expected = approx_fprime([score], lambda s: warp(s)[0][0], 1e-7)
            assert slope == pytest.approx(expected[0], rel=1e-4)

    def test_is_the_transform_of_sklearn(self, name):
        scores = SCORES[name]
        if len(scores) < 5 or not np.ptp(scores):
            pytest.skip("The map is linear.")
        scaled = (scores - np.median(scores)) / scores.std()
        expected = PowerTransformer().fit_transform(scaled[:, np.newaxis])[:, 0]
        np.testing.assert_allclose(Warp(scores)(scores)[0], expected, atol=1e-2)


def test_failures_are_the_worst():
    scores = np.r_[SCORES["a long tail"], np.inf, np.nan]
    warp = Warp(scores)
    expected, slopes = warp(scores[:-2])
    np.testing.assert_array_equal(warp.targets, np.r_[expected, [expected.max()] * 2])
    np.testing.assert_array_equal(warp.slopes, np.r_[slopes, 0, 0])
