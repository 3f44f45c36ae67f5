"""Values of options that cannot be, of every command."""

import json
import os
import typing
from pathlib import Path

import keras
import pytest
from tiny import Tiny, add
from typer.testing import CliRunner

from kdl_cli.commands.narrowed import Narrowing, narrow
from kdl_cli.commands.tuner import SAMPLERS
from kdl_cli.main import app
from kdl_cli.options import CompareOptions, RunOptions, SearchOptions, SweepOptions

COMMANDS = {
    "run": RunOptions,
    "lr": SweepOptions,
    "tune": SearchOptions,
    "compare": CompareOptions,
}
NEEDED = {"compare": ["--vary", "kind"]}


def options(*kinds):
    """Names of the commands and their options of some kinds."""
    return [
        (command, field_option(name))
        for command, options in COMMANDS.items()
        for name, hint in typing.get_type_hints(options, include_extras=True).items()
        if name != "recipe" and kinds_of(hint) & set(kinds)
    ]


def kinds_of(hint):
    (kind, *_) = typing.get_args(hint)
    return {kind, *typing.get_args(kind)}


def field_option(name):
    return "--" + name.strip("_").replace("_", "-")


NUMBERS = options(int, float)
TEXTS = options(str, Path, list[str])
# Bad for every option of the kind, and for some.
BAD = ["-1", "nan", "inf", "-inf", "1e400", "ten", "", str(10**30), f"-{10**30}"]
ZERO = {"--seed": None}  # For which it is a value.


# What is checked here knows no backend.
pytestmark = pytest.mark.one_backend


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_BACKEND", keras.backend.backend())
    monkeypatch.setenv("COLUMNS", "200")
    add(monkeypatch)
    return tmp_path


def refusal(command, *arguments, code=2):
    """What is said of arguments that are refused, where nothing is written."""
    recipe = [] if command in ("list", "describe", "report") else ["tiny"]
    given = [command, *recipe, *NEEDED.get(command, []), *arguments]
    result = CliRunner().invoke(app, given)
    assert result.exit_code == code, result.output
    assert isinstance(result.exception, SystemExit)
    assert not os.path.exists("runs")
    return " ".join(result.stderr.split())


def test_there_are_numbers_to_check():
    names = {option for _, option in NUMBERS}
    assert names == {
        *("--epochs", "--seed", "--steps", "--trials", "--folds", "--total-epochs"),
        *("--minutes", "--workers", "--seeds"),
    }


@pytest.mark.parametrize(("command", "option"), NUMBERS)
def test_refuses_numbers_that_cannot_be(command, option):
    bad = [*BAD, "1.5"] if option != "--minutes" else BAD
    for text in [*bad, *([] if option in ZERO else ["0"])]:
        assert option in refusal(command, option, text), text


def test_refuses_one_fold_and_few_steps():
    assert "--folds" in refusal("tune", "--folds", "1")
    assert "--steps" in refusal("lr", "--steps", "19")
    assert refusal("tune", "--minutes", "0") == (
        "Error: `--minutes` must be a number in (0, 1e9]. Received: --minutes=0.0"
    )


@pytest.mark.parametrize(("command", "option"), TEXTS)
@pytest.mark.parametrize("text", ["", "\udcff", "=", "[" * 100_000, "\0", "x=\ud800"])
def test_refuses_texts_that_cannot_be(command, option, text):
    if option == "--out" and text not in ("\0", "[" * 100_000):
        return  # A folder may have any other name.
    assert refusal(command, option, text)


def test_names_the_data_as_the_user_does(monkeypatch):
    assert refusal("run", "--data", "up") == (
        "Error: `--data` must be a side. Received: 'up'"
    )


def test_lists_all_oracles_with_what_they_need():
    text = refusal("tune", "--oracle", "tpe")
    for name in ("bayesian", "grid", "random", *(f"optuna:{s}" for s in SAMPLERS)):
        assert repr(name) in text
    assert "'optuna:gp' (needs PyTorch: pip install 'kdl[torch]')" in text
    assert "must be one of" in refusal("tune", "--oracle", "optuna:")


class TestFixed:
    def test_only_the_value_is_tried(self, folder):
        told = ["tune", "tiny", "--trials", "3", "--epochs", "1", "--out", "search"]
        told += ["--set", "kind=wide", "--set", "learning_rate=0.05"]
        result = CliRunner().invoke(app, told)
        assert result.exit_code == 0, result.output
        trials = [
            json.loads(path.read_text())["hyperparameters"]["values"]
            for path in (folder / "search" / "trials").glob("trial_*/trial.json")
        ]
        assert {(t["kind"], t["learning_rate"]) for t in trials} == {("wide", 0.05)}
        assert len({t["units"] for t in trials}) > 1
        settings = json.loads((folder / "search" / "settings.json").read_text())
        assert settings["set"] == {"kind": "wide", "learning_rate": 0.05}
        again = CliRunner().invoke(app, told)
        assert "Resuming" in again.output and again.exit_code == 0
        other = CliRunner().invoke(app, [*told[:-2], "--set", "batch_size=16"])
        assert other.stderr.strip() == (
            "Error: search holds another search: hyperparameter batch_size None, "
            "hyperparameter learning_rate 0.05, not hyperparameter batch_size 16, "
            "hyperparameter learning_rate None. Give --out a new name, or ask for the "
            "same."
        )
        assert CliRunner().invoke(app, ["report", "search"]).exit_code == 0

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            (
                ["rate=1"],
                "The recipe 'tiny' has no hyperparameter 'rate'. It has: kind, units, "
                "learning_rate, batch_size.",
            ),
            (
                ["units=9"],
                "`units` must be an integer in [2, 8]. Received: units=9",
            ),
            (
                ["kind=tall"],
                "`kind` must be one of 'plain', 'wide'. Received: kind='tall'",
            ),
            (
                ["kind=plain", "units=3"],
                "`units` has no effect unless `kind` is one of 'wide'. "
                "Received: units=3",
            ),
            (
                ["kind"],
                "`--set` must be NAME=VALUE, as in batch_size=64. Received: 'kind'",
            ),
        ],
    )
    def test_refuses_what_cannot_be(self, given, message):
        told = [part for text in given for part in ("--set", text)]
        assert refusal("tune", *told) == f"Error: {message}"

    def test_a_conditional_one_is_searched_with_the_others(self):
        space, values = fixed(Tiny(), {"units": 3, "learning_rate": 0.01})
        assert values == {"units": 3, "learning_rate": 0.01}
        (units,) = [p for p in space.space if p.name == "units"]
        assert units.value == 3 and units.conditions[0].values == ["wide"]
        assert "units" not in space.values
