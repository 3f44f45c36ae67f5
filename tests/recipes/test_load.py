"""Recipes and models from folders."""

import json

import keras
import keras_tuner
import numpy as np
import pytest
from own_recipes import forget, write

from kdl.recipes import Images, hyperparameters, load
from kdl.recipes.own.named import find


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    forget(monkeypatch)
    write(tmp_path)
    return tmp_path


def leave(folder, recipe, name, **settings):
    """Leaves a folder as `kdl run` does; returns the model in it."""
    model = recipe.build(hyperparameters(recipe, {}))
    folder.mkdir()
    settings = {"kind": "run", "recipe": name, "data": recipe.source, **settings}
    (folder / "settings.json").write_text(json.dumps(settings))
    (folder / "recipe.json").write_text(json.dumps(recipe.get_state()))
    model.save(folder / "model.keras")
    return model


def test_a_recipe_of_kdl_predicts_as_it_did_without_its_data(folder):
    images = np.random.default_rng(0).random((3, 8, 8, 1)).astype("float32")
    model = leave(folder / "run", Images(), "images", data="tfds:not_here")
    recipe, reloaded = load("run")
    assert recipe.source == "tfds:not_here"
    rows = recipe.predict(reloaded, images)
    for row, desired in zip(rows, Images().predict(model, images), strict=True):
        assert row["class"] == desired["class"]
        assert row["probability"] == pytest.approx(desired["probability"], rel=1e-5)
    recipe, _ = load("run", source="gallery")
    assert recipe.source == "gallery"


@pytest.mark.parametrize("there", [True, False])
def test_is_compiled_as_is_usual_here_wherever_it_was_trained(folder, there):
    """Keras saves what "auto" was: on JAX a compiler that PyTorch would wait for."""
    recipe = Images()
    model = recipe.build(hyperparameters(recipe, {}))
    model.compile(model.optimizer, model.loss, jit_compile=there)
    recipe.build = lambda hp: model
    leave(folder / "run", recipe, "images")
    _, reloaded = load("run")
    usual = recipe.build(None)
    usual.compile("adam", model.loss)
    assert reloaded.jit_compile == usual.jit_compile
    assert usual.jit_compile == (keras.backend.backend() == "jax")


@pytest.mark.one_backend
class TestOwn:
    def test_recipe_is_given_by_name_or_as_a_class(self, folder):
        found = find("recipe.py")
        leave(folder / "run", found.make(), found.name)
        for recipe in ("recipe.py", found.target, found.target()):
            recipe, model = load(folder / "run", recipe=recipe)
            assert isinstance(recipe, found.target)
            (row,) = recipe.predict(model, np.zeros((1, 2), "float32"))
            assert len(row["output"]) == 2

    def test_warns_if_its_file_has_changed(self, folder):
        found = find("recipe.py")
        settings = {"recipe_sha256": found.sha256}
        leave(folder / "run", found.make(), found.name, **settings)
        load("run", recipe="recipe.py")
        path = folder / "recipe.py"
        path.write_text(path.read_text() + "\n# changed\n")
        with pytest.warns(UserWarning) as warnings:
            load("run", recipe="recipe.py")
        assert str(warnings[0].message) == (
            "recipe.py has changed since the model in run was trained. The folder has "
            "a copy of the file as it was."
        )

    def test_layers_need_no_registration(self, folder):
        (folder / "layer.py").write_text(
            (folder / "function.py").read_text()
            + "\nclass Mine(keras.layers.Dense):\n    pass\n"
        )
        text = (folder / "layer.py").read_text()
        (folder / "layer.py").write_text(
            text.replace("keras.layers.Dense(units)", "Mine(units)")
        )
        settings = {"objective": "val_loss", "direction": "min", "data": "digits"}
        objective = keras_tuner.Objective("val_loss", "min")
        recipe = find("layer.py").make("digits", objective)
        leave(folder / "run", recipe, "layer.py:build", **settings)
        recipe, model = load("run", recipe="layer.py")
        assert type(model.layers[1]).__name__ == "Mine"
        assert (recipe.objective.name, recipe.source) == ("val_loss", "digits")

    def test_code_is_not_run_unless_it_is_named(self, folder):
        leave(folder / "run", Images(), "elsewhere/mine.py:Mine")
        with pytest.raises(ValueError) as error:
            load("run")
        assert str(error.value) == (
            "The recipe of run is a file of yours, which is only run if you name it: "
            "give `recipe`, as in recipe='mine.py:Mine'."
        )
        with pytest.raises(ValueError) as error:
            load("run", recipe="function.py")
        assert str(error.value) == (
            "run holds a model of the recipe 'mine.py:Mine', not of "
            "'function.py:build'."
        )

    def test_a_lambda_is_not_run(self, folder):
        model = keras.Sequential([keras.Input((1,)), keras.layers.Lambda(lambda x: x)])
        leave(folder / "run", Images(), "images")
        model.save(folder / "run" / "model.keras")
        with pytest.raises(ValueError, match=r"^The model in run/model\.keras cannot"):
            load("run")


@pytest.mark.one_backend
def test_refuses_folders_of_something_else(folder):
    foreign = (
        "is not the folder of a run or a search of kdl. `kdl run` and `kdl tune` leave "
        "one."
    )
    leave(folder / "run", Images(), "images")
    model = (folder / "run" / "model.keras").read_bytes()
    state = (folder / "run" / "recipe.json").read_text()

    def refusal(path="run"):
        with pytest.raises(ValueError) as error:
            load(path)
        return str(error.value)

    assert refusal("nowhere") == f"nowhere {foreign}"
    (folder / "run" / "recipe.json").write_text("{}")
    assert refusal() == (
        "The state of the recipe 'images' must have 'classes'. It has: nothing"
    )
    (folder / "run" / "recipe.json").write_text("{")
    assert refusal() == "run/recipe.json is not a JSON file."
    (folder / "run" / "recipe.json").unlink()
    assert refusal() == "run/recipe.json cannot be read: No such file or directory."
    (folder / "run" / "recipe.json").write_text(state)
    (folder / "run" / "model.keras").write_bytes(model[:100])
    assert refusal().startswith("The model in run/model.keras cannot be loaded: ")
    (folder / "run" / "model.keras").unlink()
    assert refusal() == (
        "run has no model.keras: its run has not ended. Run the command again."
    )
    (folder / "run" / "settings.json").write_text('{"kind": "sweep", "recipe": "a"}')
    assert refusal() == f"run {foreign}"
