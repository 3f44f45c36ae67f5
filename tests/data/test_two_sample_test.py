import numpy as np
import pytest
from image_folders import make_folder
from scipy.stats import mannwhitneyu, norm

from kdl.data import load, two_sample_test

pytestmark = pytest.mark.one_backend

RNG = np.random.default_rng(0)


def normal(count, shift=0.0, scale=1.0):
    return RNG.normal(shift, scale, (count, 2))


class TestTwoSampleTest:
    def test_sets_of_one_distribution_are_not_told_apart(self):
        found = two_sample_test(normal(400), normal(300))
        assert found["examples"] == [400, 300]
        assert abs(found["auc"] - 0.5) < 4 * found["standard_error"]

    def test_standard_error_is_that_of_ranks(self):
        # Of SciPy's normal approximation: z = (U - mean) / (error * first * second).
        one, other = RNG.normal(size=(2, 50))
        found = two_sample_test(normal(50), normal(50))
        result = mannwhitneyu(one, other, method="asymptotic", use_continuity=False)
        z = (result.statistic / 2500 - 0.5) / found["standard_error"]
        np.testing.assert_allclose(2 * norm.sf(abs(z)), result.pvalue, rtol=1e-6)

    def test_comes_near_the_best_that_is_possible(self):
        one, other = normal(1000), normal(1000)
        other[:, 0] += 2
        # Of two normal distributions, the better of two draws is told with this
        # probability by the shifted number alone.
        best = norm.cdf(2 / np.sqrt(2))
        found = two_sample_test(one, other)["auc"]
        assert best - 0.04 < found < best + 0.03

    def test_finds_a_spread_that_differs(self):
        assert two_sample_test(normal(300), normal(300, scale=3.0))["auc"] > 0.8

    @pytest.mark.parametrize(
        "column",
        [
            np.repeat(["north", "south"], 100),
            np.repeat([1.0, np.nan], 100),
            np.repeat(np.array(["2024-01-01", "2025-01-01"], "datetime64[s]"), 100),
        ],
    )
    def test_takes_tables(self, column):
        one, other = (
            {"size": RNG.normal(size=100), "column": part}
            for part in np.split(column, 2)
        )
        assert two_sample_test(one, other)["auc"] > 0.99
        alike = {**other, "column": one["column"]}
        assert abs(two_sample_test(one, alike)["auc"] - 0.5) < 0.2

    def test_takes_texts(self):
        words = ["the", "of", "and", "to", "in", "a", "is", "that", "for", "it"]
        one, other = (
            np.array([" ".join(RNG.choice(some, 5)) for _ in range(60)])
            for some in (words, [*words[:6], "as", "was", "with", "be"])
        )
        assert two_sample_test(one, other)["auc"] > 0.8

    def test_takes_images_on_disk_and_large_ones(self, tmp_path):
        make_folder(tmp_path, {"a": 50, "b": 50}, (70, 50))
        (train, _), (some, _), _ = load(f"images:{tmp_path}")
        # They are of noise.
        half = len(train) // 2
        found = two_sample_test(train.take(slice(half)), train.take(slice(half, None)))
        assert abs(found["auc"] - 0.5) < 4 * found["standard_error"]
        dark = np.tile(some[np.arange(len(some))] / 2, (4, 1, 1, 1))
        assert two_sample_test(train, dark)["auc"] > 0.95

    def test_is_the_same_for_a_seed(self):
        sets = normal(1500), normal(50, 0.5)
        assert two_sample_test(*sets, seed=1) == two_sample_test(*sets, seed=1)
        assert two_sample_test(*sets, seed=1) != two_sample_test(*sets, seed=2)

    @pytest.mark.parametrize(
        ("sets", "message"),
        [
            (
                (np.zeros((30, 2)), np.array(["a"] * 30)),
                "`one` and `other` must both be tables, images, vectors or texts. "
                "Received: vectors and texts",
            ),
            (
                (np.zeros((30, 2, 2)), np.zeros((30, 2))),
                "`one` and `other` must both be tables, images, vectors or texts. "
                "Received: ndarray and vectors",
            ),
            (
                (np.zeros((30, 2)), np.zeros((19, 2))),
                "`one` and `other` must have 20 examples or more. Received: 30 and 19",
            ),
        ],
    )
    def test_refuses(self, sets, message):
        with pytest.raises(ValueError) as error:
            two_sample_test(*sets)
        assert str(error.value) == message
