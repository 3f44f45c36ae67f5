import keras
import keras_tuner
import numpy as np
import pytest
from scipy import stats
from searches import side_by_side

from kdl.tuning import RandomSearch, RandomSearchOracle

pytestmark = pytest.mark.one_backend


def values(folder, declare, count, **options):
    hp = keras_tuner.HyperParameters()
    declare(hp)
    loss = keras_tuner.Objective("loss", "min")
    oracle = RandomSearchOracle(loss, count, hyperparameters=hp, **options)
    oracle._set_project_dir(folder, "search")
    oracle.verbose = 0
    drawn = []
    for _ in range(count):
        trial = oracle.create_trial("tuner0")
        if trial.status == "STOPPED":
            break
        drawn.append(trial.hyperparameters.values)
        oracle.update_trial(trial.trial_id, {"loss": 0.0})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
    return drawn


class TestRandomSearch:
    def test_draws_by_the_sampling(self, tmp_path):
        def declare(hp):
            hp.Float("rate", 1e-4, 1.0, sampling="log")

        drawn = values(tmp_path, declare, 300, seed=0)
        places = [np.log10(v["rate"]) / 4 + 1 for v in drawn]
        # A fixed seed; a right sampler fails at one of a thousand.
        assert stats.kstest(places, "uniform").pvalue > 1e-3

    def test_finds_all_of_a_small_space(self, tmp_path):
        def declare(hp):
            hp.Int("a", 1, 6)
            hp.Choice("b", ["x", "y", "z", "u"])

        drawn = values(tmp_path, declare, 30, seed=1)
        assert len({tuple(v.values()) for v in drawn}) == len(drawn) == 24

    def test_near_seeds_share_nothing(self, tmp_path):
        def declare(hp):
            hp.Float("a", 0.0, 1.0)

        one, two = (
            {v["a"] for v in values(tmp_path / str(seed), declare, 20, seed=seed)}
            for seed in (1, 2)
        )
        assert not one & two

    def test_workers_do_not_try_the_same(self, tmp_path):
        def make(hyperparameters):
            return RandomSearchOracle(
                keras_tuner.Objective("score", "min"),
                60,
                seed=0,
                hyperparameters=hyperparameters,
            )

        proposed, least = side_by_side(make, tmp_path / "first", 60, 12)
        assert least >= 0.01
        again, _ = side_by_side(make, tmp_path / "again", 60, 12)
        assert again == proposed

    def test_without_a_seed_each_search_is_another(self, tmp_path):
        """Also after a trial, which seeds the generator that KerasTuner's is from."""

        def declare(hp):
            hp.Float("a", 0.0, 1.0)

        drawn = []
        for number in range(2):
            keras.utils.set_random_seed(0)
            drawn += values(tmp_path / str(number), declare, 1)
        assert drawn[0] != drawn[1]

    def test_is_a_tuner_that_keeps_the_best(self, tmp_path):
        class Instant(RandomSearch):
            def run_trial(self, trial, *args, **kwargs):
                return trial.hyperparameters.Float("a", 0.0, 1.0)

        tuner = Instant(
            objective=keras_tuner.Objective("score", "max"),
            max_trials=7,
            seed=0,
            directory=tmp_path,
        )
        tuner.search(verbose=0)
        scores = [trial.score for trial in tuner.oracle.trials.values()]
        assert len(set(scores)) == 7
        (best,) = tuner.oracle.get_best_trials()
        assert best.score == max(scores)
