import json

import keras
import numpy as np
import pytest
from contracts import LossContract, array, assert_close
from keras import layers

from kdl.losses import PerceptualLoss

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(size=(4, 6, 5, 2)).astype("float32")


def network():
    """Two convolutions, of which both are compared."""
    inputs = keras.Input((None, None, 2), name="images")
    options = {"kernel_initializer": keras.initializers.RandomNormal(seed=1)}
    first = layers.Conv2D(3, 1, activation="relu", name="first", **options)(inputs)
    normal = layers.BatchNormalization(name="normal")(first)
    second = layers.Conv2D(2, 1, name="second", **options)(normal)
    return keras.Model(inputs, [first, second], name="network")


NETWORK = network()


def seen(images):
    """What the network returns, in NumPy."""
    first, (scale, shift, mean, variance), second = (
        [np.asarray(weight, "float64") for weight in layer.get_weights()]
        for layer in NETWORK.layers[1:]
    )
    a = np.maximum(images @ first[0][0, 0] + first[1], 0)
    normal = scale * (a - mean) / np.sqrt(variance + 1e-3) + shift
    return a, normal @ second[0][0, 0] + second[1]


class TestPerceptualLoss(LossContract):
    component = PerceptualLoss
    arguments = {"features": NETWORK, "weight": 30.0, "pixel_weight": 0.5}
    y_true = IMAGES
    y_pred = np.flip(IMAGES, 0).copy()
    minimum = IMAGES
    extreme = 1 - IMAGES
    refused = [
        (
            {"weight": -1},
            "`weight` must be a number in [0, inf) or a LearningRateSchedule. "
            "Received: weight=-1",
        ),
        (
            {"pixel_weight": "much"},
            "`pixel_weight` must be a number in [0, inf) or a LearningRateSchedule. "
            "Received: pixel_weight='much'",
        ),
        (
            {"features": "vgg"},
            "`features` must be a keras.Model of which inputs and outputs are known, "
            "as of keras.Model(inputs, outputs). Received: features='vgg'",
        ),
    ]

    def reference(self, y_true, y_pred):
        pairs = zip(seen(y_true), seen(y_pred), strict=True)
        terms = [np.square(a - b).mean((1, 2, 3)) for a, b in pairs]
        pixels = np.abs(y_true - y_pred).mean((1, 2, 3))
        return 30.0 * np.sum(terms, axis=0) + 0.5 * pixels

    def assert_survives_json(self, part):
        # Of shapes, which are tuples, Keras's JSON makes lists.
        config = keras.saving.serialize_keras_object(part)
        text = json.dumps(config)
        revived = keras.saving.deserialize_keras_object(json.loads(text))
        assert type(revived) is PerceptualLoss
        assert json.dumps(keras.saving.serialize_keras_object(revived)) == text

    def test_gradient_is_finite_at_extreme_predictions(self):
        for images in (self.extreme, self.minimum):
            model = keras.Sequential([keras.Input((6, 5, 2)), layers.Dense(2)])
            model.layers[0].set_weights([np.eye(2), np.zeros(2)])
            model.compile(keras.optimizers.SGD(1e-30), self.make())
            model.train_on_batch(images, self.y_true)
            assert all(np.isfinite(weight).all() for weight in model.get_weights())

    def trained(self, loss):
        model = keras.Sequential([keras.Input((6, 5, 2)), layers.Dense(2)])
        model.compile(keras.optimizers.SGD(0.1), loss)
        model.train_on_batch(self.y_pred, self.y_true)
        return model

    def test_trains_the_model_and_not_the_network(self):
        loss = self.make()
        before = [np.array(weight) for weight in loss.features.get_weights()]
        model = self.trained(loss)
        assert len(model.trainable_variables) == 2
        for old, weight in zip(before, loss.features.get_weights(), strict=True):
            np.testing.assert_array_equal(weight, old)

    def test_the_network_is_saved_with_the_model(self, tmp_path):
        other = keras.models.clone_model(NETWORK)
        other.set_weights([0.5 + weight for weight in NETWORK.get_weights()])
        model = self.trained(self.make(features=other))
        model.save(tmp_path / "model.keras")
        again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
        for ours, theirs in zip(
            again.loss.features.get_weights(), other.get_weights(), strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)
        losses = [
            m.evaluate(self.y_pred, self.y_true, verbose=0) for m in (model, again)
        ]
        np.testing.assert_allclose(*losses, rtol=1e-5)
        # It goes on to train as it would have.
        again.train_on_batch(self.y_pred, self.y_true)
        model.train_on_batch(self.y_pred, self.y_true)
        for ours, theirs in zip(again.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-6)

    def test_takes_a_network_of_one_output(self):
        first = keras.Model(NETWORK.input, NETWORK.output[0])
        loss = PerceptualLoss(first, reduction=None)
        pairs = np.square(seen(self.y_true)[0] - seen(self.y_pred)[0])
        assert_close(loss(self.y_true, self.y_pred), pairs.mean((1, 2, 3)))

    def test_refuses_images_of_another_shape(self):
        with pytest.raises(ValueError) as error:
            array(self.make()(IMAGES[:, :3], IMAGES))
        assert str(error.value) == (
            "`y_true` must be images of shape (4, 6, 5, 2). Received: "
            "shape=(4, 3, 5, 2)"
        )
