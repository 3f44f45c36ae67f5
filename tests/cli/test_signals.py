"""Processes of the command line that are stopped, and folders of dead ones."""

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import filelock
import keras
import pytest
from commands import kdl, read, rows
from tiny import Tiny

from kdl import files

# Runs the command line on `Tiny`, and sends itself signals from within the training.
SCRIPT = """
    import os, signal, sys
    sys.path.insert(0, {tests!r})
    signal.signal(signal.SIGINT, signal.default_int_handler)
    import keras
    from kdl import recipes
    from tiny import Tiny

    recipes.Tiny = Tiny

    class Kill(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            {send}

    fit = keras.Model.fit
    def patched(self, *args, callbacks, **kwargs):
        return fit(self, *args, callbacks=[Kill(), *callbacks], **kwargs)
    keras.Model.fit = patched

    from kdl_cli.main import main
    sys.argv = ["kdl", *{arguments!r}]
    main()
"""
COMMANDS = {
    "run": ("run", "tiny"),
    "lr": ("lr", "tiny", "--steps", "60"),
    "tune": ("tune", "tiny", "--trials", "2"),
    "compare": ("compare", "tiny", "--vary", "kind", "--seeds", "2"),
    "cross-validate": ("cross-validate", "tiny", "--folds", "2"),
}
TWICE = """
            try:
                signal.raise_signal(signal.SIGINT)
            finally:
                signal.raise_signal(signal.SIGINT)
"""


@pytest.fixture(autouse=True)
def folder(tiny_folder, usual_signals):
    return tiny_folder


def status(path):
    return read(path / "settings.json")["status"]


def process(send, *arguments, out="out"):
    tests = str(Path(__file__).parents[1])
    script = textwrap.dedent(SCRIPT).format(
        tests=tests,
        send=textwrap.dedent(send).strip().replace("\n", "\n        "),
        arguments=[*arguments, "--out", out],
    )
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=300
    )


@pytest.mark.skipif(os.name == "nt", reason="It has other signals.")
class TestSignals:
    @pytest.mark.parametrize("command", COMMANDS)
    @pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
    def test_stop_as_ctrl_c_does(self, folder, command, name, monkeypatch):
        def stop(*args, **kwargs):
            signal.raise_signal(getattr(signal, name))

        monkeypatch.setattr(keras.Model, "fit", stop)
        output = kdl(*COMMANDS[command], "--out", "out", code=130).output
        assert "Interrupted." in output
        assert status(folder / "out") == "interrupted"

    @pytest.mark.one_backend
    def test_the_page_of_a_search_says_so(self, folder, monkeypatch):
        fit, calls = keras.Model.fit, []

        def stop(*args, **kwargs):
            calls.append(args)
            if len(calls) == 2:
                signal.raise_signal(signal.SIGINT)
            return fit(*args, **kwargs)

        monkeypatch.setattr(keras.Model, "fit", stop)
        kdl(*COMMANDS["tune"], "--out", "out", code=130)
        text = (folder / "out" / "report.html").read_text(encoding="utf-8")
        assert "interrupted" in text and "still running" not in text

    @pytest.mark.one_backend
    def test_two_of_them_stop_too(self, folder):
        done = process(TWICE, *COMMANDS["tune"])
        assert done.returncode == 130, done.stderr
        assert "Interrupted." in done.stdout and "Traceback" not in done.stderr
        assert status(folder / "out") == "interrupted"
        assert "Resuming" in kdl(*COMMANDS["tune"], "--out", "out").output

    @pytest.mark.one_backend
    def test_a_folder_whose_name_is_no_text_can_be_named(self, folder):
        done = process("pass", *COMMANDS["run"], "--epochs", "1", out="a\udcff")
        assert done.returncode == 0, done.stderr
        assert "Training into a\\udcff. Epochs: 1." in done.stdout

    @pytest.mark.one_backend
    def test_a_killed_one_is_recognized(self, folder):
        send = "os.kill(os.getpid(), signal.SIGKILL)"
        assert process(send, *COMMANDS["run"]).returncode == -signal.SIGKILL
        assert status(folder / "out") == "running"
        assert ["status", "killed"] in lines(kdl("report", "out").output)


@pytest.mark.one_backend
class TestLost:
    """An exception that is caught somewhere, as JAX may in a callback of its own."""

    @pytest.mark.parametrize("command", COMMANDS)
    def test_stops_all_the_same(self, folder, command, monkeypatch):
        fit = keras.Model.fit

        def patched(self, *args, callbacks, **kwargs):
            lose = keras.callbacks.LambdaCallback(on_train_batch_end=swallow)
            return fit(self, *args, callbacks=[*callbacks, lose], **kwargs)

        def swallow(batch, logs):
            with contextlib.suppress(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)

        monkeypatch.setattr(keras.Model, "fit", patched)
        before = signal.getsignal(signal.SIGINT)
        kdl(*COMMANDS[command], "--out", "out", code=130)
        assert status(folder / "out") == "interrupted"
        assert signal.getsignal(signal.SIGINT) is before

    @pytest.mark.parametrize("command", COMMANDS)
    def test_is_no_failure(self, folder, command, monkeypatch):
        def mistaken(*args, **kwargs):
            try:
                signal.raise_signal(signal.SIGINT)
            except KeyboardInterrupt:
                raise RuntimeError("so it seems") from None

        monkeypatch.setattr(keras.Model, "fit", mistaken)
        kdl(*COMMANDS[command], "--out", "out", code=130)
        assert status(folder / "out") == "interrupted"


@pytest.mark.one_backend
class TestRunning:
    def test_is_told_from_killed_by_the_lock(self, folder):
        settings = {"kind": "run", "recipe": "tiny", "objective": "val_loss"}
        settings |= {"direction": "min", "status": "running"}
        (folder / "settings.json").write_text(json.dumps(settings))
        unknown = ["status", "still", "running,", "or", "was", "killed"]
        assert unknown in lines(kdl("report", ".").output)
        with filelock.FileLock(folder / ".lock"):
            output = kdl("report", ".").output
            assert ["status", "still", "running"] in lines(output)
        (folder / ".lock").touch()
        assert ["status", "killed"] in lines(kdl("report", ".").output)

    @pytest.mark.parametrize("command", COMMANDS)
    def test_has_the_lock(self, folder, command, monkeypatch):
        seen = []
        fit = keras.Model.fit

        def patched(self, *args, **kwargs):
            seen.append(lines(kdl("report", "out").output))
            return fit(self, *args, **kwargs)

        monkeypatch.setattr(keras.Model, "fit", patched)
        kdl(*COMMANDS[command], "--out", "out")
        assert seen and all(["status", "still", "running"] in each for each in seen)


@pytest.mark.one_backend
class TestFullDisk:
    # Without a checkpoint a training goes on; what it comes to is not written either.
    @pytest.mark.filterwarnings("ignore:Cannot write .*checkpoint")
    @pytest.mark.parametrize("command", COMMANDS)
    @pytest.mark.parametrize("when", ["at once", "later"])
    def test_is_one_sentence(self, folder, command, when, monkeypatch):
        def full(*arguments):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        if when == "at once":
            monkeypatch.setattr(files.os, "replace", full)
        else:
            fit = keras.Model.fit

            def patched(self, *args, **kwargs):
                monkeypatch.setattr(files.os, "replace", full)
                return fit(self, *args, **kwargs)

            monkeypatch.setattr(keras.Model, "fit", patched)
        result = kdl(*COMMANDS[command], "--out", "out", code=1)
        assert isinstance(result.exception, SystemExit)
        (line,) = result.stderr.strip().split("\n")
        assert line.startswith("Error: ") and "No space left on device" in line


class TestArrays:
    """Metrics that are arrays, which Keras has, and those that are not numbers."""

    @pytest.fixture(autouse=True)
    def metrics(self, monkeypatch):
        def metrics(recipe):
            return [PerClass(name="each"), "accuracy"]

        monkeypatch.setattr(Tiny, "metrics", metrics)

    def test_are_a_column_each(self, folder):
        kdl("run", "tiny", "--out", "out")
        (*_, row) = rows(folder / "out" / "history.csv")
        assert {"each/0", "each/1", "val_each/0", "val_each/1"} <= row.keys()
        assert row["val_each/1"] == "nan"
        results = read(folder / "out" / "results.json")["test"]
        assert results["each/0"] == 0.5
        assert ["each/0", "0.5"] in lines(kdl("report", "out").output)

    def test_in_searches_and_sweeps_and_comparisons(self, folder):
        kdl("lr", "tiny", "--steps", 60, "--out", "swept")
        kdl("tune", "tiny", "--trials", 1, "--out", "searched")
        kdl("report", "searched")

    def test_that_are_not_numbers_fail_in_comparisons(self, folder):
        options = ("--vary", "kind", "--seeds", 1, "--out", "compared")
        kdl("compare", "tiny", *options, code=1)
        row, _ = rows(folder / "compared" / "runs.csv")
        assert row["error"] == "ArithmeticError: test_each/1 is nan"


@keras.saving.register_keras_serializable("tests")
class PerClass(keras.metrics.Metric):
    def update_state(self, y_true, y_pred, sample_weight=None):
        pass

    def result(self):
        return keras.ops.convert_to_tensor([0.5, float("nan")])


def lines(output):
    return [line.split() for line in output.split("\n")]
