import keras
import numpy as np
import pytest
from scipy.special import softmax

import kdl
from kdl.data import Batches, RandomAffine
from kdl.recipes.reading.variants import Variants

RNG = np.random.default_rng(0)
X = RNG.uniform(size=(40, 8, 8, 1)).astype("float32")
Y = np.arange(40) % 3


@pytest.fixture(scope="module")
def model():
    inputs = keras.Input((8, 8, 1))
    outputs = keras.layers.Dense(3)(keras.layers.Flatten()(inputs))
    model = keras.Model(inputs, outputs)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, metrics=["accuracy"])
    return model


def moved(number):
    return [RandomAffine(2.0, 20.0)]


def scores_of(model, x):
    kernel, bias = (np.asarray(w, "float64") for w in model.get_weights())
    return x.reshape(len(x), -1) @ kernel + bias


def test_predicts_the_mean_over_the_variants(model):
    variants = [X]
    for number in (1, 2):
        batches = Batches(X, Y, shuffle=False, augment=moved(1), seed=number)
        variants.append(np.concatenate([batches[n][0] for n in range(len(batches))]))
    assert np.abs(variants[1] - variants[2]).max() > 0.1
    logits = np.array([scores_of(model, x) for x in variants])
    found = Variants(model, moved, 3).predict(X)
    expected = softmax(logits, -1).mean(0)
    np.testing.assert_allclose(np.exp(found), expected, rtol=1e-4)
    found = Variants(model, moved, 3, merge="logits").predict(X)
    np.testing.assert_allclose(found, logits.mean(0), rtol=1e-4, atol=1e-5)
    found = Variants(model, moved, 3, are_logits=False).predict(X)
    np.testing.assert_allclose(found, logits.mean(0), rtol=1e-4, atol=1e-5)


def test_evaluates_the_mean(model):
    averaged = Variants(model, moved, 3)
    shares = np.exp(averaged.predict(X))
    for data in ((X, Y), (Batches(X, Y, shuffle=False),)):
        scores = averaged.evaluate(*data)
        assert scores["accuracy"] == pytest.approx(np.mean(shares.argmax(-1) == Y))
        loss = -np.log(shares[range(40), Y]).mean()
        assert scores["loss"] == pytest.approx(loss, rel=1e-4)


@pytest.mark.one_backend
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": 1}, "`count` must be an integer in [2, 1000]. Received: count=1"),
        (
            {"count": 2, "merge": "votes"},
            "`merge` must be one of 'probabilities', 'logits'. Received: merge='votes'",
        ),
    ],
)
def test_refuses(model, arguments, message):
    with pytest.raises(ValueError) as error:
        Variants(model, moved, **arguments)
    assert str(error.value) == message


@pytest.mark.one_backend
class TestRecipes:
    def test_texts_vary_as_in_the_training(self):
        texts = np.array(["one two three four five", "six seven eight nine ten"] * 12)
        splits = kdl.data.Splits(*[(texts, (np.arange(24) % 2).astype("int32"))] * 3)
        recipe = kdl.recipes.Text(splits)
        values = {"deletion": 0.5}
        model = recipe.build(kdl.recipes.hyperparameters(recipe, values))
        averaged = recipe.averaged(model, 4, values)
        plain, mean = (
            [row["probability"] for row in recipe.predict(some, list(texts[:2]))]
            for some in (model, averaged)
        )
        assert plain != mean
        assert recipe.evaluate(averaged).keys() == recipe.evaluate(model).keys()
        with pytest.raises(ValueError) as error:
            recipe.averaged(model)
        assert str(error.value) == (
            "The training augments no texts, as deletion=0.1 does: there are no "
            "variants of one to average over."
        )

    def test_images_that_are_not_moved_have_none(self):
        recipe = kdl.recipes.Images()
        still = dict.fromkeys(("shift", "rotation", "zoom", "shear"), 0.0)
        with pytest.raises(ValueError) as error:
            recipe.averaged(None, 2, still)
        assert str(error.value) == (
            "The training augments no images, by flips or moves: there are no variants "
            "of one to average over."
        )

    def test_masks_are_flipped_back(self):
        x = RNG.uniform(size=(6, 8, 8, 1)).astype("float32")
        y = (x[..., 0] > 0.5).astype("int32")
        recipe = kdl.recipes.Segmentation(kdl.data.Splits(*[(x, y)] * 3))
        values = {"levels": 2, "filters": 4}
        model = recipe.build(kdl.recipes.hyperparameters(recipe, values))
        averaged = recipe.averaged(model, 2)
        mirrored = recipe.outputs(averaged, x[:, :, ::-1])
        straight = recipe.outputs(averaged, x)
        np.testing.assert_array_equal(np.array(mirrored)[:, :, ::-1], straight)
        with pytest.raises(ValueError) as error:
            recipe.averaged(model, 3)
        assert str(error.value) == "`count` must be one of 2, 4. Received: count=3"
