import keras
import numpy as np
import pytest
import torch
from contracts import (
    LayerContract,
    array,
    assert_close,
    normal,
)

from kdl.layers import Bilinear

ARGUMENTS = {
    "units": 5,
    "activation": keras.activations.tanh,
    "use_bias": False,
    "kernel_initializer": keras.initializers.RandomNormal(seed=1),
    "bias_initializer": keras.initializers.Ones(),
    "kernel_regularizer": keras.regularizers.L2(0.5),
    "bias_regularizer": keras.regularizers.L2(0.25),
    "kernel_constraint": keras.constraints.NonNeg(),
    "bias_constraint": keras.constraints.NonNeg(),
}


class TestBilinear(LayerContract):
    component = Bilinear
    arguments = ARGUMENTS
    input_shape = (2, 3, 4)
    refused = [
        ({"units": 0}, "`units` must be an integer in [1, inf). Received: units=0"),
        (
            {"use_bias": None},
            "`use_bias` must be one of True, False. Received: use_bias=None",
        ),
    ]

    def wrap(self, layer):
        inputs = keras.Input(self.input_shape[1:])
        return keras.Model(inputs, layer([inputs, inputs]))

    def pair(self):
        return [normal(self.input_shape), normal((2, 3, 2))]

    def test_config_holds_every_argument(self):
        config = self.make().get_config()
        for name, value in self.arguments.items():
            if name == "activation":
                value = "tanh"
            elif not isinstance(value, (bool, int)):
                value = keras.saving.serialize_keras_object(value)
            assert config[name] == value, name

    def test_shapes_of_unlike_inputs_agree(self):
        layer, shapes = self.make(), [(None, None, 4), (None, None, 2)]
        symbolic = layer([keras.Input(batch_shape=shape) for shape in shapes]).shape
        assert layer.compute_output_shape(shapes) == symbolic == (None, None, 5)
        assert tuple(layer(self.pair()).shape) == (2, 3, 5)

    @pytest.mark.parametrize("shape", [(2,), (2, 3)])
    def test_is_that_of_torch_with_its_weights(self, shape):
        torch.manual_seed(0)
        module = torch.nn.Bilinear(4, 3, 5)
        layer = Bilinear(5)
        inputs = [array(normal((*shape, n))) for n in (4, 3)]
        layer.build([x.shape for x in inputs])
        kernel = module.weight.detach().numpy().transpose(1, 2, 0)
        layer.set_weights([kernel, module.bias.detach().numpy()])
        desired = module(*map(torch.tensor, inputs)).detach().numpy()
        assert_close(layer(inputs), desired)

    def test_starts_with_the_variance_of_its_inputs(self):
        first, second = np.random.default_rng(0).normal(size=(2, 2000, 30))
        keras.utils.set_random_seed(0)
        outputs = array(Bilinear(20)([first, second]))
        # The kernel's 18,000 uniform values alone give it a standard error of 0.02.
        assert abs(outputs.var() - 1) < 0.1

    @pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
    def test_is_finite_in_half_precision(self, dtype):
        layer = self.make(dtype=dtype)
        zeros = [keras.ops.zeros_like(x) for x in self.pair()]
        for inputs in (self.pair(), zeros):
            outputs = keras.ops.cast(layer(inputs), "float32")
            assert np.isfinite(array(outputs)).all()

    def test_refuses_other_inputs(self):
        with pytest.raises(ValueError, match="expects 2 input"):
            self.make()(normal(self.input_shape))
        with pytest.raises(ValueError) as error:
            self.make()([normal((2, 4)), normal((3, 4))])
        assert str(error.value) == (
            "Bilinear takes two tensors of shapes that are alike but for the last "
            "axis. Received: inputs of shapes (2, 4) and (3, 4)"
        )
