import numpy as np
import pytest
from contracts import Contract

from kdl.data import MixUp


class TestMixUp(Contract):
    component = MixUp
    arguments = {"num_classes": 3, "alpha": 0.4}
    refused = [
        (
            {"num_classes": 1},
            "`num_classes` must be an integer in [2, inf). Received: num_classes=1",
        ),
        ({"alpha": 0}, "`alpha` must be a number in (0, inf). Received: alpha=0"),
    ]

    def mixed(self, alpha, count=4000):
        """Labels, and targets of inputs that are the one-hot labels themselves."""
        labels = np.arange(count) % 3
        x = np.eye(3, dtype="float32")[labels]
        return labels, *MixUp(3, alpha)(x, labels, np.random.default_rng(0))

    def test_targets_are_blended_as_inputs_are(self):
        _, x, y = self.mixed(1.0)
        assert x.dtype == y.dtype == "float32"
        np.testing.assert_allclose(x, y)
        np.testing.assert_allclose(y.sum(1), 1, rtol=1e-6)

    def test_weights_follow_the_beta_distribution(self):
        labels, _, y = self.mixed(0.4)
        own = y[np.arange(len(y)), labels]
        # One in three has a partner of its own class, and there all of the weight.
        # 4,000 draws with a standard deviation below 0.5: the standard error is 0.008.
        assert abs(own.mean() - (0.5 + 0.5 / 3)) < 0.03
        lam = own[own < 1]
        # The variance of Beta(a, a) is 1 / (4 (2 a + 1)).
        assert abs(lam.var() - 1 / (4 * 1.8)) < 0.01

    @pytest.mark.parametrize(
        ("x", "y", "message"),
        [
            (
                np.zeros((2, 4), "uint8"),
                np.array([0, 1]),
                "`x` must be an array of floats. Received: x of dtype uint8",
            ),
            (
                np.zeros((2, 4)),
                np.array([0, 3]),
                "`y` must hold one label per example, each one of 0 to 2. "
                "Received: y of shape (2,), with values from 0 to 3",
            ),
            (
                np.zeros((2, 4)),
                np.array([[0], [1]]),
                "`y` must hold one label per example, each one of 0 to 2. "
                "Received: y of shape (2, 1), with values from 0 to 1",
            ),
        ],
    )
    def test_refuses_bad_batches(self, x, y, message):
        with pytest.raises(ValueError) as error:
            MixUp(3)(x, y, np.random.default_rng(0))
        assert str(error.value) == message

    def test_blends_images(self):
        x = np.zeros((2, 4, 4, 1), "float32")
        x[1] = 1
        mixed, y = MixUp(2, 1.0)(x, np.array([0, 1]), np.random.default_rng(0))
        np.testing.assert_allclose(mixed[:, 0, 0, 0], y[:, 1])


class TestWeights:
    def test_the_cross_entropy_is_the_blend_of_the_weighted_ones(self):
        rng = np.random.default_rng(1)
        x = rng.normal(size=(6, 4)).astype("float32")
        labels, weight = np.arange(6) % 3, rng.uniform(0, 2, 6)
        weight[:3] = 0
        log_p = np.log(rng.dirichlet(np.ones(3), 6))
        mixed_x, y, mixed = MixUp(3, 1.0)(x, labels, np.random.default_rng(0), weight)
        # The same draws as without weights.
        plain_x, _ = MixUp(3, 1.0)(x, labels, np.random.default_rng(0))
        np.testing.assert_array_equal(mixed_x, plain_x)
        draws = np.random.default_rng(0)
        lam, other = draws.beta(1.0, 1.0, 6), draws.permutation(6)
        own = -weight * log_p[np.arange(6), labels]
        second = -weight[other] * log_p[np.arange(6), labels[other]]
        desired = lam * own + (1 - lam) * second
        np.testing.assert_allclose(mixed * -(y * log_p).sum(1), desired, rtol=1e-5)
        np.testing.assert_allclose(y.sum(1), 1, rtol=1e-6)

    def test_alike_change_nothing(self):
        x, labels = np.zeros((5, 2), "float32"), np.arange(5) % 3
        _, y, weight = MixUp(3)(x, labels, np.random.default_rng(0), np.ones(5))
        _, desired = MixUp(3)(x, labels, np.random.default_rng(0))
        np.testing.assert_allclose(y, desired, rtol=1e-6)
        np.testing.assert_allclose(weight, 1, rtol=1e-6)
