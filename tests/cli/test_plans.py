"""What the commands are to do, found out without a folder and without data."""

import dataclasses

import keras
import pytest
from tiny import Tiny

from kdl_cli.commands.training import compare, lr, run, tune
from kdl_cli.options.compare import CompareOptions
from kdl_cli.options.search import SearchOptions
from kdl_cli.options.single import RunOptions, SweepOptions

pytestmark = pytest.mark.one_backend

PLANS = {
    "run": (run.plan, RunOptions, {}),
    "lr": (lr.plan, SweepOptions, {}),
    "tune": (tune.plan, SearchOptions, {}),
    "compare": (compare.plan, CompareOptions, {"vary": "kind"}),
}


@pytest.fixture(autouse=True)
def folder(tiny_folder):
    return tiny_folder


@pytest.fixture(autouse=True)
def no_data(monkeypatch):
    def fail(recipe):
        raise AssertionError("A plan needs no data.")

    for name in ("data", "test_data", "build"):
        monkeypatch.setattr(Tiny, name, fail)


def make(command, **changes):
    plan, options, needed = PLANS[command]
    return plan(options("tiny", **needed, **changes))


@pytest.mark.parametrize("command", PLANS)
class TestPlans:
    def test_say_what_is_asked_for_with_the_defaults_of_the_recipe(self, command):
        settings = make(command, seed=3, data="right").settings
        assert settings["recipe"] == "tiny"
        assert (settings["data"], settings["seed"]) == ("right", 3)
        assert settings["objective"] == "val_loss"
        assert settings["backend"] == keras.backend.backend()
        assert settings.get("epochs", 2) == 2

    def test_leave_everything_as_it_is(self, command, folder):
        made = make(command, set_=["batch_size=16"], out=folder / "out")
        assert not list(folder.iterdir())
        with pytest.raises(dataclasses.FrozenInstanceError):
            made.settings = {}

    def test_refuse_invalid_options(self, command):
        with pytest.raises(ValueError) as error:
            make(command, set_=["batch_size=7"])
        assert str(error.value) == (
            "`batch_size` must be one of 16, 32. Received: batch_size=7"
        )
        with pytest.raises(ValueError, match="There is no recipe 'small'"):
            plan, options, needed = PLANS[command]
            plan(options("small", **needed))


class TestSearchPlan:
    def test_makes_a_new_oracle_each_time(self):
        made = make("tune", trials=7, seed=1)
        first, second = made.oracle(), made.oracle()
        assert first is not second
        assert (first.max_trials, first.seed) == (7, second.seed)

    def test_names_the_defaults_for_what_they_are(self):
        own = {"kind": "plain", "learning_rate": 0.01, "batch_size": 32}
        assert make("tune").defaults() == ("defaults", own)
        kept = make("tune", range_=["learning_rate=0.005,0.05"])
        assert kept.defaults() == ("defaults", own)
        moved = make("tune", range_=["learning_rate=0.02,0.05"])
        expected = own | {"learning_rate": 0.02}
        assert moved.defaults() == ("defaults as narrowed", expected)
        fixed = make("tune", set_=["kind=wide"])
        expected = own | {"kind": "wide", "units": 4}
        assert fixed.defaults() == ("defaults as narrowed", expected)
