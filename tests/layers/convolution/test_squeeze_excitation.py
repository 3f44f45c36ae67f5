import keras
import numpy as np
import pytest
from contracts import LayerContract, array, assert_close
from torch_images import images_of, randomize, to_format

from kdl.layers import SqueezeExcitation2D


class TestSqueezeExcitation2D(LayerContract):
    component = SqueezeExcitation2D
    arguments = {
        "units": 2,
        "activation": keras.activations.tanh,
        "kernel_initializer": keras.initializers.HeNormal(),
        "kernel_regularizer": keras.regularizers.L2(0.1),
        "data_format": "channels_first",
    }
    input_shape = (2, 4, 5, 3)
    refused = [
        ({"units": 0}, "`units` must be an integer in [1, inf). Received: units=0")
    ]

    def test_config_holds_every_argument(self):
        config = self.make().get_config()
        assert config["units"] == 2 and config["activation"] == "tanh"
        assert config["data_format"] == "channels_first"
        for name in ("kernel_initializer", "kernel_regularizer"):
            part = keras.saving.serialize_keras_object(self.arguments[name])
            assert config[name] == part

    def test_penalty_is_of_both_kernels(self):
        layer = self.make()
        layer(self.inputs())
        kernels = [array(part.kernel) for part in (layer.squeeze, layer.excite)]
        desired = 0.1 * sum((kernel**2).sum() for kernel in kernels)
        np.testing.assert_allclose(float(sum(layer.losses)), desired, 1e-5)

    @pytest.mark.parametrize("data_format", ["channels_first", "channels_last"])
    def test_is_its_formula(self, data_format):
        layer = self.make(data_format=data_format)
        images, tensor = images_of(data_format, (2, 4, 5, 3))
        layer.build(images.shape)
        randomize(layer)
        w1, b1, w2, b2 = map(array, layer.weights)
        tensor = tensor.numpy()
        logits = np.tanh(tensor.mean(axis=(2, 3)) @ w1 + b1) @ w2 + b2
        desired = tensor / (1 + np.exp(-logits))[:, :, None, None]
        assert_close(layer(images), to_format(desired, data_format))

    def test_sum_over_space_may_be_beyond_float16(self):
        layer = SqueezeExcitation2D(
            2, "linear", data_format="channels_last", dtype="mixed_float16"
        )
        layer.build((1, 64, 64, 2))
        layer.set_weights([np.eye(2), np.zeros(2), np.eye(2), np.zeros(2)])
        images = np.full((1, 64, 64, 2), 20.0)
        assert (array(layer(images)) == 20).all()
