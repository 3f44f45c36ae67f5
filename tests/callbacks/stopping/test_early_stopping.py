import copy
import functools
import json
import pickle
import random
import shutil
import subprocess
import sys
import types

import keras
import numpy as np
import pytest
from contracts import CallbackContract, same

from kdl.callbacks import (
    EarlyStopping,
    GeneralizationLoss,
    Patience,
    ProgressQuotient,
    SuccessiveRises,
)
from kdl.layers import Clock

NAN = float("nan")


class TestEarlyStopping(CallbackContract):
    component = EarlyStopping
    alternatives = {
        "min_delta": [0.1],
        "verbose": [True],
        "directory": ["best"],
    }
    monitored = {
        "min_delta": 0.0,
        "mode": "min",
        "criterion": None,
    }
    writes = True
    refused = [
        (
            {"monitor": ["loss", "loss"]},
            "`monitor` must be the name of a metric, or a list of different ones. "
            "Received: monitor=['loss', 'loss']",
        ),
        (
            {"monitor": []},
            "`monitor` must be the name of a metric, or a list of different ones. "
            "Received: monitor=[]",
        ),
        (
            {"min_delta": {"loss": 0.1}},
            "`min_delta` must be one value, or a dict of one for each of 'val_loss', "
            "'loss'. Received: min_delta={'loss': 0.1}",
        ),
        (
            {"min_delta": -1},
            "`min_delta` must be a number in [0, inf). Received: min_delta=-1",
        ),
        (
            {"patience": 0.5},
            "`patience` must be an integer in [0, inf). Received: patience=0.5",
        ),
        (
            {"verbose": 2},
            "`verbose` must be one of 0, 1, False, True. Received: verbose=2",
        ),
        (
            {"mode": "lowest"},
            "`mode` must be one of 'auto', 'min', 'max'. Received: mode='lowest'",
        ),
        (
            {"mode": {"val_loss": "min", "loss": "low"}},
            "`mode['loss']` must be one of 'auto', 'min', 'max'. "
            "Received: mode['loss']='low'",
        ),
        (
            {"baseline": "0"},
            "`baseline` must be a number in (-inf, inf). Received: baseline='0'",
        ),
        (
            {"restore_best_weights": 1},
            "`restore_best_weights` must be one of True, False. "
            "Received: restore_best_weights=1",
        ),
        (
            {"start_from_epoch": -1},
            "`start_from_epoch` must be an integer in [0, inf). "
            "Received: start_from_epoch=-1",
        ),
        (
            {"rule": "both"},
            "`rule` must be one of 'any', 'all'. Received: rule='both'",
        ),
        (
            {"smoothing": 1},
            "`smoothing` must be a number in [0, 1). Received: smoothing=1",
        ),
        (
            {"min_epochs": -1},
            "`min_epochs` must be an integer in [0, inf). Received: min_epochs=-1",
        ),
        (
            {"criterion": "gl"},
            "`criterion` must be a `Patience`, `GeneralizationLoss`, "
            "`ProgressQuotient` or `SuccessiveRises` of `kdl.callbacks`. "
            "Received: criterion='gl'",
        ),
        (
            {"criterion": SuccessiveRises(), "mode": "max"},
            "`criterion` must be a `Patience` for 'val_loss', which is maximized: "
            "`SuccessiveRises` judges errors, which are minimized. Monitor a loss "
            "instead. Received: criterion=SuccessiveRises(strips=3, strip_length=5)",
        ),
        (
            {"patience": 2, "criterion": Patience(3)},
            "`patience` stands for `criterion=Patience(patience)`: give one of the "
            "two. Received: patience=2, criterion=Patience(patience=3)",
        ),
        (
            {"max_seconds": 0},
            "`max_seconds` must be a number in (0, inf). Received: max_seconds=0",
        ),
        (
            {"max_steps": 1.5},
            "`max_steps` must be an integer in [1, inf). Received: max_steps=1.5",
        ),
        (
            {"stop_on_nan": None},
            "`stop_on_nan` must be one of True, False. Received: stop_on_nan=None",
        ),
        (
            {"divergence": 0},
            "`divergence` must be a number in (0, inf). Received: divergence=0",
        ),
        (
            {"top_k": -1},
            "`top_k` must be an integer in [0, inf). Received: top_k=-1",
        ),
        (
            {"top_k": 1, "directory": None},
            "`top_k` and `directory` must be given together. "
            "Received: top_k=1, directory=None",
        ),
    ]

    @pytest.fixture(autouse=True)
    def checkpoints_live_in_tmp_path(self, tmp_path):
        self.arguments = {
            "monitor": ["val_loss", "loss"],
            "min_delta": {"val_loss": 1e-9, "loss": 0},
            "verbose": 0,
            "mode": "min",
            "baseline": 0.5,
            "restore_best_weights": True,
            "start_from_epoch": 1,
            "rule": "all",
            "smoothing": 0.5,
            "min_epochs": 1,
            "criterion": ProgressQuotient(1.0, 2, "loss"),
            "max_seconds": 1000.0,
            "max_steps": 100,
            "stop_on_nan": True,
            "divergence": 10.0,
            "top_k": 2,
            "directory": tmp_path / "best",
        }

    def parameters(self):
        # It stands for one of the criteria, beside which it is refused.
        return {k: v for k, v in super().parameters().items() if k != "patience"}

    def test_keeps_its_patience(self):
        assert EarlyStopping(patience=3).patience == 3

    def train(self, model, callbacks, **options):
        # A folder is for one fit, and for those that go on with it.
        if "initial_epoch" not in options:
            shutil.rmtree(self.arguments["directory"], ignore_errors=True)
        return super().train(model, callbacks, **options)

    @pytest.mark.filterwarnings("ignore:The logs have no metric")
    @pytest.mark.filterwarnings("ignore:Early stopping conditioned on metric")
    def test_is_keras_s_on_keras_s_arguments(self):
        stopped = []
        for seed in range(200):
            rng = random.Random(seed)
            name = rng.choice(["val_loss", "val_accuracy"])
            options = {
                "monitor": name,
                "min_delta": rng.choice([0, 0.1, 0.25]),
                "patience": rng.randrange(4),
                "mode": rng.choice(["auto", "min", "max"]),
                "baseline": rng.choice([None, 0.3, 0.5]),
                "restore_best_weights": rng.random() < 0.8,
                "start_from_epoch": rng.choice([0, 0, 3]),
                "verbose": 0,
            }
            # With ties, some values of NaN, and some epochs without the metric.
            values = rng.choices([n / 10 for n in range(10)] + [NAN, None], k=12)
            curve = [{"loss": 1.0} | ({} if v is None else {name: v}) for v in values]
            initial_epoch = rng.choice([0, 0, 2])
            ours, keras_s = (
                drive(component(**options), curve, initial_epoch)
                for component in (EarlyStopping, keras.callbacks.EarlyStopping)
            )
            np.testing.assert_equal(ours, keras_s, str((options, values)))
            stopped.append(ours["stopped_epoch"])
        assert len(set(stopped)) > 8

    def test_finds_the_mode_that_keras_finds(self):
        for name, best in (("val_loss", 1.0), ("val_accuracy", 3.0), ("loss", 1.0)):
            curve = [{name: value} for value in (2.0, 3.0, 1.0)]
            assert drive(quiet(name, patience=9), curve)["best"] == best
        with pytest.raises(ValueError) as error:
            drive(quiet("gap"), [{"gap": 1.0}])
        assert str(error.value) == (
            "`mode` must be 'min' or 'max' for 'gap', of which Keras does not know how "
            "it improves. Received: mode='auto'"
        )

    def test_refuses_a_metric_that_is_not_there(self):
        for name in ("val_acuracy", "acuracy"):
            with pytest.raises(ValueError) as error:
                # Also if it is not to be judged yet.
                stopping = quiet(name, start_from_epoch=1)
                drive(stopping, [{"loss": 1.0, "val_accuracy": 0.5}])
            assert str(error.value) == (
                f"The logs have no metric {name!r} to stop by. They have: 'loss', "
                "'val_accuracy'."
            )
        stopping = quiet("val_loss")
        with pytest.warns(UserWarning) as caught:
            drive(stopping, [{"loss": 1.0}] * 3)
        messages = [str(w.message) for w in caught if w.category is UserWarning]
        assert messages == [
            "The logs have no metric 'val_loss' to stop by. They have: 'loss'."
        ]
        assert stopping.reason == "Ran all its 3 epochs; val_loss was never judged."

    def test_stops_by_any_or_by_all_of_several_metrics(self):
        losses, accuracies = [3, 2, 4, 5, 1, 6, 7, 8], [5, 6, 7, 8, 9, 1, 0, 0]
        curve = [
            {"val_loss": loss, "val_accuracy": accuracy}
            for loss, accuracy in zip(losses, accuracies, strict=True)
        ]
        options = {"monitor": ["val_loss", "val_accuracy"], "patience": 2}
        rise = quiet(rule="any", **options)
        assert drive(rise, curve)["stopped_epoch"] == 3
        assert rise.reason == (
            "Stopped after epoch 4: val_loss has not improved for 2 epochs; the best "
            "val_loss was 2 in epoch 2, the best val_accuracy was 8 in epoch 4."
        )
        both = quiet(rule="all", restore_best_weights=True, **options)
        assert drive(both, curve)["weights"] == 4
        assert both.reason == (
            "Stopped after epoch 7: val_loss has not improved for 2 epochs and "
            "val_accuracy has not improved for 2 epochs; the best val_loss was 1 in "
            "epoch 5, whose weights were restored, the best val_accuracy was 9 in "
            "epoch 5."
        )
        each = {
            "mode": {"val_loss": "max", "val_accuracy": "min"},
            "min_delta": {"val_loss": 1.5, "val_accuracy": 0.0},
            "baseline": {"val_loss": None, "val_accuracy": 4.0},
        }
        stopping = quiet(rule="any", **options, **each)
        # The accuracy does not come below the first one, nor below the baseline.
        assert drive(stopping, curve)["stopped_epoch"] == 1
        assert stopping.reason.startswith(
            "Stopped after epoch 2: val_accuracy has not improved on the baseline 4 "
            "for 2 epochs; the best val_loss was 3 in epoch 1, "
        )

    def test_smooths_by_an_average_without_bias(self):
        values = np.random.default_rng(0).normal(size=8)
        averages = [
            np.average(values[: n + 1], weights=0.7 ** np.arange(n, -1, -1.0))
            for n in range(8)
        ]
        curve = [{"val_loss": value} for value in values]
        for n in range(1, 9):
            run = drive(quiet(patience=9, smoothing=0.7), curve[:n])
            assert run["best"] == pytest.approx(min(averages[:n]))
            assert run["best_epoch"] == np.argmin(averages[:n])
        # A value that is not finite counts as itself, and leaves the average alone.
        curve.insert(4, {"val_loss": NAN})
        best = drive(quiet(patience=9, smoothing=0.7), curve)["best"]
        assert best == pytest.approx(min(averages))

    def test_trains_its_least_epochs(self):
        curve = [{"val_loss": value} for value in (1, 2, 3, 4, 5, 0.5, 6)]
        assert drive(quiet(), curve)["stopped_epoch"] == 1
        assert drive(quiet(min_epochs=4), curve)["stopped_epoch"] == 3
        assert drive(quiet(min_epochs=6), curve)["stopped_epoch"] == 6

    @pytest.mark.parametrize("execution", [1, 2])
    def test_stops_after_its_steps(self, execution):
        if execution > 1 and keras.backend.backend() == "torch":
            pytest.skip("Keras executes steps one by one")
        model = dense(execution)
        stopping = quiet("loss", patience=9, max_steps=7, restore_best_weights=True)
        # Executions end after 2, 4, 5 batches of an epoch, so 7 is reached by one.
        history = model.fit(
            *DATA, batch_size=2, epochs=9, verbose=0, callbacks=[stopping]
        )
        assert len(history.epoch) == 2
        assert stopping.stopped_epoch == 1
        best = min(history.history["loss"])
        assert stopping.reason == (
            f"Stopped in epoch 2: max_steps=7 are done; the best loss was {best:.4g} "
            f"in epoch {np.argmin(history.history['loss']) + 1}, whose weights were "
            "restored."
        )
        assert int(model.optimizer.iterations) == 7

    def test_stops_when_its_time_is_over(self, monkeypatch):
        clock = iter(range(0, 1000, 10))
        fake = types.SimpleNamespace(monotonic=lambda: next(clock))
        monkeypatch.setattr("kdl.callbacks.stopping.early_stopping.time", fake)
        model, stopping = dense(), quiet("loss", patience=9, max_seconds=65)
        # Looked up before each of five batches, after each epoch.
        model.fit(*DATA, batch_size=2, epochs=9, verbose=0, callbacks=[stopping])
        assert stopping.reason.startswith(
            "Stopped in epoch 2: max_seconds=65 have passed; "
        )
        assert int(model.optimizer.iterations) == 6

    @pytest.mark.parametrize(
        ("limit", "reason"),
        [
            ({"max_steps": 6}, "Stopped in epoch 3: max_steps=6 are done."),
            ({"max_seconds": 1e6}, "Ran all its 4 epochs."),
            ({"stop_on_nan": True}, "Ran all its 4 epochs."),
        ],
    )
    @pytest.mark.filterwarnings("error::UserWarning")
    def test_a_limit_alone_judges_no_metric(self, limit, reason):
        model, stopping = dense(), quiet(**limit)
        options = {"batch_size": 5, "epochs": 4, "verbose": 0, "callbacks": [stopping]}
        # With a validation that only gets worse, and without any.
        model.compile(keras.optimizers.SGD(0.1), "mse")
        validation = DATA[0], -9 * DATA[1]
        model.fit(*DATA, validation_data=validation, **options)
        assert stopping.reason.startswith(reason.rstrip("."))
        assert "; the best val_loss was " in stopping.reason
        model.fit(*DATA, **options)
        assert stopping.reason == reason

    def test_a_limit_beside_a_criterion_leaves_it_as_it_is(self):
        curve = [{"val_loss": value} for value in (1.0, 2.0, 3.0, 4.0)]
        for options in ({"patience": 0}, {"min_delta": 0.1}, {"baseline": 0.5}):
            stopping = quiet(max_steps=10**6, **options)
            assert drive(stopping, curve)["stopped_epoch"] == 1
        stopping = quiet(max_steps=10**6, criterion=GeneralizationLoss())
        assert drive(stopping, curve)["stopped_epoch"] == 1
        stopping = quiet(max_steps=10**6, restore_best_weights=True)
        assert drive(stopping, curve)["weights"] == 0
        assert stopping.reason == (
            "Ran all its 4 epochs; the best val_loss was 1 in epoch 1, whose weights "
            "were restored."
        )
        # But the metric is needed then.
        with pytest.warns(UserWarning, match="no metric 'val_loss'"):
            drive(quiet(max_steps=9, top_k=0, divergence=1.0), [{"loss": 1.0}])

    def test_refuses_what_the_fit_is_too_short_for(self):
        for options, message in (
            (
                {"min_epochs": 4},
                "`min_epochs` must be at most 3, the epochs of the fit. "
                "Received: min_epochs=4",
            ),
            (
                {"start_from_epoch": 5},
                "`start_from_epoch` must be at most 3, the epochs of the fit. "
                "Received: start_from_epoch=5",
            ),
            (
                {"min_epochs": 2, "max_steps": 9},
                "`max_steps` must be at least 10, the steps of min_epochs=2 epochs. "
                "Received: max_steps=9",
            ),
        ):
            with pytest.raises(ValueError) as error:
                dense().fit(
                    *DATA, batch_size=2, epochs=3, callbacks=[quiet("loss", **options)]
                )
            assert str(error.value) == message

    def test_stops_at_what_is_not_finite(self):
        curve = logged([2.0, 1.0, NAN, 0.5, 0.4], [1.0] * 5)
        assert drive(quiet(patience=9), curve)["best"] == 0.4
        stopping = quiet(patience=9, stop_on_nan=True, restore_best_weights=True)
        assert drive(stopping, curve)["weights"] == 1
        assert stopping.reason == (
            "Stopped after epoch 3: val_loss is nan; the best val_loss was 1 in "
            "epoch 2, whose weights were restored."
        )
        curve = logged([1.0, 0.5], [NAN, 1.0])
        stopping = quiet(stop_on_nan=True, restore_best_weights=True)
        assert drive(stopping, curve)["best"] is None
        assert stopping.reason == (
            "Stopped after epoch 1: loss is nan; val_loss was never judged."
        )
        # Of a metric that is an array, one is enough.
        curve = [{"loss": 1.0, "f1": np.array([0.5, NAN])}]
        stopping = quiet("f1", mode="max", stop_on_nan=True)
        drive(stopping, curve)
        assert stopping.reason.startswith("Stopped after epoch 1: f1 is [0.5 nan]; ")

    def test_stops_when_it_diverges(self):
        curve = [{"val_accuracy": value} for value in (0.5, 0.9, 0.7, 0.3, 0.95)]
        stopping = quiet("val_accuracy", patience=9, divergence=0.5)
        assert drive(stopping, curve)["stopped_epoch"] == 3
        assert stopping.reason == (
            "Stopped after epoch 4: val_accuracy is 0.3, worse than its best by more "
            "than divergence=0.5; the best val_accuracy was 0.9 in epoch 2."
        )

    @pytest.mark.parametrize(
        ("options", "epochs"),
        [({}, 6), ({"stop_on_nan": True}, 5), ({"max_steps": 18}, 4)],
    )
    def test_restores_the_best_weights_bit_by_bit(self, options, epochs):
        model, after = mixed(), []
        record = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: after.append(model.get_weights())
        )
        stopping = quiet(
            "score", mode="min", patience=3, restore_best_weights=True, **options
        )
        callbacks = [Scores([3, 2, 1, 4, NAN, 5, 6]), record, stopping]
        model.fit(*DATA, batch_size=2, epochs=7, verbose=0, callbacks=callbacks)
        assert len(after) == epochs
        assert stopping.best_epoch == 2
        restored = model.get_weights()
        assert {str(weight.dtype) for weight in restored} == {
            "float32",
            "bfloat16",
            "float16",
            "int32",
        }
        for weight, best in zip(restored, after[2], strict=True):
            assert weight.dtype == best.dtype
            assert weight.tobytes() == best.tobytes()
        assert not same(restored, after[-1])

    def test_lets_go_of_the_weights(self):
        stopping, model = quiet(patience=9, restore_best_weights=True), judged()
        begin(stopping, model)
        stopping.on_epoch_end(0, {"val_loss": 1.0})
        assert stopping.best_weights is not None
        for clone in (copy.deepcopy(stopping), pickle.loads(pickle.dumps(stopping))):
            assert clone.best_weights is None
            assert clone._model is None
        stopping.on_train_end()
        assert stopping.best_weights is None

    def test_keeps_the_best_models(self, tmp_path):
        model, folder = dense(), tmp_path / "new" / "folder"
        outputs = []
        record = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: outputs.append(predict(model))
        )
        stopping = quiet("score", patience=9, mode="max", top_k=3, directory=folder)
        scores = Scores([0.5, 2.0, 0.1, 2.0, NAN, 1.25])
        callbacks = [scores, record, stopping]
        model.fit(*DATA, epochs=6, verbose=0, callbacks=callbacks)
        index = json.loads((folder / "index.json").read_text())
        assert index == [
            {"file": file, "epoch": epoch, "monitor": "score", "value": value}
            for file, epoch, value in (
                ("epoch-002-score-2.keras", 2, 2.0),
                ("epoch-004-score-2.keras", 4, 2.0),
                ("epoch-006-score-1.25.keras", 6, 1.25),
            )
        ]
        files = {entry["file"] for entry in index}
        assert {path.name for path in folder.iterdir()} == files | {"index.json"}
        for entry in index:
            revived = keras.saving.load_model(folder / entry["file"])
            np.testing.assert_array_equal(predict(revived), outputs[entry["epoch"] - 1])
        with pytest.raises(ValueError) as error:
            model.fit(*DATA, verbose=0, callbacks=callbacks)
        assert str(error.value) == (
            "`directory` must not hold the checkpoints of another fit: give another "
            f"folder, or delete this one. Received: directory={str(folder)!r}"
        )

    def test_clears_what_a_killed_fit_left(self, tmp_path):
        code = (
            "import os, pathlib, sys; from kdl.files import atomic\n"
            "with atomic(pathlib.Path(sys.argv[1]) / 'epoch-1.keras') as draft:"
            "\n    draft.write_text('half'); os.kill(os.getpid(), 9)"
        )
        subprocess.run([sys.executable, "-c", code, str(tmp_path)])
        assert len(list(tmp_path.iterdir())) == 1
        stopping = quiet("loss", patience=9, top_k=1, directory=tmp_path)
        dense().fit(*DATA, verbose=0, callbacks=[stopping])
        names = sorted(path.name for path in tmp_path.iterdir())
        assert [name[:6] for name in names] == ["epoch-", "index."]

    def test_says_why_it_stopped_once(self, capsys):
        curve = logged([3.0, 1.0, 1.0, 1.05])
        options = {"patience": 2, "min_delta": 0.1}
        drive(EarlyStopping(**options), curve)
        assert capsys.readouterr().out == (
            "Stopped after epoch 4: val_loss has not improved by more than 0.1 for 2 "
            "epochs; the best val_loss was 1 in epoch 2.\n"
        )
        drive(quiet(**options), curve)
        assert capsys.readouterr().out == ""

    def test_says_how_else_the_fit_ended(self):
        stopping = quiet("score", mode="min", patience=9, restore_best_weights=True)
        options = {"epochs": 2, "verbose": 0}
        model = dense()
        model.fit(*DATA, **options, callbacks=[Scores([2, 1]), stopping])
        assert stopping.reason == (
            "Ran all its 2 epochs; the best score was 1 in epoch 2, whose weights were "
            "restored."
        )
        other = keras.callbacks.TerminateOnNaN()
        other.on_epoch_end = lambda epoch, logs: setattr(model, "stop_training", True)
        model.fit(*DATA, **options, callbacks=[Scores([2, 1]), other, stopping])
        assert stopping.reason == (
            "Stopped after epoch 1 by another callback; the best score was 2 in epoch "
            "1, whose weights were restored."
        )
        model.fit(*DATA, initial_epoch=2, **options, callbacks=[stopping])
        assert stopping.reason == "There was no epoch to run."

    @pytest.mark.parametrize(
        "criterion",
        [
            Patience(3),
            GeneralizationLoss(),
            ProgressQuotient(strip_length=2),
            SuccessiveRises(2, 2),
        ],
    )
    def test_stops_where_the_uninterrupted_fit_does(self, criterion):
        curve = logged([9, 5, 4, 3, 3.2, 3.1, 3.3, 3.5, 3.9, 4.5, 4.6, 5, 6, 7])
        make = functools.partial(
            quiet,
            smoothing=0.4,
            criterion=criterion,
            restore_best_weights=True,
        )
        whole = drive(make(), curve)
        assert 3 < whole["stopped_epoch"] < 13
        for epoch in range(1, whole["stopped_epoch"]):
            first = make()
            drive(first, curve[:epoch], end=False)
            state = first.get_state()
            second = drive(make(), curve, initial_epoch=epoch, state=state)
            assert second == whole

    def test_counts_the_budgets_of_the_fit_it_resumes(self, monkeypatch):
        now = [0.0]
        fake = types.SimpleNamespace(monotonic=lambda: now[0])
        monkeypatch.setattr("kdl.callbacks.stopping.early_stopping.time", fake)
        for options in ({"max_steps": 5}, {"max_seconds": 5}):
            first, second, model = quiet(**options), quiet(**options), judged()
            begin(first, model, steps=3)
            first.on_epoch_begin(0)
            now[0] += 3
            for batch in range(3):
                first.on_train_batch_begin(batch)
            first.on_epoch_end(0, {"loss": 1.0, "val_loss": 1.0})
            first.on_epoch_begin(1)
            first.on_train_batch_begin(0)
            state = first.get_state()
            now[0] += 100
            begin(second, model, steps=3)
            second.set_state(state)
            second.on_epoch_begin(1)
            # Passed over, until the state is as it was.
            second.on_train_batch_begin(0)
            second.set_state(state)
            assert not model.stop_training
            now[0] += 2
            second.on_train_batch_begin(1)
            assert model.stop_training

    def test_remembers_why_a_fit_that_is_over_stopped(self):
        first, second = (quiet(restore_best_weights=True) for _ in range(2))
        whole = drive(first, logged([1.0, 2.0]), end=False)
        state = first.get_state()
        first.on_train_end()
        resumed = drive(second, logged([1.0, 2.0]), initial_epoch=2, state=state)
        assert second.reason == first.reason
        assert resumed == {**whole, "weights": 0}

    def test_goes_on_with_its_checkpoints(self, tmp_path):
        options = {"monitor": "score", "mode": "min", "patience": 9}
        options |= {"top_k": 1, "directory": tmp_path / "best"}
        first, second, model = quiet(**options), quiet(**options), dense()
        model.fit(*DATA, verbose=0, callbacks=[Scores([1, 2, 0]), first])
        resume = keras.callbacks.LambdaCallback(
            on_train_begin=lambda logs: second.set_state(first.get_state())
        )
        callbacks = [Scores([1, 2, 0]), second, resume]
        for epochs, best in ((2, "epoch-001-score-1"), (3, "epoch-003-score-0")):
            model.fit(
                *DATA, initial_epoch=1, epochs=epochs, verbose=0, callbacks=callbacks
            )
            (path,) = options["directory"].glob("*.keras")
            assert path.stem == best


DATA = np.arange(20, dtype="float32").reshape(10, 2) / 20, np.ones((10, 1), "float32")


class Scores(keras.callbacks.Callback):
    """Puts given values into the logs."""

    def __init__(self, values):
        super().__init__()
        self.values = values

    def on_epoch_end(self, epoch, logs=None):
        logs["score"] = float(self.values[epoch])


def quiet(*args, **options):
    return EarlyStopping(*args, **options, verbose=0)


def logged(validation, training=None):
    """Logs of epochs of the given losses."""
    training = validation if training is None else training
    pairs = zip(training, validation, strict=True)
    return [{"loss": loss, "val_loss": val_loss} for loss, val_loss in pairs]


def begin(callback, model, epochs=100, steps=1):
    callback.set_model(model)
    callback.set_params({"epochs": epochs, "steps": steps})
    model.stop_training = False
    callback.on_train_begin()


def drive(callback, curve, initial_epoch=0, state=None, end=True):
    """What a callback does in a fit of given logs, in which the weight is the epoch."""
    model = judged()
    begin(callback, model, epochs=len(curve))
    if state is not None:
        callback.set_state(state)
    for epoch in range(initial_epoch, len(curve)):
        model.set_weights([np.full((2, 1), epoch, "float32")])
        callback.on_epoch_begin(epoch)
        callback.on_epoch_end(epoch, dict(curve[epoch]))
        if model.stop_training:
            break
    if end:
        callback.on_train_end()
    found = {name: getattr(callback, name) for name in ("best", "best_epoch")}
    weight = model.get_weights()[0][0, 0]
    return {**found, "stopped_epoch": callback.stopped_epoch, "weights": weight}


@functools.cache
def judged():
    """A model whose metrics Keras knows."""
    layer = keras.layers.Dense(1, use_bias=False)
    model = keras.Sequential([keras.Input((2,)), layer])
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    model.evaluate(*DATA, verbose=0)
    return model


def dense(steps_per_execution=1):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", steps_per_execution=steps_per_execution)
    return model


@functools.cache
def mixed():
    """A model of weights of all kinds."""
    hidden = inputs = keras.Input((2,))
    hidden = Clock()(hidden)
    for dtype in ("float32", "bfloat16", "float16", "mixed_float16"):
        hidden = keras.layers.Dense(3, dtype=dtype)(hidden)
    hidden = keras.layers.BatchNormalization()(hidden)
    hidden = keras.layers.Dropout(0.1)(hidden)
    model = keras.Model(inputs, keras.layers.Dense(1)(hidden))
    model.compile(keras.optimizers.SGD(0.01), "mse")
    return model


def predict(model):
    return keras.ops.convert_to_numpy(model(DATA[0]))
