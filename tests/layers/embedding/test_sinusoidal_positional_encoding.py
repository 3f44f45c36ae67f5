import keras
import numpy as np
import pytest
from contracts import LayerContract, array, assert_close, compiled, normal

from kdl.layers import SinusoidalPositionalEncoding


def reference(positions, size, max_wavelength=10000.0):
    """The paper's formula, one channel at a time."""
    encoding = np.zeros((len(positions), size))
    for channel in range(size):
        wave = np.sin if channel % 2 == 0 else np.cos
        exponent = (channel - channel % 2) / size
        encoding[:, channel] = wave(positions / max_wavelength**exponent)
    return encoding


class TestSinusoidalPositionalEncoding(LayerContract):
    component = SinusoidalPositionalEncoding
    arguments = {"max_wavelength": 500.0}
    input_shape = (2, 5, 4)
    refused = [
        (
            {"max_wavelength": 0.5},
            "`max_wavelength` must be a number in [1, inf). "
            "Received: max_wavelength=0.5",
        ),
    ]

    def encoding(self, length, size, **options):
        layer = SinusoidalPositionalEncoding(**options)
        return layer(keras.ops.zeros((1, length, size)))[0]

    def test_is_that_of_the_paper(self):
        inputs = array(self.inputs())
        desired = inputs + reference(np.arange(5), 4, 500)
        assert_close(self.make()(inputs), desired.astype("float32"))

    def test_is_exact_at_positions_of_17_bits(self):
        encoding = self.encoding(2**17, 16)
        desired = reference(np.arange(2**17), 16)
        np.testing.assert_allclose(array(encoding), desired, rtol=0, atol=1e-5)

    @pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
    def test_half_precision_rounds_the_sum_alone(self, dtype):
        rounded = self.encoding(100_000, 32, dtype=dtype)
        exact = keras.ops.cast(self.encoding(100_000, 32), rounded.dtype)
        rounded, exact = (array(keras.ops.cast(x, "float32")) for x in (rounded, exact))
        np.testing.assert_array_equal(rounded, exact)
        # No two positions are alike.
        rows = np.ascontiguousarray(rounded).view("V128").ravel()
        assert len(np.unique(rows)) == 100_000

    @pytest.mark.parametrize("start", [3, 100_000])
    def test_starts_anywhere(self, start):
        layer, zeros = self.make(), keras.ops.zeros((1, 2, 4))
        desired = reference(np.arange(start, start + 2), 4, 500)[None]
        step = compiled(lambda index: layer(zeros, start_index=index))
        layer.build(zeros.shape)
        for encoding in (
            layer(zeros, start_index=start),
            step(keras.ops.convert_to_tensor(start, "int32")),
        ):
            np.testing.assert_allclose(array(encoding), desired, rtol=0, atol=1e-5)

    def test_takes_sequences_of_any_length_and_passes_masks(self):
        tokens = keras.Input((None,))
        outputs = keras.layers.Embedding(5, 4, mask_zero=True)(tokens)
        outputs = SinusoidalPositionalEncoding()(outputs)
        model = keras.Model(tokens, keras.layers.GlobalAveragePooling1D()(outputs))
        embeddings = array(model.layers[1].embeddings)
        for data in ([[1, 2, 3, 0]], [[4, 0]]):
            data = np.array(data)
            encoded = embeddings[data] + reference(np.arange(data.shape[1]), 4)
            desired = encoded[data != 0].mean(axis=0, keepdims=True)
            assert_close(model.predict(data, verbose=0), desired.astype("float32"))

    def test_refuses_a_sine_without_its_cosine(self):
        layer = SinusoidalPositionalEncoding(name="positions")
        with pytest.raises(ValueError) as error:
            layer(normal((2, 4, 5)))
        assert str(error.value) == (
            "The layer 'positions' takes an even number of features, a sine and a "
            "cosine each. Received: inputs of shape (2, 4, 5)"
        )

    def test_takes_positions_of_any_integer_type(self):
        layer, zeros = self.make(), np.zeros((1, 3, 4))
        desired = layer(zeros, start_index=5)
        for dtype in ("int32", "int64"):
            assert_close(layer(zeros, start_index=np.array(5, dtype)[()]), desired)
            tensor = keras.ops.convert_to_tensor(5, dtype)
            assert_close(layer(zeros, start_index=tensor), desired)
        with pytest.raises(ValueError, match="must be an integer"):
            layer(zeros, start_index=1.5)

    def test_refuses_other_features_than_it_was_built_for(self):
        layer = self.make()
        layer(np.zeros((1, 3, 4)))
        with pytest.raises(ValueError, match="expected axis -1"):
            layer(np.zeros((1, 3, 6)))
