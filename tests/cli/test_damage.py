"""Files that the command line reads, and that hold something else."""

import json
import os

import pytest
from commands import refusal
from typer.testing import CliRunner

from kdl_cli.main import app

SETTINGS = {
    "kind": "run",
    "recipe": "tiny",
    "objective": "val_loss",
    "direction": "min",
    "status": "finished",
    "data": "left",
    "epochs": 1,
    "seconds": 1.0,
}
WHOLE = {
    "settings.json": json.dumps(SETTINGS),
    "hyperparameters.json": '{"recipe": "tiny", "values": {"batch_size": 16}}',
    "results.json": '{"test": {"loss": 0.5}}',
    "history.csv": "epoch,loss\n1,0.5\n",
    "trials.csv": "trial,status,val_loss,error\n1,completed,0.5,\n",
    "runs.csv": "value,seed,seconds,epochs,test_loss,status,error\n"
    "plain,0,1.0,1,0.5,completed,\n",
}
COMPARED = {
    "kind": "comparison",
    "vary": "kind",
    "values": ["plain", "wide"],
    "hyperparameters": {},
    "seed": 0,
    "seeds": 1,
    "metric": "loss",
    "metric_direction": "min",
}
DAMAGE = {
    "half": lambda text: text[: len(text) // 2],
    "empty": lambda text: "",
    "null": lambda text: "null",
    "number": lambda text: "17",
    "list": lambda text: "[[]]",
    "deep": lambda text: "[" * 100_000,
    "others": lambda text: '{"kind": {}, "recipe": [], "values": 3, "test": [1]}',
    "binary": lambda text: b"\x89PNG\r\n\x1a\n\0\0\0\xff",
    "zeros": lambda text: b"\0" * 100,
    "surrogate": lambda text: '{"recipe": "\\ud800", "values": {}, "kind": "\\ud800"}',
    "quote": lambda text: f'{text}"',
    "wide": lambda text: f"{text},,,,,\n,,,,,,,,,,\n",
}


# What is checked here knows no backend.
pytestmark = pytest.mark.one_backend


@pytest.fixture(autouse=True)
def folder(tiny_folder):
    (tiny_folder / "there").mkdir()
    for name, text in WHOLE.items():
        (tiny_folder / "there" / name).write_text(text)
    return tiny_folder


def damage(path, kind):
    content = DAMAGE[kind](path.read_text())
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_named_in_a_sentence(folder, name, kind):
    there = folder / "there"
    kinds = {"trials.csv": {"kind": "search"}, "runs.csv": COMPARED}
    settings = SETTINGS | kinds.get(name, {})
    (there / "settings.json").write_text(json.dumps(settings))
    damage(there / name, kind)
    result = CliRunner().invoke(app, ["report", "there"])
    assert result.exit_code in (0, 2), result.output
    if name.endswith(".json"):
        assert result.exit_code == 2
    if result.exit_code == 2:
        assert isinstance(result.exception, SystemExit)
        assert name in result.stderr or name == "settings.json"
        assert "\n" not in result.stderr.strip()
    if name in ("settings.json", "hyperparameters.json"):
        assert refusal("run", "tiny", "--hp", "there")
        assert not (folder / "runs").exists()


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("value", [None, 3, -1, "x", [], {}, True, 1e400, 10**30])
def test_settings_of_wrong_types(folder, name, value):
    settings = json.dumps(SETTINGS | {name: value})
    (folder / "there" / "settings.json").write_text(settings)
    for arguments in (
        ["report", "there"],
        ["tune", "tiny", "--out", "there"],
    ):
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code in (0, 2), result.output
        assert result.exit_code == 0 or isinstance(result.exception, SystemExit)


class TestSources:
    """What `--hp`, `report` and `--data` take that is no plain file."""

    def test_of_another_kind(self, folder):
        os.mkfifo(folder / "pipe")
        for path in ("/dev/zero", "pipe"):
            sentence = f"{path} must be a file, not a device or a pipe."
            assert refusal("run", "tiny", "--hp", path) == sentence
            for source in ("text", "pairs"):
                recipe = "language_model" if source == "text" else "seq2seq"
                assert refusal("run", recipe, "--data", f"{source}:{path}") == (
                    f"{path} must be a file, no device or pipe, of at most 1073741824 "
                    "bytes."
                )

    def test_in_a_folder(self, folder):
        (folder / "there" / "hyperparameters.json").unlink()
        os.mkfifo(folder / "there" / "hyperparameters.json")
        assert refusal("run", "tiny", "--hp", "there") == (
            "there/hyperparameters.json must be a file, not a device or a pipe."
        )
        assert "there/hyperparameters.json must be" in refusal("report", "there")
        (folder / "empty").mkdir()
        assert refusal("run", "tiny", "--hp", "empty") == (
            "empty/hyperparameters.json cannot be read: No such file or directory."
        )

    def test_too_large(self, folder):
        for name in ("huge", "there/history.csv"):
            with (folder / name).open("wb") as file:
                file.truncate(2**41)  # Without any block on the disk.
        sentence = "huge is too large: it has more than 16777216 bytes."
        assert refusal("run", "tiny", "--hp", "huge") == sentence
        assert "there/history.csv is too large" in refusal("report", "there")
        data = ("--data", "text:huge")
        assert "huge must be a file" in refusal("run", "language_model", *data)

    @pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"\0" * 100, b"a\tb\n" * 3])
    def test_text_that_is_none(self, folder, content):
        (folder / "file").write_bytes(content)
        for recipe, source in (("language_model", "text"), ("seq2seq", "pairs")):
            for path in ("file", "nowhere", "there"):
                assert path in refusal("run", recipe, "--data", f"{source}:{path}")
