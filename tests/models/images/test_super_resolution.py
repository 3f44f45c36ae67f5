import keras
import numpy as np
import pytest
from contracts import array, assert_close, called

from kdl.layers import BicubicUpsampling2D
from kdl.models import super_resolution
from kdl.models.images.super_resolution import UPSAMPLING

IMAGES = np.random.default_rng(0).uniform(size=(2, 7, 6, 3)).astype("float32")


def small(**options):
    return super_resolution((None, None, 3), **{"filters": 8, "depth": 1, **options})


class TestSuperResolution:
    @pytest.mark.parametrize("upsampling", UPSAMPLING)
    def test_starts_as_bicubic_interpolation(self, upsampling):
        model = small(upsampling=upsampling)
        desired = BicubicUpsampling2D(2, "channels_last")(IMAGES)
        assert_close(called(model, IMAGES), desired)

    @pytest.mark.parametrize("upsampling", UPSAMPLING)
    @pytest.mark.parametrize("factor", [2, 3, 4, 8])
    def test_enlarges_by_its_factor_and_learns(self, factor, upsampling):
        model = small(factor=factor, upsampling=upsampling)
        assert model.output_shape == (None, None, None, 3)
        model.compile("sgd", "mse")
        before = array(model(IMAGES))
        assert before.shape == (2, 7 * factor, 6 * factor, 3)
        model.train_on_batch(IMAGES, np.zeros_like(before))
        after = array(model(IMAGES))
        assert np.abs(after).mean() < np.abs(before).mean()

    @pytest.mark.parametrize("upsampling", UPSAMPLING)
    def test_upsampling_starts_without_a_checkerboard(self, upsampling):
        """What is constant stays constant, away from the border."""
        model = small(factor=4, upsampling=upsampling)
        rng = np.random.default_rng(0)
        details = model.get_layer("details")
        details.set_weights([rng.normal(size=w.shape) for w in details.get_weights()])
        outputs = array(called(model, np.full((1, 24, 24, 3), 0.5, "float32")))
        inner = outputs[:, 32:-32, 32:-32]
        assert np.abs(outputs - inner[0, 0, 0]).max() > 1e-3
        np.testing.assert_allclose(inner, inner[:, :1, :1] + 0 * inner, atol=1e-5)

    def test_reloads(self, tmp_path):
        model = small()
        model.get_layer("details").bias.assign([0.1, 0.2, 0.3])
        model.save(tmp_path / "model.keras")
        again = keras.saving.load_model(tmp_path / "model.keras")
        assert_close(called(again, IMAGES), called(model, IMAGES))

    @pytest.mark.one_backend
    def test_its_details_are_of_float32_in_mixed_precision(self):
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy("mixed_bfloat16")
        try:
            model = small()
        finally:
            keras.config.set_dtype_policy(before)
        assert model.output.dtype == "float32"
        desired = array(BicubicUpsampling2D(2, "channels_last")(IMAGES))
        np.testing.assert_allclose(array(model(IMAGES)), desired, atol=1e-6)

    @pytest.mark.one_backend
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"factor": 5}, "`factor` must be one of 2, 3, 4, 8. Received: factor=5"),
            (
                {"filters": 3},
                "`filters` must be an integer in [4, inf). Received: filters=3",
            ),
            (
                {"depth": -1},
                "`depth` must be an integer in [0, inf). Received: depth=-1",
            ),
            (
                {"upsampling": "bilinear"},
                "`upsampling` must be one of 'subpixel', 'transposed', 'resized'. "
                "Received: upsampling='bilinear'",
            ),
        ],
    )
    def test_refuses_bad_arguments(self, options, message):
        with pytest.raises(ValueError) as error:
            small(**options)
        assert str(error.value) == message
