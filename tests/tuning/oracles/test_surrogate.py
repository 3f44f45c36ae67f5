import numpy as np
import pytest
from scipy.optimize import approx_fprime

from kdl.tuning.oracles.surrogate import Surrogate

pytestmark = pytest.mark.one_backend


def surrogate(scores):
    rng = np.random.default_rng(0)
    count = len(scores)
    return Surrogate(
        rng.random((count, 2)),
        np.arange(2),
        np.array(scores, float),
        np.zeros(count),
        np.empty((0, 2)),
        rng,
    )


class TestTargets:
    def test_keep_the_order_of_the_scores(self):
        rng = np.random.default_rng(0)
        for scores in (rng.normal(size=30), np.exp(4 * rng.normal(size=30))):
            targets = surrogate(scores).targets
            assert (np.argsort(targets) == np.argsort(scores)).all()
            np.testing.assert_allclose([targets.mean(), targets.std()], [0, 1], 0, 1e-9)

    def test_of_equal_scores_are_equal(self):
        scores = np.repeat([0.1, 0.3, 0.9, 30.0], [2, 4, 3, 2])
        targets = surrogate(scores).targets
        assert len(np.unique(targets)) == 4
        assert not surrogate(np.ones(8)).targets.any()

    def test_of_failures_are_those_of_the_worst(self):
        scores = np.r_[np.arange(10.0), np.inf, np.nan]
        targets = surrogate(scores).targets
        np.testing.assert_array_equal(targets[10:], targets[9])


class TestPending:
    @pytest.mark.parametrize("function", ["log_ei", "ei", "pi", "ucb"])
    def test_most_is_expected_away_from_a_trial_that_runs(self, function):
        """Where the most is expected of scores that fall to one side, a trial runs."""
        places = np.linspace(0, 0.6, 7)[:, np.newaxis]
        cube = np.linspace(0, 1, 201)[:, np.newaxis]

        def best(pending):
            model = Surrogate(
                places,
                np.array([0]),
                (places[:, 0] - 0.8) ** 2,
                np.zeros(7),
                np.reshape(pending, (-1, 1)),
                np.random.default_rng(0),
                function,
            )
            return cube[model.values(cube).argmax(), 0]

        running = []
        for _ in range(3):
            running.append(best(running))
        assert np.diff(np.sort(running)).min() > 0.01


class TestNoise:
    """Scores of which a third of the spread is noise."""

    RNG = np.random.default_rng(0)
    X = RNG.random((24, 2))
    Y = np.sin(4 * X[:, 0]) + X[:, 1] + 0.3 * RNG.normal(size=24)
    NEW = RNG.random((6, 2))

    def model(self, function, pending=()):
        return Surrogate(
            self.X,
            np.arange(2),
            self.Y,
            np.zeros(24),
            np.reshape(pending, (-1, 2)),
            np.random.default_rng(0),
            function,
        )

    def test_improvement_is_that_over_what_trials_score_without_noise(self):
        """Against sampling the posterior at trials and new points together."""
        model, rng = self.model("ei"), np.random.default_rng(1)
        assert model._scores.noise_variance > 0.01
        new = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 0.0], [1.0, 0.4]])
        normals = rng.standard_normal((28, 100_000))
        samples, _ = model._scores.sampled(normals, new)
        better = np.maximum(samples[:24].min(0) - samples[24:], 0)
        expected, values = better.mean(1), model.values(new)
        # The model takes 32 samples of the trials: the error of a mean of so many is
        # less than that of the improvement itself.
        error = better.std(1) / np.sqrt(32)
        assert (np.abs(values - expected) < 4 * error).all()
        assert expected[0] > 3 * error[0] and np.argmax(values) == np.argmax(expected)

    @pytest.mark.parametrize("function", ["log_ei", "ei", "pi", "ucb"])
    def test_gradient(self, function):
        model = self.model(function, pending=[[0.9, 0.1]])
        for x in self.NEW[:3]:
            value, slope = model.gradient(x)
            assert value == pytest.approx(model.values(x[None])[0], rel=1e-6)
            differences = approx_fprime(x, lambda at: model.values(at[None])[0], 1e-6)
            np.testing.assert_allclose(slope, differences, rtol=1e-2, atol=1e-3)

    def test_little_is_expected_where_a_trial_runs(self):
        grid = np.stack(np.meshgrid(*[np.linspace(0, 1, 41)] * 2), -1).reshape(-1, 2)
        alone = self.model("ei").values(grid)
        best = grid[alone.argmax()]
        beside = self.model("ei", pending=[best]).values(grid)
        assert beside[alone.argmax()] < 0.7 * alone.max()
        assert np.abs(grid[beside.argmax()] - best).max() > 0.02
