import gc
import json
import os
import re
import subprocess
import sys
import warnings
from importlib import metadata

import filelock
import keras
import numpy as np
import pytest
from commands import kdl, read, refusal, rows

from kdl import spaces
from kdl.callbacks import LearningRateFinder
from kdl.recipes import Images
from kdl.recipes.own.named import built_in
from kdl_cli.main import show_warning

RECIPES = (
    f"{', '.join(sorted([*built_in(), 'tiny']))}. One of your own is named as "
    "my_recipe.py."
)


@pytest.fixture(autouse=True)
def folder(tiny_folder):
    return tiny_folder


def words(text):
    return " ".join(text.split())


def is_png(path):
    return path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.one_backend
class TestVersion:
    def test_is_that_of_the_package(self):
        assert kdl("--version").output == f"kdl {metadata.version('keras-kdl')}\n"

    @pytest.mark.parametrize("option", ["--version", "--help"])
    def test_needs_no_keras(self, option):
        code = (
            f"import sys; sys.argv = ['kdl', {option!r}]\n"
            "from kdl_cli.main import main\n"
            "try: main()\n"
            "finally: print(*{'keras', 'kdl', 'numpy'} & set(sys.modules), file="
            "sys.stderr)"
        )
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout and done.stderr.strip() == ""


@pytest.mark.one_backend
class TestList:
    def test_names_recipes_with_a_line_each(self):
        output = kdl("list").output
        lines = words(output.partition("\n\n")[0])
        assert lines.startswith("Recipes, for `kdl run` and `kdl tune` ")
        assert (
            "images Classifies images by a network of one of several families"
        ) in lines

    def test_leaves_the_garbage_collector_as_it_was(self):
        assert gc.isenabled()
        kdl("list")
        assert gc.isenabled()

    def test_names_spaces_with_a_line_each(self):
        lines = kdl("list").output.partition("Spaces")[2].strip().split("\n")[1:]
        assert [line.split()[0] for line in lines] == spaces.__all__
        assert all(line.rstrip().endswith(".") for line in lines)


@pytest.mark.one_backend
class TestDescribe:
    def test_shows_defaults_ranges_meanings_and_conditions(self):
        text = words(kdl("describe", "images").output)
        assert "rate 0.4, of 0.0 to 0.8 probability that one is dropped" in text
        assert "batch_size 32, of 16, 32, 64 examples of a training step" in text
        assert (
            "regularizer/max_value 2.0, of 0.5 to 4.0, log scale norm of a unit's "
            "weights from which max-norm counts only if regularizer is max_norm" in text
        )

    def test_refuses_unknown_recipes(self):
        assert refusal("describe", "mnist") == (
            f"There is no recipe 'mnist'. The recipes: {RECIPES} "
            f"The spaces: {', '.join(spaces.__all__)}."
        )

    def test_shows_spaces(self):
        output = kdl("describe", "schedule").output
        assert output.startswith("schedule  ")
        text = words(output)
        assert (
            "schedule one_cycle, of one_cycle, cosine, constant course of the learning "
            "rate in training schedule/" in text
        )
        assert (
            "schedule/pct_start 0.3, of 0.1 to 0.5 share of the steps over which the "
            "rate grows only if schedule is one_cycle" in text
        )


class TestRun:
    def test_leaves_a_folder_with_the_results(self, folder):
        output = kdl(
            *("run", "images", "--epochs", 2, "--set", "batch_size=64"),
            *("--set", "regularizer=max_norm", "--seed", 3, "--out", "here/run"),
        ).output
        run = folder / "here" / "run"
        settings = read(run / "settings.json")
        assert {
            "kind": "run",
            "recipe": "images",
            "data": "digits",
            "epochs": 2,
            "seed": 3,
            "backend": keras.backend.backend(),
            "status": "finished",
        }.items() <= settings.items()
        assert settings["versions"]["keras"] == keras.__version__
        values = read(run / "hyperparameters.json")["values"]
        assert (values["batch_size"], values["regularizer"]) == (64, "max_norm")
        history = rows(run / "history.csv")
        assert [row["epoch"] for row in history] == ["1", "2"]
        assert float(history[0]["learning_rate"]) > float(history[1]["learning_rate"])
        assert is_png(run / "curves.png") and is_png(run / "confusion_matrix.png")

        model = keras.saving.load_model(run / "model.keras")
        elsewhere = Images("tfds:not_here")
        elsewhere.set_state(read(run / "recipe.json"))
        images = Images().splits.test[0][:2]
        assert elsewhere.predict(model, images) == Images().predict(model, images)
        scores = model.evaluate(**Images().test_data(), verbose=0, return_dict=True)
        results = read(run / "results.json")["test"]
        assert scores.keys() == results.keys()
        for name, score in scores.items():
            np.testing.assert_allclose(results[name], score, rtol=1e-5)
        assert f"accuracy {scores['accuracy']:.4f}" in output
        assert re.search(r"The batches took \d+% of the fit's time\.", output)
        shown = kdl("report", run).output
        assert "finished" in shown and f"{scores['accuracy']:.4g}" in shown

    @pytest.mark.one_backend
    def test_folders_are_numbered(self, folder):
        (folder / "runs" / "images-1").mkdir(parents=True)
        kdl("run", "images", "--epochs", 1, "--set", "batch_size=64")
        assert (folder / "runs" / "images-2" / "model.keras").exists()

    def test_takes_hyperparameters_from_a_file(self, folder, monkeypatch):
        monkeypatch.setattr(keras.Model, "fit", interrupt)
        path = folder / "hyperparameters.json"
        path.write_text(json.dumps({"recipe": "images", "values": {"rate": 0.1}}))
        for source in (path, folder):
            out = folder / f"run-{source.name}"
            options = ("--set", "units=64", "--out", out)
            kdl("run", "images", "--hp", source, *options, code=130)
            values = read(out / "hyperparameters.json")["values"]
            assert (values["rate"], values["units"]) == (0.1, 64)
            assert values["batch_size"] == 32

    def test_ctrl_c_leaves_what_report_reads(self, folder, monkeypatch):
        fit = keras.Model.fit

        def cut_off(self, *args, callbacks, **kwargs):
            stop = keras.callbacks.LambdaCallback(on_epoch_end=interrupt)
            fit(self, *args, callbacks=[*callbacks, stop], **kwargs)

        monkeypatch.setattr(keras.Model, "fit", cut_off)
        output = kdl("run", "images", "--out", "cut", code=130).output
        assert "Interrupted. `kdl report cut` shows what there is." in output
        assert read(folder / "cut" / "settings.json")["status"] == "interrupted"
        assert len(rows(folder / "cut" / "history.csv")) == 1
        assert "interrupted" in kdl("report", "cut").output

    def test_an_error_is_noted_and_raised(self, folder, monkeypatch):
        monkeypatch.setattr(keras.Model, "fit", failing(keras.Model.fit))
        result = kdl("run", "images", "--out", "bad", code=1)
        assert isinstance(result.exception, ArithmeticError)
        assert read(folder / "bad" / "settings.json")["status"] == "failed"

    @pytest.mark.one_backend
    def test_logs_to_wandb(self, folder, monkeypatch):
        monkeypatch.setenv("WANDB_SILENT", "true")
        options = ("--epochs", 1, "--set", "batch_size=64", "--wandb", "offline")
        kdl("run", "images", *options, "--out", "logged")
        assert list((folder / "logged" / "wandb").glob("offline-run-*/*.wandb"))

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["mnist"], f"There is no recipe 'mnist'. The recipes: {RECIPES}"),
            (
                ["images", "--set", "rate=1.5"],
                "`rate` must be a number in [0.0, 0.8]. Received: rate=1.5",
            ),
            (
                ["images", "--set", "drop=all"],
                "`drop` must be one of 'units', 'connections'. Received: drop='all'",
            ),
            (
                ["images", "--set", "rate"],
                "`--set` must be NAME=VALUE, as in batch_size=64. Received: 'rate'",
            ),
            (
                ["images", "--hp", "nowhere.json"],
                "nowhere.json cannot be read: No such file or directory.",
            ),
            (
                ["images", "--hp", "other.json"],
                "other.json holds hyperparameters of the recipe 'other', not of "
                "'images'.",
            ),
            (["images", "--hp", "broken.json"], "broken.json is not a JSON file."),
            (
                ["images", "--out", "list.json/run"],
                "list.json/run cannot be used: Not a directory.",
            ),
            (
                ["images", "--hp", "list.json"],
                "list.json holds no hyperparameters. `kdl run` and `kdl tune` write "
                "them, as hyperparameters.json.",
            ),
            (
                ["images", "--data", "tfds:no_such_data"],
                "TensorFlow Datasets knows no data set 'no_such_data'. Its catalogue: "
                "https://www.tensorflow.org/datasets/catalog/overview",
            ),
            (
                ["images", "--wandb", "on"],
                "`mode` must be one of None, 'online', 'offline', 'disabled'. "
                "Received: mode='on'",
            ),
            (
                ["images", "--out", "full"],
                "full already exists, and nothing is overwritten. Give --out a new "
                "name.",
            ),
            (
                ["images", "--out", "list.json"],
                "list.json already exists, and nothing is overwritten. Give --out a "
                "new name.",
            ),
            (
                ["images", "--backend", "numpy"],
                "`--backend` must be one of 'tensorflow', 'jax', 'torch'. "
                "Received: 'numpy'",
            ),
        ],
    )
    def test_refuses_in_a_sentence_and_writes_nothing(self, folder, arguments, message):
        (folder / "full").mkdir()
        (folder / "full" / "mine.txt").write_text("mine")
        (folder / "broken.json").write_text("{")
        (folder / "list.json").write_text("[]")
        (folder / "other.json").write_text('{"recipe": "other", "values": {}}')
        before = sorted(folder.rglob("*"))
        assert refusal("run", *arguments) == message
        assert sorted(folder.rglob("*")) == before

    def test_refuses_data_that_there_are_not(self, folder):
        assert refusal("run", "images", "--data", "cifar") == (
            "`--data` must be 'digits', 'gallery', 'fashion', 'scenes', 'nuclei', "
            "'dates', 'arithmetic', 'topics', 'glosses', 'mackey_glass', "
            "'penguins', 'photographs', "
            "'images:DIR', 'photographs:DIR', 'masks:DIR', 'npz:FILE', 'csv:FILE', "
            "'texts:FILE', 'tfds:NAME', "
            "'text:PATH' or 'pairs:PATH'. Received: --data='cifar'"
        )
        assert not list(folder.iterdir())

    def test_says_in_a_sentence_what_cannot_be_learned(self, folder):
        x = np.full((20, 8, 8, 1), np.nan, "float32")
        np.savez(folder / "nan.npz", x=x, y=np.arange(20) % 2)
        result = kdl("run", "images", "--data", "npz:nan.npz", code=1)
        assert result.stderr.strip().endswith(
            "Error: The training set must hold finite numbers: leave out what has "
            "others, or fill them in. Received: nan in the inputs of example 0"
        )


class TestLr:
    def test_leaves_a_folder_with_the_results(self, folder):
        output = kdl(
            *("lr", "images", "--steps", 60, "--set", "batch_size=16"),
            *("--set", "filters=16", "--seed", 3, "--out", "sweep"),
        ).output
        sweep = folder / "sweep"
        settings = read(sweep / "settings.json")
        assert (settings["kind"], settings["steps"]) == ("sweep", 60)
        assert settings["status"] == "finished"
        tried = rows(sweep / "learning_rate.csv")
        assert list(tried[0]) == ["rate", "loss", "smoothed"]
        assert is_png(sweep / "learning_rate.png")
        found = read(sweep / "results.json")["learning_rate"]
        rates = [float(row["rate"]) for row in tried]
        assert found["valley"] in rates and found["steepest"] in rates
        assert f"{found['valley']:.4g}" in output
        shown = kdl("report", sweep).output
        assert "Suggested learning rates" in shown
        assert f"{found['steepest']:.4g}" in shown

    def test_refuses_in_a_sentence_and_writes_nothing(self, folder):
        assert refusal("lr", "digit") == (
            f"There is no recipe 'digit'. The recipes: {RECIPES}"
        )
        assert not list(folder.iterdir())

    def test_says_in_a_sentence_when_there_is_nothing_to_suggest(self, monkeypatch):
        def explode(finder, logs):
            finder.rates, finder.losses = np.ones(3), np.ones(3)
            finder.smoothed = np.ones(3)

        monkeypatch.setattr(LearningRateFinder, "on_train_end", explode)
        assert refusal("lr", "images", "--steps", 20) == (
            "The loss is least after 3 of 3 batches, too early to suggest a rate. If "
            "it is noisy, sweep in more `steps` than 20 or with larger batches; if it "
            "explodes at once, from a smaller `min_rate` than 1e-07."
        )


class TestTune:
    options = ("images", "--epochs", 1, "--out", "search")

    @pytest.mark.one_backend
    def test_refuses_folds_that_there_are_not_examples_for(self, folder):
        assert refusal("tune", *self.options, "--trials", 1, "--folds", 200) == (
            "Class 8 has 156 examples, too few for 200 folds. Ask for fewer, or for "
            "stratified=False."
        )
        assert not list(folder.iterdir())

    def test_searches_resumes_and_tells(self, folder, monkeypatch):
        output = kdl("tune", *self.options, "--trials", 1).output
        assert "Searching into search. Trials: 1, of up to 1 epochs each." in output
        search = folder / "search"
        (first,) = rows(search / "trials.csv")
        monkeypatch.setattr(keras.Model, "fit", failing(keras.Model.fit, times=1))
        output = kdl("tune", *self.options, "--trials", 3).output
        assert "Resuming the search in search. Trials: 1 of 3 done." in output
        assert "1 failed: trial 2 ArithmeticError: no [/cpu:0]" in words(output)
        trials = rows(search / "trials.csv")
        assert trials[0] == {**trials[0], **first}
        statuses = [trial["status"] for trial in trials]
        assert statuses == ["completed", "failed", "completed"]
        assert trials[1]["error"] == "ArithmeticError: no [/cpu:0]"

        assert "In search: confusion_matrix.png, data.json, hyperparam" in output

        best = min((t for t in trials if t["val_crossentropy"]), key=score)
        values = read(search / "hyperparameters.json")["values"]
        assert str(values["learning_rate"]) == best["learning_rate"]
        assert is_png(search / "search.png") and is_png(search / "confusion_matrix.png")
        model = keras.saving.load_model(search / "model.keras")
        scores = model.evaluate(**Images().test_data(), verbose=0, return_dict=True)
        results = read(search / "results.json")["test"]
        np.testing.assert_allclose(results["accuracy"], scores["accuracy"], rtol=1e-5)
        assert read(search / "settings.json")["status"] == "finished"
        assert best["learning_rate"][:5] in kdl("report", "search").output

        before = (search / "settings.json").read_bytes()
        assert refusal("tune", *self.options, "--seed", 1) == (
            "search holds another search: seed 0, not seed 1. "
            "Give --out a new name, or use the same options."
        )
        assert refusal("tune", *self.options, "--trials", 2) == (
            "search holds 3 trials, so that `--trials` must be 3 or more. Received: 2"
        )
        with filelock.FileLock(search / ".lock"):
            assert refusal("tune", *self.options) == (
                "Another process is searching in search."
            )
        monkeypatch.setattr(Images, "space", other_space(Images.space))
        assert refusal("tune", *self.options) == (
            "The search in search/trials has another space: it differs in other. "
            "Choose another directory."
        )
        assert (search / "settings.json").read_bytes() == before

    @pytest.mark.one_backend
    def test_searches_as_told(self, folder):
        told = ("--oracle", "random", "--folds", 2, "--total-epochs", 2)
        kdl("tune", *self.options, *told, "--tensorboard", "--quiet", "--no-prune")
        search = folder / "search"
        (trial,) = rows(search / "trials.csv")
        assert float(trial["standard_error"]) > 0
        settings = read(search / "settings.json")
        assert {name: settings[name] for name in ("oracle", "prune", "folds")} == {
            "oracle": "random",
            "prune": False,
            "folds": 2,
        }
        logs = (search / "tensorboard").glob("*/*/validation/events.*")
        names = sorted(str(log.parents[1].relative_to(search)) for log in logs)
        assert names == [f"tensorboard/trial1/execution{n}" for n in (1, 2)]
        assert refusal("tune", *self.options) == (
            "search holds another search: oracle random, prune False, folds 2, not "
            "oracle bayesian, prune True, folds None. Give --out a new name, or use "
            "the same options."
        )
        assert refusal("tune", *self.options, "--oracle", "best") == (
            "`--oracle` must be one of 'bayesian', 'grid', 'random', or, with Optuna "
            "(pip install 'keras-kdl[optuna]'), one of 'optuna:tpe', 'optuna:gp' "
            "(needs PyTorch: pip install 'keras-kdl[torch]'), 'optuna:cmaes' (needs "
            "cmaes: pip install 'keras-kdl[optuna]'), 'optuna:random', 'optuna:qmc'. "
            "Received: --oracle='best'"
        )

    @pytest.mark.one_backend
    def test_logs_to_wandb_without_a_line_of_it(self, folder):
        code = "from kdl_cli.main import main; main()"
        told = ("tune", *self.options, "--trials", 2, "--wandb", "offline")
        environment = {
            name: value for name, value in os.environ.items() if "WANDB" not in name
        }
        done = subprocess.run(
            [sys.executable, "-c", code, *map(str, told)],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        )
        assert "wandb:" not in done.stdout + done.stderr
        lines = done.stdout.split("\n")
        (first,) = (n for n, line in enumerate(lines) if line.startswith("trial 1/2 "))
        assert lines[first + 1].startswith("trial 2/2  val_crossentropy ")
        assert len(list((folder / "search" / "wandb").glob("offline-run-*"))) == 2
        hint = "To upload what W&B has logged: wandb sync search/wandb/offline-run-*"
        assert hint in lines

    def test_ctrl_c_says_how_to_go_on(self, folder, monkeypatch):
        monkeypatch.setattr(keras.Model, "fit", interrupt)
        output = kdl("tune", *self.options, code=130).output
        assert "Interrupted. Run the same command to resume it." in output
        assert read(folder / "search" / "settings.json")["status"] == "interrupted"

    def test_says_when_no_trial_succeeded(self, folder, monkeypatch):
        monkeypatch.setattr(keras.Model, "fit", failing(keras.Model.fit))
        result = kdl("tune", *self.options, "--trials", 2, code=1)
        error = "ArithmeticError: no [/cpu:0]"
        assert f"2 failed: trial 1 {error} trial 2 {error}" in words(result.output)
        assert isinstance(result.exception, SystemExit)
        assert "No trial succeeded: there is no model." in result.output

    @pytest.mark.one_backend
    def test_refuses_a_foreign_folder(self, folder):
        (folder / "search").mkdir()
        (folder / "search" / "mine.txt").write_text("mine")
        assert refusal("tune", *self.options) == (
            "search is no folder that a command of kdl has left: it has no "
            "settings.json."
        )
        (folder / "search" / "settings.json").write_text('{"kind": "other"}')
        assert refusal("tune", *self.options) == (
            "search is no folder that a command of kdl has left: its settings.json "
            "is of something else."
        )
        settings = {"recipe": 0, "objective": 0, "direction": 0, "status": 0}
        text = json.dumps({"kind": "run", **settings})
        (folder / "search" / "settings.json").write_text(text)
        assert refusal("tune", *self.options) == (
            "search holds a run, not a search. Give --out a new name."
        )


@pytest.mark.one_backend
class TestReport:
    def test_refuses_broken_files(self, folder):
        (folder / "settings.json").write_text('{"kind": "run", "recipe": "images"}')
        assert refusal("report", ".") == (
            "settings.json lacks direction, objective, status."
        )

    @pytest.mark.one_backend
    def test_refuses_a_foreign_folder(self, folder):
        assert refusal("report", "nowhere") == (
            "nowhere is no folder that a command of kdl has left: it has no "
            "settings.json."
        )


def interrupt(*args, **kwargs):
    raise KeyboardInterrupt


def failing(fit, times=100):
    """A `fit` that fails in its first calls."""
    calls = []

    def patched(self, *args, **kwargs):
        calls.append(self)
        if len(calls) <= times:
            raise ArithmeticError("no [/cpu:0]")  # As markup, it would be an error.
        return fit(self, *args, **kwargs)

    return patched


def other_space(space):
    """A `space` with one hyperparameter more."""

    def patched(self, hp):
        hp.Float("other", 0.0, 1.0)
        return space(self, hp)

    return patched


def score(trial):
    return float(trial["val_crossentropy"])


@pytest.mark.one_backend
def test_a_warning_is_a_sentence(capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = show_warning
        warnings.warn("Something [odd].", stacklevel=1)
    assert capsys.readouterr().err == "Warning: Something [odd].\n"
