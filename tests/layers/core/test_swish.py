import keras
import numpy as np
from contracts import LayerContract, array, assert_close

from kdl.layers import Swish


class TestSwish(LayerContract):
    component = Swish
    arguments = {"beta": 1.5, "trainable": False}
    input_shape = (2, 3, 4)
    refused = [
        (
            {"beta": None},
            "`beta` must be a number in (-inf, inf). Received: beta=None",
        )
    ]

    def test_is_silu_at_one_and_half_of_the_inputs_at_zero(self):
        inputs = self.inputs()
        assert_close(self.make(beta=1.0)(inputs), keras.ops.silu(inputs))
        assert_close(self.make(beta=0.0)(inputs), inputs / 2)

    def test_learns_by_its_gradient(self):
        layer, x = Swish(0.5), array(self.inputs()).reshape(-1, 1)
        inputs = keras.Input((1,))
        dense = keras.layers.Dense(1, kernel_initializer="ones")
        model = keras.Model(inputs, layer(dense(inputs)))
        model.compile(keras.optimizers.SGD(1.0), "mse")
        model.fit(x, np.zeros_like(x), batch_size=len(x), verbose=0)
        s = 1 / (1 + np.exp(-0.5 * x))
        y, slope = x * s, s + 0.5 * x * s * (1 - s)
        assert_close(layer.steepness, 0.5 - np.mean(2 * y * x * x * s * (1 - s)))
        assert_close(dense.bias, [-np.mean(2 * y * slope)])
        assert_close(dense.kernel, [[1 - np.mean(2 * y * slope * x)]])

    def test_stays_where_it_is_unless_trainable(self):
        fixed, free = self.make(), Swish()
        for layer in (fixed, free):
            layer.build((2,))
        assert not fixed.trainable_weights
        assert len(free.trainable_weights) == 1

    def test_is_finite_in_float16(self):
        outputs = Swish(dtype="mixed_float16")(np.array([-6e4, 0, 6e4]))
        assert_close(array(outputs).astype("float32"), np.float16([0, 0, 6e4]))
