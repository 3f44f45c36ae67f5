import contextlib
import copy
import functools
import os
import pickle
import sys

import keras
import numpy as np
import pytest
import wandb
from contracts import CallbackContract
from wandb_reader import read_runs

from kdl.callbacks import WandbLogger
from kdl.schedules import OneCycle

STEPS = 5  # Batches of an epoch: 18 examples by fours, the last batch is smaller.
INPUTS = np.random.default_rng(0).normal(size=(18, 3)).astype("float32")
TARGETS = INPUTS.sum(axis=1, keepdims=True)


class TestWandbLogger(CallbackContract):
    component = WandbLogger
    refused = [
        (
            {"mode": "dryrun"},
            "`mode` must be one of None, 'online', 'offline', 'disabled'. "
            "Received: mode='dryrun'",
        ),
        (
            {"log_batches": -1},
            "`log_batches` must be an integer in [0, inf). Received: log_batches=-1",
        ),
    ]

    @pytest.fixture(autouse=True)
    def wandb_lives_in_tmp_path(self, tmp_path, monkeypatch):
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        for name in os.environ:
            if name.startswith("WANDB_"):
                monkeypatch.delenv(name)
        monkeypatch.setenv("WANDB_SILENT", "true")
        # Else W&B watches the machine, by a socket outside of all its folders.
        monkeypatch.setenv("WANDB_X_DISABLE_MACHINE_INFO", "true")
        for name in ("DIR", "CACHE_DIR", "CONFIG_DIR", "DATA_DIR"):
            monkeypatch.setenv(f"WANDB_{name}", str(tmp_path / name.lower()))
        self.arguments = {
            "project": "digits",
            "name": "first",
            "group": "folds",
            "config": {"rate": 0.5, 7: {1, 2}},
            "mode": "offline",
            "directory": tmp_path,
            "log_batches": 4,
        }
        yield
        wandb.teardown()  # W&B reads its environment once.

    def test_works_alone_or_refuses(self):
        """It warns: see `test_refuses_to_log_batches_from_a_thread`."""

    def fit(self, *callbacks, model=None, **arguments):
        arguments = {"epochs": 2, "callbacks": list(callbacks), **arguments}
        model = model or shared()
        return model.fit(INPUTS, TARGETS, batch_size=4, verbose=0, **arguments)

    def runs(self):
        wandb.teardown()  # Else the last records may not be on disk yet.
        return read_runs(self.arguments["directory"])

    def test_writes_one_run_a_fit(self):
        logger = self.make(log_batches=0)
        data = INPUTS, TARGETS
        history = self.fit(logger, epochs=5, initial_epoch=2, validation_data=data)
        (run,) = self.runs()
        assert (run.name, run.project, run.group) == ("first", "digits", "folds")
        assert run.history == [
            {
                "epoch/epoch": epoch,
                "epoch/loss": history.history["loss"][row],
                "epoch/val_loss": history.history["val_loss"][row],
                "epoch/learning_rate": pytest.approx(0.01),
            }
            for row, epoch in enumerate(history.epoch)
        ]
        assert run.summary == {**run.history[-1], "epochs": 3}
        assert run.steps == {
            "epoch/epoch": "",
            "epoch/*": "epoch/epoch",
            "batch/batch_step": "",
            "batch/*": "batch/batch_step",
        }
        assert run.exit_code == 0
        facts = run.config["keras"]
        assert run.config == {"rate": 0.5, "7": [1, 2], "keras": facts}
        assert facts.pop("optimizer").items() >= {"class_name": "SGD"}.items()
        assert facts == {
            "backend": keras.backend.backend(),
            "version": keras.version(),
            "epochs": 5,
            "steps": STEPS,
            "parameters": 4,
        }

    def test_two_fits_are_two_runs(self):
        logger = self.make()
        histories = [self.fit(logger), self.fit(logger)]
        assert wandb.run is None
        for run, history in zip(self.runs(), histories, strict=True):
            assert column(run, "epoch/loss") == history.history["loss"]
            assert column(run, "batch/batch_step") == [4, 8]
            assert run.summary["epochs"] == 2
            assert run.exit_code == 0

    def test_logs_every_third_batch_and_the_rate_of_a_schedule(self):
        losses, schedule = [], OneCycle(0.1, total_steps=3 * STEPS)
        recorder = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: losses.append(logs["loss"])
        )
        model = compiled(keras.optimizers.SGD(schedule))
        self.fit(self.make(log_batches=3), recorder, model=model, epochs=3)
        (run,) = self.runs()
        assert column(run, "batch/batch_step") == [3, 6, 9, 12, 15]
        assert column(run, "batch/loss") == losses[2::3]
        for kind, steps in (("batch", (3, 6, 9, 12, 15)), ("epoch", (5, 10, 15))):
            rates = [float(schedule(step)) for step in steps]
            assert column(run, f"{kind}/learning_rate") == pytest.approx(rates)

    @pytest.mark.skipif(
        keras.backend.backend() == "torch", reason="Keras executes steps one by one"
    )
    def test_counts_the_steps_of_an_execution(self):
        self.fit(self.make(log_batches=3), model=compiled("sgd", 2))
        # Executions end after batches 2, 4, 5 and 7, 9, 10.
        assert column(*self.runs(), "batch/batch_step") == [4, 7, 9]

    def test_finds_the_rate_of_any_optimizer(self):
        class Schedule(keras.optimizers.schedules.LearningRateSchedule):
            def __call__(self, step):
                return keras.ops.cast(0.25, "float32")

        def a_new_one(variable):
            return keras.optimizers.SGD(0.25)

        sgd = keras.optimizers.SGD(Schedule())  # It has no config to be logged.
        scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.25))
        several = keras.optimizers.MultiOptimizer(a_new_one)
        for optimizer in (sgd, scaled, several):
            self.fit(self.make(), model=compiled(optimizer))
        *one, many = self.runs()
        for run in one:
            assert column(run, "epoch/learning_rate") == [0.25, 0.25]
        assert column(many, "epoch/learning_rate") == []
        names = [run.config["keras"]["optimizer"]["class_name"] for run in (*one, many)]
        assert names == ["SGD", "LossScaleOptimizer", "MultiOptimizer"]

    @pytest.mark.parametrize(("log_batches", "reads"), [(0, 3), (4, 5)])
    def test_reads_the_model_only_to_log(self, log_batches, reads):
        class Counted(WandbLogger):
            read = 0

            @property
            def model(self):
                self.read += 1
                return super().model

        logger = Counted("digits", mode="disabled", log_batches=log_batches)
        self.fit(logger)
        assert logger.read == reads
        # So does Keras find out whether it must wait for each batch.
        default = getattr(logger.on_train_batch_end, "_is_default", False)
        assert default == (log_batches == 0)

    def test_disabled_writes_nothing(self):
        self.fit(self.make(mode="disabled"))
        assert self.runs() == []
        assert wandb.run is None

    def test_joins_the_run_of_the_user(self):
        config = {"rate": 0.1, "seed": 0}
        where = {"mode": "offline", "dir": self.arguments["directory"]}
        run = wandb.init(project="mine", config=config, **where)
        history = self.fit(self.make())
        assert wandb.run is run
        run.log({"after": 1})
        run.finish()
        (written,) = self.runs()
        assert written.project == "mine"
        assert written.config.items() >= {"rate": 0.5, "seed": 0}.items()
        assert column(written, "epoch/loss") == history.history["loss"]
        assert column(written, "after") == [1]

    def test_copies_begin_their_own_runs(self):
        copies = []

        def nest(batch, logs):
            if batch == 3 and not copies:
                copies.append(copy.deepcopy(logger))
                copies.append(pickle.loads(pickle.dumps(logger)))
                histories.append(self.fit(copies[0], model=compiled("sgd")))

        logger, histories = self.make(), []
        inner = keras.callbacks.LambdaCallback(on_train_batch_begin=nest)
        histories.insert(0, self.fit(logger, inner))
        histories.append(self.fit(copies[1], epochs=1))
        for run, history in zip(self.runs(), histories, strict=True):
            assert run.config["rate"] == 0.5
            assert column(run, "epoch/loss") == history.history["loss"]
            assert run.exit_code == 0

    def test_finishes_what_an_interrupted_fit_left_open(self):
        def interrupt(epoch, logs):
            raise KeyboardInterrupt

        logger = self.make()
        with pytest.raises(KeyboardInterrupt):
            self.fit(logger, keras.callbacks.LambdaCallback(on_epoch_end=interrupt))
        self.fit(logger)
        first, second = self.runs()
        assert (first.exit_code, first.summary["epochs"]) == (1, 1)
        assert (second.exit_code, second.summary["epochs"]) == (0, 2)

    def test_lets_an_interrupt_pass(self, monkeypatch):
        monkeypatch.setattr(wandb.Run, "log", failing(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            self.fit(self.make())

    @pytest.mark.parametrize(
        ("methods", "action", "code"),
        [
            (["define_metric"], "begin a run", 1),
            (["log"], "log a batch", 1),
            (["log", "finish"], "log a batch", 0),  # W&B itself finishes it at exit.
            (["finish"], "finish a run", 0),
        ],
    )
    def test_a_failure_warns_once(self, monkeypatch, methods, action, code):
        fail = failing(wandb.Error("No\nspace left."))
        for method in methods:
            monkeypatch.setattr(wandb.Run, method, fail)
        with warns_once(action, "Error: No space left."):
            history = self.fit(self.make(log_batches=1))
        assert len(history.epoch) == 2
        (run,) = self.runs()
        assert run.exit_code == code

    def test_goes_on_without_a_key(self):
        reason = "UsageError: No API key: use `wandb login` or mode='offline'"
        with warns_once("begin a run", reason):
            history = self.fit(self.make(mode="online"))
        assert len(history.epoch) == 2

    def test_logs_again_after_a_failure(self, monkeypatch):
        logger = self.make()
        with monkeypatch.context() as patch:
            patch.setattr(wandb, "init", failing(wandb.Error("No network")))
            with warns_once("begin a run", "Error: No network"):
                self.fit(logger)
        history = self.fit(logger)
        assert column(*self.runs(), "epoch/loss") == history.history["loss"]

    @pytest.mark.skipif(
        keras.backend.backend() == "tensorflow", reason="Keras uses no threads"
    )
    def test_refuses_to_log_batches_from_a_thread(self):
        reason = "RuntimeError: `fit` must get its callbacks in a list"
        with warns_once("log a batch", reason):
            self.fit(callbacks=self.make())

    def test_says_what_to_install(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "wandb", None)
        with pytest.raises(ImportError) as error:
            self.make()
        assert str(error.value) == "WandbLogger needs W&B: pip install 'kdl[wandb]'"

    def test_does_without_the_keras_integration_of_wandb(self):
        self.fit(self.make(mode="disabled"))
        assert "wandb.integration.keras" not in sys.modules


def compiled(optimizer, steps_per_execution=1):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(optimizer, "mse", steps_per_execution=steps_per_execution)
    return model


@functools.cache
def shared():
    return compiled("sgd")


def column(run, key):
    return [row[key] for row in run.history if key in row]


def failing(error):
    def fail(*args, **kwargs):
        raise error

    return fail


@contextlib.contextmanager
def warns_once(action, reason):
    with pytest.warns(UserWarning) as caught:
        yield
    (warning,) = (warning for warning in caught if warning.category is UserWarning)
    message = f"WandbLogger failed to {action}; training goes on without W&B. {reason}"
    assert str(warning.message) == message
