import json
import os
import signal
import subprocess
import sys
import textwrap
import time
import types
from pathlib import Path

import keras
import keras_tuner
import numpy as np
import pytest

from kdl.tuning import BayesianOptimization, BayesianOptimizationOracle

X = np.linspace(-1, 1, 32, dtype="float32")[:, np.newaxis]
DATA = {"x": X, "y": 2 * X, "epochs": 2, "verbose": 0}


class Line(keras_tuner.HyperModel):
    """A line that is fitted at some rate; its loss may be made what it is not."""

    def __init__(self, loss=lambda hp: None, highest=1.0):
        super().__init__(name="line")
        self.loss, self.highest = loss, highest
        self.tried = []

    def build(self, hp):
        rate = hp.Float("rate", 1e-3, self.highest, sampling="log")
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(rate), "mse")
        return model

    def fit(self, hp, model, *args, **kwargs):
        self.tried.append(hp["rate"])
        loss = self.loss(hp)
        return model.fit(*args, **kwargs) if loss is None else loss


def make(folder, hypermodel=None, **options):
    return BayesianOptimization(
        hypermodel or Line(),
        **{
            "objective": keras_tuner.Objective("loss", "min"),
            "max_trials": 4,
            "num_initial_points": 2,
            "seed": 0,
            "directory": folder,
            "project_name": "search",
            **options,
        },
    )


def searched(folder, hypermodel=None, **options):
    tuner = make(folder, hypermodel, **options)
    tuner.search(**DATA)
    return tuner


class Instant(BayesianOptimization):
    """Trials without a model; they tell of their hyperparameter when they run."""

    runs = 0

    def run_trial(self, trial, *args, **kwargs):
        self.runs += 1
        return trial.hyperparameters.Float("rate", 1.0, 2.0)


def instant(folder, **options):
    tuner = Instant(
        objective=keras_tuner.Objective("loss", "min"),
        directory=folder,
        project_name="search",
        seed=0,
        **options,
    )
    tuner.search()
    return tuner


def outcomes(tuner):
    return [
        (trial_id, trial.status, trial.hyperparameters.values, trial.score)
        for trial_id, trial in tuner.oracle.trials.items()
    ]


class TestBayesianOptimization:
    def test_improves_and_keeps_the_best(self, tmp_path):
        tuner = searched(tmp_path)
        scores = [score for *_, score in outcomes(tuner)]
        assert len(scores) == 4
        (best,) = tuner.oracle.get_best_trials()
        assert best.score == min(scores)
        (model,) = tuner.get_best_models()
        assert model.count_params() == 2

    def test_seed_fixes_values_and_scores(self, tmp_path):
        first, again, other = (
            outcomes(searched(tmp_path / str(n), max_trials=2, seed=seed))
            for n, seed in enumerate([0, 0, 1])
        )
        assert first == again
        assert first != other

    def test_near_seeds_do_not_share_values(self, tmp_path):
        def values(seed):
            tuner = searched(
                tmp_path / str(seed), max_trials=4, num_initial_points=4, seed=seed
            )
            return {values["rate"] for _, _, values, _ in outcomes(tuner)}

        # KerasTuner's streams of seeds 1 and 2 are one, a step apart.
        assert not values(1) & values(2)

    def test_failures_are_trials_with_a_message(self, tmp_path):
        def loss(hp):
            if len(hypermodel.tried) in (1, 2):
                raise RuntimeError(f"no luck with trial {len(hypermodel.tried)}")

        hypermodel = Line(loss)
        tuner = searched(tmp_path, hypermodel)
        trials = list(tuner.oracle.trials.values())
        statuses = [trial.status for trial in trials]
        assert statuses == ["FAILED", "FAILED", "COMPLETED", "COMPLETED"]
        first, *_ = trials[1].message.split("\n")
        assert first == "RuntimeError: no luck with trial 2"
        assert "Traceback" in trials[1].message

    def test_message_begins_with_the_error_of_a_layer_in_a_line(self, tmp_path):
        class Refusing(keras.layers.Layer):
            def call(self, inputs):
                raise ValueError("no [/such]\nshape\n\nAsk somebody.")

        def loss(hp):
            Refusing()(np.ones((2, 3)))

        tuner = searched(tmp_path, Line(loss), max_trials=1)
        (trial,) = tuner.oracle.trials.values()
        assert trial.message.split("\n")[0] == "ValueError: no [/such] shape"

    def test_a_worker_s_oracle_need_not_save_or_have_a_seed(self, tmp_path):
        tuner = make(tmp_path)
        trial = tuner.oracle.create_trial("tuner0")
        # What a worker has instead of its oracle knows neither.
        tuner.oracle = types.SimpleNamespace(objective=tuner.oracle.objective)
        tuner._is_worker = lambda: True
        tuner.save()
        (history,) = tuner.run_trial(trial, **DATA)
        assert len(history.epoch) == 2

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (
                {"max_trials": 0},
                "`max_trials` must be an integer in [1, inf). Received: max_trials=0",
            ),
            ({"seed": -1}, "`seed` must be an integer in [0, inf). Received: seed=-1"),
        ],
    )
    def test_refuses_bad_arguments(self, tmp_path, options, message):
        with pytest.raises(ValueError) as error:
            make(tmp_path, **options)
        assert str(error.value) == message
        assert not list(tmp_path.iterdir())

    def test_no_number_of_failures_ends_the_search(self, tmp_path):
        def loss(hp):
            raise RuntimeError

        assert len(searched(tmp_path, Line(loss), max_trials=5).oracle.trials) == 5

    @pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
    def test_a_score_that_is_not_finite_is_a_failure(self, tmp_path, bad):
        hypermodel = Line(lambda hp: bad if len(hypermodel.tried) == 1 else 1.0)
        tuner = searched(tmp_path, hypermodel, max_trials=2)
        bad_trial, good_trial = tuner.oracle.trials.values()
        assert bad_trial.status == "FAILED"
        assert bad_trial.message == f"loss was {bad}"
        assert tuner.oracle.get_best_trials() == [good_trial]

    def test_an_ended_search_stays_as_it_is_and_can_be_prolonged(self, tmp_path):
        first = outcomes(searched(tmp_path, max_trials=2))
        again = Line()
        assert outcomes(searched(tmp_path, again, max_trials=2)) == first
        assert again.tried == []
        longer = outcomes(searched(tmp_path, again, max_trials=3))
        assert longer[:2] == first
        assert again.tried == [longer[2][2]["rate"]]

    def test_refuses_another_space(self, tmp_path):
        searched(tmp_path, max_trials=1)
        with pytest.raises(ValueError) as error:
            make(tmp_path, Line(highest=2.0))
        assert str(error.value) == (
            f"The search in {tmp_path / 'search'} has another space: it differs in "
            "rate. Choose another directory."
        )

    def test_refuses_another_objective(self, tmp_path):
        searched(tmp_path, max_trials=1)
        with pytest.raises(ValueError) as error:
            make(tmp_path, objective=keras_tuner.Objective("mae", "min"))
        assert str(error.value) == (
            f"The search in {tmp_path / 'search'} has the objective ['loss', 'min'], "
            "not ['mae', 'min']. Choose another directory."
        )

    def test_an_interrupted_trial_runs_again_as_it_was(self, tmp_path):
        whole = outcomes(searched(tmp_path / "whole", max_trials=3))

        def loss(hp):
            if len(hypermodel.tried) == 2:
                raise KeyboardInterrupt

        hypermodel = Line(loss)
        with pytest.raises(KeyboardInterrupt):
            searched(tmp_path / "cut", hypermodel, max_trials=3)
        rest = Line()
        # The trial that was cut off has its seed, and so its score.
        assert outcomes(searched(tmp_path / "cut", rest, max_trials=3))[:2] == whole[:2]
        assert len(rest.tried) == 2

    def test_resumes_what_trials_have_added_to_the_space(self, tmp_path):
        first = outcomes(instant(tmp_path, max_trials=1))
        assert outcomes(instant(tmp_path, max_trials=2))[:1] == first

    def test_survives_a_kill_between_any_two_files(self, tmp_path, monkeypatch):
        """Cuts the writing of the state off after each file, once, and goes on."""
        import kdl.tuning.durable as durable

        write, left = durable.write_json, []

        def cut(path, value):
            if left == [0]:
                raise KeyboardInterrupt
            write(path, value)
            if left:
                left[0] -= 1

        monkeypatch.setattr(durable, "write_json", cut)
        for files in range(40):
            left[:] = [files]
            folder = tmp_path / str(files)
            try:
                instant(folder, max_trials=2)
            except KeyboardInterrupt:
                left.clear()
            else:
                break
            states = [json.loads(p.read_text()) for p in folder.rglob("trial.json")]
            ended = [state for state in states if state["status"] == "COMPLETED"]
            tuner = instant(folder, max_trials=2)
            statuses = [trial.status for trial in tuner.oracle.trials.values()]
            assert statuses == ["COMPLETED"] * 2
            assert tuner.runs == 2 - len(ended)
        assert files > 8

    def test_survives_sigkill(self, tmp_path):
        """A search in a process of its own, killed within its third trial."""
        script = tmp_path / "search.py"
        script.write_text(
            textwrap.dedent(
                f"""
                import sys, time
                sys.path.insert(0, {str(Path(__file__).parent)!r})
                from test_bayesian_optimization import Line, searched
                hypermodel = Line(
                    lambda hp: time.sleep(60) if len(hypermodel.tried) == 3 else None
                )
                searched({str(tmp_path)!r}, hypermodel)
                """
            )
        )
        process = subprocess.Popen([sys.executable, script], env=os.environ)
        third = tmp_path / "search" / "trial_2" / "trial.json"
        deadline = time.monotonic() + 120
        while not third.exists() and time.monotonic() < deadline:
            assert process.poll() is None
            time.sleep(0.1)
        process.send_signal(signal.SIGKILL)
        process.wait()
        rest = Line()
        tuner = searched(tmp_path, rest)
        assert [t.status for t in tuner.oracle.trials.values()] == ["COMPLETED"] * 4
        assert len(rest.tried) == 2


class TestBayesianOptimizationOracle:
    def test_zero_is_a_seed(self):
        first, second = (BayesianOptimizationOracle(seed=0).seed for _ in range(2))
        assert first == second
        assert BayesianOptimizationOracle(seed=1).seed != first

    def test_model_is_that_of_keras_tuner(self, tmp_path):
        """After the initial points, the proposal minimizes KerasTuner's bound."""
        tuner = searched(tmp_path, max_trials=3)
        theirs = keras_tuner.oracles.BayesianOptimizationOracle(
            "loss", max_trials=3, num_initial_points=2, seed=tuner.oracle.seed
        )
        theirs.objective = tuner.oracle.objective
        theirs.hyperparameters = tuner.oracle.get_space()
        theirs.trials = dict(list(tuner.oracle.trials.items())[:2])
        proposal = theirs.populate_space("2")["values"]
        assert proposal == tuner.oracle.trials["2"].hyperparameters.values
