import keras
import numpy as np
import pytest
from contracts import LayerContract, array, assert_close

from kdl.layers import Clock, GradientReversal
from kdl.schedules import Warmup


class TestGradientReversal(LayerContract):
    component = GradientReversal
    arguments = {"strength": 0.5}
    input_shape = (2, 4)
    # It changes gradients alone, as the tests below see.
    test_every_number_changes_what_it_computes = None
    refused = [
        (
            {"strength": -1},
            "`strength` must be a number in [0, inf) or a LearningRateSchedule. "
            "Received: strength=-1",
        )
    ]

    def kernels(self, *between, epochs=1):
        """Kernels before and behind what is between them, after a fit."""
        x = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
        layers = [
            keras.layers.Dense(3, kernel_initializer="ones", name="before"),
            *between,
            keras.layers.Dense(2, kernel_initializer="ones", name="behind"),
        ]
        model = keras.Sequential([keras.Input((4,)), Clock(), *layers])
        model.compile(keras.optimizers.SGD(0.1), "mse")
        options = {"batch_size": 16, "shuffle": False, "verbose": 0}
        model.fit(x, x[:, :2], epochs=epochs, **options)
        return [array(model.get_layer(name).kernel) for name in ("before", "behind")]

    @pytest.mark.parametrize("strength", [0.0, 0.5, 2.0])
    def test_gradient_is_turned_round_and_scaled(self, strength):
        before, behind = self.kernels()
        turned, same = self.kernels(GradientReversal(strength))
        assert_close(same, behind)
        # From ones, the step goes the other way.
        assert_close(turned - 1, -strength * (before - 1))

    def test_outputs_are_the_inputs_bit_by_bit(self):
        for strength in (0.1, 3.7):
            layer = GradientReversal(strength)
            inputs = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
            for training in (False, True):
                outputs = array(layer(inputs, training=training))
                np.testing.assert_array_equal(outputs, inputs)

    def test_strength_may_follow_a_schedule(self):
        # Of the first step it is 0, and the layers before it do not learn.
        turned, _ = self.kernels(GradientReversal(Warmup(1.0, 10)))
        np.testing.assert_array_equal(turned, np.ones((4, 3)))
        turned, _ = self.kernels(GradientReversal(Warmup(1.0, 10)), epochs=2)
        assert (turned != 1).any()
