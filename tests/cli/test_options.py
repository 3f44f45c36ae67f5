"""Values of options that cannot be, of every command."""

import os
import typing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kdl_cli.commands.training.tuner import SAMPLERS
from kdl_cli.main import app
from kdl_cli.options.compare import CompareOptions
from kdl_cli.options.cross_validate import CrossValidateOptions
from kdl_cli.options.search import SearchOptions
from kdl_cli.options.single import ProfileOptions, RunOptions, SweepOptions

COMMANDS = {
    "run": RunOptions,
    "lr": SweepOptions,
    "tune": SearchOptions,
    "compare": CompareOptions,
    "cross-validate": CrossValidateOptions,
    "profile": ProfileOptions,
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
def folder(tiny_folder):
    return tiny_folder


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
        *("--minutes", "--workers", "--seeds", "--nested", "--repeats", "--ensemble"),
        *("--devices", "--batch-size", "--memory"),
    }


@pytest.mark.parametrize(("command", "option"), NUMBERS)
def test_refuses_numbers_that_cannot_be(command, option):
    bad = BAD if option in ("--memory", "--minutes") else [*BAD, "1.5"]
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
    if option in ("--out", "--trace") and text not in ("\0", "[" * 100_000):
        return  # A folder may have any other name.
    assert refusal(command, option, text)


def test_names_the_data_as_the_user_does(monkeypatch):
    assert refusal("run", "--data", "up") == (
        "Error: `--data` must be 'left', 'right', 'digits', 'gallery', 'fashion', "
        "'scenes', 'nuclei', 'dates', 'arithmetic', 'topics', 'glosses', "
        "'mackey_glass', 'penguins', "
        "'photographs', 'images:DIR', 'photographs:DIR', 'masks:DIR', 'npz:FILE', "
        "'csv:FILE', 'texts:FILE', 'tfds:NAME', "
        "'text:PATH' or 'pairs:PATH'. Received: --data='up'"
    )


def test_lists_all_oracles_with_what_they_need():
    text = refusal("tune", "--oracle", "tpe")
    for name in ("bayesian", "grid", "random", *(f"optuna:{s}" for s in SAMPLERS)):
        assert repr(name) in text
    assert "'optuna:gp' (needs PyTorch: pip install 'keras-kdl[torch]')" in text
    assert "must be one of" in refusal("tune", "--oracle", "optuna:")
