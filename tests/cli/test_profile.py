"""`kdl profile`."""

import functools
import os
import re

import commands
import pytest
from commands import kdl, read
from own_recipes import RECIPE

from kdl.profiling import memory
from kdl.profiling.meter import PARTS

pytestmark = pytest.mark.one_backend

refusal = functools.partial(commands.refusal, "profile")


def test_says_what_a_step_is_made_of(tiny_folder):
    output = kdl("profile", "tiny", "--steps", 4, "--out", "found.json").stdout
    found = read(tiny_folder / "found.json")
    assert found["recipe"] == "tiny" and found["steps"] == 4
    assert set(found["parts"]) == set(PARTS)
    assert found["parameters"] == (2 * 2 + 2) * 2
    assert found["flops"] == 2 * (2 * 2 * 2 + 2)
    assert found["batch_sizes"] == {}
    for sentence in found["advice"]:
        assert sentence in output.splitlines()
    rows = [re.split(r"\s{2,}", line) for line in output.splitlines()]
    layers = [row for row in rows if "Dense" in row]
    assert [row[2:] for row in layers] == [["(2,)", "6", "0.000", "50 %"]] * 2
    assert [row[0] for row in rows if row[0] in PARTS] == list(PARTS)
    assert "Peak memory: " in output and "Written: found.json" in output
    # Nothing else is left.
    assert [path.name for path in tiny_folder.iterdir()] == ["found.json"]
    assert refusal("tiny", "--out", "found.json") == (
        "found.json already exists. Give --out a new name, or --overwrite."
    )


def test_takes_any_batch_size_and_other_hyperparameters(tiny_folder):
    options = ("--batch-size", 24, "--set", "kind=wide", "--set", "units=5")
    kdl("profile", "tiny", "--steps", 2, *options, "--out", "found.json")
    found = read(tiny_folder / "found.json")
    assert found["batch_size"] == 24
    assert found["parameters"] == 3 * 5 + 6 * 2


def test_writes_a_trace(tiny_folder):
    output = kdl("profile", "tiny", "--steps", 2, "--trace", "trace").stdout
    assert "Trace of a few steps: " in output
    assert any(path.is_file() for path in (tiny_folder / "trace").rglob("*"))


SIZED = RECIPE.replace(
    "SimpleNamespace(", "SimpleNamespace(batch_size=hp.Choice('batch_size', [8, 16]), "
)


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(SIZED)
    return "mine.py"


@pytest.mark.skipif(memory.available() is None, reason="Linux alone")
class TestLargestBatch:
    def test_is_all_examples_where_they_fit(self, recipe, tmp_path):
        options = ("--batch-size", 64, "--largest-batch", "--steps", 2)
        output = kdl("profile", recipe, *options, "--out", "found.json").stdout
        sizes = read(tmp_path / "found.json")["batch_sizes"]
        assert list(sizes) == ["64"]
        assert (
            "The largest batch that fits has 64 examples, the whole training set."
        ) in output
        assert sizes["64"]["examples_per_second"] > 0
        assert sizes["64"]["host_memory"] > 10**7

    def test_is_none_where_the_memory_is_too_small(self, recipe, tmp_path):
        options = ("--batch-size", 2, "--largest-batch", "--steps", 2)
        options += ("--memory", 0.02, "--out", "found.json")
        output = kdl("profile", recipe, *options).stdout
        assert read(tmp_path / "found.json")["batch_sizes"] == {"1": None, "2": None}
        assert "Trying batch sizes, with 0.0 GB of memory each." in output
        assert "None of them fits, or none was measured in time." in output

    def test_a_size_that_fails_otherwise_is_told(self, recipe, tmp_path):
        text = SIZED.replace("import types", "import os, types") + (
            "\n    def batches(self, p, x, y, **options):"
            "\n        if os.getpid() != PROCESS:"
            "\n            raise KeyError('not here')"
            "\n        return super().batches(p, x, y, **options)\n"
        )
        text = text.replace("PROCESS", str(os.getpid()))
        (tmp_path / "mine.py").write_text(text)
        options = ("--batch-size", 8, "--largest-batch", "--steps", 2)
        assert refusal(recipe, *options) == (
            "Batches of 8 cannot be trained: KeyError: 'not here'"
        )


def test_refuses_what_cannot_be(tiny_folder):
    for name in ("memory", "minutes"):
        assert refusal("tiny", f"--{name}", 1) == (
            f"--{name} is for --largest-batch, which is not given."
        )
    (tiny_folder / "file").touch()
    assert refusal("tiny", "--trace", "file") == (
        "file is a file. Give --trace a folder."
    )
    (tiny_folder / "mine.py").write_text(RECIPE)
    assert refusal("mine.py", "--batch-size", 8) == (
        "The recipe 'mine' has no hyperparameter `batch_size`, by which --batch-size "
        "and --largest-batch set the size of a batch."
    )
