import keras
import numpy as np
import pytest
from contracts import array
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image

import kdl
from kdl.metrics import image_features
from kdl.metrics.generated.image_features import WEIGHTS

X, Y = kdl.data.fashion().test


@pytest.fixture(scope="module")
def network():
    return image_features()


def reference(images):
    """The features of images in float64, in NumPy, resized by Pillow."""
    with np.load(WEIGHTS) as weights:
        *convolutions, kernel, bias = (weights[n].astype("float64") for n in weights)
    hidden = []
    for image in images.astype("float64").mean(-1):
        resized = Image.fromarray(image.astype("float32"))
        hidden.append(resized.resize((28, 28), Image.Resampling.BILINEAR))
    hidden = np.stack(hidden)[..., np.newaxis].astype("float64")
    for window, shift in zip(convolutions[::2], convolutions[1::2], strict=True):
        padded = np.pad(hidden, ((0, 0), (1, 1), (1, 1), (0, 0)))
        pieces = sliding_window_view(padded, (3, 3), (1, 2))
        hidden = np.maximum(np.einsum("nijcab,abcd->nijd", pieces, window) + shift, 0)
        count, side, _, filters = hidden.shape
        half = side // 2
        hidden = hidden[:, : 2 * half, : 2 * half]
        hidden = hidden.reshape(count, half, 2, half, 2, filters).max((2, 4))
    return np.maximum(hidden.reshape(len(images), -1) @ kernel + bias, 0)


@pytest.mark.parametrize("side", [28, 8, 45, 96])
def test_agrees_with_the_reference(side, network):
    """Smaller and larger images are resized as Pillow does it, by antialiasing."""
    images = (
        X[:12]
        if side == 28
        else np.random.default_rng(0)
        .uniform(size=(5, side, side + 3, 3))
        .astype("float32")
    )
    features = array(network(images))
    assert features.dtype == "float32"
    desired = reference(images)
    assert desired.shape == (len(images), 64) and desired.max() > 1
    np.testing.assert_allclose(features, desired, atol=1e-3)


def test_classes_are_near_each_other(network):
    """Of 300 images of ten classes; by chance, a tenth would be."""
    features = network.predict(X[:300], verbose=0)
    apart = np.linalg.norm(features[:, np.newaxis] - features, axis=-1)
    np.fill_diagonal(apart, np.inf)
    assert np.mean(Y[:300][apart.argmin(1)] == Y[:300]) > 0.75


def test_is_float32_under_any_policy():
    desired = array(image_features()(X[:3]))
    policy = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("mixed_bfloat16")
        features = array(image_features()(X[:3]))
    finally:
        keras.config.set_dtype_policy(policy)
    np.testing.assert_allclose(features, desired, atol=1e-5)


@pytest.mark.one_backend
def test_is_small_and_not_trained(network):
    assert WEIGHTS.stat().st_size < 250_000
    assert not network.trainable_variables
    assert image_features() is not network


def test_sees_for_a_perceptual_loss(network, tmp_path):
    """Which is saved with the model that it trains."""
    layers = [keras.Input((8, 8, 1)), keras.layers.Conv2D(1, 3, padding="same")]
    model = keras.Sequential(layers)
    model.compile("adam", kdl.losses.PerceptualLoss(network))
    images = np.random.default_rng(0).uniform(size=(4, 8, 8, 1)).astype("float32")
    before = model.get_weights()[0]
    loss = model.train_on_batch(images, images)
    assert np.isfinite(loss) and (model.get_weights()[0] != before).all()
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    losses = [m.test_on_batch(images, images) for m in (model, again)]
    np.testing.assert_allclose(*losses, rtol=1e-5)
