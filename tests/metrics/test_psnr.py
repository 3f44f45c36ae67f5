import numpy as np
import pytest
from contracts import MetricContract

from kdl.metrics import PSNR

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(size=(6, 5, 4, 3)).astype("float32")
NOISE = 0.2 * RNG.normal(size=IMAGES.shape) * np.arange(1, 7)[:, None, None, None]


class TestPSNR(MetricContract):
    component = PSNR
    arguments = {"max_value": 2.0, "name": "ratio", "dtype": "float32"}
    y_true = IMAGES
    y_pred = (IMAGES + NOISE).astype("float32")
    refused = [
        (
            {"max_value": 0},
            "`max_value` must be a number in (0, inf). Received: max_value=0",
        ),
    ]
    test_takes_a_label_that_32_bits_would_make_another_for_none = None

    def reference(self, y_true, y_pred, sample_weight=None):
        noise = np.square(y_true.astype("float64") - y_pred).mean((1, 2, 3))
        return np.average(10 * np.log10(2.0**2 / noise), weights=sample_weight)

    def test_of_equal_images_is_100(self):
        metric = PSNR(max_value=255)
        metric.update_state(IMAGES, IMAGES)
        np.testing.assert_allclose(float(metric.result()), 100, rtol=1e-5)

    @pytest.mark.one_backend
    def test_is_that_of_scikit_image(self):
        import skimage.metrics

        desired = [
            skimage.metrics.peak_signal_noise_ratio(a, b, data_range=1.0)
            for a, b in zip(self.y_true, self.y_pred, strict=True)
        ]
        metric = PSNR()
        metric.update_state(self.y_true, self.y_pred)
        np.testing.assert_allclose(float(metric.result()), np.mean(desired), rtol=1e-5)

    def test_takes_bytes_for_targets(self):
        metric, images = PSNR(max_value=255), (255 * IMAGES).astype("uint8")
        metric.update_state(images, images + np.float32(10))
        desired = 20 * np.log10(255 / 10)
        np.testing.assert_allclose(float(metric.result()), desired, rtol=1e-5)

    def test_refuses_targets_of_another_shape(self):
        with pytest.raises(ValueError) as error:
            PSNR().update_state(IMAGES[:, :3], IMAGES)
        assert str(error.value) == (
            "`y_true` must be images of shape (6, 5, 4, 3). Received: "
            "shape=(6, 3, 4, 3)"
        )
