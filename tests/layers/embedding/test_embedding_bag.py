import keras
import numpy as np
import pytest
import torch
from contracts import LayerContract, assert_close

from kdl.layers import EmbeddingBag

COMBINERS = ["sum", "mean", "max"]


class TestEmbeddingBag(LayerContract):
    component = EmbeddingBag
    arguments = {
        "input_dim": 7,
        "output_dim": 5,
        "combiner": "mean",
        "padding_index": 2,
    }
    # So few that the reload test's numbers, cast to integers, are all zero.
    input_shape = (2, 3)
    refused = [
        (
            {"input_dim": 0},
            "`input_dim` must be an integer in [1, inf). Received: input_dim=0",
        ),
        (
            {"output_dim": 0},
            "`output_dim` must be an integer in [1, inf). Received: output_dim=0",
        ),
        (
            {"combiner": "min"},
            "`combiner` must be one of 'sum', 'mean', 'max'. Received: combiner='min'",
        ),
        (
            {"padding_index": 0.5},
            "`padding_index` must be an integer in [-2147483648, 2147483647]. "
            "Received: padding_index=0.5",
        ),
        (
            {"mask_zero": True},
            "EmbeddingBag takes `padding_index=0` rather than `mask_zero=True`.",
        ),
    ]

    def inputs(self):
        return keras.ops.convert_to_tensor([[0, 6, 6], [4, 2, 2]], "int32")

    def like_torch(self, combiner, indices, padding, weights=None):
        """Outputs of torch's, and gradients of their sum of squares."""
        table = np.random.default_rng(1).normal(size=(7, 5)).astype("float32")
        module = torch.nn.EmbeddingBag(7, 5, mode=combiner, padding_idx=padding)
        module.weight.data = torch.tensor(table)
        if weights is not None:
            weights = torch.tensor(weights, requires_grad=True)
        outputs = module(torch.tensor(indices), per_sample_weights=weights)
        (outputs**2).sum().backward()
        gradients = [module.weight.grad.numpy()]
        if weights is not None:
            gradients.append(weights.grad.numpy())
        return table, outputs.detach().numpy(), gradients

    # TensorFlow looks up one position of the bags at a time, or three.
    @pytest.mark.parametrize("shape", [(6, 4), (2, 7)])
    @pytest.mark.parametrize("padding", [None, 2])
    @pytest.mark.parametrize("combiner", COMBINERS)
    def test_is_that_of_torch(self, combiner, padding, shape):
        indices = np.random.default_rng(0).integers(0, 7, shape)
        indices[0] = 2
        table, desired, gradients = self.like_torch(combiner, indices, padding)
        layer = self.make(combiner=combiner, padding_index=padding)
        layer.build(indices.shape)
        layer.set_weights([table])
        assert_close(layer(indices), desired)
        actual = gradient(lambda: keras.ops.sum(layer(indices) ** 2), layer._embeddings)
        assert_close(actual, gradients[0])

    @pytest.mark.parametrize("shape", [(6, 4), (2, 7)])
    @pytest.mark.parametrize("padding", [None, 2])
    def test_weighs_as_torch_does(self, padding, shape):
        rng = np.random.default_rng(0)
        indices, weights = rng.integers(0, 7, shape), rng.normal(size=shape)
        weights = weights.astype("float32")
        table, desired, gradients = self.like_torch("sum", indices, padding, weights)
        layer = self.make(combiner="sum", padding_index=padding)
        layer.build(indices.shape)
        layer.set_weights([table])
        assert_close(layer(indices, weights), desired)
        weights = keras.Variable(weights)
        for variable, expected in zip(
            (layer._embeddings, weights), gradients, strict=True
        ):
            actual = gradient(
                lambda: keras.ops.sum(
                    layer(indices, keras.ops.convert_to_tensor(weights)) ** 2
                ),
                variable,
            )
            assert_close(actual, expected)

    @pytest.mark.parametrize("combiner", COMBINERS)
    def test_mask_shortens_bags(self, combiner):
        layer = self.make(combiner=combiner)
        mask = np.array([[True, False, True], [False, True, False]])
        # Tokens that do not count need not be in the table.
        outputs = layer(np.array([[0, 99, 6], [-1, 2, 99]]), mask=mask)
        assert_close(outputs[0], layer(np.array([[0, 6]]))[0])
        assert_close(outputs[1], np.zeros(5))

    def test_takes_the_mask_of_keras(self):
        class Mark(keras.layers.Layer):
            def call(self, inputs):
                return inputs

            def compute_mask(self, inputs, mask=None):
                return inputs != 6

        layer = self.make(combiner="sum")
        model = keras.Sequential([keras.Input((3,), dtype="int32"), Mark(), layer])
        assert_close(model(np.array([[0, 6, 4]])), layer(np.array([[0, 4]])))

    @pytest.mark.parametrize("combiner", COMBINERS)
    def test_takes_bags_of_any_size_in_a_graph(self, combiner):
        layer = self.make(combiner=combiner)
        model = keras.Sequential([keras.Input((None,), dtype="int32"), layer])
        assert model.output_shape == (None, 5)
        model.compile("sgd", "mse")
        for shape in ((4, 3), (2, 6)):
            indices = np.random.default_rng(0).integers(0, 7, shape)
            model.fit(indices, np.zeros((shape[0], 5)), verbose=0)
            assert_close(model.predict(indices, verbose=0), layer(indices))

    @pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
    def test_sums_in_float32(self, dtype):
        layer = EmbeddingBag(
            2, 1, embeddings_initializer="ones", dtype=f"mixed_{dtype}"
        )
        outputs = layer(np.zeros((1, 2560), "int32"))
        assert keras.backend.standardize_dtype(outputs.dtype) == dtype
        assert float(keras.ops.stop_gradient(outputs)[0, 0]) == 2560

    def test_row_that_does_not_count_poisons_nothing(self):
        layer = self.make(combiner="sum")
        layer.build((2, 3))
        table = np.ones((7, 5))
        table[[0, 2]] = np.nan
        layer.set_weights([table])
        outputs = layer(np.array([[1, 2, 2], [2, 2, 2]]))
        assert_close(outputs, [[1] * 5, [0] * 5])

    def test_refuses_weights_unless_it_sums(self):
        with pytest.raises(ValueError) as error:
            self.make()(self.inputs(), np.ones((2, 3)))
        assert (
            "EmbeddingBag takes `weights` with combiner='sum' only. Received: "
            "combiner='mean'" in str(error.value)
        )

    @pytest.mark.parametrize("token", [-1, 7])
    def test_refuses_a_token_beyond_the_table(self, token):
        with pytest.raises(ValueError) as error:
            self.make()(np.array([[3, token]]))
        assert (
            "`indices` of EmbeddingBag must be in [0, 7), its `input_dim`. Received: "
            f"indices from {min(3, token)} to {max(3, token)}" in str(error.value)
        )

    @pytest.mark.parametrize("combiner", ["sum", "mean", "max"])
    @pytest.mark.parametrize("padding_index", [None, 0])
    @pytest.mark.parametrize("shape", [(2, 0), (0, 3), (0, 0)])
    def test_an_empty_bag_is_zero(self, combiner, padding_index, shape):
        layer = EmbeddingBag(10, 4, combiner, padding_index)
        outputs = layer(np.zeros(shape, "int32"))
        assert_close(outputs, np.zeros((shape[0], 4)))

    @pytest.mark.parametrize("token", [2**32 + 3, -(2**32) + 3, 2**63 - 1])
    @pytest.mark.parametrize("padding_index", [None, 0])
    def test_refuses_a_token_that_32_bits_would_make_another(
        self, token, padding_index
    ):
        layer = EmbeddingBag(10, 4, padding_index=padding_index)
        with pytest.raises(ValueError) as error:
            layer(np.array([[3, token]]))
        assert f"Received: {token}" in str(error.value)

    def test_refuses_a_tensor_of_64_bits_as_well(self):
        indices = keras.ops.convert_to_tensor(np.array([[3, 2**32 + 3]]))
        if keras.backend.standardize_dtype(indices.dtype) != "int64":
            pytest.skip("JAX has no such tensor")
        with pytest.raises(ValueError) as error:
            EmbeddingBag(10, 4)(indices)
        assert f"indices from 3 to {2**32 + 3}" in str(error.value)


def gradient(loss, variable):
    """Gradient of a loss by a variable, as the current backend takes it."""
    match keras.backend.backend():
        case "jax":
            import jax

            def stateless(value):
                with keras.StatelessScope([(variable, value)]):
                    return loss()

            return jax.jit(jax.grad(stateless))(variable.value)
        case "tensorflow":
            import tensorflow as tf

            with tf.GradientTape() as tape:
                result = loss()
            return tf.convert_to_tensor(tape.gradient(result, variable.value))
        case "torch":
            variable.value.grad = None
            loss().backward()
            return variable.value.grad
