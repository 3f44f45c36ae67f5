import datetime
import sys
from pathlib import Path

import keras_tuner
import optuna
import pytest
from searches import search

from kdl.tuning import MedianStopping, RandomSearch, read_search, to_optuna
from kdl.tuning.goals.goal import Goal
from kdl.tuning.store.records import SearchRecord, TrialRecord

pytestmark = pytest.mark.one_backend


def record(trials, build):
    """A search over the space that a function declares."""
    hp = keras_tuner.HyperParameters()
    build(hp)
    space = hp.get_config()["space"]
    return SearchRecord(Path("a") / "search", "loss", "min", space, trials)


def completed(number, values, score=1.0, **options):
    return TrialRecord(number, values, "completed", score, [score], **options)


class TestToOptuna:
    def test_has_every_trial_with_its_state_score_and_curve(self):
        found = search()
        study = to_optuna(found)
        states = {"completed": "COMPLETE", "pruned": "PRUNED", "failed": "FAIL"}
        assert len(study.trials) == len(found.trials) > 0
        for trial, ours in zip(study.trials, found.trials, strict=True):
            assert trial.number + 1 == ours.number
            assert trial.state.name == states[ours.status]
            assert trial.value == ours.score
            assert trial.params == ours.values
            curve = dict(enumerate(ours.curves[0]["val_loss"]))
            assert trial.intermediate_values == curve
            assert trial.user_attrs.get("scores", []) == ours.scores
            assert trial.user_attrs.get("error", "") == ours.error
            assert trial.datetime_start.timestamp() == ours.began
            assert trial.duration == datetime.timedelta(seconds=ours.seconds)

    @pytest.mark.parametrize("direction", ["min", "max"])
    def test_has_the_best_trial(self, direction):
        found = search(direction=direction)
        done = [trial for trial in found.ranked() if trial.status == "completed"]
        assert to_optuna(found).best_trial.number + 1 == done[0].number

    def test_of_several_objectives_has_the_same_front(self):
        found = search()
        found.goal = Goal(
            [
                keras_tuner.Objective("val_loss", "min"),
                keras_tuner.Objective("size", "max"),
            ],
        )
        for trial in found.trials:
            if trial.score is not None:
                size = float(trial.number * 7 % 11)
                trial.metrics = {"val_loss": trial.score, "size": size}
                # Optuna's front has none of those that were pruned.
                trial.status = "completed"
        study = to_optuna(found)
        assert {trial.number + 1 for trial in study.best_trials} == {
            trial.number for trial in found.front()
        }
        scored = [trial for trial in found.trials if trial.metrics]
        assert (
            study.trials[scored[0].number - 1].user_attrs["metrics"]["size"]
            == (scored[0].metrics["size"])
        )

    def test_what_broke_a_constraint_is_complete_if_it_was_trained(self):
        trained = completed(1, {"a": 0.5}, metrics={"loss": 1.0, "params": 9})
        untrained = TrialRecord(2, {"a": 0.7}, "infeasible", metrics={"params": 9})
        trained.status = "infeasible"
        study = to_optuna(record([trained, untrained], lambda hp: hp.Float("a", 0, 1)))
        assert [trial.state.name for trial in study.trials] == ["COMPLETE", "FAIL"]
        assert all(trial.user_attrs["infeasible"] for trial in study.trials)

    def test_importances_find_what_matters(self):
        found = search(60)
        study = to_optuna(found)
        importances = optuna.importance.get_param_importances(study)
        assert max(importances, key=importances.get) == "rate"

    def test_stands_in_a_storage(self, tmp_path):
        storage = f"sqlite:///{tmp_path / 'studies.db'}"
        made = to_optuna(search(), storage, "mine")
        read = optuna.load_study(study_name="mine", storage=storage)
        assert [trial.params for trial in read.trials] == [
            trial.params for trial in made.trials
        ]
        assert read.user_attrs == {"objective": "val_loss"}

    def test_refuses_a_name_that_is_taken(self, tmp_path):
        storage = optuna.storages.InMemoryStorage()
        found = record([], lambda hp: None)
        assert to_optuna(found, storage).study_name == "search"
        with pytest.raises(ValueError) as error:
            to_optuna(found, storage)
        assert str(error.value) == (
            "The storage has a study 'search' already. Choose another `study_name`, or "
            "delete that one with optuna.delete_study."
        )

    def test_one_name_under_two_conditions_is_two_parameters(self):
        def build(hp):
            hp.Choice("kind", ["conv", "dense"])
            with hp.conditional_scope("kind", "conv"):
                hp.Int("size", 1, 8)
            with hp.conditional_scope("kind", "dense"):
                hp.Float("size", 0.0, 1.0)

        values = [{"kind": "conv", "size": 3}, {"kind": "dense", "size": 0.3}]
        trials = [completed(number, some) for number, some in enumerate(values)]
        conv, dense = to_optuna(record(trials, build)).trials
        assert conv.params == {"kind": "conv", "size (kind in ['conv'])": 3}
        assert dense.params == {"kind": "dense", "size (kind in ['dense'])": 0.3}

    def test_distributions_hold_what_was_tried(self):
        def build(hp):
            hp.Int("units", 32, 512, step=32, default=100)
            hp.Int("even", 2, 10, step=2)
            hp.Int("power", 1, 64, step=2, sampling="log")
            hp.Float("decay", 1e-4, 1e-1, sampling="log", default=0.0)
            hp.Float("momentum", 0.5, 0.9, sampling="reverse_log")
            hp.Float("width", 0.0, 0.6, step=0.2)
            hp.Choice("heads", [1, 2, 4])
            hp.Boolean("norm")

        values = {
            "units": 100,
            "even": 4,
            "power": 16,
            "decay": 0.0,
            "momentum": 0.7,
            "width": 0.6000000000000001,
            "heads": 4,
            "norm": True,
        }
        (trial,) = to_optuna(record([completed(0, values)], build)).trials
        assert trial.params == values
        assert trial.distributions == {
            "units": optuna.distributions.IntDistribution(32, 512),
            "even": optuna.distributions.IntDistribution(2, 10, step=2),
            "power": optuna.distributions.IntDistribution(1, 64, log=True),
            "decay": optuna.distributions.FloatDistribution(0, 0.1),
            "momentum": optuna.distributions.FloatDistribution(0.5, 0.9),
            "width": optuna.distributions.FloatDistribution(0, 0.6000000000000001),
            "heads": optuna.distributions.CategoricalDistribution([1, 2, 4]),
            "norm": optuna.distributions.CategoricalDistribution([False, True]),
        }

    def test_a_trial_that_runs_is_running(self):
        running = TrialRecord(0, {"x": 0.5}, "running", began=1.7e9)
        found = record([running], lambda hp: hp.Float("x", 0.0, 1.0))
        (trial,) = to_optuna(found).trials
        assert trial.state.name == "RUNNING"
        assert trial.datetime_complete is None

    def test_epochs_without_the_objective_have_no_value(self):
        curve = {"loss": [3.0, float("nan"), 1.0]}
        trials = [completed(0, {}, curves=[curve])]
        (trial,) = to_optuna(record(trials, lambda hp: None)).trials
        assert trial.intermediate_values == {0: 3.0, 2: 1.0}

    def test_reads_what_a_search_has_left(self, tmp_path):
        class Reporting(RandomSearch):
            def run_trial(self, trial, *args, **kwargs):
                self._execution = 0
                reported = curves[trial.trial_id] = {}
                x = trial.hyperparameters.get("x")
                if x < 0.3:
                    raise RuntimeError("too small")
                for epoch in range(3):
                    reported[epoch] = x - epoch
                    told = self._report(trial, epoch, {"loss": x - epoch})
                    if told.status == "STOPPED":
                        break
                return {"loss": x - epoch}

        curves = {}
        tuner = Reporting(
            lambda hp: hp.Float("x", 0.0, 1.0),
            keras_tuner.Objective("loss", "min"),
            max_trials=12,
            seed=0,
            pruner=MedianStopping(1, 1),
            directory=tmp_path,
        )
        tuner.search(verbose=0)
        study = to_optuna(read_search(tuner.project_dir))
        assert study.best_value == tuner.oracle.get_best_trials()[0].score
        assert {trial.state.name for trial in study.trials} == {
            "COMPLETE",
            "PRUNED",
            "FAIL",
        }
        for trial, curve in zip(study.trials, curves.values(), strict=True):
            assert trial.intermediate_values == curve
            failed = trial.state.name == "FAIL"
            error = {"error": "RuntimeError: too small"} if failed else {}
            assert trial.user_attrs.items() >= error.items()

    def test_says_what_to_install(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "optuna", None)
        with pytest.raises(ImportError) as error:
            to_optuna(search())
        message = "to_optuna needs Optuna: pip install 'keras-kdl[optuna]'"
        assert str(error.value) == message
