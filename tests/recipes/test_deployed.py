"""What `kdl export` writes of models of which predictions need more than one pass."""

import keras
import numpy as np
import pytest
from contracts import array

from kdl import recipes

pytestmark = pytest.mark.one_backend


def made(recipe, **values):
    keras.utils.set_random_seed(0)
    return recipe.build(recipes.hyperparameters(recipe, values))


def examples(recipe, model, count=5):
    x, y = recipe.network_data(model, "test", count)
    for part in keras.tree.flatten(x):
        assert isinstance(part, np.ndarray) and len(part) == count
    return x, y


def test_a_classifier_is_written_as_it_is():
    recipe = recipes.Images()
    model = made(recipe, filters=8)
    assert recipe.network(model) is model
    x, y = examples(recipe, model)
    # They are spread over the test set, of which none is twice there.
    rows = np.linspace(0, len(recipe.splits.test[1]) - 1, 5).astype(int)
    np.testing.assert_array_equal(y, recipe.splits.test[1][rows])
    np.testing.assert_array_equal(x, recipe.splits.test[0][rows])
    x, y = recipe.network_data(model, "validation", 10_000)
    assert len(x) == len(y) == len(recipe.splits.validation[1])


@pytest.mark.parametrize("kind", ["sparse", "variational", "denoising"])
def test_an_autoencoder_reconstructs(kind):
    recipe = recipes.Autoencoder("digits")
    hp = recipes.hyperparameters(recipe, {"kind": kind})
    keras.utils.set_random_seed(0)
    model = recipe.build(hp)
    x, y = examples(recipe, model)
    assert y is None
    found = recipe.network(model).predict(x, verbose=0)
    np.testing.assert_allclose(found, model.reconstruct(x), rtol=1e-4, atol=1e-5)


def test_a_gan_makes_images_of_codes():
    recipe = recipes.GAN("digits")
    model = made(recipe)
    (codes, labels), _ = examples(recipe, model)
    images = recipe.network(model).predict([codes, labels], verbose=0)
    assert images.shape == (5, *recipe.shape)
    rng = np.random.default_rng(0)
    np.testing.assert_allclose(codes, rng.normal(size=codes.shape), rtol=1e-6)


def test_diffusion_predicts_one_step():
    recipe = recipes.Diffusion("digits")
    model = made(recipe)
    (noisy, time, labels), _ = examples(recipe, model)
    assert recipe.network(model).predict([noisy, time, labels], verbose=0).shape == (
        noisy.shape
    )
    # By flow matching, data and noise are blended in proportion to the time.
    x = recipe.network_data(model, "test", 5)[0]
    np.testing.assert_array_equal(x[0], noisy)
    rows = np.linspace(0, len(recipe.splits.test[1]) - 1, 5).astype(int)
    rng = np.random.default_rng(0)
    t = rng.random((5, 1), "float32")[..., None, None]
    noise = rng.normal(size=noisy.shape)
    data = 2 * recipe.splits.test[0][rows] / recipe.white - 1
    np.testing.assert_allclose(noisy, (1 - t) * data + t * noise, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("loss", ["triplet", "softmax"])
def test_metric_learning_returns_embeddings(loss):
    recipe = recipes.MetricLearning("digits")
    model = made(recipe, loss=loss, filters=8)
    x, y = examples(recipe, model)
    assert (y is None) == (loss == "softmax")
    found = recipe.network(model).predict(x, verbose=0)
    desired = np.array([row for row, *_ in recipe.outputs(model, x)])
    np.testing.assert_allclose(found, desired, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(array(found), axis=-1), 1.0, rtol=1e-4)
