"""Models of several runs as one."""

import csv
import functools
import json
import shutil

import commands
import keras
import numpy as np
import pytest
from commands import kdl, read, rows, write_kinds
from own_recipes import forget, write
from scipy.special import softmax
from sklearn.metrics import log_loss
from tiny import Tiny, add, tune

from kdl.recipes import load

pytestmark = pytest.mark.one_backend

refusal = functools.partial(commands.refusal, "ensemble")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Runs of a table, with three seeds."""
    folder = tmp_path_factory.mktemp("runs")
    for seed in range(3):
        told = ("--epochs", 2, "--seed", seed, "--backend", keras.backend.backend())
        kdl("run", "tabular", *told, "--out", folder / f"run{seed}")
    return folder


@pytest.fixture(autouse=True)
def folder(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_BACKEND", keras.backend.backend())
    monkeypatch.setenv("COLUMNS", "200")
    forget(monkeypatch)
    for seed in range(3):
        shutil.copytree(trained / f"run{seed}", tmp_path / f"run{seed}")
    return tmp_path


RUNS = ("run0", "run1", "run2")


def test_leaves_a_folder_like_that_of_a_run(folder):
    output = kdl("ensemble", *RUNS, "--out", "all").output
    recipe, model = load("all")
    x, y = recipe.encode(recipe.splits.test)
    each = [load(run)[1].predict(x, verbose=0) for run in RUNS]
    mean = np.mean(softmax(each, -1), axis=0)
    found = softmax(model.predict(x, verbose=0), -1)
    np.testing.assert_allclose(found, mean, atol=1e-6)

    scores = read(folder / "all" / "results.json")["test"]
    accuracy = np.mean(mean.argmax(-1) == y)
    assert scores["accuracy"] == pytest.approx(accuracy, abs=1e-6)
    assert f"Test set, {len(y)} examples: accuracy {accuracy:.4f}" in output
    x, y = recipe.encode(recipe.splits.validation)
    table = rows(folder / "all" / "members.csv")
    assert [row["member"] for row in table] == [*RUNS, "ensemble"]
    assert [row["weight"][:5] for row in table] == ["0.333"] * 3 + [""]
    for row, run in zip(table[:3], RUNS, strict=True):
        right = np.mean(load(run)[1].predict(x, verbose=0).argmax(-1) == y)
        assert float(row["val_accuracy"]) == pytest.approx(right, abs=1e-6)
    shown = kdl("report", "all").output
    assert "Members, on the validation set:" in shown and "voting" in shown

    names = ["island", "bill_length_mm", "bill_depth_mm", "flipper_length_mm"]
    names += ["body_mass_g", "sex", "year"]
    row = {name: None for name in names} | {"flipper_length_mm": 190}
    (folder / "rows.jsonl").write_text(json.dumps(row))
    assert "p(Adelie)" in kdl("predict", "all", "rows.jsonl").output
    kdl("evaluate", "all", "--data", "penguins")
    assert (folder / "all" / "evaluation" / "results.json").exists()


@pytest.mark.parametrize("way", ["validation", "greedy"])
def test_validation_set_alone_has_a_say_in_the_weights(folder, way):
    kdl("ensemble", *RUNS, "--weights", way, "--out", "all")
    table = rows(folder / "all" / "members.csv")
    weights = [float(row["weight"]) for row in table[:3]]
    assert sum(weights) == pytest.approx(1)
    losses = [float(row["val_crossentropy"]) for row in table]
    assert losses[3] <= min(losses[:3]) + 1e-4
    if way == "greedy":
        # Shares of at most fifty members.
        assert any(
            np.allclose(np.multiply(weights, n), np.rint(np.multiply(weights, n)))
            for n in range(1, 51)
        )


def test_takes_recipes_of_users_that_are_named(folder):
    write(folder)
    for seed in (0, 1):
        kdl("run", "recipe.py", "--seed", seed, "--out", f"mine{seed}")
    assert refusal("mine0", "mine1") == (
        "The recipe of mine0 is a file of yours, which is only run if you name it: "
        "give --recipe recipe.py:Mine."
    )
    options = ("--recipe", "recipe.py", "--voting", "hard")
    kdl("ensemble", "mine0", "mine1", *options, "--out", "mine")
    assert (folder / "mine" / "recipe.py").read_text() == (
        folder / "recipe.py"
    ).read_text()
    assert read(folder / "mine" / "settings.json")["voting"] == "hard"


def test_takes_texts_in_different_tokens(folder):
    write_kinds(folder / "kinds.tsv")
    told = ("--data", "texts:kinds.tsv", "--set", "learning_rate=0.03", "--epochs", 4)
    for buckets in (4096, 8192):
        few = ("--set", f"buckets={buckets}", "--out", f"texts{buckets}")
        kdl("run", "text", *told, *few)
    kdl("ensemble", "texts4096", "texts8192", "--out", "both")
    text = "a cat that hoots"
    parts = [
        recipe.outputs(model, [text])
        for recipe, model in map(load, ("texts4096", "texts8192"))
    ]
    mean = softmax(parts, -1).mean(axis=0)[0]
    (row,) = csv.DictReader(kdl("predict", "both", text).stdout.splitlines())
    assert float(row["p(animal)"]) == pytest.approx(mean[0], abs=1e-5)


def test_best_trials_of_a_search_are_combined(monkeypatch, folder):
    add(monkeypatch)
    output = tune("--trials", 4, "--ensemble", 3, "--quiet").output
    table = rows(folder / "search" / "members.csv")
    *members, together = table
    assert len(members) == 3 and together["member"] == "ensemble"
    scores = {int(row["trial"]): row for row in rows(folder / "search" / "trials.csv")}
    ranked = sorted(scores, key=lambda trial: float(scores[trial]["val_loss"]))
    assert [row["member"] for row in members] == [f"trial {n}" for n in ranked[:3]]
    best = float(scores[ranked[0]]["val_loss"])
    assert float(members[0]["val_loss"]) == pytest.approx(best, abs=1e-5)
    assert float(together["val_loss"]) <= best + 1e-5
    assert "The best trials together, on the validation set:" in output
    model = keras.saving.load_model(folder / "search" / "model.keras")
    x, y = Tiny().splits.test
    loss = log_loss(y, softmax(model.predict(x, verbose=0).astype("float64"), -1))
    found = read(folder / "search" / "results.json")
    assert found["test"]["loss"] == pytest.approx(loss, abs=1e-4)
    # Trials are compared as they are, without the others.
    assert found["best"]["val_loss"] == pytest.approx(best)
    message = tune("--ensemble", 3, "--folds", 2, code=2).stderr.strip()
    assert message == (
        "Error: `--ensemble` and `--folds` exclude each other. Received: "
        "--ensemble=3, --folds=2"
    )


class TestRefusals:
    def test_of_options(self):
        assert refusal("run0") == (
            "An ensemble needs two folders or more, such as runs of several seeds. "
            "Received: run0"
        )
        assert refusal(*RUNS, "--voting", "loud") == (
            "`--voting` must be one of 'soft', 'hard', 'mean'. Received: "
            "--voting='loud'"
        )
        assert refusal(*RUNS, "--weights", "best") == (
            "`--weights` must be one of 'equal', 'validation', 'greedy'. Received: "
            "--weights='best'"
        )
        assert refusal(*RUNS, "--out", "run0") == (
            "run0 already exists, and nothing is overwritten. Give --out a new name."
        )

    def test_of_other_data_and_classes(self, folder):
        path = folder / "run1" / "settings.json"
        path.write_text(path.read_text().replace('"penguins"', '"csv:a.csv?target=b"'))
        assert refusal(*RUNS) == (
            "All members must have the data of the first, run0: 'penguins'. Received: "
            "'csv:a.csv?target=b' of run1"
        )
        path = folder / "run2" / "recipe.json"
        path.write_text(path.read_text().replace("Adelie", "Emperor"))
        assert refusal("run0", "run2") == (
            "All members must have the classes of the first, run0. Received: others of "
            "run2"
        )

    def test_of_other_recipes(self, folder):
        small = ("--epochs", 1, "--set", "filters=8", "--out", "images")
        kdl("run", "images", *small)
        assert refusal("run0", "images") == (
            "All members must have the recipe of the first, run0: 'tabular'. Received: "
            "'images' of images"
        )

    def test_of_recipes_that_decode(self):
        small = ("--set", "units=16", "--set", "strategy=always_own")
        kdl("run", "forecast", "--epochs", 1, *small, "--out", "series")
        assert refusal("series", "series") == (
            "A model of the recipe 'forecast' cannot be part of another one: what it "
            "predicts is more than the outputs of its model."
        )
