import keras
import numpy as np
import pytest
from contracts import array
from scored_models import IMAGES, RNG, TOKENS, convolutions, linear, reader, rows, table

from kdl.attribution import gradient, saliency


class TestSaliency:
    def test_is_the_size_of_the_gradient(self):
        model, x = linear(), RNG.normal(size=(5, 4)).astype("float32")
        kernel = np.abs(array(model.layers[-1].kernel))
        found = saliency(model, x, 1)
        np.testing.assert_allclose(found, np.tile(kernel[:, 1], (5, 1)), 1e-6)

    def test_of_a_token_is_the_length_of_the_gradient(self):
        model = reader()
        expected = np.linalg.norm(gradient(model, TOKENS, 1).gradients, axis=-1)
        np.testing.assert_allclose(saliency(model, TOKENS, 1), expected, 1e-5)
        bag = reader("mean")
        expected = np.abs(gradient(bag, TOKENS, 1).gradients)
        np.testing.assert_allclose(saliency(bag, TOKENS, 1), expected, 1e-5)

    def test_has_the_arrays_of_the_inputs(self):
        x = rows()
        found = saliency(table(), x)
        assert {name: part.shape for name, part in found.items()} == {
            name: part.shape for name, part in x.items()
        }

    @pytest.mark.skipif(keras.backend.backend() != "torch", reason="Captum needs it")
    def test_is_captum_s(self):
        import torch
        from captum.attr import Saliency

        model = convolutions()
        expected = Saliency(model).attribute(torch.tensor(IMAGES), target=2)
        np.testing.assert_allclose(
            saliency(model, IMAGES, 2), expected.detach().numpy(), atol=1e-6
        )
