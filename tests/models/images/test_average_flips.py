import keras
import numpy as np
import pytest
from contracts import array
from scipy.special import expit, logit, softmax

from kdl.models import average_flips, cnn

RNG = np.random.default_rng(0)
X = RNG.uniform(size=(6, 8, 8, 1)).astype("float32")
Y = np.arange(6) % 3


@pytest.fixture(scope="module")
def model():
    model = cnn((8, 8, 1), 3, filters=(4,), rate=0.5)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, metrics=["accuracy"])
    return model


def test_averages_the_probabilities_of_both_sides(model):
    averaged = average_flips(model)
    both = [softmax(model.predict(x, verbose=0), -1) for x in (X, X[:, :, ::-1])]
    found = averaged.predict(X, verbose=0)
    np.testing.assert_allclose(np.exp(found), np.mean(both, 0), rtol=1e-5)
    np.testing.assert_allclose(found, averaged.predict(X[:, :, ::-1], verbose=0), 1e-5)
    scores = averaged.evaluate(X, Y, verbose=0, return_dict=True)
    loss = -np.log(np.mean(both, 0)[range(6), Y]).mean()
    np.testing.assert_allclose(scores["loss"], loss, rtol=1e-5)
    accuracy = np.mean(found.argmax(-1) == Y)
    np.testing.assert_allclose(scores["accuracy"], accuracy, rtol=1e-6)


def test_flips_pixels_back():
    inputs = keras.Input((None, None, 1))
    model = keras.Model(inputs, keras.layers.Conv2D(3, 3, padding="same")(inputs))
    model.layers[-1].kernel.assign(RNG.normal(size=(3, 3, 1, 3)))
    expected = []
    for axes in ((), (2,), (1,), (1, 2)):
        logits = model.predict(np.flip(X, axes), verbose=0)
        expected.append(np.flip(softmax(logits, -1), axes))
    for count in (2, 4):
        found = average_flips(model, vertical=count == 4).predict(X, verbose=0)
        mean = np.mean(expected[:count], 0)
        np.testing.assert_allclose(np.exp(found), mean, rtol=1e-4)


def test_averages_probabilities_as_they_are(model):
    inputs = keras.Input((8, 8, 1))
    outputs = keras.layers.Softmax()(model(inputs))
    averaged = average_flips(keras.Model(inputs, outputs), from_logits=False)
    desired = np.exp(array(average_flips(model)(X)))
    np.testing.assert_allclose(array(averaged(X)), desired, rtol=1e-5)


@pytest.mark.parametrize("of_pixels", [False, True])
def test_averages_what_is_said_of_the_second_of_two_classes(of_pixels):
    inputs = keras.Input((8, 8, 1))
    x = inputs if of_pixels else keras.layers.Flatten()(inputs)
    outputs = keras.layers.Dense(1, kernel_initializer="glorot_normal")(x)
    model = keras.Model(inputs, outputs)
    model.compile("sgd", keras.losses.BinaryCrossentropy(from_logits=True))
    logits = model.predict(X, verbose=0), model.predict(X[:, :, ::-1], verbose=0)
    both = expit(np.array(logits, "float64"))
    both = [both[0], both[1][:, :, ::-1] if of_pixels else both[1]]
    found = average_flips(model).predict(X, verbose=0)
    np.testing.assert_allclose(found, logit(np.mean(both, 0)), rtol=1e-4, atol=1e-6)
    assert np.ptp(found) > 0
    shares = keras.Model(inputs, keras.layers.Activation("sigmoid")(outputs))
    found = average_flips(shares, from_logits=False).predict(X, verbose=0)
    np.testing.assert_allclose(found, np.mean(both, 0), rtol=1e-5)


def test_is_saved(model, tmp_path):
    averaged = average_flips(model)
    averaged.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(array(loaded(X)), array(averaged(X)), rtol=1e-6)


@pytest.mark.one_backend
def test_is_compiled_as_the_model_is(model):
    """On PyTorch, one that was saved on JAX is not, whatever its config says."""
    other = keras.models.clone_model(model)
    other.compile("sgd", "mse", jit_compile=True)
    other.jit_compile = False
    assert not average_flips(other).jit_compile


@pytest.mark.one_backend
def test_takes_classifiers_of_images_alone():
    inputs = keras.Input((8, 8, 1))
    with pytest.raises(ValueError) as error:
        average_flips(keras.Model(inputs, keras.layers.Conv2D(2, 3)(inputs)))
    assert str(error.value) == (
        "`model` must take images of shape (batch, height, width, channels) and return "
        "scores of shape (batch, classes), or (batch, height, width, classes) of "
        "pixels. Received: (None, 8, 8, 1) to (None, 6, 6, 2)"
    )


@pytest.mark.one_backend
def test_refuses_probabilities_as_logits(model):
    inputs = keras.Input((8, 8, 1))
    shares = keras.Model(inputs, keras.layers.Softmax()(model(inputs)), name="shares")
    shares.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError) as error:
        average_flips(shares)
    assert str(error.value) == (
        "`from_logits` must be False for the model 'shares', whose loss takes "
        "probabilities. Received: from_logits=True"
    )
