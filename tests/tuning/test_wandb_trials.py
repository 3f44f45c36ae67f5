import keras
import keras_tuner
import numpy as np
import pytest
import wandb
from wandb_reader import isolate, read_runs

from kdl.callbacks import WandbLogger
from kdl.tuning import BayesianOptimization, WandbTrials

X = np.linspace(-1, 1, 32, dtype="float32")[:, np.newaxis]
DATA = {"x": X, "y": 2 * X, "epochs": 2, "verbose": 0}


class Search(WandbTrials, keras_tuner.RandomSearch):
    pass


class Line(keras_tuner.HyperModel):
    """A line that is fitted, with callbacks that fail in some trials."""

    def __init__(self, fail=lambda trial: None):
        super().__init__(name="line")
        self.fail, self.trials = fail, 0

    def build(self, hp):
        rate = hp.Float("rate", 1e-3, 1e-1, sampling="log")
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(rate), "mse")
        return model

    def fit(self, hp, model, *args, callbacks, **kwargs):
        hp.Choice("late", [3])  # Not known before the first trial.
        trial, self.trials = self.trials, self.trials + 1
        failure = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: self.fail(trial)
        )
        return model.fit(*args, callbacks=[*callbacks, failure], **kwargs)


@pytest.fixture(autouse=True)
def wandb_lives_in_tmp_path(tmp_path, monkeypatch):
    isolate(tmp_path, monkeypatch)
    yield
    wandb.teardown()


def search(folder, hypermodel=None, kind=Search, callbacks=None, **options):
    logger = WandbLogger("lines", config={"seed": 0}, mode="offline", directory=folder)
    tuner = kind(
        hypermodel or Line(),
        keras_tuner.Objective("loss", "min"),
        **{"max_trials": 2, **options},
        seed=0,
        directory=folder,
        project_name="search",
    )
    tuner.search(**DATA, callbacks=[logger] if callbacks is None else callbacks)
    return tuner


def runs(folder):
    wandb.teardown()  # Else the last records may not be on disk yet.
    return read_runs(folder)


def losses(run):
    return [row["epoch/loss"] for row in run.history]


class TestWandbTrials:
    @pytest.mark.parametrize(
        ("kind", "trials"), [(Search, 2), (BayesianOptimization, 1)]
    )
    def test_each_trial_is_one_run_of_a_group(self, kind, trials, tmp_path):
        options = {"max_trials": trials, "executions_per_trial": 2}
        tuner = search(tmp_path, kind=kind, **options)
        assert wandb.run is None
        pairs = zip(tuner.oracle.trials.values(), runs(tmp_path), strict=True)
        for number, (trial, run) in enumerate(pairs, 1):
            assert (run.project, run.group) == ("lines", "search")
            assert run.name == f"search-{number}"
            assert run.config.pop("keras")["epochs"] == 2
            assert run.config == {**trial.hyperparameters.values, "seed": 0}
            assert set(trial.hyperparameters.values) == {"rate", "late"}
            assert [row["epoch/epoch"] for row in run.history] == [0, 1, 0, 1]
            assert run.summary["status"] == "COMPLETED"
            assert run.summary["score"] == trial.score
            # KerasTuner's score is the mean of the executions, each at its best.
            scores = min(losses(run)[:2]), min(losses(run)[2:])
            assert trial.score == pytest.approx(np.mean(scores))
            assert run.exit_code == 0

    @pytest.mark.parametrize("error", [ValueError, keras_tuner.errors.FailedTrialError])
    def test_a_trial_that_fails_is_marked_so(self, error, tmp_path):
        def fail(trial):
            if trial == 0:
                raise error("No luck.")

        search(tmp_path, Line(fail))
        failed, completed = runs(tmp_path)
        assert (failed.exit_code, completed.exit_code) == (1, 0)
        assert failed.summary["status"] == "FAILED"
        assert "No luck." in failed.summary["message"]
        assert completed.summary["status"] == "COMPLETED"

    def test_an_interrupted_search_leaves_no_run_open(self, tmp_path):
        def interrupt(trial):
            if trial == 1:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            search(tmp_path, Line(interrupt))
        assert wandb.run is None
        assert [run.exit_code for run in runs(tmp_path)] == [0, 1]

    def test_a_failure_of_wandb_does_not_end_the_search(self, tmp_path, monkeypatch):
        def fail(**arguments):
            asked.append(arguments)
            raise wandb.Error("No network")

        asked = []

        monkeypatch.setattr(wandb, "init", fail)
        with pytest.warns(UserWarning) as caught:
            tuner = search(tmp_path)
        ours = [w for w in caught if "WandbTrials" in str(w.message)]
        assert [str(warning.message) for warning in ours] == [
            "WandbTrials failed to begin a run; training goes on without W&B. "
            "Error: No network"
        ]
        assert len(tuner.oracle.end_order) == 2
        # One who has to wait for it, waits once.
        assert len(asked) == 1

    def test_does_nothing_without_a_logger(self, tmp_path):
        search(tmp_path, callbacks=[])
        assert runs(tmp_path) == []

    def test_refuses_a_run_of_the_user(self, tmp_path):
        with (
            wandb.init(mode="offline", dir=tmp_path, name="mine"),
            pytest.raises(RuntimeError) as error,
        ):
            search(tmp_path)
        assert str(error.value) == (
            "There is an open run of W&B, which all trials would log into. Finish it "
            "before the search: wandb.finish(). Its name is 'mine'."
        )
