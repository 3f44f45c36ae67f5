import keras
import numpy as np
from contracts import CallbackContract, array, assert_close

import kdl
from kdl.callbacks import LogNumbers

RAMP = keras.optimizers.schedules.PolynomialDecay(0.0, 1024, 1024.0)


class TestLogNumbers(CallbackContract):
    component = LogNumbers
    arguments = {}

    def test_refuses_bad_arguments(self):
        """It takes none."""

    def test_logs_what_the_last_step_saw(self):
        regularizer = kdl.regularizers.ElasticNet(RAMP, kdl.schedules.Adjustable(0.5))
        model = keras.Sequential(
            [
                keras.Input((4,)),
                kdl.layers.Clock(),
                keras.layers.Dense(3, kernel_regularizer=regularizer, name="dense"),
            ]
        )
        optimizer = keras.optimizers.SGD(
            keras.optimizers.schedules.PolynomialDecay(1e-9, 1024, 1025e-9)
        )
        model.compile(optimizer, "mse")
        x = np.ones((12, 4))
        history = model.fit(
            x, x[:, :3], 4, epochs=2, callbacks=[LogNumbers()], verbose=0
        ).history
        # Three batches an epoch; the rate is that of the next.
        assert_close(history["dense/kernel_regularizer/alpha"], [2, 5])
        assert_close(history["dense/kernel_regularizer/l1_ratio"], [0.5, 0.5])
        np.testing.assert_allclose(history["learning_rate"], [4e-9, 7e-9], rtol=1e-4)

    def test_logs_what_an_optimizer_controls(self):
        optimizer = kdl.optimizers.ControlledOptimizer(
            keras.optimizers.SGD(0.1), multipliers={".*bias": 0.5}, watch=True
        )
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)], name="m")
        model.compile(keras.optimizers.LossScaleOptimizer(optimizer), "mse")
        x = np.ones((8, 4))
        history = model.fit(x, x[:, :3], 4, callbacks=[LogNumbers()], verbose=0).history
        assert_close(history["multiplier/.*bias"], [0.5])
        kernel = model.layers[0].kernel
        norms = array(optimizer.gradient_norms)
        assert_close(history[f"gradient_norm/{kernel.path}"], norms[:1])

    def test_says_nothing_of_an_optimizer_of_several(self):
        rate = keras.optimizers.SGD(0.1)
        maps = keras.optimizers.OptimizerMap(keras.optimizers.Adam(0.01), {".*": rate})
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
        model.compile(keras.optimizers.MultiOptimizer(maps), "mse")
        x = np.ones((8, 4))
        history = model.fit(x, x[:, :3], callbacks=[LogNumbers()], verbose=0).history
        assert list(history) == ["loss"]
