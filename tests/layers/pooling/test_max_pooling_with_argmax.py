import keras
import numpy as np
import pytest
import torch
from contracts import (
    LayerContract,
    array,
    assert_close,
    compiled,
    normal,
)

from kdl.layers import MaxPoolingWithArgmax2D

ARGUMENTS = {
    "pool_size": (3, 2),
    "strides": (2, 2),
    "padding": "same",
    "data_format": "channels_first",
}


class TestMaxPoolingWithArgmax2D(LayerContract):
    """As the layer returns two tensors, what the contract says holds of both."""

    component = MaxPoolingWithArgmax2D
    arguments = ARGUMENTS
    input_shape = (2, 3, 7, 6)
    refused = [
        (
            {"padding": "full"},
            "`padding` must be one of 'valid', 'same'. Received: padding='full'",
        ),
        (
            {"strides": 0},
            "`strides` must be an integer in [1, inf). Received: strides=0",
        ),
    ]

    def wrap(self, layer):
        inputs = keras.Input(self.input_shape[1:])
        values, indices = layer(inputs)
        return keras.Model(inputs, values + keras.ops.cast(indices, values.dtype))

    def test_shapes_agree(self):
        layer, shape = self.make(), (None, *self.input_shape[1:])
        values, indices = layer(keras.Input(batch_shape=shape))
        assert layer.compute_output_shape(shape) == (values.shape, indices.shape)
        assert (values.dtype, indices.dtype) == ("float32", "int32")
        for eager in layer(self.inputs()):
            assert tuple(eager.shape) == (2, *values.shape[1:]) == (2, 3, 4, 3)

    @pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
    def test_mixed_precision(self, dtype):
        layer = self.make(dtype=f"mixed_{dtype}")
        values, indices = layer(self.inputs())
        assert keras.backend.standardize_dtype(values.dtype) == dtype
        assert keras.backend.standardize_dtype(indices.dtype) == "int32"
        assert np.isfinite(array(keras.ops.cast(values, "float32"))).all()
        revived = self.component.from_config(layer.get_config())
        assert revived.dtype_policy.name == f"mixed_{dtype}"

    def test_inference_is_deterministic(self):
        layer, inputs = self.make(), self.inputs()
        for first, second in zip(layer(inputs), layer(inputs), strict=True):
            assert_close(first, second)

    def test_inference_compiles(self):
        layer, inputs = self.make(), self.inputs()
        for a, b in zip(layer(inputs), compiled(layer)(inputs), strict=True):
            assert_close(a, b)

    def test_trains_compiled_and_reloads(self, tmp_path):
        """Below a convolution, whose gradient at zero is finite."""
        inputs = keras.Input((7, 6, 2))
        outputs = keras.layers.Conv2D(3, 1)(inputs)
        outputs = self.make(data_format="channels_last")(outputs)
        model = keras.Model(inputs, outputs)
        # On PyTorch it takes a while, and tests/test_traced_fits.py does it.
        jit_compile = keras.backend.backend() != "torch"
        model.compile("sgd", ["mse", None], jit_compile=jit_compile)
        before = [array(weight) for weight in model.weights]
        data = np.zeros((2, 7, 6, 2), "float32")
        data[1] = 1
        model.fit(data, np.ones((2, 4, 3, 3)), verbose=0)
        for old, weight in zip(before, model.weights, strict=True):
            assert np.isfinite(array(weight)).all()
            assert (array(weight) != old).any()
        model.save(tmp_path / "model.keras")
        revived = keras.saving.load_model(tmp_path / "model.keras")
        for a, b in zip(revived(data), model(data), strict=True):
            assert_close(a, b)

    @pytest.mark.parametrize("data_format", ["channels_first", "channels_last"])
    @pytest.mark.parametrize(("pool", "stride"), [(2, 2), (3, 2), (2, 3), (3, 1)])
    def test_is_that_of_torch(self, pool, stride, data_format):
        # With many ties, of which the first is picked.
        inputs = np.round(2 * array(normal((2, 3, 8, 7))))
        inputs[0, 0, :4] = -np.inf
        pooling = torch.nn.MaxPool2d(pool, stride, return_indices=True)
        desired = [tensor.numpy() for tensor in pooling(torch.tensor(inputs))]
        if data_format == "channels_last":
            inputs, *desired = (np.moveaxis(x, 1, 3) for x in (inputs, *desired))
        layer = MaxPoolingWithArgmax2D(pool, stride, data_format=data_format)
        for actual, expected in zip(layer(inputs), desired, strict=True):
            np.testing.assert_array_equal(array(actual), expected)

    @pytest.mark.parametrize(("pool", "stride"), [(2, 2), (3, 2), (4, 3), (2, 3)])
    def test_same_padding_is_that_of_keras(self, pool, stride):
        options = {"padding": "same", "data_format": "channels_last"}
        inputs = array(normal((2, 8, 7, 3)))
        inputs[0, :4] = -np.inf
        layer = MaxPoolingWithArgmax2D(pool, stride, **options)
        values, indices = map(array, layer(inputs))
        desired = keras.layers.MaxPooling2D(pool, stride, **options)(inputs)
        # TensorFlow has the lowest float for a window of -inf.
        lowest = np.finfo("float32").min
        np.testing.assert_array_equal(
            np.maximum(values, lowest), array(desired).clip(lowest)
        )
        # Also where all is -inf, the index is a pixel of the image that has the value.
        pixels = inputs.reshape(2, 56, 1, 3)
        found = np.take_along_axis(pixels, indices.reshape(2, -1, 1, 3), axis=1)
        np.testing.assert_array_equal(found.reshape(values.shape), values)

    @pytest.mark.parametrize("padding", ["valid", "same"])
    def test_takes_images_of_any_size(self, padding):
        inputs = keras.Input((None, None, 3))
        layer = MaxPoolingWithArgmax2D(3, 2, padding, "channels_last")
        model = keras.Model(inputs, layer(inputs))
        assert model.output_shape == [(None, None, None, 3)] * 2
        for shape in ((2, 5, 4, 3), (2, 3, 7, 3)):
            images = array(normal(shape))
            outputs = model.predict(images, verbose=0)
            for a, b in zip(outputs, layer(images), strict=True):
                assert_close(a, b)

    def test_keeps_what_is_not_a_number(self):
        inputs = np.zeros((1, 4, 4, 1))
        inputs[0, 1, 2] = np.nan
        values, indices = MaxPoolingWithArgmax2D(data_format="channels_last")(inputs)
        assert np.isnan(array(values)).sum() == np.isnan(array(values)[0, 0, 1]).sum()
        assert array(indices)[0, 0, 1, 0] == 6

    def test_refuses_images_smaller_than_a_window(self):
        with pytest.raises(ValueError) as error:
            MaxPoolingWithArgmax2D(3)(keras.Input((2, 5, 1)))
        assert str(error.value) == (
            "MaxPoolingWithArgmax2D takes images of at least its `pool_size`. "
            "Received: inputs of shape (None, 2, 5, 1), pool_size=(3, 3), "
            "data_format='channels_last'"
        )
