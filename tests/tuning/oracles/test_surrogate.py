import numpy as np
import pytest

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
