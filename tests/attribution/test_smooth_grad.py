import numpy as np
import pytest
from contracts import array
from scored_models import IMAGES, RNG, TOKENS, convolutions, linear, reader

from kdl.attribution import gradient, smooth_grad


class TestSmoothGrad:
    def test_of_a_linear_model_is_its_weights(self):
        model, x = linear(), RNG.normal(size=(5, 4)).astype("float32")
        kernel = array(model.layers[-1].kernel)
        found = smooth_grad(model, x, 1, noise=2.0, samples=3)
        np.testing.assert_allclose(found, np.tile(kernel[:, 1], (5, 1)), 1e-5)

    def test_is_the_mean_of_gradients_with_noise_of_the_range(self):
        """Within five standard errors of the mean of as many gradients by NumPy."""
        model, x = convolutions(), IMAGES[:1]
        samples = 400
        rng = np.random.default_rng(1)
        spread = 0.3 * (x.max() - x.min())
        noisy = x + spread * rng.normal(size=(samples, *x.shape[1:]))
        by_hand = gradient(model, noisy, 2, batch_size=100).gradients
        found = smooth_grad(model, x, 2, noise=0.3, samples=samples)[0]
        # Of two means.
        error = by_hand.std(axis=0, ddof=1) * np.sqrt(2 / samples)
        assert (np.abs(found - by_hand.mean(axis=0)) < 5 * error + 1e-6).all()

    def test_comes_near_the_gradient_as_the_noise_goes(self):
        model = reader()
        expected = gradient(model, TOKENS, 1).gradients.sum(axis=-1)
        found = smooth_grad(model, TOKENS, 1, noise=1e-4, samples=2)
        np.testing.assert_allclose(found, expected, atol=1e-3)

    def test_draws_by_its_seed(self):
        model = convolutions()
        one, again, other = (
            smooth_grad(model, IMAGES[:2], 1, samples=2, seed=seed)
            for seed in (3, 3, 4)
        )
        np.testing.assert_array_equal(one, again)
        assert np.abs(one - other).max() > 1e-4

    def test_is_of_the_class_without_noise(self):
        model, x = convolutions(), IMAGES[:3]
        classes = array(model(x)).argmax(axis=1)
        options = {"noise": 3.0, "samples": 4}
        np.testing.assert_allclose(
            smooth_grad(model, x, **options), smooth_grad(model, x, classes, **options)
        )

    @pytest.mark.one_backend
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"noise": 0}, "`noise` must be a number in (0, inf). Received: noise=0"),
            (
                {"samples": 0},
                "`samples` must be an integer in [1, inf). Received: samples=0",
            ),
            (
                {"seed": -1},
                "`seed` must be an integer in [0, 4294967295]. Received: seed=-1",
            ),
        ],
    )
    def test_refuses(self, options, message):
        with pytest.raises(ValueError) as error:
            smooth_grad(linear(), np.ones((1, 4)), **options)
        assert str(error.value) == message
