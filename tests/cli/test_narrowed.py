import json

import keras_tuner
import pytest
from commands import kdl, read
from tiny import Tiny

from kdl_cli.commands.spaces.narrowed import Narrowing, narrow
from kdl_cli.commands.training.tune import plan
from kdl_cli.options.search import SearchOptions

# What is checked here knows no backend.
pytestmark = pytest.mark.one_backend


class Wide(keras_tuner.HyperModel):
    """Has a hyperparameter of each kind."""

    objective = keras_tuner.Objective("val_loss", "min")
    epochs = 1
    source = "none"

    def __init__(self):
        super().__init__(name="wide")

    def space(self, hp):
        hp.Float("rate", 0.0, 1.0, default=0.5)
        hp.Float("scale", 1e-4, 1.0, sampling="log", default=1e-2)
        hp.Int("units", 16, 64, step=16, default=32)
        hp.Choice("depth", [1, 2, 4, 8], default=2)
        hp.Choice("kind", ["plain", "wide", "tall"], default="wide")
        with hp.conditional_scope("kind", ["tall"]):
            hp.Float("height", 0.0, 1.0, default=0.25)
        with hp.conditional_scope("kind", ["wide", "tall"]):
            hp.Choice("norm", ["batch", "layer", "none"], default="layer")
        hp.Boolean("bias", default=True)
        hp.Fixed("version", 3)


def narrowed(fixed=(), ranges=(), choices=()):
    """Hyperparameters of the narrowed space by name, and what was given."""
    space, given = narrow(Wide(), Narrowing.parse(fixed, ranges, choices))
    return {parameter.name: parameter for parameter in space.space}, given


@pytest.fixture(autouse=True)
def folder(tiny_folder):
    return tiny_folder


class TestRange:
    @pytest.mark.parametrize(
        ("text", "low", "high", "default"),
        [
            ("rate=0.1,0.4", 0.1, 0.4, 0.4),
            ("rate=0.6,1", 0.6, 1.0, 0.6),
            ("rate=0.2,0.9", 0.2, 0.9, 0.5),
            ("scale=0.001,0.1", 1e-3, 1e-1, 1e-2),
            # The steps are the recipe's.
            ("units=20,64", 32, 64, 32),
            ("units=40,64", 48, 64, 48),
        ],
    )
    def test_narrows_and_moves_the_default_to_the_nearest_value(
        self, text, low, high, default
    ):
        name = text.partition("=")[0]
        parameter = narrowed(ranges=[text])[0][name]
        found = parameter.min_value, parameter.max_value, parameter.default
        assert found == (low, high, default)
        before = narrowed()[0][name]
        assert (parameter.sampling, parameter.step) == (before.sampling, before.step)

    def test_leaves_the_others_alone(self):
        before, after = narrowed()[0], narrowed(ranges=["rate=0.1,0.4"])[0]
        assert before.keys() == after.keys()
        for name in before.keys() - {"rate"}:
            assert before[name].get_config() == after[name].get_config()


class TestChoices:
    @pytest.mark.parametrize(
        ("text", "values", "default"),
        [
            ("kind=tall,wide", ["wide", "tall"], "wide"),
            ("kind=tall,plain", ["plain", "tall"], "plain"),
            ("depth=1,2", [1, 2], 2),
            ("depth=8,4", [4, 8], 4),
        ],
    )
    def test_narrow_and_move_the_default_to_the_nearest_value(
        self, text, values, default
    ):
        parameter = narrowed(choices=[text])[0][text.partition("=")[0]]
        assert (parameter.values, parameter.default) == (values, default)

    def test_keep_what_depends_on_one_of_the_values(self):
        space, given = narrowed(ranges=["height=0.5,0.75"], choices=["kind=tall,plain"])
        assert space["height"].default == 0.5
        assert given.settings() == {
            "range": {"height": [0.5, 0.75]},
            "choices": {"kind": ["tall", "plain"]},
        }


class TestRefusals:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (
                {"ranges": ["width=1,2"]},
                "The recipe 'wide' has no hyperparameter 'width'. It has: rate, scale, "
                "units, depth, kind, height, norm, bias, version.",
            ),
            (
                {"choices": ["width=1,2"]},
                "The recipe 'wide' has no hyperparameter 'width'. It has: rate, scale, "
                "units, depth, kind, height, norm, bias, version.",
            ),
            (
                {"ranges": ["rate=0.5,1.5"]},
                "`rate` must be a number in [0.0, 1.0]. Received: rate=1.5",
            ),
            (
                {"ranges": ["rate=NaN,1"]},
                "`rate` must be a number in [0.0, 1.0]. Received: rate=nan",
            ),
            (
                {"ranges": ["units=16,32.5"]},
                "`units` must be an integer in [16, 64]. Received: units=32.5",
            ),
            (
                {"ranges": ["rate=0.5,0.5"]},
                "`--range` must have LOW below HIGH. Received: rate=0.5,0.5",
            ),
            (
                {"ranges": ["units=20,40"]},
                "`--range` must leave two values of `units` or more, and leaves 1. "
                "Received: units=20,40",
            ),
            (
                {"ranges": ["rate=0.5"]},
                "`--range` must be NAME=LOW,HIGH, as in learning_rate=0.001,0.01. "
                "Received: 'rate=0.5'",
            ),
            (
                {"ranges": ["rate=low,high"]},
                "`--range` must be NAME=LOW,HIGH, as in learning_rate=0.001,0.01. "
                "Received: 'rate=low,high'",
            ),
            (
                {"choices": ["kind"]},
                "`--choices` must be NAME=A,B, as in batch_size=16,32. "
                "Received: 'kind'",
            ),
            (
                {"choices": ["kind=plain,low"]},
                "`kind` must be one of 'plain', 'wide', 'tall'. Received: kind='low'",
            ),
            (
                {"choices": ["kind=plain"]},
                "`--choices` must have two values or more, each once. "
                "Received: kind=plain",
            ),
            (
                {"choices": ["depth=1,2,1"]},
                "`--choices` must have two values or more, each once. "
                "Received: depth=1,2,1",
            ),
            (
                {"ranges": ["kind=0,1"]},
                "`--range` is for numbers with a range, and `kind` is a choice. Use "
                "--choices kind=plain,tall.",
            ),
            (
                {"ranges": ["depth=1,4"]},
                "`--range` is for numbers with a range, and `depth` is a choice. Use "
                "--choices depth=1,8.",
            ),
            (
                {"ranges": ["bias=0,1"]},
                "`--range` is for numbers with a range, and `bias` is true or false. "
                "Use --set bias=false.",
            ),
            (
                {"choices": ["rate=0.1,0.2"]},
                "`--choices` is for choices, and `rate` is a number with a range. Use "
                "--range rate=0.0,1.0.",
            ),
            (
                {"choices": ["version=3,4"]},
                "`--choices` is for choices, and `version` is fixed by the recipe.",
            ),
            (
                {"fixed": ["rate=0.5"], "ranges": ["rate=0.1,0.2"]},
                "`rate` is given by --set and by --range. Leave one out.",
            ),
            (
                {"ranges": ["kind=0,1"], "choices": ["kind=plain,wide"]},
                "`kind` is given by --range and by --choices. Leave one out.",
            ),
            (
                {"ranges": ["height=0.1,0.2"], "fixed": ["kind=plain"]},
                "`height` has no effect unless `kind` is one of 'tall'. "
                "Received: height=0.1,0.2",
            ),
            (
                {"fixed": ["height=0.1"], "choices": ["kind=plain,wide"]},
                "`height` has no effect unless `kind` is one of 'tall'. "
                "Received: height=0.1",
            ),
            (
                {"choices": ["norm=layer,batch"], "fixed": ["kind=plain"]},
                "`norm` has no effect unless `kind` is one of 'wide', 'tall'. "
                "Received: norm=layer,batch",
            ),
        ],
    )
    def test_are_one_sentence(self, options, message):
        with pytest.raises(ValueError) as error:
            narrowed(**options)
        assert str(error.value) == message

    def test_end_the_command_before_anything_is_written(self, folder):
        result = kdl("tune", "tiny", "--range", "units=2,9", code=2)
        assert result.stderr.strip() == (
            "Error: `units` must be an integer in [2, 8]. Received: units=9"
        )
        assert not list(folder.iterdir())


class TestSearch:
    def test_tries_what_is_asked_for_alone_and_resumes_with_the_same(self, folder):
        told = ["tune", "tiny", "--trials", "5", "--epochs", "1", "--out", "search"]
        narrow = ["--range", "learning_rate=0.02,0.05", "--range", "units=5,6"]
        narrow += ["--set", "kind=wide"]
        kdl(*told, *narrow)
        trials = [
            json.loads(path.read_text())["hyperparameters"]["values"]
            for path in (folder / "search" / "trials").glob("trial_*/trial.json")
        ]
        assert len(trials) == 5
        assert {t["kind"] for t in trials} == {"wide"}
        assert all(0.02 <= t["learning_rate"] <= 0.05 for t in trials)
        assert {t["units"] for t in trials} == {5, 6}
        settings = read(folder / "search" / "settings.json")
        assert settings["range"] == {"learning_rate": [0.02, 0.05], "units": [5, 6]}
        assert "Resuming" in kdl(*told, *narrow).output
        other = kdl(*told, *narrow[2:], "--choices", "batch_size=16,32", code=2)
        assert other.stderr.strip() == (
            "Error: search holds another search: hyperparameter batch_size None, "
            "hyperparameter learning_rate [0.02, 0.05], not hyperparameter batch_size "
            "[16, 32], hyperparameter learning_rate None. Give --out a new name, or "
            "use the same options."
        )
        shown = " ".join(kdl("report", "search").output.split())
        assert "range units=5,6 learning_rate=0.02,0.05" in shown

    def test_fixes_a_hyperparameter(self, folder):
        told = ["tune", "tiny", "--trials", "3", "--epochs", "1", "--out", "search"]
        told += ["--set", "kind=wide", "--set", "learning_rate=0.05"]
        kdl(*told)
        trials = [
            json.loads(path.read_text())["hyperparameters"]["values"]
            for path in (folder / "search" / "trials").glob("trial_*/trial.json")
        ]
        assert {(t["kind"], t["learning_rate"]) for t in trials} == {("wide", 0.05)}
        assert len({t["units"] for t in trials}) > 1
        settings = read(folder / "search" / "settings.json")
        assert settings["set"] == {"kind": "wide", "learning_rate": 0.05}
        assert "Resuming" in kdl(*told).output
        other = kdl(*told[:-2], "--set", "batch_size=16", code=2)
        assert other.stderr.strip() == (
            "Error: search holds another search: hyperparameter batch_size None, "
            "hyperparameter learning_rate 0.05, not hyperparameter batch_size 16, "
            "hyperparameter learning_rate None. Give --out a new name, or use the "
            "same options."
        )

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
    def test_refuses_values_that_the_recipe_does_not_have(self, given, message):
        with pytest.raises(ValueError) as error:
            plan(SearchOptions("tiny", set_=given))
        assert str(error.value) == message

    def test_a_conditional_one_is_searched_with_the_others(self):
        given = Narrowing({"units": 3, "learning_rate": 0.01}, {}, {})
        space, found = narrow(Tiny(), given)
        assert found.fixed == {"units": 3, "learning_rate": 0.01}
        (units,) = [p for p in space.space if p.name == "units"]
        assert units.value == 3 and units.conditions[0].values == ["wide"]
        assert "units" not in space.values
