import re

import keras
import numpy as np
import pytest
from contracts import array, assert_close
from keras import layers

from kdl.initializers import lsuv
from kdl.layers import Clock, DropConnectDense


def images(*shape):
    return np.random.default_rng(0).normal(1, 3, shape).astype("float32")


def deep():
    """A plain network of 20 layers of ReLU."""
    hidden = [layers.Dense(24, "relu") for _ in range(20)]
    return keras.Sequential([keras.Input((8,)), *hidden, layers.Dense(3)])


def convolutional():
    """With batch normalization, a residual connection and a model within."""
    inputs = x = keras.Input((6, 6, 3))
    x = layers.Conv2D(8, 3, padding="same", activation="gelu", name="same")(x)
    x = layers.BatchNormalization()(x)
    branch = [
        layers.SeparableConv2D(8, 3, padding="same", activation="relu", name="same"),
        layers.DepthwiseConv2D(3, padding="same", activation="tanh"),
        layers.Conv2D(8, 1, groups=2),
    ]
    x = layers.add([x, keras.Sequential([keras.Input((6, 6, 8)), *branch])(x)])
    x = layers.Conv2DTranspose(8, 3, strides=2, activation="relu")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, DropConnectDense(3, 0.5, activation="softmax")(x))


@keras.saving.register_keras_serializable(package="tests")
class Subclassed(keras.Model):
    """Not built, with attention, and a layer that is called twice."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.attention = layers.MultiHeadAttention(2, 4)
        self.dense = [layers.Dense(5, "relu", name="dense") for _ in range(2)]
        self.lstm = layers.LSTM(4)
        self.head = layers.Dense(3, name="head")

    def call(self, inputs):
        x = self.attention(inputs, inputs)
        x = self.dense[1](self.dense[0](self.dense[0](x)))
        return self.head(self.lstm(x))


MODELS = [
    (deep, (100, 8), 21),
    (convolutional, (20, 6, 6, 3), 6),
    (Subclassed, (50, 7, 5), 7),
]


def variances(model, batch):
    """Of the outputs of every layer before its activation, at its first call."""
    found = {}

    class Linear:
        """Keeps what it sees, in place of an activation."""

        def __init__(self, layer):
            self.layer, self.activation = layer, layer.activation

        def __call__(self, x):
            found.setdefault(id(self.layer), array(x).astype("float64").var())
            return self.activation(x)

    watched = [
        layer
        for layer in model._flatten_layers()
        if hasattr(layer, "kernel") or hasattr(layer, "pointwise_kernel")
        if not hasattr(layer, "recurrent_kernel")
    ]
    for layer in watched:
        layer.activation = Linear(layer)
    model(batch, training=False)
    for layer in watched:
        layer.activation = layer.activation.activation
    return list(found.values())


@pytest.mark.parametrize(("make", "shape", "count"), MODELS)
def test_every_layer_reaches_unit_variance(make, shape, count):
    keras.utils.set_random_seed(0)
    model, batch = make(), images(*shape)
    reached = lsuv(model, batch, seed=0)
    measured = variances(model, batch)
    assert len(measured) == len(reached) == count
    assert np.abs(np.array(measured) - 1).max() < 0.05
    np.testing.assert_allclose(list(reached.values()), measured, rtol=1e-4)


@pytest.mark.parametrize(("make", "shape", "count"), MODELS[1:])
def test_leaves_a_model_that_trains_and_reloads(make, shape, count, tmp_path):
    keras.utils.set_random_seed(0)
    model, batch = make(), images(*shape)
    model(batch)
    calls = [(x.call, getattr(x, "activation", None)) for x in model._flatten_layers()]
    lsuv(model, batch, seed=0)
    assert calls == [
        (x.call, getattr(x, "activation", None)) for x in model._flatten_layers()
    ]
    kernels = [w for w in model.trainable_weights if w.name == "kernel"]
    before = [array(kernel).copy() for kernel in kernels]
    model.compile("sgd", "mse")
    model.fit(batch, np.ones((len(batch), 3)), verbose=0)
    for old, kernel in zip(before, kernels, strict=True):
        assert np.isfinite(array(kernel)).all()
        assert (array(kernel) != old).any(), kernel.path
    model.save(tmp_path / "model.keras")
    revived = keras.saving.load_model(tmp_path / "model.keras")
    assert_close(revived(batch, training=False), model(batch, training=False))


def test_kernels_are_orthogonal_up_to_a_factor():
    model = Subclassed()
    lsuv(model, images(50, 7, 5), seed=0)
    query = array(model.attention.query_dense.kernel).reshape(5, 8)
    output = array(model.attention.output_dense.kernel).reshape(8, 5)
    for matrix in (query, output.T, array(model.head.kernel).T):
        product = matrix @ matrix.T
        assert_close(product / product[0, 0], np.eye(len(matrix)))


def test_deep_network_of_defaults_is_far_from_it():
    keras.utils.set_random_seed(0)
    assert variances(deep(), images(100, 8))[-2] < 0.1


def test_seed_decides():
    model, kernels = keras.Sequential([keras.Input((8,)), layers.Dense(6)]), []
    for seed in (1, 1, 2):
        lsuv(model, images(100, 8), seed=seed)
        kernels.append(array(model.layers[0].kernel).copy())
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert (kernels[0] != kernels[2]).any()


def test_paths_are_told_apart_and_in_the_order_of_the_calls():
    model = Subclassed(name="model")
    attention = "model/multi_head_attention"
    assert [
        re.sub(r"_\d+/", "/", path) for path in lsuv(model, images(50, 7, 5), seed=0)
    ] == [
        f"{attention}/query",
        f"{attention}/key",
        f"{attention}/value",
        f"{attention}/attention_output",
        "model/dense",
        "model/dense_1",
        "model/head",
    ]


def test_biases_are_kept_and_taken_into_account():
    biases = keras.initializers.RandomNormal(stddev=0.7, seed=0)
    hidden = [layers.Dense(24, "relu", bias_initializer=biases) for _ in range(3)]
    model, batch = keras.Sequential([keras.Input((8,)), *hidden]), images(100, 8)
    before = [array(layer.bias).copy() for layer in hidden]
    lsuv(model, batch, tolerance=0.01, seed=0)
    assert np.abs(np.array(variances(model, batch)) - 1).max() < 0.011
    for old, layer in zip(before, hidden, strict=True):
        np.testing.assert_array_equal(array(layer.bias), old)


def test_sets_layers_whose_numbers_follow_a_clock():
    rate = keras.optimizers.schedules.PolynomialDecay(0.5, 100, 0.1)
    dense = DropConnectDense(6, rate, activation="relu", name="dense")
    model = keras.Sequential([keras.Input((8,)), Clock(), dense])
    assert list(lsuv(model, images(100, 8)).values()) == pytest.approx([1], abs=0.05)
    assert int(model.layers[0].batches.value) == 0


def test_leaves_layers_that_are_not_called_alone():
    class Model(keras.Model):
        def __init__(self):
            super().__init__()
            self.used, self.unused = layers.Dense(2), layers.Dense(2)
            self.unused.build((None, 8))

        def call(self, inputs):
            return self.used(inputs)

    model = Model()
    before = array(model.unused.kernel).copy()
    assert len(lsuv(model, images(9, 8))) == 1
    np.testing.assert_array_equal(array(model.unused.kernel), before)


def test_leaves_frozen_and_recurrent_layers_alone():
    model = keras.Sequential(
        [
            keras.Input((7, 5)),
            layers.Dense(5, trainable=False, name="frozen"),
            layers.TimeDistributed(layers.Dense(4, name="inner")),
            layers.GRU(4),
        ]
    )
    frozen, _, gru = model.layers
    before = [array(w).copy() for w in (*frozen.weights, *gru.weights)]
    reached = lsuv(model, images(9, 7, 5))
    assert [path.rpartition("/")[2] for path in reached] == ["inner"]
    for old, weight in zip(before, (*frozen.weights, *gru.weights), strict=True):
        np.testing.assert_array_equal(array(weight), old)


def test_depthwise_kernels_keep_their_direction():
    model = keras.Sequential([keras.Input((6, 6, 3)), layers.DepthwiseConv2D(3)])
    before = array(model.layers[0].kernel).copy()
    lsuv(model, images(9, 6, 6, 3))
    ratio = array(model.layers[0].kernel) / before
    assert_close(ratio, np.full_like(ratio, ratio.flat[0]))


def test_low_precision_and_layers_as_activations():
    model = keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(16, layers.PReLU(), dtype="bfloat16"),
            layers.Dense(16, None, dtype="mixed_bfloat16"),
        ]
    )
    first, second = lsuv(model, images(200, 8), seed=0).values()
    assert abs(first - 1) < 0.05 and abs(second - 1) < 0.05
    assert isinstance(model.layers[0].activation, layers.PReLU)


class TestRefuses:
    def refuse(self, model, batch, **arguments):
        """The message of `lsuv`, which must leave everything as it was."""
        model(batch)
        before = [array(weight).copy() for weight in model.weights]
        with pytest.raises(ValueError) as error:
            lsuv(model, batch, **arguments)
        for old, weight in zip(before, model.weights, strict=True):
            np.testing.assert_array_equal(array(weight), old)
        for layer in model._flatten_layers():
            assert "call" not in vars(layer)
        return str(error.value)

    def model(self, **arguments):
        first = layers.Dense(8, "relu")
        return keras.Sequential(
            [keras.Input((8,)), first, layers.Dense(8, name="last", **arguments)],
            name="model",
        )

    def test_bad_arguments(self):
        assert self.refuse(self.model(), images(9, 8), tolerance=0) == (
            "`tolerance` must be a number in (0, 1). Received: tolerance=0"
        )
        assert self.refuse(self.model(), images(9, 8), max_iterations=0.5) == (
            "`max_iterations` must be an integer in [1, inf). "
            "Received: max_iterations=0.5"
        )

    def test_outputs_that_do_not_vary(self):
        model = self.model()
        # Nothing gets through a ReLU that is pulled down so far.
        model.layers[0].bias.assign(np.full(8, -1e4))
        assert self.refuse(model, images(9, 8)) == (
            "`batch` must give outputs that are finite and vary at each layer. "
            "Received: a batch that gives a variance of 0.0 at layer 'model/last'"
        )

    def test_outputs_that_are_not_finite(self):
        batch = images(9, 8)
        batch[0, 0] = np.nan
        assert "a variance of nan at layer 'model/dense" in self.refuse(
            self.model(), batch
        )

    def test_too_few_iterations(self):
        # A bias that varies more than the outputs should.
        biases = keras.initializers.RandomNormal(stddev=9.0, seed=0)
        message = self.refuse(self.model(bias_initializer=biases), images(9, 8))
        assert message.startswith(
            "`max_iterations` must suffice for a variance within 0.05 of 1. Received: "
            "max_iterations=10, which leaves a variance of "
        )
        assert message.endswith(" at layer 'model/last'")
