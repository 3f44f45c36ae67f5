import keras
import numpy as np
import pytest
from contracts import array

from kdl.models import features, resnet

pytestmark = pytest.mark.one_backend
X = np.random.default_rng(0).normal(size=(2, 8, 8, 1)).astype("float32")


@pytest.fixture(scope="module")
def model():
    return resnet((8, 8, 1), 3, filters=(4, 6), depth=1, stem="small")


def test_are_what_layers_return(model):
    first = features(model, "stage_1_block_1")
    second, pooled = features(model, ["stage_2_block_1", "pooling"])(X)
    assert first.output_shape == (None, 8, 8, 4)
    np.testing.assert_allclose(array(pooled), array(second).mean((1, 2)), 1e-5)
    logits = model.get_layer("logits")(pooled)
    np.testing.assert_allclose(array(logits), array(model(X)), 1e-5, 1e-6)


def test_are_by_default_the_last_images(model):
    part = features(model)
    assert part.layers[-1].name == "stage_2_block_1"
    # The weights are shared.
    assert part.layers[-1] is model.get_layer("stage_2_block_1")


def test_of_a_model_of_keras():
    net = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Conv2D(2, 3, name="conv")]
    )
    assert features(net).output_shape == (None, 6, 6, 2)


def test_refuses_what_is_not_there(model):
    with pytest.raises(ValueError) as error:
        features(model, "stage_3")
    assert str(error.value).startswith(
        "`layer` must be the name of a layer of the model, one of 'images', 'stem', "
    )
    assert str(error.value).endswith("Received: layer='stage_3'")
    with pytest.raises(ValueError, match="inputs and outputs are known"):
        features(keras.Sequential([keras.layers.Dense(2)]))
    dense = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="dense")])
    with pytest.raises(ValueError) as error:
        features(dense)
    assert str(error.value) == "`model` must have a layer of images. It has: ['dense']"
