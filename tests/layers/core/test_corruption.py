import keras
import numpy as np
import pytest
from contracts import LayerContract, array, assert_close

from kdl.layers import Corruption

X = np.full((100, 200), 0.5, "float32")


class TestCorruption(LayerContract):
    component = Corruption
    arguments = {"kind": "salt_and_pepper", "amount": 0.25, "seed": 3}
    input_shape = (4, 6)
    refused = [
        (
            {"kind": "pepper"},
            "`kind` must be one of 'gaussian', 'masking', 'salt_and_pepper'. "
            "Received: kind='pepper'",
        ),
        (
            {"amount": 1.5},
            "`amount` must be a number in [0, 1] or a LearningRateSchedule. "
            "Received: amount=1.5",
        ),
        (
            {"kind": "gaussian", "amount": -1},
            "`amount` must be a number in [0, inf) or a LearningRateSchedule. "
            "Received: amount=-1",
        ),
    ]

    def test_leaves_inputs_alone_at_inference(self):
        assert_close(self.make()(X), X)

    @pytest.mark.parametrize(
        ("kind", "values"),
        [("masking", {0.0: 0.3}), ("salt_and_pepper", {0.0: 0.15, 1.0: 0.15})],
    )
    def test_replaces_the_share_that_is_asked_for(self, kind, values):
        found = array(Corruption(kind, 0.3, seed=0)(X, training=True))
        assert set(np.unique(found)) == {0.5, *values}
        for value, share in values.items():
            # Standard error of a share of 20,000 draws: 0.0033.
            assert abs(np.mean(found == value) - share) < 4 * 0.0033

    def test_adds_normal_noise(self):
        noise = array(Corruption("gaussian", 0.2, seed=0)(X, training=True)) - 0.5
        # Standard errors of mean and deviation of 20,000 draws: 0.0014 and 0.0010.
        assert abs(noise.mean()) < 4 * 0.0014 and abs(noise.std() - 0.2) < 4 * 0.001
        below = np.mean(np.abs(noise) < 0.2)
        assert abs(below - 0.6827) < 4 * 0.0033

    def test_draws_anew_in_each_call(self):
        layer = self.make()
        assert not np.array_equal(*(array(layer(X, training=True)) for _ in range(2)))

    def test_follows_a_schedule(self):
        schedule = keras.optimizers.schedules.PolynomialDecay(1.0, 10, 0.0)
        assert Corruption("masking", schedule).get_config()["amount"]
