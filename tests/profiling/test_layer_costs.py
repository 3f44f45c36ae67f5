import keras
import numpy as np
import pytest

import kdl
from kdl.profiling import layer_costs

# What a layer costs is the same on each backend; that all can be traced is not.
layers = keras.layers


def costs(build, *shapes):
    """FLOPs by the kind of layer, of a model of one layer or a function of layers."""
    inputs = [keras.Input(shape) for shape in shapes]
    return by_kind(keras.Model(inputs, build(*inputs)))


def by_kind(model, inputs=None):
    found = {}
    for row in layer_costs(model, inputs):
        found.setdefault(row["kind"], []).append(row["flops"])
    found.pop("InputLayer", None)
    return {
        kind: None if None in flops else sum(flops) for kind, flops in found.items()
    }


# By hand: a multiplication and an addition are two, one more for a bias and one for an
# activation of each output.
BY_HAND = {
    "dense": (layers.Dense(5), [(3,)], 2 * 3 * 5 + 5),
    "dense at places": (
        layers.Dense(5, "relu", use_bias=False),
        [(7, 3)],
        7 * (2 * 3 * 5 + 5),
    ),
    "einsum": (
        layers.EinsumDense("abc,cde->abde", (None, 2, 5), bias_axes="de"),
        [(7, 3)],
        7 * (2 * 3 * 10 + 10),
    ),
    "conv": (
        layers.Conv2D(4, (3, 2), strides=2, padding="same"),
        [(8, 6, 3)],
        4 * 3 * 4 * (2 * 3 * 2 * 3 + 1),
    ),
    "conv in groups": (
        layers.Conv1D(4, 3, groups=2, use_bias=False),
        [(10, 6)],
        8 * 4 * 2 * 3 * 3,
    ),
    "conv 3d": (layers.Conv3D(2, 2), [(3, 3, 3, 4)], 8 * 2 * (2 * 8 * 4 + 1)),
    "transposed": (
        layers.Conv2DTranspose(5, 3, strides=2, padding="same", use_bias=False),
        [(4, 4, 2)],
        # Each of the inputs is spread over nine places of five channels.
        4 * 4 * 2 * 2 * 9 * 5,
    ),
    "depthwise": (
        layers.DepthwiseConv2D(3, depth_multiplier=2),
        [(5, 5, 3)],
        3 * 3 * 6 * (2 * 9 + 1),
    ),
    "separable": (
        layers.SeparableConv2D(4, 3, depth_multiplier=2, use_bias=False),
        [(5, 5, 3)],
        3 * 3 * (2 * 9 * 6 + 2 * 6 * 4),
    ),
    "max pooling": (layers.MaxPooling2D(2), [(6, 6, 3)], 3 * 3 * 3 * 4),
    "average pooling": (layers.AveragePooling1D(3), [(9, 2)], 3 * 2 * 3),
    "global pooling": (layers.GlobalAveragePooling2D(), [(4, 5, 3)], 4 * 5 * 3),
    "batch normalization": (layers.BatchNormalization(), [(4, 3)], 2 * 12),
    "layer normalization": (layers.LayerNormalization(), [(4, 3)], 7 * 12),
    "root mean square": (layers.RMSNormalization(), [(4, 3)], 4 * 12),
    "simple recurrent": (
        layers.SimpleRNN(5),
        [(7, 3)],
        # Two products, their sum, the bias and tanh.
        7 * (2 * (3 + 5) * 5 + 5 + 5 + 5),
    ),
    "lstm": (
        layers.LSTM(5),
        [(7, 3)],
        # Four gates of two products, a sum, a bias and an activation; then
        # c = f c + i g, tanh, and the product with o.
        7 * (4 * (2 * (3 + 5) * 5 + 3 * 5) + 3 * 5 + 2 * 5),
    ),
    "gru": (
        layers.GRU(5),
        [(7, 3)],
        # Three gates of two products with a bias each, a sum and an activation; r times
        # the state, then h = z h + (1 - z) g.
        7 * (3 * (2 * (3 + 5) * 5 + 2 * 5 + 2 * 5) + 5 + 4 * 5),
    ),
    "stacked": (
        layers.RNN([layers.SimpleRNNCell(5), layers.SimpleRNNCell(2)]),
        [(7, 3)],
        7 * (2 * (3 + 5) * 5 + 15 + 2 * (5 + 2) * 2 + 6),
    ),
    "peephole lstm": (
        kdl.layers.PeepholeLSTM(5),
        [(7, 3)],
        # Three gates also see the state of the cell.
        7 * (4 * (2 * (3 + 5) * 5 + 3 * 5) + 3 * 5 + 2 * 5 + 3 * 2 * 5),
    ),
    "flatten": (layers.Flatten(), [(4, 3)], 0),
    "elementwise": (layers.ReLU(), [(4, 3)], 12),
    "sum": (lambda *inputs: layers.Add()(inputs), [(4,)] * 3, 2 * 4),
}


@pytest.mark.one_backend
@pytest.mark.parametrize("name", BY_HAND)
def test_flops_are_those_by_hand(name):
    build, shapes, flops = BY_HAND[name]
    assert sum(costs(build, *shapes).values()) == flops


@pytest.mark.one_backend
def test_attention_has_projections_and_products():
    heads, size, queries, keys, width = 2, 4, 5, 7, 6
    layer = layers.MultiHeadAttention(heads, size)
    found = costs(lambda q, v: layer(q, v), (queries, width), (keys, width))
    pairs = heads * queries * keys
    assert found["MultiHeadAttention"] == pairs * (4 * size + 3)
    inner = heads * size
    assert found["EinsumDense"] == (
        # Queries, keys and values, and the projection of what they give.
        queries * inner * (2 * width + 1)
        + 2 * keys * inner * (2 * width + 1)
        + queries * width * (2 * inner + 1)
    )


@pytest.mark.one_backend
def test_grouped_attention_has_products_for_each_head_of_the_queries():
    layer = layers.GroupQueryAttention(4, 6, 2)
    found = costs(lambda q, v: layer(q, v), (5, 8), (7, 8))
    assert found["GroupedQueryAttention"] == 6 * 5 * 7 * (4 * 4 + 3)


@pytest.mark.one_backend
def test_transformer_block_has_what_its_formula_says():
    width, length, hidden = 8, 5, 16
    block = kdl.layers.TransformerEncoderBlock(2, hidden)
    found = costs(block, (length, width))
    assert found["Attention"] == length * length * (4 * width + 3 * 2)
    products = 2 * length * (4 * width * width + 2 * width * hidden)
    assert products <= found["Dense"] <= 1.2 * products


def test_layers_of_all_kinds_are_traced_by_each_backend():
    inputs = keras.Input((6, 6, 3))
    x = layers.Conv2D(4, 3)(inputs)
    x = kdl.layers.ConvBlock(4)(x)
    x = layers.Reshape((16, 4))(x)
    x = layers.Bidirectional(layers.GRU(3, return_sequences=True))(x)
    x = layers.MultiHeadAttention(2, 3)(x, x)
    outputs = layers.Dense(2)(layers.GlobalAveragePooling1D()(x))
    model = keras.Model(inputs, outputs)
    found = by_kind(model)
    assert found["GRU"] == 2 * 16 * (3 * (2 * (4 + 3) * 3 + 12) + 5 * 3)
    # For an example, whatever the batch.
    assert by_kind(model, np.zeros((5, 6, 6, 3), "float32")) == found


@pytest.mark.one_backend
@pytest.mark.parametrize("shared", [False, True])
def test_parameters_are_those_of_the_model(shared):
    inputs = keras.Input((6, 3))
    dense = layers.Dense(3)
    x = layers.Dense(3)(inputs) if not shared else dense(inputs)
    x = layers.LSTM(3, return_sequences=True)(dense(x))
    x = kdl.layers.TransformerEncoderBlock(1, 4)(x)
    model = keras.Model(inputs, layers.BatchNormalization()(x))
    rows = layer_costs(model)
    assert sum(row["parameters"] for row in rows) == model.count_params()
    calls = {row["layer"]: row["flops"] for row in rows if row["kind"] == "Dense"}
    assert calls[dense.name] == (2 if shared else 1) * 6 * (2 * 9 + 3)


@pytest.mark.one_backend
def test_layer_with_matrices_and_no_formula_is_not_counted():
    class Product(layers.Layer):
        def build(self, shape):
            self.kernel = self.add_weight(shape=(shape[-1], 2))

        def call(self, inputs):
            return inputs @ self.kernel

    rows = layer_costs(keras.Sequential([keras.Input((3,)), Product(name="own")]))
    assert rows[-1] == {
        "layer": "own",
        "kind": "Product",
        "output": (2,),
        "parameters": 6,
        "flops": None,
    }


@pytest.mark.one_backend
def test_layer_that_is_not_called_takes_none():
    class Copies(keras.Model):
        def __init__(self):
            super().__init__()
            self.one, self.other = layers.Dense(2, name="one"), layers.Dense(2)
            self.other.build((None, 3))

        def build(self, shape):
            self.one.build(shape)

        def call(self, inputs):
            return self.one(inputs)

    model = Copies()
    model.build((None, 3))
    one, other = layer_costs(model, np.zeros((4, 3)))
    assert (one["parameters"], one["flops"]) == (8, 14)
    assert (other["parameters"], other["flops"], other["output"]) == (8, 0, None)


@pytest.mark.one_backend
def test_changes_nothing_of_the_model():
    model = keras.Sequential([keras.Input((3,)), layers.BatchNormalization()])
    before = model.get_weights()
    layer_costs(model, np.ones((4, 3)))
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
    assert "call" not in vars(model.layers[-1])


@pytest.mark.one_backend
def test_refuses_a_model_of_which_shapes_are_not_known():
    model = keras.Sequential([keras.Input((None, 3)), layers.Dense(2)])
    with pytest.raises(ValueError) as error:
        layer_costs(model)
    assert str(error.value) == (
        "`inputs` must be a batch of the model, of which not all shapes are known. "
        "Received: inputs=None"
    )
