import numpy as np
import pytest
from contracts import Contract

from kdl.data import MixUp

pytestmark = pytest.mark.one_backend


class TestMixUp(Contract):
    component = MixUp
    arguments = {"num_classes": 3, "alpha": 0.4, "confine": True}
    refused = [
        (
            {"num_classes": 1},
            "`num_classes` must be an integer in [2, inf). Received: num_classes=1",
        ),
        ({"alpha": 0}, "`alpha` must be a number in (0, inf). Received: alpha=0"),
        ({"confine": 1}, "`confine` must be one of True, False. Received: confine=1"),
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
                "`y` must hold one label per example, each one of 0 to 2, or shares of "
                "the classes, of shape (batch, 3). "
                "Received: y of shape (2,), with values from 0 to 3",
            ),
            (
                np.zeros((2, 4)),
                np.array([[0], [1]]),
                "`y` must hold one label per example, each one of 0 to 2, or shares of "
                "the classes, of shape (batch, 3). "
                "Received: y of shape (2, 1), with values from 0 to 1",
            ),
            (
                np.zeros((2, 4)),
                np.array([[0.5, 0.5, 0], [1.5, -0.5, 0]]),
                "`y` must hold one label per example, each one of 0 to 2, or shares of "
                "the classes, of shape (batch, 3). "
                "Received: y of shape (2, 3), with values from -0.5 to 1.5",
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

    def test_one_hot_labels_are_labels(self):
        labels, x, y = self.mixed(0.4)
        one_hot = np.eye(3)[labels]
        again = MixUp(3, 0.4)(one_hot, one_hot, np.random.default_rng(0))
        np.testing.assert_allclose(again[0], x, rtol=1e-6)
        np.testing.assert_array_equal(again[1], y)
        assert again[1].dtype == "float32"


class TestConfined:
    """On a plane, where examples of three classes lie among each other."""

    x = np.random.default_rng(1).uniform(size=(60, 2))
    labels = np.random.default_rng(2).integers(3, size=60)

    def mixed(self, confine, seed=0):
        """Mixed examples, the numbers and partners that were drawn, and targets."""
        rng, draws = np.random.default_rng(seed), np.random.default_rng(seed)
        x, y = MixUp(3, 1.0, confine)(self.x, self.labels, rng)
        return x, y, draws.beta(1.0, 1.0, 60), draws.permutation(60)

    def intrudes(self, x, other):
        """Whether one of another class is nearest, up to rounding."""
        distances = np.linalg.norm(x[:, None] - self.x, axis=-1)
        rows = np.arange(60)
        own = np.minimum(distances[rows, rows], distances[rows, other])
        is_third = (self.labels != self.labels[:, None]) & (
            self.labels != self.labels[other][:, None]
        )
        return np.where(is_third, distances, np.inf).min(1) < own - 1e-6

    def test_none_is_nearest_to_a_third_class(self):
        free, _, _, other = self.mixed(False)
        assert self.intrudes(free, other).sum() >= 5
        confined, *_ = self.mixed(True)
        assert not self.intrudes(confined, other).any()

    def test_moves_those_alone_and_as_little_as_it_can(self):
        free, _, lam, other = self.mixed(False)
        confined, y, *_ = self.mixed(True)
        moved = self.intrudes(free, other)
        np.testing.assert_array_equal(confined[~moved], free[~moved])
        step = 1e-3
        grid = np.arange(0, 1 + step / 2, step)
        places = [
            self.intrudes(value * self.x + (1 - value) * self.x[other], other)
            for value in grid
        ]
        for i in np.flatnonzero(moved):
            safe = grid[~np.array(places)[:, i]]
            desired = safe[np.abs(safe - lam[i]).argmin()]
            line = self.x[i] - self.x[other[i]]
            actual = (confined[i] - self.x[other[i]]) @ line / (line @ line)
            assert actual == pytest.approx(desired, abs=2 * step)
        # Targets are blended as inputs are.
        share = np.eye(3)[self.labels[other]]
        first = np.eye(3)[self.labels]
        line = self.x - self.x[other]
        squares = np.maximum((line**2).sum(1), 1e-12)
        actual = ((confined - self.x[other]) * line).sum(1) / squares
        desired = actual[:, None] * first + (1 - actual[:, None]) * share
        np.testing.assert_allclose(y, desired, atol=1e-5)

    def test_a_copy_with_another_label_is_not_left_towards(self):
        """An example that has the same inputs intrudes anywhere but at the example."""
        x = np.array([[0.0], [0.0], [1.0]])
        for seed in range(20):
            rng = np.random.default_rng(seed)
            mixed, y = MixUp(3, 1.0, confine=True)(x, np.arange(3), rng)
            assert np.isfinite(mixed).all()
            np.testing.assert_allclose(y.sum(1), 1, rtol=1e-6)


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
