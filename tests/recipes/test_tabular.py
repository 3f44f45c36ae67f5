import json

import keras
import numpy as np
import pytest
import scipy.special
from contracts import RecipeContract, array, assert_close, same

from kdl.data import Splits
from kdl.recipes import Tabular, hyperparameters, run

RNG = np.random.default_rng(0)


def split(x, y, classes=None):
    rows = np.split(np.arange(len(y)), [len(y) - 80, len(y) - 40])
    parts = [({name: x[name][some] for name in x}, y[some]) for some in rows]
    return Splits(*parts, classes)


def prices(count=400):
    """A number that is steep in another one, and depends on a category and a gap."""
    size = RNG.lognormal(size=count)
    size[::7] = np.nan
    place = RNG.choice(["north", "south"], count)
    price = np.where(np.isnan(size), 3.0, np.sin(3 * np.nan_to_num(size)))
    price = 1000 + 50 * (price + 2 * (place == "south"))
    return split({"size": size, "place": place}, price.astype("float32")[:, None])


class TestTabular(RecipeContract):
    recipe = Tabular()
    epochs = 5
    examples = 276

    def build(self, recipe=None, **values):
        recipe = recipe or self.recipe
        return recipe.build(hyperparameters(recipe, values))

    def test_learns_species(self):
        keras.utils.set_random_seed(0)
        model, _ = run(self.recipe, **self.recipe.data(), epochs=10, verbose=0)
        scores = self.recipe.evaluate(model)
        # Of 34; a tree of one question gets three quarters.
        assert scores["accuracy"] > 0.94

    @pytest.mark.parametrize("encoding", ["bins", "standardized"])
    def test_learns_numbers_on_their_own_scale(self, encoding):
        keras.utils.set_random_seed(0)
        recipe = Tabular(prices())
        assert recipe.objective.name == "val_rmse" and recipe.classes is None
        hp = {"encoding": encoding, "dropout": 0.0}
        model, _ = run(recipe, **recipe.data(), hp=hp, epochs=20, verbose=0)
        scores = recipe.evaluate(model)
        x, y = recipe.splits.test
        rows = recipe.predict(model, x)
        errors = np.array([row["prediction"] for row in rows]) - y[:, 0]
        np.testing.assert_allclose(scores["rmse"], np.sqrt(np.mean(errors**2)), 1e-4)
        np.testing.assert_allclose(scores["mae"], np.mean(np.abs(errors)), 1e-4)
        np.testing.assert_allclose(scores["r2"], 1 - np.mean(errors**2) / y.var(), 1e-3)
        assert scores["r2"] > 0.9
        # The loss is of a target of variance 1.
        variance = recipe.splits.train[1].var()
        np.testing.assert_allclose(scores["loss"], scores["rmse"] ** 2 / variance, 1e-3)
        pictures = recipe.examine(model)
        assert pictures.keys() == {"predictions.png", "residuals.png"}
        (axes,) = pictures["residuals.png"].axes
        np.testing.assert_allclose(axes.lines[1].get_ydata(), -errors, atol=1e-3)

    def test_inputs_of_a_network_begin_with_mean_0_and_variance_1(self):
        recipe = Tabular(prices())
        model = self.build(recipe, encoding="standardized")
        x = recipe.inputs(recipe.splits.train[0])
        parts = keras.Model(model.inputs, model.layers[-1].output)
        concatenated = next(
            layer
            for layer in model.layers
            if isinstance(layer, keras.layers.Concatenate)
        )
        parts = keras.Model(model.inputs, concatenated.output)
        known, missing = array(parts(x))[:, :2].T
        sizes = recipe.splits.train[0]["size"]
        gaps = np.isnan(sizes)
        assert same(missing, gaps.astype("float32"))
        assert (known[gaps] == 0).all()
        desired = (sizes - np.nanmean(sizes)) / np.nanstd(sizes)
        np.testing.assert_allclose(known[~gaps], desired[~gaps], atol=1e-4)

    def test_an_unseen_category_is_another_one_and_not_an_error(self):
        model = self.build()
        row = {name: column[0] for name, column in self.recipe.splits.test[0].items()}
        rare, other, known = self.recipe.predict(
            model,
            [{**row, "island": "Mars"}, {**row, "island": "Venus"}, {**row, "more": 1}],
        )
        assert rare == other
        assert rare["p(Gentoo)"] != known["p(Gentoo)"]

    def test_predicts_names_and_probabilities_of_rows_with_gaps(self):
        model = self.build()
        x = {name: column[:5] for name, column in self.recipe.splits.test[0].items()}
        x["body_mass_g"] = np.full(5, np.nan)
        rows = self.recipe.predict(model, x)
        logits = array(model(self.recipe.inputs(x)))
        desired = scipy.special.softmax(logits, axis=-1)
        for row, probabilities in zip(rows, desired, strict=True):
            each = [row[f"p({name})"] for name in ("Adelie", "Chinstrap", "Gentoo")]
            np.testing.assert_allclose(each, probabilities, 1e-4)

    def test_another_one_predicts_by_its_state(self):
        model = self.build()
        other = Tabular("csv:nowhere.csv?target=species")
        other.set_state(json.loads(json.dumps(self.recipe.get_state())))
        x = self.recipe.splits.test[0]
        assert same(other.predict(model, x), self.recipe.predict(model, x))

    @pytest.mark.parametrize("names", [["size"], ["place"], ["size", "place"]])
    def test_takes_columns_of_either_kind(self, names):
        splits = prices(100)
        parts = [({name: x[name] for name in names}, y) for x, y in splits]
        recipe = Tabular(Splits(*parts))
        model, _ = run(recipe, **recipe.data(), epochs=1, verbose=0)
        outputs = model.predict(recipe.inputs(parts[2][0]), verbose=0)
        assert outputs.shape == (40, 1) and np.isfinite(outputs).all()

    def test_a_date_learns_though_parts_of_it_are_all_alike(self):
        day = np.datetime64("2024-01-01", "s") + np.arange(200) * np.timedelta64(1, "D")
        y = np.arange(200, dtype="float32")[:, None]
        recipe = Tabular(split({"day": day}, y))
        model, _ = run(recipe, **recipe.data(), epochs=1, verbose=0)
        assert np.isfinite(recipe.evaluate(model)["loss"])

    def test_reloads_with_its_numbers_inside(self, tmp_path):
        recipe = Tabular(prices(100))
        model = self.build(recipe)
        model.save(tmp_path / "model.keras")
        x = recipe.inputs(recipe.splits.test[0])
        revived = keras.saving.load_model(tmp_path / "model.keras")
        assert_close(revived(x), model(x))

    def test_defaults_go_by_the_number_of_rows(self):
        defaults = hyperparameters(self.recipe, {}).values
        assert (defaults["batch_size"], defaults["bins"]) == (16, 8)
        large = {"size": RNG.normal(size=20_080)}
        recipe = Tabular(split(large, RNG.normal(size=(20_080, 1)).astype("float32")))
        defaults = hyperparameters(recipe, {}).values
        assert (defaults["batch_size"], defaults["bins"]) == (512, 16)

    @pytest.mark.parametrize(
        ("x", "y", "received"),
        [
            (np.zeros((4, 3)), np.zeros(4, int), "ndarray and int64 (4,)"),
            ({"a": np.zeros(4)}, np.zeros(4), "dict and float64 (4,)"),
            ({"a": np.zeros(4)}, np.zeros(3, int), "dict and int64 (3,)"),
            ({}, np.zeros(3, int), "dict and int64 (3,)"),
        ],
    )
    def test_refuses_what_are_no_tables(self, x, y, received):
        with pytest.raises(ValueError) as error:
            Tabular(Splits((x, y), (x, y), (x, y))).data()
        assert str(error.value) == (
            "`source` must hold tables, a dict of columns of one length, and a target "
            "for each row: an integer for a class, or a number, of shape (rows, 1). "
            f"Received: {received}"
        )

    def test_refuses_infinite_numbers_but_no_gaps(self):
        data = self.recipe.data()
        data["x"] = {**data["x"], "numbers": data["x"]["numbers"].copy()}
        data["x"]["numbers"][3, 1] = np.inf
        with pytest.raises(ValueError) as error:
            run(self.recipe, **data)
        assert str(error.value) == (
            "The training set must hold finite numbers: leave out what has others, or "
            "fill them in. Received: inf in the inputs of example 3"
        )
