import json

import keras
import numpy as np
import pytest
from bars import NAMES, bars, splits
from contracts import RecipeContract, array, same
from sklearn.linear_model import LogisticRegression

from kdl.data import Splits
from kdl.recipes import (
    Distillation,
    Images,
    MetricLearning,
    hyperparameters,
    load,
    run,
)

SMALL = {"filters": 4, "batch_size": 16}


def teacher_of(classes=4, shape=(8, 8, 1)):
    """A model that has learned nothing."""
    inputs = keras.Input(shape)
    flat = keras.layers.Flatten()(inputs)
    return keras.Model(inputs, keras.layers.Dense(classes)(flat))


def good_teacher():
    """One that knows the bars, by logistic regression."""
    x, y = bars(400, seed=4)
    regression = LogisticRegression(C=0.1).fit(x.reshape(len(x), -1), y)
    model = teacher_of()
    model.set_weights([regression.coef_.T, regression.intercept_])
    return model


class TestDistillation(RecipeContract):
    recipe = Distillation(splits(160), teacher=good_teacher())

    def test_has_what_the_command_line_asks_for(self):
        super().test_has_what_the_command_line_asks_for()
        assert Distillation().source == "fashion" and Distillation().teacher is None

    @pytest.mark.one_backend
    def test_builds_what_its_space_says(self):
        values = {
            "filters": 4,
            "depth": 2,
            "alpha": 0.3,
            "temperature": 7.0,
            "matching": "both",
            "feature_weight": 2.0,
        }
        model = self.recipe.build(hyperparameters(self.recipe, values))
        assert (model.alpha, model.temperature) == (0.3, 7.0)
        assert (model.matching, model.feature_weight) == ("both", 2.0)
        blocks = [layer.name for layer in model.layers if "block" in layer.name]
        assert len(blocks) == 4 and model.output_shape == (None, 4)
        assert not model.has_teacher

    @pytest.mark.one_backend
    def test_student_is_smaller_than_the_teacher_that_it_would_train(self):
        student, teacher = (
            recipe.build(hyperparameters(recipe, {})).count_params()
            for recipe in (Distillation(), Images("fashion"))
        )
        assert 7 * student < teacher

    @pytest.mark.one_backend
    @pytest.mark.parametrize(
        ("teacher", "message"),
        [
            (
                3,
                "`teacher` must be the folder of a run of images, a keras.Model, or "
                "None. Received: teacher=3",
            ),
            (
                "nowhere",
                "nowhere is not the folder of a run or a search of kdl. `kdl run` and "
                "`kdl tune` leave one.",
            ),
        ],
    )
    def test_refuses_what_is_no_teacher(self, teacher, message):
        with pytest.raises(ValueError) as error:
            Distillation(teacher=teacher)
        assert str(error.value) == message

    @pytest.mark.one_backend
    @pytest.mark.parametrize("options", [{"classes": 3}, {"shape": (9, 8, 1)}])
    def test_refuses_a_model_of_other_images_or_classes(self, options):
        recipe = Distillation(splits(), teacher=teacher_of(**options))
        with pytest.raises(ValueError) as error:
            recipe.data()
        there = options.get("shape", (8, 8, 1)), options.get("classes", 4)
        assert str(error.value) == (
            "`teacher` must be a model from images of shape (8, 8, 1) to logits of 4 "
            f"classes, as the data are. Received: a model from {there[0]} to "
            f"({there[1]},)"
        )

    @pytest.mark.one_backend
    def test_refuses_a_temperature_of_zero(self):
        with pytest.raises(ValueError) as error:
            hyperparameters(self.recipe, {"temperature": 0})
        assert str(error.value) == (
            "`temperature` must be a number in [1.0, 20.0]. Received: temperature=0"
        )


def write(folder, recipe, model, name):
    """Leaves a folder as `kdl run` does."""
    folder.mkdir()
    model.save(folder / "model.keras")
    settings = {"kind": "run", "recipe": name}
    (folder / "settings.json").write_text(json.dumps(settings))
    (folder / "recipe.json").write_text(json.dumps(recipe.get_state(model)))
    return str(folder)


class TestTeacher:
    def test_folder_is_learned_from(self, tmp_path):
        data, teacher = splits(160), good_teacher()
        folder = write(tmp_path / "large", Images(data), teacher, "images")
        recipe = Distillation(data, teacher=folder)
        # By the teacher alone, of labels that say nothing.
        x, y = data.train
        model, _ = run(
            recipe,
            x,
            np.random.default_rng(0).permutation(y),
            hp={**SMALL, "alpha": 1.0},
            epochs=5,
            verbose=0,
        )
        accuracy = recipe.evaluate(model)["accuracy"]
        assert accuracy > 0.6
        parts = recipe.examine(model)
        assert list(parts) == ["confusion_matrix.png", "sizes.csv"]
        student, large = parts["sizes.csv"]
        assert (student["model"], large["model"]) == ("student", "teacher")
        assert student["parameters"] == model.count_params()
        assert large["parameters"] == teacher.count_params() and large["accuracy"] > 0.9
        np.testing.assert_allclose(student["accuracy"], accuracy, rtol=1e-6)
        assert all(student[name] > 0 for name in ("ms_of_1", "ms_of_32", "kilobytes"))
        # What is left is a classifier that needs no teacher.
        folder = write(tmp_path / "small", recipe, model, "distillation")
        again, loaded = load(folder)
        assert again.teacher is None and not loaded.has_teacher
        rows = again.predict(loaded, data.test[0][:2])
        assert rows[0]["class"] in NAMES
        again.test_on(splits(others=8))
        (row,) = again.examine(loaded)["sizes.csv"]
        assert row["model"] == "student"

    @pytest.mark.one_backend
    def test_folder_of_another_recipe_is_refused(self, tmp_path):
        recipe = MetricLearning(splits())
        model = recipe.build(hyperparameters(recipe, {"filters": 8}))
        folder = write(tmp_path / "run", recipe, model, "metric_learning")
        with pytest.raises(ValueError) as error:
            Distillation(teacher=folder)
        assert str(error.value) == (
            "`teacher` must be the folder of a run of the recipe images. Received: "
            f"{folder}, of the recipe metric_learning"
        )

    @pytest.mark.one_backend
    def test_folder_of_other_classes_is_refused(self, tmp_path):
        train, validation, test = splits()
        images = Images(Splits(train, validation, test, classes=NAMES[::-1]))
        model = images.build(hyperparameters(images, {"filters": 8}))
        folder = write(tmp_path / "run", images, model, "images")
        with pytest.raises(ValueError) as error:
            Distillation(splits(), teacher=folder).data()
        assert str(error.value) == (
            "`teacher` must know the classes of the data, in their order: 'rows', "
            "'columns', 'falling', 'rising'. Received: a model of 'rising', 'falling', "
            "'columns', 'rows'"
        )

    @pytest.mark.one_backend
    def test_is_trained_once_if_there_is_none(self, monkeypatch):
        monkeypatch.setattr(Images, "epochs", 1)
        recipe = Distillation(splits())
        values = {**SMALL, "alpha": 0.0}
        model, _ = run(recipe, **recipe.data(), hp=values, epochs=1, verbose=0)
        # Labels alone need no teacher.
        assert not model.has_teacher
        assert not list(recipe.remarks(hyperparameters(recipe, values)))
        assert [row["model"] for row in recipe.examine(model)["sizes.csv"]] == [
            "student"
        ]
        for _ in range(2):
            model, _ = run(recipe, **recipe.data(), hp=SMALL, epochs=1, verbose=0)
            assert model.has_teacher
        first, second = recipe.remarks(hyperparameters(recipe, SMALL))
        assert first == (
            "There is no teacher: one is trained first, of the recipe images in 1 "
            "epochs."
        )
        assert second.startswith("The teacher has an accuracy of ")
        assert len(recipe.examine(model)["sizes.csv"]) == 2

    @pytest.mark.one_backend
    def test_student_begins_alike_whatever_its_teacher(self):
        """So that a comparison of values of alpha has pairs."""
        weights = []
        for alpha in (0.0, 0.9):
            keras.utils.set_random_seed(3)
            recipe = Distillation(splits(), teacher=teacher_of())
            hp = hyperparameters(recipe, {**SMALL, "alpha": alpha})
            weights.append([array(w) for w in recipe.build(hp).weights])
        assert same(*weights)
