import contextlib
import copy
import functools
import json
import pickle
import shutil
import sys
import threading
from pathlib import Path

import keras
import numpy as np
import pytest
import wandb
from contracts import CallbackContract, same
from wandb_reader import isolate, read_runs

from kdl.callbacks import Resume, WandbLogger
from kdl.callbacks.log_values import histograms
from kdl.callbacks.logging import wandb_logger
from kdl.callbacks.logging.wandb_tables import tables
from kdl.optimizers import ControlledOptimizer
from kdl.schedules import OneCycle

STEPS = 5  # Batches of an epoch: 18 examples by fours, the last batch is smaller.
INPUTS = np.random.default_rng(0).normal(size=(18, 3)).astype("float32")
TARGETS = INPUTS.sum(axis=1, keepdims=True)


class TestWandbLogger(CallbackContract):
    component = WandbLogger
    alternatives = {"directory": ["runs"]}
    monitored = {"monitor_mode": "min"}
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
        (
            {"log_histograms": 0.5},
            "`log_histograms` must be an integer in [0, inf). Received: "
            "log_histograms=0.5",
        ),
        (
            {"log_model": True},
            "`log_model` must be an integer in [0, inf). Received: log_model=True",
        ),
        (
            {"monitor_mode": "least"},
            "`monitor_mode` must be one of 'auto', 'min', 'max'. Received: "
            "monitor_mode='least'",
        ),
        (
            {"log_predictions": -1},
            "`log_predictions` must be an integer in [0, inf). Received: "
            "log_predictions=-1",
        ),
        (
            {"data": [1]},
            "`data` must be a tuple (x, y) of arrays of as many examples, or batches "
            "that can be read more than once, such as a keras.utils.PyDataset, a "
            "tf.data.Dataset or a DataLoader. Received: data of type list",
        ),
        (
            {"data": None},
            "`log_predictions` and `data` must be given together. Received: "
            "log_predictions=4, data=None",
        ),
        (
            {"log_predictions": 0},
            "`log_predictions` and `data` must be given together. Received: "
            "log_predictions=0, data=(x, y)",
        ),
    ]
    # Of what a run is made of; the other arguments are set where they are tested.
    few = {"log_histograms": 0, "log_model": 0, "log_predictions": 0, "data": None}

    @pytest.fixture(autouse=True)
    def wandb_lives_in_tmp_path(self, tmp_path, monkeypatch):
        isolate(tmp_path, monkeypatch)
        self.arguments = {
            "project": "digits",
            "name": "first",
            "group": "folds",
            "config": {"rate": 0.5, 7: {1, 2}},
            "mode": "offline",
            "directory": tmp_path,
            "log_batches": 4,
            "log_histograms": 4,
            "log_model": 4,
            "monitor": "loss",
            "monitor_mode": "min",
            "log_predictions": 4,
            "data": (np.ones((2, 4)), np.ones((2, 3))),
        }
        yield
        wandb.teardown()  # W&B reads its environment once.

    def test_works_alone_or_refuses(self):
        """It warns: see `test_refuses_to_log_batches_from_a_thread`."""

    def log(self, **overrides):
        """A logger of numbers alone, unless it is asked for more."""
        return self.make(**{**self.few, **overrides})

    def fit(self, *callbacks, model=None, **arguments):
        arguments = {"epochs": 2, "callbacks": list(callbacks), **arguments}
        model = model or shared()
        return model.fit(INPUTS, TARGETS, batch_size=4, verbose=0, **arguments)

    def runs(self):
        wandb.teardown()  # Else the last records may not be on disk yet.
        return read_runs(self.arguments["directory"])

    def test_writes_one_run_a_fit(self):
        logger = self.log(log_batches=0)
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

    def test_logs_each_number_of_a_metric_that_is_an_array(self):
        score = keras.ops.convert_to_tensor([0.25, 0.5])
        report = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: logs.update(score=score, one=score[:1])
        )
        self.fit(report, self.log())
        (run,) = self.runs()
        for name, value in (("score/0", 0.25), ("score/1", 0.5), ("one", 0.25)):
            assert column(run, f"epoch/{name}") == [value, value]

    def test_two_fits_are_two_runs(self):
        logger = self.log()
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
        self.fit(self.log(log_batches=3), recorder, model=model, epochs=3)
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
        self.fit(self.log(log_batches=3), model=compiled("sgd", 2))
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
            self.fit(self.log(), model=compiled(optimizer))
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

    def test_logs_histograms_of_weights_and_gradients(self):
        model = compiled(ControlledOptimizer(keras.optimizers.SGD(0.01), watch=True))
        weights = []
        recorder = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: weights.append(model.get_weights())
        )
        self.fit(self.log(log_histograms=2), recorder, model=model, epochs=5)
        (run,) = self.runs()
        assert run.steps["histogram/*"] == "epoch/epoch"
        rows = [row for row in run.history if "histogram/gradient_norm/bins" in row]
        assert [row["epoch/epoch"] for row in rows] == [1, 3, 4]
        for row in rows:
            kernel, bias = weights[row["epoch/epoch"]]
            for values, weight in zip((kernel, bias), model.weights, strict=True):
                counts, edges = np.histogram(values.astype("float64"), bins=64)
                name = f"histogram/weights/{weight.path}"
                assert row[f"{name}/values"] == counts.tolist()
                np.testing.assert_allclose(row[f"{name}/bins"], edges)
            for kind in ("gradient_norm", "update_ratio"):
                values = [
                    row[f"epoch/{kind}/{weight.path}"] for weight in model.weights
                ]
                _, edges = np.histogram(values, bins=64)
                np.testing.assert_allclose(row[f"histogram/{kind}/bins"], edges)

    def test_histograms_leave_out_what_is_not_finite(self):
        model = compiled("sgd")
        model.set_weights([np.array([[np.nan], [1], [2]]), np.array([np.inf])])
        kernel, bias = histograms(model, {}, bins=2)
        assert [list(values) for values in kernel[1:]] == [[1, 1], [1, 1.5, 2]]
        assert list(bias[1]) == [0, 0]

    def test_logs_the_model_as_latest_and_best(self):
        scores, weights = [0, 2, 5, 4, np.nan, 6], []

        def score(epoch, logs):
            logs["score"] = scores[epoch]
            weights.append(model.get_weights())

        model = compiled("sgd")
        options = {"log_model": 2, "monitor": "score", "monitor_mode": "max"}
        scorer = keras.callbacks.LambdaCallback(on_epoch_end=score)
        self.fit(scorer, self.log(**options), model=model, epochs=6)
        (run,) = self.runs()
        notes = [json.loads(version.metadata) for version in run.artifacts]
        assert notes == [{"epoch": n, "score": scores[n]} for n in (1, 3, 5)]
        assert {(version.type, version.name) for version in run.artifacts} == {
            ("model", f"model-{run.id}")
        }
        for version, note in zip(run.artifacts, notes, strict=True):
            assert set(version.aliases) == {"latest", "best"}
            (file,) = version.manifest.contents
            assert file.path == "model.keras"
            saved = shutil.copy(
                file.local_path, self.arguments["directory"] / file.path
            )
            saved = keras.saving.load_model(saved).get_weights()
            assert same(saved, weights[note["epoch"]])

    def test_only_what_improves_is_the_best(self):
        def score(epoch, logs):
            if epoch:
                logs["val_score"] = [0, np.nan, 2, 3, 1][epoch]
            logs["val_loss"] = 0.0

        options = {"log_model": 1, "monitor": "val_score", "monitor_mode": "min"}
        scorer = keras.callbacks.LambdaCallback(on_epoch_end=score)
        with pytest.raises(ValueError) as error:
            self.fit(scorer, self.log(**options))
        assert str(error.value) == (
            "The logs have no metric 'val_score' to find the best model by. They have: "
            "'loss', 'val_loss'."
        )
        self.fit(scorer, self.log(**options), epochs=5, initial_epoch=1)
        aliases = [set(version.aliases) for version in self.runs()[1].artifacts]
        best = {"best", "latest"}
        assert aliases == [{"latest"}, best, {"latest"}, best]

    def test_is_of_no_best_model_without_validation(self):
        with pytest.warns(UserWarning, match="no metric 'val_loss' to find the best"):
            self.fit(self.log(log_model=5, monitor="val_loss"))
        (version,) = self.runs()[0].artifacts
        assert list(version.aliases) == ["latest"]

    def test_logs_a_table_of_predictions_and_a_confusion_matrix(self):
        images = np.random.default_rng(0).random((7, 2, 2, 1)).astype("float32")
        labels = np.array([0, 0, 1, 1, 1, 3, 3])
        model = classifier()
        logger = self.log(log_predictions=3, data=(images, labels))
        model.fit(images, labels, epochs=4, verbose=0, callbacks=[logger])
        (run,) = self.runs()
        assert run.steps["predictions/*"] == "epoch/epoch"
        rows = [row for row in run.history if "predictions/table/path" in row]
        assert [row["epoch/epoch"] for row in rows] == [2, 3]
        table = table_of(run, "table.table.json")
        assert table["columns"] == ["input", "label", "prediction", "output"]
        outputs = model.predict(images, verbose=0)
        predicted = outputs.argmax(axis=1)
        for n, (image, label, prediction, output) in enumerate(table["data"]):
            assert image["_type"] == "image-file"
            assert (label, prediction) == (labels[n], predicted[n])
            np.testing.assert_allclose(output, outputs[n], rtol=1e-5)
        matrix = table_of(run, "confusion_matrix_table.table.json")
        expected = np.zeros((4, 4))
        np.add.at(expected, (labels, predicted), 1)
        assert [row[2] for row in matrix["data"]] == expected.ravel().tolist()

    def test_knows_labels_of_each_shape(self):
        images, model = np.ones((4, 2, 2, 1)), classifier()
        labels = np.array([0, 3, 1, 1])
        for y in (labels, labels[:, np.newaxis], labels * 1.0, np.eye(4)[labels]):
            found = tables(model, (images, y))
            rows = found["predictions/table"].data
            assert [row[1] for row in rows] == labels.tolist()
            assert "predictions/confusion_matrix" in found
        for y in (labels + 0.5, np.ones((4, 4)), np.ones((4, 2))):
            found = tables(model, (images, y))
            assert found["predictions/table"].columns[1:] == ["target", "prediction"]
            assert set(found) == {"predictions/table"}

    def test_logs_a_table_of_values(self):
        self.fit(self.log(log_predictions=2, data=(INPUTS[:3], TARGETS[:3])))
        (run,) = self.runs()
        table = table_of(run, "table.table.json")
        assert table["columns"] == ["input", "target", "prediction"]
        outputs = shared().predict(INPUTS[:3], verbose=0)
        for n, row in enumerate(table["data"]):
            for cell, values in zip(row, (INPUTS, TARGETS, outputs), strict=True):
                np.testing.assert_allclose(cell, values[n], rtol=1e-5)

    def test_makes_nothing_for_a_run_that_keeps_nothing(self, monkeypatch):
        for method in ("save", "predict"):
            monkeypatch.setattr(keras.Model, method, failing(AssertionError))
        data = INPUTS, TARGETS
        options = {"log_histograms": 1, "log_model": 1, "log_predictions": 1}
        self.fit(self.log(mode="disabled", data=data, **options))

    def test_goes_on_in_its_run(self):
        def kill(batch, logs):
            steps.append(batch)
            if len(steps) == 9:
                raise KeyboardInterrupt

        def fit(*callbacks):
            keras.utils.set_random_seed(0)
            options = {"monitor": "score", "monitor_mode": "max"}
            logger = self.log(log_batches=2, log_model=1, **options)
            resume = Resume(folder, callbacks=[logger], save_freq=1)
            callbacks = [scorer, logger, *callbacks, resume]
            model = compiled("sgd")
            return self.fit(*callbacks, model=model, epochs=3, shuffle=False)

        def score(epoch, logs):
            logs["score"] = 2 - epoch

        folder, steps = self.arguments["directory"] / "checkpoint", []
        scorer = keras.callbacks.LambdaCallback(on_epoch_end=score)
        killer = keras.callbacks.LambdaCallback(on_train_batch_end=kill)
        with pytest.raises(KeyboardInterrupt):
            fit(killer)
        history = fit()
        first, second = self.runs()
        assert first.id == second.id
        for name, expected in (
            ("batch/batch_step", [2, 4, 6, 8, 10, 12, 14]),
            ("epoch/epoch", [0, 1, 2]),
            ("epoch/loss", history.history["loss"]),
        ):
            assert column(first, name) + column(second, name) == expected
        assert second.summary["epochs"] == 3
        versions = [*first.artifacts, *second.artifacts]
        assert ["best" in version.aliases for version in versions] == [
            True,
            False,
            False,
        ]

    def test_disabled_writes_nothing(self):
        self.fit(self.log(mode="disabled"))
        assert self.runs() == []
        assert wandb.run is None

    def test_writes_beneath_the_working_directory_of_the_time(
        self, tmp_path, monkeypatch
    ):
        """W&B's process began in the first one, and stays there."""
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            monkeypatch.chdir(tmp_path / name)
            self.fit(self.log(directory="."), epochs=1)
        wandb.teardown()  # Else the last records may not be on disk yet.
        for name in ("one", "two"):
            assert len(read_runs(tmp_path / name)) == 1

    def test_joins_the_run_of_the_user(self):
        config = {"rate": 0.1, "seed": 0}
        where = {"mode": "offline", "dir": self.arguments["directory"]}
        run = wandb.init(project="mine", config=config, **where)
        history = self.fit(self.log())
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

        logger, histories = self.log(), []
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

        logger = self.log()
        with pytest.raises(KeyboardInterrupt):
            self.fit(logger, keras.callbacks.LambdaCallback(on_epoch_end=interrupt))
        self.fit(logger)
        first, second = self.runs()
        assert (first.exit_code, first.summary["epochs"]) == (1, 1)
        assert (second.exit_code, second.summary["epochs"]) == (0, 2)

    def test_lets_an_interrupt_pass(self, monkeypatch):
        monkeypatch.setattr(wandb.Run, "log", failing(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            self.fit(self.log())

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
            history = self.fit(self.log(log_batches=1))
        assert len(history.epoch) == 2
        (run,) = self.runs()
        assert run.exit_code == code

    def test_goes_on_without_a_key(self):
        reason = "UsageError: No API key: use `wandb login` or mode='offline'"
        with warns_once("begin a run", reason):
            history = self.fit(self.log(mode="online"))
        assert len(history.epoch) == 2

    def test_waits_once_for_what_it_cannot_reach(self, monkeypatch):
        asked = []

        def init(**options):
            if options["mode"] != "offline":
                asked.append(options["settings"].init_timeout)
                raise wandb.errors.CommError("No\nnetwork.")
            return original(**options)

        original, logger = wandb.init, self.log(mode="online")
        monkeypatch.setattr(wandb, "init", init)
        monkeypatch.setattr(wandb, "login", lambda **options: True)
        monkeypatch.setattr(wandb_logger, "_UNREACHABLE", threading.Event())
        with pytest.warns(UserWarning) as caught:
            histories = [self.fit(logger), self.fit(logger)]
        (warning,) = (w for w in caught if w.category is UserWarning)
        assert str(warning.message) == (
            "W&B was not reached within 15 seconds. The runs of this process are kept "
            "on disk, and `wandb sync` uploads them. CommError: No network."
        )
        assert asked == [15]
        for run, history in zip(self.runs(), histories, strict=True):
            assert column(run, "epoch/loss") == history.history["loss"]

    def test_logs_again_after_a_failure(self, monkeypatch):
        logger = self.log()
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
            self.fit(callbacks=self.log())

    def test_says_what_to_install(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "wandb", None)
        with pytest.raises(ImportError) as error:
            self.make()
        message = "WandbLogger needs W&B: pip install 'keras-kdl[wandb]'"
        assert str(error.value) == message

    def test_does_without_the_keras_integration_of_wandb(self):
        self.fit(self.log(mode="disabled"))
        assert "wandb.integration.keras" not in sys.modules


def compiled(optimizer, steps_per_execution=1):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(optimizer, "mse", steps_per_execution=steps_per_execution)
    return model


def classifier():
    inputs = keras.Input((2, 2, 1))
    outputs = keras.layers.Dense(4, "softmax")(keras.layers.Flatten()(inputs))
    model = keras.Model(inputs, outputs)
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


@functools.cache
def shared():
    return compiled("sgd")


def column(run, key):
    return [row[key] for row in run.history if key in row]


def table_of(run, name):
    """The table of a name that was logged last, in the artifact that W&B makes."""
    files = [file for version in run.artifacts for file in version.manifest.contents]
    *_, last = (file for file in files if Path(file.path).name == name)
    return json.loads(Path(last.local_path).read_text())


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
