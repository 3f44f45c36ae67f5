"""A model in a folder, on new data."""

import functools

import commands
import numpy as np
import pytest
from commands import kdl, read
from image_folders import make_folder
from own_recipes import forget, write

from kdl.recipes import load
from kdl_cli.folder.reading import read_hyperparameters

pytestmark = pytest.mark.one_backend


@pytest.fixture(autouse=True)
def folder(tiny_folder, monkeypatch):
    forget(monkeypatch)
    write(tiny_folder)
    return tiny_folder


refusal = functools.partial(commands.refusal, "evaluate")


def test_leaves_metrics_and_pictures_of_the_new_test_set(folder):
    small = ("--epochs", 1, "--set", "filters=16", "--set", "batch_size=64")
    kdl("run", "images", *small, "--out", "run")
    output = kdl("evaluate", "run", "--data", "gallery").output
    recipe, model = load("run", source="gallery")
    x, y = recipe.splits.test
    right = np.mean(model.predict(x, verbose=0).argmax(-1) == y)
    there = folder / "run" / "evaluation"
    found = read(there / "results.json")["test"]
    assert found["accuracy"] == pytest.approx(right, abs=1e-5)
    assert f"Test set, {len(y)} examples: accuracy {right:.4f}" in output
    assert (there / "confusion_matrix.png").read_bytes().startswith(b"\x89PNG")
    shown = kdl("report", there).output
    assert "evaluation" in shown and "gallery" in shown and f"{right:.4g}" in shown
    # Test-time augmentation is that of the training.
    kdl("evaluate", "run", "--data", "gallery", "--tta", 3, "--out", "three")
    assert read(folder / "three" / "settings.json")["tta"] == 3
    _, values = read_hyperparameters(folder / "run" / "hyperparameters.json")
    expected = recipe.evaluate(recipe.averaged(model, 3, values))
    averaged = read(folder / "three" / "results.json")["test"]
    assert averaged == pytest.approx(expected, rel=1e-5)
    assert averaged != found

    again = "already exists, and nothing is overwritten. Give --out a new name, or"
    message = f"run/evaluation {again} --overwrite."
    assert refusal("run", "--data", "digits") == message
    kdl("evaluate", "run", "--data", "digits", "--overwrite")
    assert read(there / "settings.json")["data"] == "digits"
    (folder / "mine").mkdir()
    (folder / "mine" / "notes.txt").write_text("mine")
    assert refusal("run", "--data", "digits", "--out", "mine", "--overwrite") == (
        "mine is no folder that a command of kdl has left: it has no settings.json."
    )


def test_takes_recipes_of_users_that_are_named(folder):
    told = ("--data", "digits", "--objective", "val_accuracy", "--epochs", 1)
    kdl("run", "function.py", *told, "--out", "run")
    assert refusal("run", "--data", "gallery") == (
        "The recipe of run is a file of yours, which is only run if you name it: give "
        "--recipe function.py:build."
    )
    named = ("--recipe", "function.py")
    output = kdl("evaluate", "run", "--data", "gallery", *named).output
    assert "Test set, 899 examples: accuracy" in output


def test_refuses_what_the_model_cannot_be_evaluated_on(folder):
    kdl("run", "recipe.py", "--out", "run")
    named = ("--recipe", "recipe.py")
    assert refusal("run", "--data", "digits", *named) == (
        "The test set must have inputs of shape (examples, 2), as the model takes. "
        "Received: (180, 8, 8, 1)"
    )
    assert refusal("run", "--data", "nothing", *named).startswith(
        "`--data` must be 'points', 'digits', "
    )
    assert not (folder / "run" / "evaluation").exists()


class TestFewExamples:
    def test_of_a_table_need_not_be_of_all_classes(self, folder):
        lines = [f"{n % 7},{'abc'[n % 3]}" for n in range(60)]
        (folder / "old.csv").write_text("\n".join(["size,kind", *lines]))
        told = ("--data", "csv:old.csv?target=kind", "--epochs", 1)
        kdl("run", "tabular", *told, "--out", "run")
        (folder / "new.csv").write_text("kind,size\nb,3\nb,3\nc,3\n")
        output = kdl("evaluate", "run", "--data", "csv:new.csv?target=kind").output
        assert "Test set, 3 examples: accuracy" in output
        recipe, model = load("run")
        found = recipe.predict(model, [{"size": 3}])[0]["class"]
        right = {"a": 0, "b": 2 / 3, "c": 1 / 3}[found]
        assert f"accuracy {right:.4f}" in output
        (folder / "new.csv").write_text("kind,size\nd,3\n")
        message = "The target 'kind' of new.csv must be one of 'a', 'b', 'c'."
        data = ("--data", "csv:new.csv?target=kind", "--overwrite")
        assert refusal("run", *data) == f"{message} Received: 'd'"

    def test_of_a_table_of_numbers_are_no_classes(self, folder):
        lines = [f"{n / 7},{n / 9}" for n in range(60)]
        (folder / "old.csv").write_text("\n".join(["size,price", *lines]))
        told = ("--data", "csv:old.csv?target=price", "--epochs", 1)
        kdl("run", "tabular", *told, "--out", "run")
        # By themselves, these would be classes.
        (folder / "new.csv").write_text("price,size\n1,1\n2,2\n")
        data = ("--data", "csv:new.csv?target=price")
        assert "Test set, 2 examples: loss" in kdl("evaluate", "run", *data).output
        (folder / "new.csv").write_text("price,size\ncheap,1\n")
        assert refusal("run", *data, "--overwrite") == (
            "The target 'price' of new.csv must hold numbers. Received: cheap"
        )

    def test_of_images_become_what_the_model_takes(self, folder):
        make_folder(folder / "old", {"cat": 4, "dog": 4, "emu": 4}, size=(8, 8))
        small = ("--epochs", 1, "--set", "batch_size=16")
        kdl("run", "images", "--data", "images:old", *small, "--out", "run")
        make_folder(folder / "new", {"emu": 1}, size=(20, 30))
        output = kdl("evaluate", "run", "--data", "images:new").output
        assert "Test set, 1 example: accuracy" in output
