"""`kdl run` on several devices, in other precisions, and deterministic."""

import json
import os
import subprocess
import sys
import types

import keras
import numpy as np
import pytest
import tiny
from commands import kdl, read, refusal, rows
from own_recipes import RECIPE

from kdl_cli import backends
from kdl_cli.commands.training import devices
from kdl_cli.folder import reading
from kdl_cli.main import failures

pytestmark = pytest.mark.one_backend

# Of two processes, the second is killed after an epoch, once.
KILLED = (
    RECIPE.replace("import types", "import os, pathlib, signal\nimport types")
    + """
    def callbacks(self, p, batches, epochs):
        def end(epoch, logs):
            mark = pathlib.Path("killed")
            if os.environ.get("RANK") == "1" and epoch == 1 and not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return [keras.callbacks.LambdaCallback(on_epoch_begin=end)]
"""
)


def run(*arguments):
    """Runs `kdl` in a process of its own, since it makes devices."""
    return subprocess.run(
        [sys.executable, "-m", "kdl_cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | {"KERAS_BACKEND": "torch", "OMP_NUM_THREADS": "1"},
    )


def test_goes_on_after_a_process_was_killed_and_ends_as_on_one_device(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(KILLED)
    arguments = ("run", "mine.py", "--epochs", 3)
    first = run(*arguments, "--devices", 2, "--out", "two")
    assert first.returncode == 1, first.stderr
    assert first.stderr.strip().splitlines()[-1] == (
        "Error: Process 1 of 2 ended by SIGKILL. Run the same command with --out two "
        "to resume it."
    )
    assert len(rows(tmp_path / "two" / "history.csv")) == 1
    text = refusal(*arguments, "--out", "two")
    assert text == (
        "two holds another run: devices 2, not devices None. Give --out a new name, or "
        "use the same options."
    )
    second = run(*arguments, "--devices", 2, "--out", "two")
    assert second.returncode == 0, second.stderr
    assert "Resuming the run in two. Epochs: 3." in second.stdout
    settings = read(tmp_path / "two" / "settings.json")
    assert settings["devices"] == 2 and settings["status"] == "finished"
    assert not (tmp_path / "two" / "checkpoint").exists()
    (tmp_path / "killed").touch()
    kdl(*arguments, "--out", "one")
    one, two = (
        [
            list(map(float, row.values()))
            for row in rows(tmp_path / name / "history.csv")
        ]
        for name in ("one", "two")
    )
    np.testing.assert_allclose(two, one, atol=1e-5)


def test_refuses_more_devices_than_cores(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert refusal("run", "images", "--devices", 3) == (
        "`--devices` must be in [1, 2], the number of cores of the CPU. Received: "
        "--devices=3"
    )


def test_a_search_on_two_devices_finds_what_one_does(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(RECIPE)
    scores = []
    for count in (1, 2):
        arguments = ("--trials", 2, "--epochs", 1, "--devices", count, "--out", count)
        found = run("tune", "mine.py", *arguments, "--backend", "jax")
        assert found.returncode == 0, found.stderr
        trials = rows(tmp_path / str(count) / "trials.csv")
        scores.append([float(row["val_accuracy"]) for row in trials])
    assert read(tmp_path / "2" / "settings.json")["devices"] == 2
    np.testing.assert_allclose(scores[1], scores[0], atol=1e-5)


def test_a_search_on_several_devices_is_refused_where_each_is_a_process():
    assert refusal("tune", "images", "--devices", 2) == (
        "`--devices` must be 1 for trials on PyTorch, where each device needs a "
        "process; JAX and TensorFlow train a trial on several, and several workers run "
        "trials side by side. Received: --devices=2"
    )
    assert refusal("tune", "images", "--devices", 2, "--nested", 2) == (
        "--nested searches on one device for each trial: leave out --devices. "
        "Received: --devices=2"
    )


class TestPrecision:
    def test_is_among_the_settings_and_taken_along(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        tiny.add(monkeypatch)
        kdl("run", "tiny", "--precision", "mixed_bfloat16", "--out", "first")
        assert read(tmp_path / "first/settings.json")["precision"] == "mixed_bfloat16"
        result = kdl("run", "tiny", "--hp", "first", "--out", "second")
        assert "precision mixed_bfloat16" in result.output
        assert read(tmp_path / "second/settings.json")["precision"] == "mixed_bfloat16"
        kdl("run", "tiny", "--out", "third")
        assert "precision" not in read(tmp_path / "third/settings.json")

    def test_must_be_that_of_what_is_resumed(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        tiny.add(monkeypatch)
        tiny.tune("--trials", 1)
        text = refusal(
            *("tune", "tiny", "--epochs", 1, "--out", "search", "--trials", 1),
            *("--precision", "mixed_bfloat16"),
        )
        assert text == (
            "search holds another search: precision None, not precision "
            "mixed_bfloat16. Give --out a new name, or use the same options."
        )

    def test_is_refused_in_the_words_of_the_command_line(self):
        assert refusal(
            "compare", "images", "--vary", "rate=0,1", "--precision", "x"
        ) == (
            "`--precision` must be one of 'float32', 'mixed_bfloat16', "
            "'mixed_float16', 'float64'. Received: --precision='x'"
        )

    def test_of_float64_is_that_of_the_process_that_reads_it(self, tmp_path):
        settings = {
            **dict.fromkeys(("recipe", "objective"), "images"),
            **{"kind": "run", "direction": "max", "status": "finished"},
        }
        for name, precision in (("narrow", "mixed_bfloat16"), ("wide", "float64")):
            (tmp_path / name).mkdir()
            told = json.dumps({**settings, "precision": precision})
            (tmp_path / name / "settings.json").write_text(told)
        narrow, wide = tmp_path / "narrow", tmp_path / "wide"
        assert reading.reads_float64(types.SimpleNamespace(folder=wide))
        assert reading.reads_float64(types.SimpleNamespace(folders=[narrow, wide]))
        for folder in (narrow, tmp_path / "none", tmp_path):
            assert not reading.reads_float64(types.SimpleNamespace(folder=folder))
        assert not reading.reads_float64(types.SimpleNamespace())


class TestDeterministic:
    @pytest.fixture
    def restored(self):
        import torch

        yield
        torch.use_deterministic_algorithms(False)

    def test_has_the_backend_be_so(self, restored, tmp_path, monkeypatch):
        import torch

        monkeypatch.chdir(tmp_path)
        tiny.add(monkeypatch)
        kdl("run", "tiny", "--deterministic", "--out", "first")
        assert torch.are_deterministic_algorithms_enabled()
        kdl("run", "tiny", "--deterministic", "--out", "second")
        first, second = (
            (tmp_path / name / "history.csv").read_text()
            for name in ("first", "second")
        )
        assert first == second
        assert read(tmp_path / "first/settings.json")["deterministic"] is True

    def test_names_an_operation_that_cannot(self, capsys):
        import typer

        with pytest.raises(typer.Exit), failures():
            raise RuntimeError(
                "put_ does not have a deterministic implementation, but you set "
                "'torch.use_deterministic_algorithms(True)'. You can turn off"
            )
        assert capsys.readouterr().err.strip() == (
            "Error: put_ does not have a deterministic implementation: train without "
            "--deterministic."
        )

    def test_environment_is_prepared_before_the_backend_is_imported(self, monkeypatch):
        for name in ("XLA_FLAGS", "JAX_ENABLE_X64", "CUBLAS_WORKSPACE_CONFIG"):
            monkeypatch.setenv(name, "")
            monkeypatch.delenv(name)
        backends.prepare("jax", "float64", deterministic=True)
        assert os.environ["JAX_ENABLE_X64"] == "1"
        assert os.environ["XLA_FLAGS"] == "--xla_gpu_deterministic_ops=true"
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
        backends.prepare("jax", deterministic=True)
        assert os.environ["XLA_FLAGS"] == "--xla_gpu_deterministic_ops=true"


def test_one_device_needs_nothing():
    assert devices.data_parallel(1) is None
    assert keras.backend.backend()
