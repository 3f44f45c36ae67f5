import keras
import numpy as np
import pytest
from contracts import array
from scored_models import IMAGES, RNG, TOKENS, convolutions, linear, reader, rows, table

from kdl.attribution import occlusion


class TestOcclusion:
    def test_of_a_linear_model_is_what_each_input_adds(self):
        model, x = linear(), RNG.normal(size=(5, 4)).astype("float32")
        kernel = array(model.layers[-1].kernel)
        found = occlusion(model, x, 1, value=2.0)
        np.testing.assert_allclose(found, (x - 2) * kernel[:, 1], 1e-4, 1e-5)

    def test_is_the_mean_fall_of_the_windows_over_a_place(self):
        model = convolutions()
        before = array(model(IMAGES))[:, 2]
        falls, counts = np.zeros((6, 8, 8)), np.zeros((8, 8))
        # The last windows reach beyond the image.
        for top in (0, 2, 4, 6):
            for left in (0, 3, 6):
                hidden = IMAGES.copy()
                hidden[:, top : top + 3, left : left + 4] = 0.5
                place = slice(top, top + 3), slice(left, left + 4)
                fall = before - array(model(hidden))[:, 2]
                falls[(slice(None), *place)] += fall[:, None, None]
                counts[place] += 1
        found = occlusion(model, IMAGES, 2, (3, 4), (2, 3), 0.5, batch_size=4)
        np.testing.assert_allclose(found, falls / counts, 1e-3, 1e-5)

    def test_of_tokens_needs_no_embedding_that_is_known(self):
        model = reader()
        found = occlusion(model, TOKENS, 1)
        hidden = TOKENS.copy()
        hidden[:, 2] = 0
        expected = array(model(TOKENS) - model(hidden))[:, 1]
        np.testing.assert_allclose(found[:, 2], expected, 1e-3, 1e-5)

    @pytest.mark.skipif(keras.backend.backend() != "torch", reason="Captum needs it")
    def test_is_captum_s(self):
        import torch
        from captum.attr import Occlusion

        model = convolutions()
        expected = Occlusion(model).attribute(
            torch.tensor(IMAGES), (3, 3, 1), strides=(2, 2, 1), target=3
        )
        found = occlusion(model, IMAGES, 3, window=3)
        np.testing.assert_allclose(
            found, expected.detach().numpy()[..., 0], 1e-4, atol=1e-5
        )

    @pytest.mark.one_backend
    def test_refuses(self):
        model = linear()
        for options, message in (
            (
                {"window": 5},
                "`window` must not be larger than the inputs, (4,). Received: window=5",
            ),
            (
                {"window": 2, "stride": 3},
                "`stride` must not be larger than the window, (2,). Received: stride=3",
            ),
            (
                {"window": 0},
                "`window` must be an integer in [1, inf). Received: window=0",
            ),
            (
                {"value": None},
                "`value` must be a number in (-inf, inf). Received: value=None",
            ),
        ):
            with pytest.raises(ValueError) as error:
                occlusion(model, np.ones((2, 4)), **options)
            assert str(error.value) == message
        with pytest.raises(ValueError) as error:
            occlusion(table(), rows())
        assert str(error.value) == (
            "`inputs` must be one array, of shape (examples, height, width, channels), "
            "(examples, length, features) or (examples, length). Received: "
            "shape=(6, 2), (6, 3)"
        )
