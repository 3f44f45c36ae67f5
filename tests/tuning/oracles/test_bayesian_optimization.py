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
from searches import side_by_side

from kdl.tuning import (
    BayesianOptimization,
    BayesianOptimizationOracle,
    MedianStopping,
    RandomSearchOracle,
    read_search,
)
from kdl.tuning.report import END, packed

pytestmark = pytest.mark.one_backend

X = np.linspace(-1, 1, 32, dtype="float32")[:, np.newaxis]
SCORE = keras_tuner.Objective("score", "min")
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


def drive(oracle, folder, score, trials=None):
    """Runs trials of an oracle without models, and returns their scores."""
    if folder is not None:
        oracle._set_project_dir(folder, "search")
        oracle.verbose = 0
    scores = []
    for _ in range(trials or oracle.max_trials):
        trial = oracle.create_trial("tuner0")
        if trial.status == "STOPPED":
            break
        try:
            scores.append(score(trial.hyperparameters.values))
        except RuntimeError:
            trial.status = "FAILED"
        else:
            oracle.update_trial(trial.trial_id, {"score": scores[-1]})
            trial.status = "COMPLETED"
        oracle.end_trial(trial)
    return scores


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
        tuner.oracle = types.SimpleNamespace(
            objective=tuner.oracle.objective, update_trial=tuner.oracle.update_trial
        )
        tuner._is_worker = lambda: True
        tuner.save()
        (metrics,) = tuner.run_trial(trial, **DATA)
        assert metrics.keys() == {"loss"}

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

    def test_a_retry_can_succeed(self, tmp_path):
        """KerasTuner takes the score of the first time for that of each retry."""
        hypermodel = Line(lambda hp: np.nan if len(hypermodel.tried) == 1 else 0.5)
        tuner = searched(tmp_path, hypermodel, max_trials=1, max_retries_per_trial=2)
        (trial,) = tuner.oracle.trials.values()
        assert (trial.status, trial.score) == ("COMPLETED", 0.5)
        assert len(hypermodel.tried) == 2

    @pytest.mark.parametrize(
        ("losses", "score"),
        [([0.4, 0.3, np.nan], None), ([np.nan, 0.3, 0.4], 0.3), ([0.4, np.inf], None)],
    )
    def test_a_fit_that_ends_in_no_number_has_diverged(self, tmp_path, losses, score):
        class Fitted(Line):
            def fit(self, hp, model, *args, **kwargs):
                history = keras.callbacks.History()
                history.history = {"loss": losses}
                return history

        tuner = searched(tmp_path, Fitted(), max_trials=1)
        (trial,) = tuner.oracle.trials.values()
        assert trial.status == ("FAILED" if score is None else "COMPLETED")
        if score is not None:
            assert (trial.score, trial.best_step) == (score, 1)

    def test_the_best_epoch_is_one_that_was_validated(self, tmp_path):
        class Fitted(Line):
            def fit(self, hp, model, *args, **kwargs):
                history = keras.callbacks.History()
                history.history = {"a": [5, 4, 3, 2, 1], "loss": [0.5, 0.7]}
                return history

        tuner = searched(tmp_path, Fitted(), max_trials=1)
        (trial,) = tuner.oracle.trials.values()
        # With `validation_freq=2`, after the second epoch and the fourth.
        assert (trial.score, trial.best_step) == (0.5, 1)
        assert trial.metrics.get_best_value("a") == 4

    def test_an_unknown_objective_ends_the_search_and_lists_what_there_is(
        self, tmp_path
    ):
        with pytest.raises(ValueError) as error:
            searched(tmp_path, objective=keras_tuner.Objective("val_los", "min"))
        assert str(error.value) == (
            "The objective is 'val_los', which the trial did not report. It reported: "
            "loss."
        )

    def test_failures_in_a_row_end_the_search_if_asked_and_leave_it_whole(
        self, tmp_path
    ):
        def loss(hp):
            raise ValueError("no")

        with pytest.raises(RuntimeError, match="consecutive failures"):
            searched(tmp_path, Line(loss), max_consecutive_failed_trials=2)
        states = [t.status for t in read_search(tmp_path / "search").trials]
        assert states == ["failed", "failed"]

    def test_enqueued_values_come_first(self, tmp_path):
        tuner = make(tmp_path, max_trials=3)
        tuner.oracle.enqueue([{"rate": 0.5}, {"rate": 0.25}, {"rate": 0.5}])
        tuner.search(**DATA)
        first, second, third = (v["rate"] for *_, v, _ in outcomes(tuner))
        assert (first, second) == (0.5, 0.25)
        assert third not in (0.5, 0.25)
        with pytest.raises(ValueError) as error:
            tuner.oracle.enqueue([{"rat": 0.5}])
        assert str(error.value) == (
            "The space has no hyperparameter 'rat'. It has: rate."
        )

    @pytest.mark.parametrize("default", [None, 0.1])
    def test_defaults_come_first_if_they_were_chosen(self, tmp_path, default):
        class Chosen(Line):
            def build(self, hp):
                hp.Float("other", 0.0, 1.0, default=default)
                return super().build(hp)

        tuner = searched(tmp_path, Chosen(), max_trials=1)
        ((*_, values, _),) = outcomes(tuner)
        assert (values == {"rate": 1e-3, "other": 0.1}) == (default is not None)

    def test_a_budget_of_epochs_ends_the_search_within_a_trial(self, tmp_path):
        searched(tmp_path, max_total_epochs=5, max_trials=9)
        trials = read_search(tmp_path / "search").trials
        assert [trial.epochs for trial in trials] == [2, 2, 1]
        assert [t.status for t in trials] == ["completed", "completed", "pruned"]

    def test_a_budget_of_time_ends_the_search_also_after_a_break(
        self, tmp_path, monkeypatch
    ):
        now = [0.0]
        monkeypatch.setattr(time, "monotonic", lambda: now[0])

        def loss(hp):
            now[0] += 10.0

        assert len(outcomes(searched(tmp_path, Line(loss), max_seconds=15))) == 2
        now[0] += 1000.0
        assert len(outcomes(searched(tmp_path, Line(loss), max_seconds=25))) == 3

    def test_prunes_and_tells(self, tmp_path):
        class Staircase(Line):
            """Trials that are worse one after the other, by epoch."""

            def fit(self, hp, model, *args, callbacks, **kwargs):
                history = model.fit(*args, callbacks=callbacks, **kwargs)
                self.epochs = [*getattr(self, "epochs", []), len(history.epoch)]
                return history

            def build(self, hp):
                model = super().build(hp)
                model.set_weights([np.zeros((1, 1)), np.zeros(1)])
                model.optimizer.learning_rate = 0.2 if len(self.tried) < 3 else 1e-6
                self.tried.append(0)
                return model

        hypermodel = Staircase()
        tuner = make(tmp_path, hypermodel, max_trials=5, pruner=MedianStopping(3, 1))
        hypermodel.tried.clear()
        tuner.search(**DATA | {"epochs": 6})
        assert hypermodel.epochs == [6, 6, 6, 2, 2]
        trials = read_search(tmp_path / "search").trials
        assert [t.status for t in trials] == ["completed"] * 3 + ["pruned"] * 2
        assert all(t.status == "COMPLETED" for t in tuner.oracle.trials.values())
        assert [t.score is None for t in trials] == [False] * 5

    def test_a_trial_that_was_killed_goes_on_after_its_last_epoch(self, tmp_path):
        class Kill(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None):
                if epoch == 3:
                    raise KeyboardInterrupt

        data = DATA | {"epochs": 5, "shuffle": False}
        whole = make(tmp_path / "whole", max_trials=1)
        whole.search(**data)
        with pytest.raises(KeyboardInterrupt):
            make(tmp_path / "cut", max_trials=1).search(**data, callbacks=[Kill()])
        seen = []
        tuner = make(tmp_path / "cut", max_trials=1)
        spy = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: seen.append(epoch)
        )
        tuner._deepcopy_callbacks = list
        tuner.search(**data, callbacks=[spy])
        assert seen == [3, 4]
        (mine,), (theirs,) = (
            read_search(folder / "search").trials
            for folder in (tmp_path / "cut", tmp_path / "whole")
        )
        assert mine.curves == theirs.curves
        assert mine.score == theirs.score
        (model,), (other,) = tuner.get_best_models(), whole.get_best_models()
        for ours, expected in zip(model.weights, other.weights, strict=True):
            np.testing.assert_array_equal(
                keras.ops.convert_to_numpy(ours), keras.ops.convert_to_numpy(expected)
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
        from kdl.tuning import tuner as tuner_module
        from kdl.tuning.store import stored_oracle as oracle_module

        write, left = oracle_module.write_json, []

        def cut(path, value):
            if left == [0]:
                raise KeyboardInterrupt
            write(path, value)
            if left:
                left[0] -= 1

        monkeypatch.setattr(oracle_module, "write_json", cut)
        monkeypatch.setattr(tuner_module, "write_json", cut)
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
                tests = {str(Path(__file__).parent)!r}
                sys.path[:0] = tests, tests + "/../.."
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

    def test_is_far_better_than_random_search(self, tmp_path):
        """On a bowl in three dimensions, of which one does not matter."""

        def bowl(values):
            return (values["a"] - 0.3) ** 2 + 10 * (values["b"] - 0.8) ** 2

        def best(make, seed):
            hp = keras_tuner.HyperParameters()
            for name in "abc":
                hp.Float(name, 0.0, 1.0)
            oracle = make(SCORE, 20, seed=seed, hyperparameters=hp)
            scores = drive(oracle, tmp_path / f"{make.__name__}{seed}", bowl)
            return min(scores)

        pairs = [
            [
                best(make, seed)
                for make in (BayesianOptimizationOracle, RandomSearchOracle)
            ]
            for seed in range(3)
        ]
        assert all(ours < 0.1 * theirs for ours, theirs in pairs)

    @pytest.mark.parametrize("acquisition", ["log_ei", "ei", "pi", "ucb"])
    def test_each_acquisition_goes_where_it_is_best(self, tmp_path, acquisition):
        hp = keras_tuner.HyperParameters()
        hp.Float("rate", 1e-4, 1.0, sampling="log")
        oracle = BayesianOptimizationOracle(
            SCORE, 12, seed=5, hyperparameters=hp, acquisition=acquisition
        )
        scores = drive(
            oracle, tmp_path, lambda values: np.log10(values["rate"] / 0.01) ** 2
        )
        assert min(scores) < 0.01

    @pytest.mark.parametrize("fails", [False, True], ids=["inf", "failure"])
    def test_keeps_away_from_where_trials_fail(self, tmp_path, fails):
        """KerasTuner's makes all proposals where the loss is infinite, or 17 to 19 of
        20 where trials fail."""

        def score(values):
            if values["a"] > 0.7:
                if fails:
                    raise RuntimeError
                return np.inf
            return 5 + (values["b"] - 0.5) ** 2 + (values["a"] - 0.4) ** 2

        there = []
        for seed in range(4):
            hp = keras_tuner.HyperParameters()
            hp.Float("a", 0.0, 1.0)
            hp.Float("b", 0.0, 1.0)
            oracle = BayesianOptimizationOracle(
                SCORE, 26, seed=seed, hyperparameters=hp
            )
            drive(oracle, tmp_path / str(seed), score)
            proposed = list(oracle.trials.values())[6:]
            there += [t.hyperparameters.values["a"] > 0.7 for t in proposed]
        # Of 80; the standard error is 0.024 where one of twenty fails.
        assert np.mean(there) <= 0.1

    @pytest.mark.parametrize("steps", [None, 4])
    def test_no_branch_is_left_after_one_bad_trial(self, tmp_path, steps):
        """Of the best branch, untuned trials are the worst; of the others they differ.

        With steps, all combinations are few enough to be looked at one by one.
        """
        step = None if steps is None else 1 / steps
        hp = keras_tuner.HyperParameters()
        hp.Choice("model", ["a", "b", "c", "d"])
        for name in "abcd":
            with hp.conditional_scope("model", [name]):
                hp.Float(f"{name}_rate", 0.0, 1.0, step=step)

        def score(values):
            (rate,) = (values[n] for n in values if n.endswith("rate"))
            if values["model"] == "d":
                return 5 * abs(rate - 0.25) ** 0.5
            return {"a": 0.5, "b": 0.6, "c": 0.7}[values["model"]] + 0.1 * rate

        for seed in range(4):
            oracle = BayesianOptimizationOracle(
                SCORE, max_trials=18, seed=seed, hyperparameters=hp
            )
            drive(oracle, tmp_path / str(seed), score)
            tried = [t.hyperparameters.values["model"] for t in oracle.trials.values()]
            assert min(tried.count(name) for name in "abcd") >= 3

    def test_one_name_may_be_declared_under_several_conditions(self, tmp_path):
        hp = keras_tuner.HyperParameters()
        hp.Choice("model", ["small", "large"])
        with hp.conditional_scope("model", ["small"]):
            hp.Int("units", 1, 9)
        with hp.conditional_scope("model", ["large"]):
            hp.Int("units", 100, 900)
        oracle = BayesianOptimizationOracle(SCORE, 12, seed=0, hyperparameters=hp)
        drive(oracle, tmp_path, lambda values: abs(values["units"] - 300))
        for trial in oracle.trials.values():
            values = trial.hyperparameters.values
            assert (values["units"] < 10) == (values["model"] == "small")

    def test_tries_a_small_space_once_and_stops(self, tmp_path):
        hp = keras_tuner.HyperParameters()
        hp.Int("a", 1, 6)
        hp.Choice("b", list("wxyz"))
        oracle = BayesianOptimizationOracle(SCORE, 40, seed=0, hyperparameters=hp)
        drive(oracle, tmp_path, lambda values: values["a"])
        tried = [
            tuple(t.hyperparameters.values.values()) for t in oracle.trials.values()
        ]
        assert len(tried) == len(set(tried)) == 24

    def test_goes_on_bit_by_bit_in_another_process(self, tmp_path):
        def make(folder):
            hp = keras_tuner.HyperParameters()
            hp.Float("a", 0.0, 1.0)
            hp.Choice("b", ["x", "y", "z"])
            oracle = BayesianOptimizationOracle(SCORE, 14, seed=3, hyperparameters=hp)
            oracle._set_project_dir(folder, "search")
            oracle.verbose = 0
            return oracle

        def score(values):
            return abs(values["a"] - 0.37) + "xyz".index(values["b"])

        whole, cut = make(tmp_path / "whole"), make(tmp_path / "cut")
        drive(whole, None, score)
        for _ in range(14):
            drive(cut, None, score, trials=1)
            cut = make(tmp_path / "cut")
            cut.reload()
        assert [t.hyperparameters.values for t in cut.trials.values()] == [
            t.hyperparameters.values for t in whole.trials.values()
        ]

    @pytest.mark.parametrize(
        ("acquisition", "beta"),
        [("log_ei", 2.6), ("ei", 2.6), ("pi", 2.6), ("ucb", 2.6), ("ucb", 0.0)],
    )
    def test_workers_do_not_try_the_same(self, tmp_path, acquisition, beta):
        def make(hyperparameters):
            return BayesianOptimizationOracle(
                SCORE,
                24,
                seed=0,
                hyperparameters=hyperparameters,
                acquisition=acquisition,
                beta=beta,
            )

        proposed, least = side_by_side(make, tmp_path / "first")
        assert least >= 0.01
        again, _ = side_by_side(make, tmp_path / "again")
        assert again == proposed

    def test_a_lucky_score_of_a_wide_spread_is_not_believed(self, tmp_path):
        def proposal(folder, spread):
            hp = keras_tuner.HyperParameters()
            hp.Float("a", 0.0, 1.0)
            oracle = BayesianOptimizationOracle(
                SCORE, 20, seed=0, hyperparameters=hp, alpha=1e-4
            )
            oracle._set_project_dir(folder, "search")
            oracle.verbose = 0
            for place in range(12):
                lucky = place == 9
                score = 0.2 if lucky else 1 + place / 11
                trial = oracle.create_trial("tuner0")
                trial.hyperparameters.values["a"] = place / 11
                for execution, sign in enumerate((-1, 1)):
                    scores = {"score": score + sign * spread * lucky}
                    parts = packed(scores, execution, END)
                    oracle.update_trial(trial.trial_id, parts)
                oracle.update_trial(trial.trial_id, {"score": score})
                trial.status = "COMPLETED"
                oracle.end_trial(trial)
            return oracle.create_trial("tuner0").hyperparameters.values["a"]

        assert abs(proposal(tmp_path / "sure", 0.0) - 9 / 11) < 0.1
        assert proposal(tmp_path / "unsure", 3.0) < 0.1

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (
                {"acquisition": "best"},
                "`acquisition` must be one of 'log_ei', 'ei', 'pi', 'ucb'. "
                "Received: acquisition='best'",
            ),
            (
                {"num_initial_points": 0},
                "`num_initial_points` must be an integer in [1, inf). "
                "Received: num_initial_points=0",
            ),
            (
                {"alpha": 0.0},
                "`alpha` must be a number in (0, inf). Received: alpha=0.0",
            ),
            ({"beta": -1}, "`beta` must be a number in [0, inf). Received: beta=-1"),
            (
                {"max_seconds": 0},
                "`max_seconds` must be a number in (0, inf). Received: max_seconds=0",
            ),
            (
                {"max_total_epochs": 0},
                "`max_total_epochs` must be an integer in [1, inf). "
                "Received: max_total_epochs=0",
            ),
        ],
    )
    def test_refuses(self, options, message):
        with pytest.raises(ValueError) as error:
            BayesianOptimizationOracle(SCORE, **options)
        assert str(error.value) == message
