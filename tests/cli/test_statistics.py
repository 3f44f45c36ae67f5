import numpy as np
import pytest
from scipy import stats

from kdl_cli.folder.statistics import holm, interval, paired, ranked, scores, summary

pytestmark = pytest.mark.one_backend


def runs(**values):
    """Completed runs, from lists of scores by value; `None` is a failed run."""
    return [
        {
            "value": value,
            "seed": seed,
            "status": "failed" if score is None else "completed",
            "error": score,
        }
        for value, found in values.items()
        for seed, score in enumerate(found)
    ]


class TestInterval:
    def test_is_scipy_s(self):
        numbers = np.random.default_rng(0).normal(size=7)
        ends = stats.ttest_1samp(numbers, 0).confidence_interval(0.95)
        expected = [np.mean(numbers), *ends]
        np.testing.assert_allclose(interval(numbers), expected, rtol=1e-12)

    def test_is_that_of_a_table(self):
        # Mean 4, standard deviation 2, and t of 4.303 with two degrees of freedom.
        half = 4.303 * 2 / np.sqrt(3)
        expected = [4, 4 - half, 4 + half]
        np.testing.assert_allclose(interval([2, 4, 6]), expected, atol=1e-3)

    def test_stays_within_the_bounds_of_what_is_measured(self):
        numbers = [0.99, 1.0, 0.9]
        mean, low, high = interval(numbers)
        assert low > 0.5 and high > 1
        assert interval(numbers, (0.0, 1.0)) == (mean, low, 1.0)
        assert interval([0.0, 0.02], (0.0, np.inf))[1] == 0.0

    def test_within_bounds_holds_the_mean_as_often(self):
        generator, held = np.random.default_rng(0), 0
        for _ in range(1000):
            _, low, high = interval(generator.normal(0.9, 0.1, size=5), (0.0, 1.0))
            held += low <= 0.9 <= high
        # Standard error 0.7 %.
        assert abs(held / 1000 - 0.95) < 3 * 0.007

    def test_takes_two_numbers(self):
        assert interval([]) == (None, None, None)
        assert interval([3.0]) == (3.0, None, None)
        assert interval([3.0, 3.0]) == (3.0, 3.0, 3.0)


class TestPaired:
    def test_is_scipy_s(self):
        a, b = np.random.default_rng(0).normal(size=(2, 6))
        found = paired(dict(enumerate(a)), dict(enumerate(b)))
        expected = stats.ttest_rel(b, a)
        ends = expected.confidence_interval(0.95)
        assert found["pairs"] == 6
        assert found["p"] == pytest.approx(expected.pvalue)
        assert found["difference"] == pytest.approx(np.mean(b) - np.mean(a))
        assert found["difference_low"] == pytest.approx(ends.low)
        assert found["difference_high"] == pytest.approx(ends.high)

    def test_is_that_of_a_table(self):
        # Differences 1, 2 and 3: t is 2 √3 = 3.464, of which p is 0.0742.
        found = paired({0: 1.0, 1: 1.0, 2: 1.0}, {0: 2.0, 1: 3.0, 2: 4.0})
        assert found["difference"] == 2
        assert found["p"] == pytest.approx(0.0742, abs=5e-5)

    def test_pairs_by_seed_what_both_have(self):
        found = paired({0: 1.0, 1: 2.0, 3: 9.0}, {3: 10.0, 2: 0.0, 0: 3.0})
        assert found["pairs"] == 2 and found["difference"] == 1.5

    def test_what_differs_by_rounding_alone_is_no_evidence(self):
        scores = np.float32([0.1, 0.2, 0.3])
        first = dict(enumerate(scores.tolist()))
        second = dict(enumerate((scores + np.float32(0.1)).tolist()))
        found = paired(first, second)
        assert len({second[seed] - first[seed] for seed in first}) > 1
        assert found["p"] is None
        assert paired(first, first)["p"] is None

    @pytest.mark.parametrize("second", [{}, {5: 1.0}, {0: 1.0}])
    def test_takes_two_pairs(self, second):
        found = paired({0: 1.0, 1: 2.0}, second)
        assert found["pairs"] == len(second.keys() & {0})
        assert found["p"] is None and found["difference_low"] is None


class TestHolm:
    def test_is_the_textbook_s(self):
        # By hand: 4 of 0.005, 3 of 0.01, 2 of 0.03, and at least that.
        found = holm([0.01, 0.04, 0.03, 0.005])
        np.testing.assert_allclose(found, [0.03, 0.06, 0.06, 0.02])

    def test_lies_between_none_and_bonferroni_and_keeps_the_order(self):
        ps = np.random.default_rng(0).uniform(size=9) ** 3
        found = np.array(holm(list(ps)))
        assert (found >= ps).all() and (found <= np.minimum(9 * ps, 1)).all()
        assert (np.diff(found[np.argsort(ps)]) >= 0).all()

    def test_counts_only_what_was_tested(self):
        assert holm([None, 0.02, None]) == [None, 0.02, None]
        assert holm([]) == []

    def test_errs_in_five_per_cent_of_the_comparisons(self):
        generator, errors = np.random.default_rng(0), 0
        for _ in range(1000):
            first, *others = generator.normal(size=(4, 5))
            ps = [stats.ttest_rel(first, other).pvalue for other in others]
            errors += min(holm(ps)) < 0.05
        # Standard error 0.7 %; Holm's is at most 5 %.
        assert 0.02 < errors / 1000 < 0.05 + 3 * 0.007


class TestSummary:
    def test_leaves_out_what_failed_or_has_no_such_metric(self):
        found = [*runs(a=[1.0, None, 3.0]), {"value": "a", "seed": 3}]
        found[-1] |= {"status": "completed", "other": 5.0}
        assert scores(found, "a", "error") == {0: 1.0, 2: 3.0}

    def test_has_means_of_all_metrics_and_tests_the_first(self):
        rows = summary(
            [
                {**run, "loss": 2 * (run["error"] or 0)}
                for run in runs(a=[1.0, 2.0, 3.0], b=[2.0, 4.0, 3.5], c=[7.0, None, 8])
            ],
            ["a", "b", "c", "d"],
            ["error", "loss"],
        )
        assert [row["value"] for row in rows] == ["a", "b", "c", "d"]
        assert [row["error"] for row in rows] == [
            2.0,
            pytest.approx(9.5 / 3),
            7.5,
            None,
        ]
        assert rows[0]["loss"] == 4.0 and rows[0]["loss_low"] < 4
        assert (rows[2]["runs"], rows[2]["failed"], rows[3]["runs"]) == (3, 1, 0)
        assert "p" not in rows[0] and rows[3]["p"] is None
        assert [row["pairs"] for row in rows[1:]] == [3, 2, 0]
        assert rows[2]["difference"] == 5.5
        ps = [row["p"] for row in rows[1:3]]
        assert [row["p_holm"] for row in rows[1:3]] == holm(ps)

    def test_knows_the_bounds_of_a_metric_by_its_name(self):
        found = runs(a=[0.99, 1.0, 0.9], b=[0.1, 1.0, 0.4])
        found = [{**run, "test_accuracy": run["error"]} for run in found]
        first, second = summary(found, ["a", "b"], ["test_accuracy", "error"])
        assert first["test_accuracy_high"] == 1.0 < first["error_high"]
        assert second["test_accuracy_low"] == 0.0 > second["error_low"]
        assert second["difference_low"] == -1.0

    def test_ranks_what_has_a_mean_the_best_first(self):
        rows = summary(runs(a=[2.0], b=[None], c=[1.0]), ["a", "b", "c"], ["error"])
        for direction, order in (("min", "ca"), ("max", "ac")):
            found = ranked(rows, "error", direction)
            assert [row["value"] for row in found] == list(order)
