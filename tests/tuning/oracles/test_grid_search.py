import itertools

import keras_tuner
import pytest

from kdl.tuning import GridSearch, GridSearchOracle

pytestmark = pytest.mark.one_backend


def space(hp):
    hp.Choice("a", ["x", "y"])
    hp.Int("b", 1, 3)
    with hp.conditional_scope("a", ["y"]):
        hp.Boolean("c")


class Instant(GridSearch):
    def run_trial(self, trial, *args, **kwargs):
        space(trial.hyperparameters)
        return 1.0


class TestGridSearch:
    def test_tries_each_combination_once_and_stops(self, tmp_path):
        tuner = Instant(directory=tmp_path)
        tuner.oracle.verbose = 0
        space(tuner.oracle.hyperparameters)
        tuner.search()
        tried = [t.hyperparameters.values for t in tuner.oracle.trials.values()]
        expected = [{"a": "x", "b": b} for b in (1, 2, 3)]
        expected += [
            {"a": "y", "b": b, "c": c}
            for b, c in itertools.product((1, 2, 3), (False, True))
        ]
        assert tried == expected

    def test_a_number_without_steps_has_ten_values_and_its_ends(self, tmp_path):
        hp = keras_tuner.HyperParameters()
        hp.Float("rate", 1e-3, 1.0, sampling="log")
        oracle = GridSearchOracle("loss", hyperparameters=hp)
        oracle._set_project_dir(tmp_path, "search")
        oracle.verbose = 0
        rates = [
            oracle.create_trial(f"tuner{n}").hyperparameters.values["rate"]
            for n in range(10)
        ]
        assert rates == pytest.approx([1e-3 * 1000 ** (n / 9) for n in range(10)])
        assert oracle.create_trial("last").status == "STOPPED"
