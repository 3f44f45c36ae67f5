"""Searches for several objectives, and under constraints, that train models."""

import json
import os
import subprocess
import sys
import textwrap
import warnings

import keras
import keras_tuner
import numpy as np
import pytest

from kdl.tuning import BayesianOptimization, MedianStopping, RandomSearch, read_search
from kdl.tuning.goals import costs

X = np.linspace(-1, 1, 32, dtype="float32")[:, np.newaxis]
DATA = {"x": X, "y": 2 * X, "epochs": 2, "verbose": 0}
BOTH = [keras_tuner.Objective("loss", "min"), "params"]


class Line(keras_tuner.HyperModel):
    """A line through some hidden units; notes what is fitted."""

    def __init__(self, reports=None):
        super().__init__(name="line")
        self.fitted, self.reports = [], reports

    def build(self, hp):
        units = hp.Int("units", 1, 40, sampling="log")
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(units)])
        model.add(keras.layers.Dense(1))
        model.compile(keras.optimizers.SGD(hp.Float("rate", 1e-3, 0.1)), "mse")
        return model

    def fit(self, hp, model, *args, **kwargs):
        self.fitted.append(hp["units"])
        if self.reports is None:
            return model.fit(*args, **kwargs)
        history = keras.callbacks.History()
        history.history = self.reports
        return history


def make(folder, hypermodel=None, kind=BayesianOptimization, **options):
    return kind(
        hypermodel or Line(),
        **{
            "objective": BOTH,
            "max_trials": 5,
            "seed": 0,
            "directory": folder,
            "project_name": "search",
            **options,
        },
    )


def searched(*args, **options):
    tuner = make(*args, **options)
    tuner.search(**DATA)
    return tuner


def outcomes(tuner):
    record = read_search(tuner.project_dir)
    return [(t.status, t.values, t.score, t.metrics) for t in record.trials]


def weights(units):
    return float(2 * units + units + 1)


class TestObjectives:
    def test_a_cost_is_measured_and_the_front_is_of_models(self, tmp_path):
        tuner = searched(tmp_path)
        record = read_search(tuner.project_dir)
        for trial in record.trials:
            assert trial.metrics["params"] == weights(trial.values["units"])
            assert trial.metrics["loss"] == trial.score
        front = record.front()
        models = tuner.get_best_models(len(front))
        sizes = [trial.metrics["params"] for trial in front]
        assert [model.count_params() for model in models] == sizes
        # The better, the larger.
        assert sizes == sorted(sizes, reverse=True)

    @pytest.mark.one_backend
    def test_the_best_epoch_is_that_of_the_leading_one(self, tmp_path):
        reports = {"loss": [3.0, 1.0, 2.0], "mae": [0.1, 0.2, 0.3]}
        both = [
            keras_tuner.Objective(name, "min") for name in ("params", "loss", "mae")
        ]
        tuner = searched(tmp_path, Line(reports), objective=both, max_trials=1)
        (trial,) = read_search(tuner.project_dir).trials
        assert (trial.score, trial.best_epoch) == (1.0, 1)
        assert trial.metrics == {
            "loss": 1.0,
            "mae": 0.2,
            "params": weights(trial.values["units"]),
        }

    @pytest.mark.one_backend
    @pytest.mark.parametrize(
        ("constraints", "epoch"), [([], 2), (["mae<=1"], 0), (["mae>=0"], 2)]
    )
    def test_of_costs_alone_it_is_that_of_a_constraint_or_the_last(
        self, tmp_path, constraints, epoch
    ):
        reports = {"loss": [3.0, 1.0, 2.0], "mae": [0.1, 0.2, 0.3]}
        tuner = searched(
            tmp_path,
            Line(reports),
            objective="params",
            constraints=constraints,
            max_trials=1,
        )
        (trial,) = read_search(tuner.project_dir).trials
        assert trial.best_epoch == epoch
        assert trial.score == weights(trial.values["units"])

    @pytest.mark.one_backend
    def test_executions_are_averaged(self, tmp_path):
        tuner = searched(tmp_path, executions_per_trial=2, max_trials=1)
        (trial,) = read_search(tuner.project_dir).trials
        assert len(trial.scores) == 2
        assert trial.metrics["loss"] == np.mean(trial.scores)
        assert trial.metrics["params"] == weights(trial.values["units"])

    @pytest.mark.one_backend
    def test_folds_are_averaged(self, tmp_path):
        objective = [keras_tuner.Objective("val_loss", "min"), "params"]
        tuner = searched(tmp_path, folds=2, objective=objective, max_trials=1)
        (trial,) = read_search(tuner.project_dir).trials
        assert trial.metrics["val_loss"] == np.mean(trial.scores) != trial.scores[0]

    @pytest.mark.one_backend
    def test_defaults_and_wishes_come_first(self, tmp_path):
        class WithDefault(Line):
            def build(self, hp):
                hp.Int("units", 1, 40, sampling="log", default=7)
                return super().build(hp)

        tuner = make(tmp_path, WithDefault(), max_trials=2)
        tuner.oracle.enqueue([{"units": 3, "rate": 0.01}])
        tuner.search(**DATA)
        assert [values["units"] for _, values, *_ in outcomes(tuner)] == [3, 7]

    @pytest.mark.one_backend
    def test_one_that_is_not_reported_ends_the_search(self, tmp_path):
        both = [keras_tuner.Objective(name, "min") for name in ("loss", "mae")]
        with pytest.raises(ValueError) as error:
            searched(tmp_path, objective=both)
        assert str(error.value) == (
            "The objective is 'mae', which the trial did not report. It reported: loss."
        )

    @pytest.mark.one_backend
    def test_a_pruner_is_refused(self, tmp_path):
        with pytest.raises(ValueError) as error:
            make(tmp_path, pruner=MedianStopping())
        assert str(error.value) == (
            "`pruner` goes by one objective: what is worse in that may be better in "
            "another. With several, it must be None. Received: pruner=MedianStopping"
        )


class TestConstraints:
    @pytest.mark.one_backend
    @pytest.mark.parametrize("kind", [BayesianOptimization, RandomSearch])
    @pytest.mark.parametrize("objective", [BOTH, BOTH[0]])
    def test_a_model_that_breaks_one_is_not_trained(self, tmp_path, kind, objective):
        hypermodel = Line()
        tuner = searched(
            tmp_path,
            hypermodel,
            kind,
            objective=objective,
            constraints=["params<=20"],
            max_trials=8,
        )
        found = outcomes(tuner)
        fits = [weights(values["units"]) <= 20 for _, values, *_ in found]
        assert 0 < sum(fits) < 8 and len(hypermodel.fitted) == sum(fits)
        for (status, values, score, metrics), is_fit in zip(found, fits, strict=True):
            assert status == ("completed" if is_fit else "infeasible")
            assert (score is not None) == is_fit
            assert metrics["params"] == weights(values["units"])
        best = tuner.oracle.get_best_trials(8)
        assert len(best) == sum(fits)
        (model,) = tuner.get_best_models()
        assert model.count_params() <= 20

    @pytest.mark.one_backend
    def test_is_learned(self, tmp_path):
        """Most of the space breaks it; of the model's proposals, few do."""
        tuner = searched(tmp_path, constraints=["params<=7"], max_trials=12)
        late = [status for status, *_ in outcomes(tuner)[6:]]
        assert late.count("infeasible") <= 2

    @pytest.mark.one_backend
    def test_breaking_one_is_no_failure(self, tmp_path):
        tuner = make(
            tmp_path, constraints=["params<=1"], max_consecutive_failed_trials=2
        )
        with pytest.warns(UserWarning) as warned:
            tuner.search(**DATA)
        found = outcomes(tuner)
        assert [status for status, *_ in found] == ["infeasible"] * 5
        least = min(metrics["params"] for *_, metrics in found)
        assert str(warned[-1].message) == (
            f"No trial meets params<=1: the least params is {least:.12g}."
        )
        assert tuner.get_best_models() == []
        (trial, *_) = tuner.oracle.trials.values()
        units = weights(trial.hyperparameters.values["units"])
        assert trial.message == f"params is {units:.12g}, and params<=1 is asked for."

    @pytest.mark.one_backend
    def test_of_a_time_is_by_what_was_measured(self, tmp_path, monkeypatch):
        monkeypatch.setattr(costs, "_latency", lambda model, x: model.count_params())
        tuner = searched(
            tmp_path,
            kind=RandomSearch,
            objective=[BOTH[0], "latency_ms"],
            constraints=["latency_ms<20"],
        )
        for status, values, _, metrics in outcomes(tuner):
            assert metrics["latency_ms"] == weights(values["units"])
            assert (status == "completed") == (metrics["latency_ms"] < 20)

    @pytest.mark.one_backend
    def test_a_search_that_goes_on_knows_what_was_not_trained(self, tmp_path):
        options = {"constraints": ["params<=20"], "max_trials": 8}
        whole = outcomes(searched(tmp_path / "whole", **options))
        searched(tmp_path / "parts", **{**options, "max_trials": 5})
        again = searched(tmp_path / "parts", **options)
        assert outcomes(again) == whole
        # Also if the files of trials are lost.
        for path in (tmp_path / "parts/search").glob("trial_*/trial.json"):
            path.unlink()
        with pytest.warns(UserWarning, match="is gone"):
            assert outcomes(again) == whole


@pytest.mark.one_backend
@pytest.mark.parametrize(
    "metrics",
    [
        {"metrics": {}},
        {"metrics": {"params": {"direction": "min", "observations": []}}},
        {"metrics": {"params": {"direction": "min", "observations": [{"value": "x"}]}}},
        None,
    ],
)
def test_metrics_that_a_file_has_lost_are_those_of_the_journal(tmp_path, metrics):
    tuner = searched(tmp_path, max_trials=3, constraints=["params<=1000"])
    before = outcomes(tuner)
    for path in (tmp_path / "search").glob("trial_*/trial.json"):
        state = json.loads(path.read_text())
        path.write_text(json.dumps(state | {"metrics": metrics}))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Of the damage, where it is some.
        assert outcomes(tuner) == before
        again = searched(tmp_path, max_trials=4, constraints=["params<=1000"])
    assert outcomes(again)[:3] == before


SCRIPT = """
    import os, sys
    sys.path.insert(0, {tests!r})
    from goals.test_searches import DATA, make
    import keras

    class Slowly(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1 and os.path.exists({folder!r} + "/search/trial_2"):
                print("there", flush=True)
                import time
                time.sleep({seconds})

    make({folder!r}).search(**DATA, callbacks=[Slowly()])
"""


@pytest.mark.one_backend
def test_a_search_that_was_killed_in_a_trial_is_as_one_that_was_not(tmp_path):
    whole = outcomes(searched(tmp_path / "whole", max_trials=5))
    folder = tmp_path / "parts"
    folder.mkdir()
    tests = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    script = textwrap.dedent(SCRIPT.format(tests=tests, folder=str(folder), seconds=60))
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
    ) as process:
        for line in process.stdout:
            if "there" in line:
                break
        process.kill()
    again = outcomes(searched(folder, max_trials=5))
    assert again == whole
