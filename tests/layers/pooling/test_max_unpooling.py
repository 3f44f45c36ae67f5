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

from kdl.layers import MaxPoolingWithArgmax2D, MaxUnpooling2D

WINDOWS = {
    "pool_size": (3, 2),
    "strides": (2, 2),
    "padding": "same",
    "data_format": "channels_first",
}
ARGUMENTS = {**WINDOWS, "output_size": (7, 6)}


class TestMaxUnpooling2D(LayerContract):
    """As the layer takes two tensors, these are what images are pooled to."""

    component = MaxUnpooling2D
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
        (
            {"output_size": 7},
            "`output_size` must be a pair of integers in [1, inf). Received: "
            "output_size=7",
        ),
        (
            {"output_size": (7, 0)},
            "`output_size` must be an integer in [1, inf). Received: output_size=0",
        ),
    ]

    def wrap(self, layer):
        inputs = keras.Input(self.input_shape[1:])
        return keras.Model(inputs, layer(MaxPoolingWithArgmax2D(**WINDOWS)(inputs)))

    def pooled(self):
        # A list, since within a graph PyTorch fails on Keras's handling of tuples.
        return list(MaxPoolingWithArgmax2D(**WINDOWS)(normal(self.input_shape)))

    def test_shapes_agree(self):
        layer, inputs = self.make(), self.pooled()
        shapes = [(None, *x.shape[1:]) for x in inputs]
        symbolic = layer([keras.Input(batch_shape=shape) for shape in shapes]).shape
        assert layer.compute_output_shape(shapes) == symbolic == (None, 3, 7, 6)
        assert tuple(layer(inputs).shape) == self.input_shape

    @pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
    def test_mixed_precision(self, dtype):
        layer = self.make(dtype=f"mixed_{dtype}")
        outputs = layer(self.pooled())
        assert keras.backend.standardize_dtype(outputs.dtype) == dtype
        # Windows overlap: what two have picked is that value to the last bit.
        exact = keras.ops.cast(self.make()(self.pooled()), dtype)
        exact, outputs = (keras.ops.cast(x, "float32") for x in (exact, outputs))
        np.testing.assert_array_equal(array(outputs), array(exact))
        revived = self.component.from_config(layer.get_config())
        assert revived.dtype_policy.name == f"mixed_{dtype}"

    def test_inference_compiles(self):
        layer, inputs = self.make(), self.pooled()
        assert_close(layer(inputs), compiled(layer)(inputs))

    @pytest.mark.parametrize("strides", [1, 2])
    def test_trains_compiled_and_reloads(self, strides, tmp_path):
        """Above a convolution and pooling, whether or not windows overlap."""
        inputs = keras.Input((6, 6, 2))
        outputs = keras.layers.Conv2D(3, 1)(inputs)
        options = {"strides": strides, "data_format": "channels_last"}
        outputs = MaxPoolingWithArgmax2D(**options)(outputs)
        model = keras.Model(inputs, MaxUnpooling2D(**options)(outputs))
        # On PyTorch it takes half a minute, and tests/test_traced_fits.py does it.
        jit_compile = keras.backend.backend() != "torch"
        model.compile("sgd", "mse", jit_compile=jit_compile)
        before = [array(weight) for weight in model.weights]
        data = np.zeros((2, 6, 6, 2), "float32")
        data[1] = 1
        model.fit(data, np.ones((2, 6, 6, 3)), verbose=0)
        for old, weight in zip(before, model.weights, strict=True):
            assert np.isfinite(array(weight)).all()
            assert (array(weight) != old).any()
        model.save(tmp_path / "model.keras")
        revived = keras.saving.load_model(tmp_path / "model.keras")
        assert_close(revived(data), model(data))

    @pytest.mark.parametrize("data_format", ["channels_first", "channels_last"])
    @pytest.mark.parametrize(
        ("pool", "stride", "image", "size"),
        [
            (2, 2, (6, 8), None),
            (3, 2, (7, 9), None),
            (3, 1, (7, 6), None),
            (3, 2, (8, 8), (8, 8)),
            (2, 3, (8, 7), (8, 7)),
        ],
    )
    def test_is_that_of_torch(self, pool, stride, image, size, data_format):
        images = torch.tensor(array(normal((2, 3, *image))))
        pooled = torch.nn.MaxPool2d(pool, stride, return_indices=True)(images)
        desired = torch.nn.MaxUnpool2d(pool, stride)(*pooled, output_size=size)
        *inputs, desired = (tensor.numpy() for tensor in (*pooled, desired))
        if data_format == "channels_last":
            *inputs, desired = (np.moveaxis(x, 1, 3) for x in (*inputs, desired))
        layer = MaxUnpooling2D(pool, stride, output_size=size, data_format=data_format)
        assert_close(layer(inputs), desired)

    def test_takes_the_mean_of_several_values_for_a_pixel(self):
        layer = MaxUnpooling2D(3, 1, data_format="channels_last")
        values = np.arange(4.0).reshape(1, 2, 2, 1)
        indices = np.array([5, 5, 5, 6]).reshape(1, 2, 2, 1)
        desired = np.zeros(16)
        desired[5], desired[6] = (0 + 1 + 2) / 3, 3
        assert_close(array(layer([values, indices])).ravel(), desired)

    def test_takes_images_of_any_size(self):
        inputs = keras.Input((None, None, 3))
        pool = MaxPoolingWithArgmax2D(data_format="channels_last")
        layer = MaxUnpooling2D(data_format="channels_last")
        model = keras.Model(inputs, layer(pool(inputs)))
        assert model.output_shape == (None, None, None, 3)
        for shape in ((2, 6, 4, 3), (2, 2, 8, 3)):
            images = array(normal(shape))
            outputs = model.predict(images, verbose=0)
            assert_close(outputs, layer(pool(images)))

    def test_refuses_an_index_that_32_bits_would_make_another(self):
        values, indices = map(array, self.pooled())
        indices = indices.astype("int64")
        indices[indices == indices.max()] = 2**32 + 3
        with pytest.raises(ValueError) as error:
            self.make()([values, indices])
        assert str(2**32 + 3) in str(error.value)

    @pytest.mark.parametrize("wrong", [-1, 42])
    def test_refuses_an_index_that_is_no_pixel(self, wrong):
        values, indices = map(array, self.pooled())
        indices = np.where(indices == indices.max(), wrong, indices)
        with pytest.raises(ValueError) as error:
            self.make()([values, indices])
        message = (
            "`indices` of MaxUnpooling2D must be in [0, 42), the pixels of its outputs "
            f"of 7 by 6. Received: indices from {indices.min()} to {indices.max()}"
        )
        # Keras says where an error was raised in front of what is wrong.
        assert message in str(error.value)

    def test_refuses_a_size_that_is_not_pooled_to_the_inputs(self):
        with pytest.raises(ValueError) as error:
            self.make(output_size=(9, 6))(self.pooled())
        assert str(error.value) == (
            "`output_size` of MaxUnpooling2D must be a size that is pooled to that of "
            "the inputs. Received: output_size=(9, 6), inputs of shape (2, 3, 4, 3), "
            "pool_size=(3, 2), strides=(2, 2), padding='same'"
        )

    def test_refuses_one_tensor_and_different_shapes(self):
        with pytest.raises(ValueError, match="expects 2 input"):
            self.make()(normal(self.input_shape))
        values, indices = self.pooled()
        with pytest.raises(ValueError) as error:
            self.make()([values, indices[:, :1]])
        assert str(error.value) == (
            "MaxUnpooling2D takes values and indices of the same shape. Received: "
            "values of shape (2, 3, 4, 3), indices of shape (2, 1, 4, 3)"
        )
