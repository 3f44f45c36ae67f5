import numpy as np
import pytest
from contracts import MetricContract
from scipy import ndimage

from kdl.metrics import SSIM

RNG = np.random.default_rng(0)
IMAGES = ndimage.gaussian_filter(RNG.uniform(size=(6, 20, 17, 2)), (0, 1, 1, 0))
NOISE = 0.1 * RNG.normal(size=IMAGES.shape) * np.arange(1, 7)[:, None, None, None]


class TestSSIM(MetricContract):
    component = SSIM
    arguments = {"max_value": 2.0, "name": "similarity", "dtype": "float32"}
    y_true = IMAGES.astype("float32")
    y_pred = (IMAGES + NOISE).astype("float32")
    refused = [
        (
            {"max_value": 0},
            "`max_value` must be a number in (0, inf). Received: max_value=0",
        ),
    ]
    test_takes_a_label_that_32_bits_would_make_another_for_none = None

    def reference(self, y_true, y_pred, sample_weight=None, max_value=2.0):
        """By filters of SciPy, of which the outermost five pixels are cut off."""

        def mean(images):
            # A radius of five is eleven pixels.
            sigma = (0, 1.5, 1.5, 0)
            means = ndimage.gaussian_filter(images, sigma, radius=(0, 5, 5, 0))
            return means[:, 5:-5, 5:-5]

        a, b = np.asarray(y_true, "float64"), np.asarray(y_pred, "float64")
        c1, c2 = (0.01 * max_value) ** 2, (0.03 * max_value) ** 2
        variances = mean(a * a) - mean(a) ** 2 + mean(b * b) - mean(b) ** 2
        covariance = mean(a * b) - mean(a) * mean(b)
        similarity = (2 * mean(a) * mean(b) + c1) * (2 * covariance + c2)
        similarity /= (mean(a) ** 2 + mean(b) ** 2 + c1) * (variances + c2)
        return np.average(similarity.mean((1, 2, 3)), weights=sample_weight)

    @pytest.mark.one_backend
    def test_is_that_of_scikit_image(self):
        import skimage.metrics

        options = {"gaussian_weights": True, "sigma": 1.5}
        desired = [
            skimage.metrics.structural_similarity(
                a.astype("float64"),
                b.astype("float64"),
                data_range=1.0,
                channel_axis=-1,
                use_sample_covariance=False,
                **options,
            )
            for a, b in zip(self.y_true, self.y_pred, strict=True)
        ]
        metric = SSIM()
        metric.update_state(self.y_true, self.y_pred)
        np.testing.assert_allclose(float(metric.result()), np.mean(desired), rtol=1e-5)

    def test_of_equal_images_is_one_and_of_opposite_ones_negative(self):
        images = self.y_true
        metric = SSIM()
        metric.update_state(images, images)
        np.testing.assert_allclose(float(metric.result()), 1, rtol=1e-5)
        metric.reset_state()
        metric.update_state(images, 1 - images)
        assert float(metric.result()) < 0

    def test_refuses_images_smaller_than_its_window(self):
        for shape in ((2, 10, 20, 3), (2, 20, 10, 3), (2, 20, 20)):
            with pytest.raises(ValueError) as error:
                SSIM().update_state(np.zeros(shape), np.zeros(shape))
            assert str(error.value) == (
                "`y_pred` must be images of shape (batch, height, width, channels), of "
                "11 pixels a side or more, the size of the window. Received: y_pred of "
                f"shape {shape}"
            )
