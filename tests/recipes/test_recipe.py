import types

import keras
import keras_tuner
import numpy as np
import pytest
from contracts import RecipeContract

from kdl.data import Splits
from kdl.recipes import Images, Recipe, hyperparameters, run


class Linear(Recipe):
    """As little as a recipe can be."""

    default_source = "digits"
    meanings = {"l2": "strength of the penalty"}

    def space(self, hp):
        return types.SimpleNamespace(l2=hp.Float("l2", 0.0, 0.1, default=0.01))

    def build(self, hp):
        penalty = keras.regularizers.L2(self.space(hp).l2)
        dense = keras.layers.Dense(10, kernel_regularizer=penalty)
        shape = self.splits.train[0].shape[1:]
        layers = [keras.Input(shape), keras.layers.Flatten(), dense]
        model = keras.Sequential(layers)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("adam", loss)
        return model


class LinearOfMine(Linear):
    meanings = {"l2": "how small the weights are to be", "width": "unused"}


class TestRecipe(RecipeContract):
    component = Recipe
    recipe = Linear()

    def fit(self, **changes):
        data = {**self.data(), "epochs": 1, "verbose": 0, **changes}
        return run(self.recipe, **data)

    def test_is_named_after_its_class(self):
        assert Linear().name == "linear"
        assert LinearOfMine().name == "linear_of_mine"

    def test_meanings_add_up(self):
        inherited = Recipe.meanings | Linear.meanings
        assert Linear.meanings == inherited
        assert LinearOfMine.meanings == inherited | {
            "l2": "how small the weights are to be",
            "width": "unused",
        }

    def test_takes_what_it_declares_besides_its_source(self):
        class Learner(Linear):
            extras = {"teacher": "the model that is learned from"}

        assert Learner().teacher is None
        assert Learner(teacher="runs/large").teacher == "runs/large"
        for recipe, message in (
            (Learner, "'learner' takes no `pupil`. It takes `teacher`."),
            (Linear, "'linear' takes no `pupil`."),
        ):
            with pytest.raises(ValueError, match=f"{message}$"):
                recipe(pupil="runs/large")

    def test_fits_by_defaults_that_its_space_does_not_have(self):
        _, history = self.fit(epochs=2)
        assert len(history.epoch) == 2
        model, _ = self.fit()
        rate = model.optimizer._learning_rate
        # 256 examples in batches of 32.
        assert (rate.max_value, rate.total_steps) == (1e-3, 8)

    def test_knows_what_share_of_a_fit_its_batches_took(self):
        recipe = Linear()
        assert recipe.waited is None
        run(recipe, **recipe.data(), epochs=1, verbose=0)
        assert 0 < recipe.waited <= 1

    def test_predicts_outputs_and_has_no_state(self):
        model = self.recipe.build(hyperparameters(self.recipe, {}))
        images = self.recipe.splits.test[0][:3]
        rows = self.recipe.predict(model, images)
        desired = model.predict(images, verbose=0)
        np.testing.assert_allclose([row["output"] for row in rows], desired, 1e-6)
        assert self.recipe.get_state() == {}

    def test_evaluates_on_the_test_set(self):
        model, _ = self.fit()
        scores = self.recipe.evaluate(model)
        outputs = model.predict(self.recipe.splits.test[0], verbose=0)
        labels = self.recipe.splits.test[1]
        shifted = outputs - outputs.max(-1, keepdims=True)
        logs = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
        loss = -logs[np.arange(len(labels)), labels].mean()
        penalty = 0.01 * np.sum(np.square(model.get_weights()[0]))
        np.testing.assert_allclose(scores["loss"], loss + penalty, 1e-4)

    def test_scores_of_its_own_are_in_the_logs_before_anything_goes_by_them(self):
        seen = []

        class Scored(Linear):
            objective = keras_tuner.Objective("val_calls", "max")

            def scores(self, model, x, y):
                seen.append((model.predict(x[:2], verbose=0), len(y)))
                return {"calls": -len(seen)}

            def space(self, hp):
                return types.SimpleNamespace(l2=0.0, patience=1)

        recipe = Scored()
        model, history = run(recipe, **self.data(), epochs=4, verbose=0)
        # The first was the best, and one worse is tolerated.
        assert history.history["val_calls"] == [-1, -2]
        assert {count for _, count in seen} == {len(recipe.splits.validation[1])}
        x = recipe.splits.validation[0][:2]
        np.testing.assert_allclose(seen[0][0], model.predict(x, verbose=0), rtol=1e-5)
        _, history = run(
            recipe, self.data()["x"], self.data()["y"], epochs=1, verbose=0
        )
        assert len(seen) == 2 and "val_calls" not in history.history

    def test_splits_are_loaded_once_and_checked(self):
        seen = []

        class Checked(Linear):
            def check(self, splits):
                seen.append(len(splits.train[1]))
                return splits

        recipe = Checked()
        assert seen == []
        recipe.data()
        recipe.test_data()
        assert len(seen) == 1

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (
                {"x": np.zeros((0, 8, 8, 1)), "y": np.zeros(0, int)},
                "The training set must have an example at least. Received: inputs of "
                "shape (0, 8, 8, 1)",
            ),
            (
                {"x": np.full((4, 8, 8, 1), np.inf), "y": np.arange(4)},
                "The training set must hold finite numbers: leave out what has others, "
                "or fill them in. Received: inf in the inputs of example 0",
            ),
            (
                {"x": np.zeros((4, 8, 8, 1)), "y": np.arange(3)},
                "The training set must have a target for each input. Received: 4 "
                "inputs and 3 targets",
            ),
            (
                {"x": np.zeros((4, 9, 8, 1)), "y": np.arange(4)},
                "The training set must have inputs of shape (examples, 8, 8, 1), as "
                "the model takes. Received: (4, 9, 8, 1)",
            ),
            (
                {"x": np.zeros((4, 8, 8, 1)), "y": np.full(4, 3)},
                "The training set must have examples of two classes at least. "
                "Received: 4 examples of class 3",
            ),
            (
                {"x": np.zeros((4, 8, 8, 1)), "y": np.array([0, 1, 10, 2])},
                "The training set must have targets from 0 to 9, as the model has 10 "
                "classes. Received: 10 in example 2",
            ),
        ],
    )
    def test_refuses_data_before_it_trains(self, change, message):
        with pytest.raises(ValueError) as error:
            self.fit(**change)
        assert str(error.value) == message

    def test_refuses_validation_data_alike(self):
        x, y = self.data()["validation_data"]
        with pytest.raises(ValueError) as error:
            self.fit(validation_data=(x, np.where(y == y[5], -1, y)))
        assert str(error.value).startswith(
            "The validation set must have targets from 0 to 9, as the model has 10 "
            "classes. Received: -1 in example "
        )

    def test_takes_sources_as_others_do(self):
        part = np.zeros((4, 8, 8, 1), "float32"), np.arange(4)
        splits = Splits(part, part, part)
        assert Linear(splits).splits is splits
        assert Images(splits).classes == ["0", "1", "2", "3"]
