import numpy as np
import pytest
from scipy import stats

from kdl.evaluation import resampled_interval

pytestmark = pytest.mark.one_backend


class TestResampledInterval:
    def test_is_the_formula_of_the_paper(self):
        scores = [0.8, 0.9, 0.85, 0.95]
        mean, low, high = resampled_interval(scores, 90, 30, confidence=0.9)
        error = np.sqrt((1 / 4 + 30 / 90) * np.var(scores, ddof=1))
        assert mean == pytest.approx(0.875)
        expected = stats.t(3, 0.875, error).interval(0.9)
        np.testing.assert_allclose([low, high], expected)

    def test_holds_the_mean_of_scores_that_depend_on_each_other(self):
        """As the paper has it: with a correlation of test / (train + test)."""
        rng = np.random.default_rng(0)
        count, train, test = 4000, 80, 20
        shared = rng.normal(size=(count, 1)) * np.sqrt(0.2)
        scores = shared + rng.normal(size=(count, 5)) * np.sqrt(0.8)
        ends = np.array([resampled_interval(row, train, test)[1:] for row in scores])
        share = np.mean((ends[:, 0] < 0) & (ends[:, 1] > 0))
        # Standard error .0034.
        assert abs(share - 0.95) < 4 * 0.0034
        naive = [stats.ttest_1samp(row, 0).pvalue > 0.05 for row in scores]
        assert np.mean(naive) < 0.9

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (
                ([], 1, 1),
                "`scores` must be a sequence of numbers, one or more. Received: shape "
                "(0,)",
            ),
            (
                ([1.0], 0, 1),
                "`train` must be an integer in [1, inf). Received: train=0",
            ),
        ],
    )
    def test_refuses(self, arguments, message):
        with pytest.raises(ValueError) as error:
            resampled_interval(*arguments)
        assert str(error.value) == message
