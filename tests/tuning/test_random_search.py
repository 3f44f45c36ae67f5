import keras_tuner
import numpy as np
from scipy import stats

from kdl.tuning import RandomSearch, RandomSearchOracle


def values(folder, declare, count, **options):
    hp = keras_tuner.HyperParameters()
    declare(hp)
    oracle = RandomSearchOracle("loss", count, hyperparameters=hp, **options)
    oracle._set_project_dir(folder, "search")
    oracle.verbose = 0
    trials = [oracle.create_trial(f"tuner{n}") for n in range(count)]
    return [t.hyperparameters.values for t in trials if t.status == "RUNNING"]


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
