import keras
import numpy as np
from contracts import LayerContract, array, assert_close

from kdl.layers import Dropout


class TestDropout(LayerContract):
    component = Dropout
    arguments = {"rate": 0.25, "noise_shape": (None, 1, 4), "seed": 1}
    input_shape = (2, 3, 4)
    refused = [
        (
            {"rate": 1},
            "`rate` must be a number in [0, 1) or a LearningRateSchedule. "
            "Received: rate=1",
        )
    ]

    def test_is_that_of_keras_at_a_constant_rate(self):
        ours, theirs = (
            layer(**self.arguments) for layer in (Dropout, keras.layers.Dropout)
        )
        for _ in range(2):
            inputs = self.inputs()
            assert_close(ours(inputs, training=True), theirs(inputs, training=True))

    def test_zero_rate_drops_nothing(self):
        inputs = self.inputs()
        assert_close(Dropout(0)(inputs, training=True), inputs)

    def test_scheduled_rate_reloads(self):
        rate = keras.optimizers.schedules.PolynomialDecay(0.5, 100, 0.1)
        config = Dropout(rate, dtype="mixed_bfloat16").get_config()
        revived = Dropout.from_config(config)
        assert revived.rate.schedule.get_config() == rate.get_config()
        assert revived.get_config() == config

    def test_scheduled_rate_is_that_of_step_0_before_any_model(self):
        rate = keras.optimizers.schedules.PolynomialDecay(0.5, 100, 0.1)
        inputs = self.inputs()
        assert_close(Dropout(rate)(inputs), inputs)
        symbolic = Dropout(rate)(keras.Input((3, 4)), training=True)
        assert symbolic.shape == (None, 3, 4)

    def test_passes_masks_on(self):
        x = keras.layers.Embedding(3, 4, mask_zero=True)(np.array([[1, 2, 0]]))
        average = keras.layers.GlobalAveragePooling1D()
        assert_close(average(Dropout(0.5)(x)), array(x)[:, :2].mean(axis=1))
