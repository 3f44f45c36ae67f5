import keras
import numpy as np
import pytest
from contracts import array

from kdl.layers.convolution.batch_normalization import BatchNormalization

BATCH = keras.layers.BatchNormalization
RNG = np.random.default_rng(0)
IMAGES = RNG.normal(3, 2, size=(4, 6, 5, 3)).astype("float32")
TARGETS = RNG.normal(size=IMAGES.shape).astype("float32")


def trained(kind, **options):
    """A layer after two steps of training, and what it then returns."""
    layer = kind(momentum=0.7, epsilon=0.01, **options)
    model = keras.Sequential([keras.Input(IMAGES.shape[1:]), layer])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    losses = [model.train_on_batch(IMAGES, TARGETS) for _ in range(2)]
    return [*losses, *map(array, layer.weights), array(model(IMAGES))]


@pytest.mark.parametrize("options", [{}, {"scale": False}])
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_is_that_of_keras(options, dtype):
    options = {**options, "dtype": dtype}
    both = [trained(a, **options) for a in (BatchNormalization, BATCH)]
    for ours, theirs in zip(*both, strict=True):
        ours, theirs = (np.asarray(x, "float32") for x in (ours, theirs))
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_stays_as_it_is_where_it_is_frozen():
    layer = BatchNormalization()
    layer.trainable = False
    outputs = array(layer(IMAGES, training=True))
    np.testing.assert_allclose(outputs, IMAGES / np.sqrt(1.001), rtol=1e-5)
    assert array(layer.moving_mean).tolist() == [0, 0, 0]
