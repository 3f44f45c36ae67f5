"""What recipes say of their predictions, of models that have hardly learned."""

import keras
import keras_tuner
import numpy as np
import pandas as pd
import pytest
from contracts import array
from image_folders import make_folder
from image_models import small_resnet
from scipy.special import softmax
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.metrics import r2_score

from kdl.attribution import grad_cam, integrated_gradients, overlay
from kdl.data import Splits
from kdl.recipes import (
    Autoencoder,
    Forecast,
    Images,
    MetricLearning,
    Recipe,
    Segmentation,
    Tabular,
    Text,
    Transfer,
    hyperparameters,
)
from kdl.recipes.explanations import by_words

IMAGES = np.random.default_rng(0).random((4, 8, 8, 1), "float32")


def built(recipe, **values):
    return recipe.build(hyperparameters(recipe, values))


def total(rows):
    """Sums of what the parts of each input add."""
    sums = {}
    for row in rows:
        sums[row["input"]] = sums.get(row["input"], 0) + row["attribution"]
    return np.array([sums[n] for n in range(len(sums))])


class TestOfImages:
    def test_is_a_picture_of_the_class_that_is_predicted(self):
        recipe = Images("gallery")
        model = built(recipe, filters=8)
        found = recipe.explain(model, IMAGES)
        logits = array(model(IMAGES))
        best = logits.argmax(axis=1)
        expected, gap = integrated_gradients(model, IMAGES, best)
        assert [row["class"] for row in found.rows] == [recipe.classes[n] for n in best]
        np.testing.assert_allclose(
            [row["score"] for row in found.rows], logits.max(axis=1), 1e-4
        )
        np.testing.assert_allclose([row["gap"] for row in found.rows], gap, atol=1e-4)
        for image, attributions, picture in zip(
            IMAGES, expected, found.pictures, strict=True
        ):
            drawn = np.asarray(overlay(image, attributions), int)
            assert np.abs(np.asarray(picture, int) - drawn).max() <= 1

    @pytest.mark.one_backend
    def test_reads_files_and_goes_by_any_method(self, tmp_path):
        make_folder(tmp_path / "photos", {"a": 12, "b": 12})
        recipe = Images(f"images:{tmp_path / 'photos'}")
        model = built(recipe, filters=8, family="resnet")
        files = sorted((tmp_path / "photos").rglob("*.png"))[:2]
        x = recipe.inputs(files)[np.arange(2)]
        for method in ("grad_cam", "occlusion", "saliency"):
            found = recipe.explain(model, files, method)
            assert [sorted(row) for row in found.rows] == 2 * [
                ["class", "input", "score"]
            ]
            if method == "grad_cam":
                maps = grad_cam(model, x)
                picture = np.asarray(overlay(x[0], maps[0]), int)
                assert np.abs(np.asarray(found.pictures[0], int) - picture).max() <= 1

    @pytest.mark.one_backend
    @pytest.mark.parametrize("strategy", ["features", "head", "fine_tuning"])
    def test_of_a_network_that_goes_on_from_another(self, strategy):
        y = np.arange(32) % 4
        part = np.random.default_rng(0).random((32, 8, 8, 1), "float32"), y
        splits = Splits(part, part, part, classes=list("abcd"))
        recipe = Transfer(splits, backbone=small_resnet(classes=3))
        model = built(recipe, strategy=strategy)
        found = recipe.explain(model, IMAGES, "grad_cam_plus_plus")
        assert len(found.pictures) == 4


class TestOfTexts:
    @pytest.mark.parametrize("network", ["bag", "cnn"])
    def test_words_add_up_to_the_score(self, network):
        recipe = Text()
        small = {"buckets": 4096} if network == "bag" else {"subwords": 500}
        names = dict(zip(("bag", "cnn"), _networks(recipe), strict=False))
        model = built(recipe, network=names[network], embedding=16, **small)
        texts = ["A small animal, furry", "an act"]
        found = recipe.explain(model, texts)
        words = [[r["part"] for r in found.rows if r["input"] == n] for n in (0, 1)]
        assert words == [["a", "small", "animal", ",", "furry"], ["an", "act"]]
        outputs = recipe.outputs(model, texts)
        best = outputs.argmax(axis=1)
        _, gap = integrated_gradients(
            model, recipe.inputs_for(model, recipe.inputs(texts)), best
        )
        gaps = [next(r["gap"] for r in found.rows if r["input"] == n) for n in (0, 1)]
        np.testing.assert_allclose(gaps, gap, atol=1e-5)
        if network == "bag":
            empty = np.zeros((1, recipe.tokens_of(model).length), "int32")
            nothing = array(model(empty))[0, best]
            np.testing.assert_allclose(
                total(found.rows), outputs.max(axis=1) - nothing, atol=1e-4
            )

    @pytest.mark.one_backend
    def test_refuses_a_network_of_two_texts_at_once(self):
        recipe = Text()
        model = built(recipe, mixup=0.2, buckets=4096, embedding=16)
        with pytest.raises(ValueError) as error:
            recipe.explain(model, ["an act"])
        assert str(error.value) == (
            "The recipe 'text' explains nothing: its model was made to blend texts, by "
            "mixup, and reads two at once."
        )


class TestOfTables:
    def test_columns_add_up_from_a_row_of_means(self):
        recipe = Tabular()
        model = built(recipe)
        x = {name: column[:3] for name, column in recipe.splits.test[0].items()}
        numbers = recipe.inputs(recipe.splits.train[0])["numbers"]
        found = recipe.explain(model, x)
        assert {row["part"] for row in found.rows} == set(x)
        outputs = recipe.outputs(model, x)
        best = outputs.argmax(axis=1)
        # The first category of a column is the one that is not known.
        counts = [1 + len(c["values"]) for c in recipe.columns if "values" in c]
        codes = np.cumsum([0, *counts[:-1]]).astype("int32")
        mean = np.nanmean(numbers, axis=0, dtype="float64").astype("float32")
        baseline = {"numbers": mean[None], "categories": codes[None]}
        nothing = array(model(baseline))[0, best]
        gap = np.array([r["gap"] for r in found.rows[:: len(x)]])
        np.testing.assert_allclose(
            total(found.rows), outputs.max(axis=1) - nothing + gap, atol=1e-3
        )
        # Fifty steps over the kinks of bins and ReLU.
        assert np.abs(gap).max() < 0.05


@pytest.mark.one_backend
class TestEstimator:
    """Of scikit-learn, for its inspection of tables."""

    def test_is_looked_at_by_scikit_learn(self):
        recipe = Tabular()
        keras.utils.set_random_seed(0)
        model = built(recipe)
        x, y = recipe.splits.test
        x = pd.DataFrame(x)
        estimator = recipe.estimator(model)
        outputs = recipe.outputs(model, x)
        np.testing.assert_array_equal(estimator.predict(x), outputs.argmax(axis=1))
        found = permutation_importance(
            estimator, x, y, n_repeats=2, random_state=0, scoring="neg_log_loss"
        )
        assert found.importances.shape == (len(x.columns), 2)
        curve = partial_dependence(
            estimator, x, ["body_mass_g"], grid_resolution=3, kind="average"
        )
        means = []
        for mass in curve["grid_values"][0]:
            logits = recipe.outputs(model, x.assign(body_mass_g=mass))
            means.append(softmax(logits.astype("float64"), axis=1).mean(axis=0))
        np.testing.assert_allclose(curve["average"], np.array(means).T, 1e-4)

    def test_of_numbers_predicts_them(self):
        rng = np.random.default_rng(0)
        x = {"a": rng.normal(size=40).astype("float32")}
        recipe = Tabular(Splits(*3 * [(x, x["a"][:, None].copy())]))
        model = built(recipe)
        estimator = recipe.estimator(model)
        outputs = recipe.outputs(model, x)[:, 0]
        np.testing.assert_array_equal(estimator.predict(pd.DataFrame(x)), outputs)
        assert estimator.score(pd.DataFrame(x), x["a"]) == pytest.approx(
            r2_score(x["a"], outputs.astype("float64"))
        )


class Mean(Recipe):
    """Of sequences of numbers, which are neither images nor rows."""

    def build(self, hp):
        pool = keras.layers.GlobalAveragePooling1D()
        return keras.Sequential([keras.Input((5, 3)), pool, keras.layers.Dense(2)])


@pytest.mark.one_backend
def test_is_refused_of_other_inputs_and_outputs():
    masks = Splits(*3 * [(IMAGES, (IMAGES[..., 0] > 0.5).astype("int32"))])
    outputs = "its outputs are not a score for each class, or a number"
    for recipe, raw, why in (
        (MetricLearning("gallery"), IMAGES, outputs),
        (Segmentation(masks), IMAGES, outputs),
        (Forecast(), np.zeros((1, 20, 1), "float32"), outputs),
        (Autoencoder("gallery"), IMAGES, outputs),
        (
            Mean("digits"),
            np.zeros((2, 5, 3), "float32"),
            "its inputs are no images, texts or rows of a table",
        ),
    ):
        model = recipe.build(keras_tuner.HyperParameters())
        with pytest.raises(ValueError) as error:
            recipe.explain(model, raw)
        assert str(error.value) == (
            f"The recipe {recipe.name!r} explains nothing: {why}."
        )


@pytest.mark.one_backend
def test_tokens_of_several_words_are_divided():
    words, sums = by_words(
        "a bc, d", [(0, 1), (1, 4), (2, 4), (4, 5), (2, 7), (7, 8)], [1, 2, 4, 8, 3, 16]
    )
    assert words == ["a", "bc", ",", "d"]
    # The last token is of no word; the one before it is of three.
    np.testing.assert_allclose(sums, [1, 2 + 4 + 1, 8 + 1, 1])


def _networks(recipe):
    return next(
        hp.values for hp in hyperparameters(recipe, {}).space if hp.name == "network"
    )
