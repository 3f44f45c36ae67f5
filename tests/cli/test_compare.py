import io
import json
import re

import commands
import filelock
import keras
import keras_tuner
import numpy as np
import pytest
from commands import kdl, read, rows
from rich.console import Console
from scipy import stats
from tiny import Tiny

from kdl import recipes
from kdl_cli.commands.training.compare import Comparison, plan
from kdl_cli.folder import figures
from kdl_cli.folder.comparison import read_runs, tables, verdict
from kdl_cli.folder.writing import Folder
from kdl_cli.options.compare import CompareOptions

pytestmark = pytest.mark.one_backend


class Scores(recipes.Recipe):
    """Draws its scores, and learns nothing."""

    # So named, since the table of the runs has a column for what went wrong.
    objective = keras_tuner.Objective("val_error", "min")
    default_source = "drawn"
    sources = {"drawn": None}
    epochs = 3
    log = []  # Values and seed of each fit.
    stop_at = None  # Seed at which the user presses Ctrl-C.

    def data(self):
        return {"x": {"left": [1], "right": [2]}, "y": [3]}

    def evaluate(self, model):
        error = model.error
        return {"loss": 2 * error, "error": error, "bleu": -error}

    def space(self, hp):
        hp.Choice("strategy", ["plain", "noisy", "none"])
        with hp.conditional_scope("strategy", ["noisy"]):
            hp.Float("noise", 0.0, 2.0, default=1.0)
        hp.Float("rate", 0.0, 1.0, default=0.5)
        hp.Int("units", 2, 64, sampling="log", default=8)
        hp.Boolean("bias", default=True)
        hp.Fixed("depth", 1)

    def build(self, hp):
        self.space(hp)
        return Model()

    def fit(self, hp, model, x, y, epochs, seed, callbacks, verbose):
        assert x == {"left": [1], "right": [2]} and epochs == 2 and verbose == 0
        if seed == self.stop_at:
            raise KeyboardInterrupt
        self.log.append((hp.values, seed))
        if hp["rate"] == 0.9:
            raise ArithmeticError("no [/b]\n\nat all")
        # As the examples' order would be, drawn from the seed.
        error = 1 + hp["rate"] + seed / 10 + 0.1 * np.random.rand()
        model.error = np.nan if hp["rate"] == 0.8 else error
        history = keras.callbacks.History()
        history.epoch = list(range(epochs))
        # The second epoch is the best.
        history.history = {"val_error": [2 * error, error, 3 * error][:epochs]}
        for callback in callbacks:
            callback.on_epoch_end(0, {"val_error": 2 * error})
        return history


class Model:
    error = 0.0


Scores.__module__ = "kdl.recipes.scores"


@pytest.fixture(autouse=True)
def folder(tiny_folder):
    return tiny_folder


@pytest.fixture
def drawn(monkeypatch):
    """Has the command line know `Scores`; returns what would have been drawn."""
    monkeypatch.setattr(recipes, "Scores", Scores, raising=False)
    monkeypatch.setattr(Scores, "log", [])
    # There are no models to let go of, among much that other tests have left.
    monkeypatch.setattr(keras.utils, "clear_session", lambda: None)
    figures = {}
    monkeypatch.setattr(
        Folder, "write_figure", lambda folder, *figure: figures.update([figure])
    )
    return figures


def compare(vary, *arguments, code=0):
    told = ("--vary", vary, "--epochs", 2, "--out", "c", *arguments)
    return words(kdl("compare", "scores", *told, code=code).output)


def refusal(vary, *arguments):
    told = ("--vary", vary, "--epochs", 2, "--out", "c", *arguments)
    return commands.refusal("compare", "scores", *told)


def words(text):
    return " ".join(text.split())


def untimed(path):
    return [row | {"seconds": 0} for row in rows(path)]


@pytest.mark.usefixtures("drawn")
class TestComparison:
    def test_leaves_a_folder_with_what_the_runs_say(self, folder, drawn):
        output = compare("rate=0,0.5,0.2", "--seeds", 3, "--seed", 4)
        assert output.startswith(
            "Comparing 3 values of rate over 3 seeds, into c. Runs: 9, of up to 2 "
            "epochs each. rate=0.0, seed 4: val_error "
        )
        table = rows(folder / "c" / "runs.csv")
        # Seed by seed, and each seed with all values.
        values = ["0.0", "0.5", "0.2"]
        order = [(str(seed), value) for seed in (4, 5, 6) for value in values]
        assert [(row["seed"], row["value"]) for row in table] == order
        assert {(row["epochs"], row["status"], row["error"]) for row in table} == {
            ("2", "completed", "")
        }
        # Of the best epoch, and of what was left of it.
        assert all(row["val_error"] == row["test_error"] for row in table)
        score = {(r["seed"], r["value"]): float(r["test_error"]) for r in table}
        # The seed draws the same for all values.
        for seed in "456":
            assert score[seed, "0.5"] - score[seed, "0.0"] == pytest.approx(0.5)

        summary = rows(folder / "c" / "comparison.csv")
        assert [row["value"] for row in summary] == values
        errors = [score[seed, "0.2"] for seed in "456"]
        ends = stats.ttest_1samp(errors, 0).confidence_interval()
        found = [float(summary[2][f"test_error{end}"]) for end in ("", "_low", "_high")]
        np.testing.assert_allclose(found, [np.mean(errors), *ends])
        assert float(summary[2]["test_loss"]) == pytest.approx(2 * np.mean(errors))
        assert float(summary[2]["difference"]) == pytest.approx(0.2)

        settings = read(folder / "c" / "settings.json")
        assert settings["values"] == [0.0, 0.5, 0.2]
        assert settings["status"] == "finished"
        others = {"strategy": "plain", "units": 8, "bias": True, "depth": 1}
        assert settings["hyperparameters"] == others
        panels = [axes.get_ylabel() for axes in drawn["comparison.png"].axes]
        assert panels == [
            "test error\n(lower is better)",
            "val error\n(lower is better)",
            "test loss\n(lower is better)",
            "test bleu",
        ]

    def test_says_which_is_best_and_so_does_report(self, folder, monkeypatch):
        def noisy(self, hp, model, x, y, seed, **kwargs):
            generator = np.random.default_rng([seed, round(1e4 * hp["rate"])])
            model.error = 1 + hp["rate"] + 0.1 * generator.normal()
            history = keras.callbacks.History()
            history.epoch, history.history = [0], {"val_error": [model.error]}
            return history

        monkeypatch.setattr(Scores, "fit", noisy)
        output = compare("rate=0.1,1,0.1001")
        shown = words(kdl("report", "c").output)
        scores = {}
        for row in rows(folder / "c" / "runs.csv"):
            scores.setdefault(row["value"], []).append(float(row["test_error"]))
        ps = [
            stats.ttest_rel(scores["0.1"], scores[other]).pvalue
            for other in ("1.0", "0.1001")
        ]
        assert ps[0] < 0.0005
        sentence = "Best by test_error, of which lower is better: rate=0.1, with"
        for text in (output, shown):
            assert "rate runs test error val error test loss test bleu 0.1 5" in text
            assert "Differences of test_error to rate=0.1, in pairs of runs" in text
            assert re.search(rf"0\.1001 5 \S+ ± \S+ {ps[1]:.2g} {ps[1]:.2g} ", text)
            assert sentence in text
            assert f"with the same seed, which may be chance (p = {ps[1]:.2g})." in text
        assert "vary rate values [0.1, 1.0, 0.1001]" in shown
        assert "Hyperparameters beside rate: strategy plain" in shown

    def test_goes_on_after_ctrl_c_and_repeats_nothing(self, folder, monkeypatch):
        monkeypatch.setattr(Scores, "stop_at", 1)
        output = compare("rate=0,0.5", "--seeds", 3, code=130)
        assert output.endswith("Interrupted. Run the same command to resume it.")
        shown = words(kdl("report", "c").output)
        assert "interrupted" in shown and "2 of 6 runs are done." in shown
        assert "One pair of runs with the same seed is too little for an" in shown
        monkeypatch.setattr(Scores, "stop_at", None)
        output = compare("rate=0,0.5", "--seeds", 3)
        assert "Resuming the comparison in c. Runs: 2 of 6 done." in output
        assert [seed for _, seed in Scores.log] == [0, 0, 1, 1, 2, 2]
        compare("rate=0,0.5", "--seeds", 3, "--out", "whole")
        whole = untimed(folder / "whole" / "runs.csv")
        assert untimed(folder / "c" / "runs.csv") == whole
        # Finished, it tells the same again; and it can be prolonged.
        assert "6 of 6 done." in compare("rate=0,0.5", "--seeds", 3)
        compare("rate=0,0.5", "--seeds", 4)
        assert len(Scores.log) == 6 + 6 + 2
        assert untimed(folder / "c" / "runs.csv")[:6] == whole

    def test_refuses_another_one_in_its_folder(self, folder):
        compare("rate=0,0.5", "--seeds", 2)
        before = {path: path.read_bytes() for path in (folder / "c").glob("*.*")}
        end = "Give --out a new name, or use the same options."
        assert refusal("rate=0,0.4", "--set", "units=9", "--seed", 1) == (
            "c holds another comparison: seed 0, values 0.0,0.5, hyperparameter "
            "units 8, not seed 1, values 0.0,0.4, hyperparameter units 9. " + end
        )
        assert refusal("rate=0,0.5", "--seeds", 1) == (
            "c holds runs of 2 seeds, so that `--seeds` must be 2 or more. Received: 1"
        )
        with filelock.FileLock(folder / "c" / ".lock"):
            assert refusal("rate=0,0.5") == "Another process is comparing in c."
        assert before == {path: path.read_bytes() for path in before}
        (folder / "c" / "runs.csv").write_text("a,b\n1,2\n")
        broken = "c/runs.csv is not the table of a comparison's runs."
        assert refusal("rate=0,0.5") == broken
        assert kdl("report", "c", code=2).stderr.strip() == f"Error: {broken}"
        settings = {"kind": "search", "recipe": 0, "objective": 0, "direction": 0}
        text = json.dumps(settings | {"status": 0})
        (folder / "c" / "settings.json").write_text(text)
        assert refusal("rate=0,0.5") == (
            "c holds a search, not a comparison. Give --out a new name."
        )

    def test_a_failed_run_is_a_row_and_none_of_a_pair(self, folder):
        output = compare("rate=0,0.9,0.8,0.5", "--seeds", 2)
        table = rows(folder / "c" / "runs.csv")
        assert [row["status"] for row in table[:4]] == [
            *("completed", "failed", "failed", "completed")
        ]
        assert table[1]["error"] == "ArithmeticError: no [/b] at all"
        assert table[2]["error"] == "ArithmeticError: test_loss is nan"
        assert "4 failed: rate=0.9, seed 0 ArithmeticError: no [/b] at all" in output
        assert "0.9 0 0.8 0 0.5 2 " in output
        # The difference is 0.5 for each seed.
        sentence = "The next, 0.5, differs by 0.5 in each of 2 pairs of runs"
        assert sentence in output
        # What failed is not tried again.
        compare("rate=0,0.9,0.8,0.5", "--seeds", 2)
        assert len(Scores.log) == 8

    def test_says_when_no_run_succeeded(self):
        output = compare("rate=0.8,0.9", "--seeds", 1, code=1)
        assert "No run succeeded. 2 failed:" in output

    def test_one_seed_tells_nothing_of_chance(self):
        output = compare("bias", "--seeds", 1)
        assert "test bleu true 1 " in output
        assert "±" not in output and "Differences" not in output
        assert "One pair of runs with the same seed is too little for an" in output

    def test_tests_by_another_metric(self, folder):
        output = compare("rate=0,0.5", "--seeds", 2, "--metric", "loss")
        assert "Best by test_loss, of which lower is better: rate=0.0" in output
        compare("rate=0,0.5", "--seeds", 2, "--metric", "bleu:max")
        shown = words(kdl("report", "c").output)
        assert "Best by test_bleu, of which higher is better: rate=0.0" in shown
        assert refusal("rate=0,0.5", "--metric", "bleu") == (
            "Say whether lower or higher `bleu` is better: --metric bleu:min or "
            "--metric bleu:max."
        )
        assert refusal("rate=0,0.5", "--metric", "accuracy") == (
            "`--metric` must be one of 'loss', 'error', 'bleu'. "
            "Received: --metric='accuracy'"
        )

    def test_default_folder_is_named_after_what_is_varied(self, folder):
        kdl("compare", "scores", "--vary", "bias", "--epochs", 2, "--seeds", 1)
        assert (folder / "runs" / "scores-compare-bias" / "comparison.csv").exists()

    @pytest.mark.parametrize("quiet", [True, False])
    def test_shows_a_bar_on_a_terminal_unless_quiet(self, quiet):
        console = Console(file=io.StringIO(), force_terminal=True, markup=False)
        options = {"epochs": 2, "quiet": quiet, "seeds": 2}
        compared = Comparison(plan(CompareOptions("scores", "bias", **options)))
        compared.begin()
        compared.perform(console)
        # Without the codes of a terminal.
        text = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", console.file.getvalue())
        assert ("epoch 1/2" in text) != quiet
        lines = re.findall(r"bias=\w+, seed \d: val_error [\d.]+ \(\d of 4\)", text)
        assert len(lines) == 4


@pytest.mark.usefixtures("drawn")
class TestVary:
    @pytest.mark.parametrize(
        ("vary", "values"),
        [
            ("strategy", ["plain", "noisy", "none"]),
            ("strategy=none,plain", ["none", "plain"]),
            ("bias", ["true", "false"]),
            ("bias=false,true", ["false", "true"]),
            ("units=4,16", ["4", "16"]),
            ("rate=0,1", ["0.0", "1.0"]),
        ],
    )
    def test_takes_all_of_a_choice_or_those_given(self, folder, vary, values):
        compare(vary, "--seeds", 1)
        found = [row["value"] for row in rows(folder / "c" / "runs.csv")]
        assert found == values
        name = vary.partition("=")[0]
        used = [json.dumps(values[name]).strip('"') for values, _ in Scores.log]
        assert used == values

    @pytest.mark.parametrize("source", ["--set", "--hp"])
    def test_what_others_have_no_use_for_is_left_out_there(self, folder, source):
        given = {"noise": 0.3, "rate": 0.2}
        told = [part for k, v in given.items() for part in ("--set", f"{k}={v}")]
        if source == "--hp":
            # Of a search whose best trial was a noisy one.
            values = given | {"strategy": "noisy"}
            text = json.dumps({"recipe": "scores", "values": values})
            (folder / "hyperparameters.json").write_text(text)
            told = ["--hp", "."]
        compare("strategy", "--seeds", 1, *told)
        assert [values.get("noise") for values, _ in Scores.log] == [None, 0.3, None]
        assert {values["rate"] for values, _ in Scores.log} == {0.2}

    def test_varies_what_depends_on_another(self):
        compare("noise=0,1", "--seeds", 1, "--set", "strategy=noisy")
        assert [values["noise"] for values, _ in Scores.log] == [0.0, 1.0]

    @pytest.mark.parametrize(
        ("vary", "told", "message"),
        [
            (
                "rate",
                [],
                "`rate` needs values to compare, as in --vary rate=0.0,1.0. It can be "
                "0.0 to 1.0.",
            ),
            (
                "units",
                [],
                "`units` needs values to compare, as in --vary units=2,64. It can be "
                "2 to 64, log scale.",
            ),
            (
                "rate=0.2",
                [],
                "`--vary` must have two values or more, each once. Received: rate=0.2",
            ),
            (
                "rate=0.2,0.20",
                [],
                "`--vary` must have two values or more, each once. "
                "Received: rate=0.2,0.2",
            ),
            (
                "depth",
                [],
                "`--vary` must have two values or more, each once. Received: depth=1",
            ),
            (
                "rate=0,2",
                [],
                "`rate` must be a number in [0.0, 1.0]. Received: rate=2",
            ),
            (
                "rate=0,",
                [],
                "`rate` must be a number in [0.0, 1.0]. Received: rate=''",
            ),
            (
                "strategy=plain,loud",
                [],
                "`strategy` must be one of 'plain', 'noisy', 'none'. "
                "Received: strategy='loud'",
            ),
            (
                "=1,2",
                [],
                "`--vary` must be NAME or NAME=V1,V2, as in batch_size=16,64. "
                "Received: '=1,2'",
            ),
            (
                "width=1,2",
                [],
                "The recipe 'scores' has no hyperparameter 'width'. It has: strategy, "
                "noise, rate, units, bias, depth.",
            ),
            (
                "width",
                [],
                "The recipe 'scores' has no hyperparameter 'width'. It has: strategy, "
                "noise, rate, units, bias, depth.",
            ),
            (
                "noise",
                [],
                "`noise` has no effect unless `strategy` is one of 'noisy'. "
                "Received: noise=1.0",
            ),
            (
                "noise=0,1",
                [],
                "`noise` has no effect unless `strategy` is one of 'noisy'. "
                "Received: noise=0",
            ),
            (
                "strategy=plain,none",
                ["--set", "noise=1"],
                "`noise` has no effect unless `strategy` is one of 'noisy'. "
                "Received: noise=1",
            ),
            (
                "strategy",
                ["--set", "width=1"],
                "The recipe 'scores' has no hyperparameter 'width'. It has: strategy, "
                "noise, rate, units, bias, depth.",
            ),
            (
                "rate=0,1",
                ["--set", "rate=0.5"],
                "`--vary` gives `rate` its values. Leave out --set rate=0.5.",
            ),
            (
                "bias",
                ["--seed", 2**32 - 2],
                "The last seed must be below 2**32. "
                "Received: --seed=4294967294, --seeds=5",
            ),
        ],
    )
    def test_refuses_in_a_sentence_and_writes_nothing(
        self, folder, vary, told, message
    ):
        assert refusal(vary, *told) == message
        assert not list(folder.iterdir())


def settings(**changes):
    return {
        "vary": "rate",
        "values": [0.1, 0.2],
        "seed": 0,
        "seeds": 5,
        "metric": "error",
        "metric_direction": "min",
    } | changes


def run(value, seed, score):
    return {
        **{"value": value, "seed": seed, "seconds": 1.0, "epochs": 1},
        **{"test_error": score, "status": "completed", "error": ""},
    }


class TestVerdict:
    runs = [run("0.1", n, 1 + n**2) for n in range(5)]

    def test_tells_a_difference_from_chance(self):
        worse = [run("0.2", n, 3 + n**2 + 0.1 * (n % 2)) for n in range(5)]
        assert verdict(self.runs + worse, settings()) == (
            "Best by test_error, of which lower is better: rate=0.1, with 7.0. The "
            "next, 0.2, is worse by 2 ± 0.068 in 5 pairs of runs with the same seed, "
            "which is beyond chance (p < 0.001)."
        )
        more = settings(metric_direction="max")
        assert "rate=0.2, with 9.04. The next, 0.1, is worse by 2 ± 0.068" in verdict(
            self.runs + worse, more
        )

    def test_keeps_a_difference_within_the_bounds_of_the_metric(self):
        scores = {"0.1": [0.9, 0.2], "0.2": [0.3, 0.1]}
        runs = [
            {**run(value, seed, None), "test_accuracy": score}
            for value, found in scores.items()
            for seed, score in enumerate(found)
        ]
        asked = settings(metric="accuracy", metric_direction="max", seeds=2)
        sentence = "The next, 0.2, is worse by 0.35 [-1, 1] in 2 pairs of runs"
        assert sentence in verdict(runs, asked)

    def test_says_when_nothing_tells_them_apart(self):
        same = [run("0.2", n, 1 + n**2) for n in range(5)]
        assert verdict(self.runs + same, settings()).endswith(
            "The next, 0.2, does as well in each of 5 pairs of runs, which leaves "
            "nothing to test."
        )

    def test_says_when_there_is_nothing_to_compare(self):
        assert verdict(self.runs, settings()).endswith(
            "There is no other to compare it with."
        )
        assert list(tables([], settings())) == ["\n0 of 10 runs are done."]
        assert verdict(self.runs, settings(metric="bleu")) == (
            "The runs have no test_bleu; --metric names another."
        )
        unpaired = [run("0.2", 9, 8.0)]
        assert "No pair of runs" in verdict(self.runs + unpaired, settings())


@pytest.mark.usefixtures("drawn")
def test_the_table_of_runs_is_read_as_it_was_written(folder):
    compare("rate=0,0.9", "--seeds", 2)
    runs = read_runs(folder / "c" / "runs.csv")
    assert [run["epochs"] for run in runs] == [2, None, 2, None]
    table = rows(folder / "c" / "runs.csv")
    assert [run["test_loss"] for run in runs[::2]] == [
        float(row["test_loss"]) for row in table[::2]
    ]
    assert read_runs(folder / "none.csv") == []


def test_the_picture_has_a_panel_a_metric_and_says_which_way_is_better():
    runs = [run(value, n, n) for value in ("0.1", "0.2") for n in range(3)]
    runs[-1]["test_error"] = None
    directions = {"test_error": "min", "val_accuracy": "max", "bleu": None}
    figure = figures.comparison(runs, ["0.1", "0.2"], "rate", directions)
    assert [axes.get_ylabel() for axes in figure.axes] == [
        "test error\n(lower is better)",
        "val accuracy\n(higher is better)",
        "bleu",
    ]
    first = figure.axes[0]
    assert [label.get_text() for label in first.get_xticklabels()] == ["0.1", "0.2"]
    lines = [line.get_ydata() for line in first.lines if line.get_marker() == "o"]
    np.testing.assert_array_equal(lines, [[0, 0], [1, 1], [2, np.nan]])


def test_a_run_is_that_of_kdl_run(folder):
    small = ("--set", "filters=16", "--set", "batch_size=64", "--epochs", 1)
    told = ("--vary", "drop", "--seeds", 1, "--seed", 5, *small)
    kdl("compare", "images", *told, "--out", "compared")
    one = ("--set", "drop=connections", "--seed", 5, *small)
    kdl("run", "images", *one, "--out", "run")
    scores = read(folder / "run" / "results.json")["test"]
    (_, row) = rows(folder / "compared" / "runs.csv")
    for name, score in scores.items():
        assert float(row[f"test_{name}"]) == pytest.approx(score, rel=1e-5)
    (epoch,) = rows(folder / "run" / "history.csv")
    validated = float(epoch["val_crossentropy"])
    assert float(row["val_crossentropy"]) == pytest.approx(validated, rel=1e-5)
    assert (folder / "compared" / "comparison.png").read_bytes().startswith(b"\x89PNG")


def test_resampled_data_are_those_of_a_seed(folder, monkeypatch):
    fit, seen = Tiny.fit, []

    def noting(recipe, hp, model, x, y, **options):
        seen.append((hp["kind"], options["seed"], x.tobytes()))
        return fit(recipe, hp, model, x, y, **options)

    monkeypatch.setattr(Tiny, "fit", noting)
    told = ("compare", "tiny", "--vary", "kind", "--seeds", 2, "--epochs", 1)
    kdl(*told, "--resample", "--out", "resampled")
    data = {(kind, seed): x for kind, seed, x in seen}
    assert data["plain", 0] == data["wide", 0] != data["plain", 1]
    assert data["plain", 1] == data["wide", 1]
    assert commands.refusal(*told, "--out", "resampled").startswith(
        "resampled holds another comparison: resample True, not resample False."
    )
    told = ("compare", "forecast", "--vary", "units=16,32", "--resample")
    assert commands.refusal(*told).startswith(
        "The examples of the recipe 'forecast' follow each other"
    )
