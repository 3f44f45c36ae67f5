"""Layers are exported for inference without kdl, as far as Keras can."""

import keras
import numpy as np
import pytest
from contracts import array, called
from exports import exported
from test_reload import model_with, saved

LAYERS = {
    name: test
    for name, test in saved().items()
    if issubclass(test.component, keras.layers.Layer)
}


@pytest.mark.parametrize("name", LAYERS)
def test_layer_is_exported(name, tmp_path):
    if (keras.backend.backend(), name) == ("jax", "EmbeddingBag"):
        pytest.skip("JAX compares the sizes of constants of a loop, not knowing them")
    model, inputs = model_with(LAYERS[name], LAYERS[name]().make())
    # Another compiler may add up in another order: in float32, 1e-5 of a value of 1.
    actual, desired = exported(model, tmp_path)(inputs), called(model, inputs)
    np.testing.assert_allclose(array(actual), array(desired), rtol=1e-5, atol=1e-5)
