import gc
import weakref

import keras
import numpy as np
import pytest
from contracts import array
from keras import layers, ops
from scored_models import (
    IMAGES,
    RNG,
    TOKENS,
    Subclassed,
    convolutions,
    drawn,
    linear,
    reader,
    rows,
    table,
)

from kdl.attribution import gradient
from kdl.layers import EmbeddingBag

STEP = 1e-2


@pytest.fixture(scope="module")
def model():
    return convolutions()


def second(outputs):
    return outputs[:, 2]


class TestGradient:
    def test_of_a_linear_model_is_its_weights(self):
        model, x = linear(), RNG.normal(size=(5, 4)).astype("float32")
        kernel, bias = (array(weight) for weight in model.weights)
        found = gradient(model, x, score=1)
        np.testing.assert_allclose(found.gradients, np.tile(kernel[:, 1], (5, 1)), 1e-6)
        np.testing.assert_allclose(found.scores, x @ kernel[:, 1] + bias[1], 1e-5, 1e-6)
        np.testing.assert_array_equal(found.values, x)
        classes = np.array([0, 1, 2, 1, 0])
        each = gradient(model, x, score=classes).gradients
        np.testing.assert_allclose(each, kernel[:, classes].T, 1e-6)
        best = (x @ kernel + bias).argmax(axis=1)
        np.testing.assert_allclose(gradient(model, x)[0], kernel[:, best].T, 1e-6)

    def test_is_that_of_finite_differences(self, model):
        way = RNG.normal(size=IMAGES.shape).astype("float32")
        found = gradient(model, IMAGES, score=2)
        ends = [array(model(IMAGES + sign * STEP * way))[:, 2] for sign in (1, -1)]
        # In inference: neither drops, nor counts the batch, nor has its mean.
        np.testing.assert_allclose(found.scores, array(model(IMAGES))[:, 2], 1e-5, 1e-6)
        expected = (ends[0] - ends[1]) / (2 * STEP)
        along = (found.gradients * way).sum(axis=(1, 2, 3))
        # The third derivative, and rounding of scores divided by the step.
        np.testing.assert_allclose(along, expected, rtol=5e-3, atol=2e-4)

    def test_takes_dicts_and_models_that_are_not_built(self):
        model = Subclassed()
        x = {name: RNG.normal(size=(4, 5)).astype("float32") for name in "ab"}
        found = gradient(model, x, second)
        ways = {name: RNG.normal(size=(4, 5)).astype("float32") for name in "ab"}
        ends = [
            array(model({name: x[name] + sign * STEP * ways[name] for name in "ab"}))
            for sign in (1, -1)
        ]
        expected = (ends[0] - ends[1])[:, 2] / (2 * STEP)
        along = sum((found.gradients[n] * ways[n]).sum(axis=1) for n in "ab")
        np.testing.assert_allclose(along, expected, rtol=5e-3, atol=2e-4)

    @pytest.mark.parametrize("name", ["first", "norm", "pool", "within", "inner"])
    def test_by_a_layer_is_that_of_the_rest_of_the_model(self, model, name):
        found = gradient(model, IMAGES, 2, layer=name)
        # By the chain rule, and the last layers by hand: a mean, and a dense layer.
        kernel = array(model.get_layer("logits").kernel)[:, 2]
        if name in ("within", "inner"):
            assert found.values.shape == (6, 3, 3, 3)
            expected = np.broadcast_to(kernel / 9, found.values.shape)
            np.testing.assert_allclose(found.gradients, expected, 1e-5, 1e-7)
        else:
            part = keras.Model(model.input, model.get_layer(name).output)
            np.testing.assert_allclose(found.values, array(part(IMAGES)), 1e-5, 1e-6)
            rest = _rest(model, name)
            way = RNG.normal(size=found.values.shape).astype("float32")
            ends = [array(rest(found.values + s * STEP * way))[:, 2] for s in (1, -1)]
            along = (found.gradients * way).sum(axis=(1, 2, 3))
            expected = (ends[0] - ends[1]) / (2 * STEP)
            np.testing.assert_allclose(along, expected, rtol=5e-3, atol=2e-4)
        np.testing.assert_allclose(found.scores, gradient(model, IMAGES, 2)[2], 1e-6)

    def test_is_of_the_weights_that_the_model_has_now(self):
        model, x = linear(), RNG.normal(size=(5, 4)).astype("float32")
        gradient(model, x, 0)
        model.layers[-1].kernel.assign(np.arange(12.0).reshape(4, 3))
        found = gradient(model, x, 0).gradients
        np.testing.assert_allclose(found[0], [0.0, 3.0, 6.0, 9.0], 1e-6)
        # And of those it is given in place of them.
        model.layers[-1].enable_lora(1)
        model.layers[-1].lora_kernel_b.assign(np.ones((1, 3)))
        lora = array(model.layers[-1].lora_kernel_a)[:, 0]
        found = gradient(model, x, 0).gradients
        np.testing.assert_allclose(found[0], lora + np.arange(0.0, 10.0, 3.0), 1e-5)

    def test_leaves_the_model_as_it_was_and_lets_go_of_it(self):
        model = convolutions()
        before = [array(variable).copy() for variable in model.variables]
        gradient(model, IMAGES, layer="inner")
        gradient(model, IMAGES, 1)
        with pytest.raises(ValueError):
            gradient(model, IMAGES, lambda outputs: outputs[0, 0], layer="first")
        layer = model.get_layer("first")
        assert "call" not in vars(layer)
        for variable, value in zip(model.variables, before, strict=True):
            np.testing.assert_array_equal(array(variable), value)
        known = weakref.ref(model)
        del model, layer, variable
        gc.collect()
        assert known() is None

    def test_is_of_each_example_by_itself_whatever_the_batch(self, model):
        together = gradient(model, IMAGES, 1).gradients
        # Six in batches of four: the last one is filled up.
        apart = gradient(model, IMAGES, 1, batch_size=4).gradients
        np.testing.assert_allclose(apart, together, 1e-4, 1e-6)

    def test_of_integers_is_by_their_embedding(self):
        model = reader()
        found = gradient(model, TOKENS, 1)
        table = array(model.get_layer("embedding").embeddings)
        np.testing.assert_array_equal(found.values, table[TOKENS])
        assert found.gradients.shape == (4, 5, 4)

    def test_of_a_table_is_by_numbers_and_by_embeddings(self):
        model, x = table(), rows()
        found = gradient(model, x, 1)
        assert found.gradients["categories"].shape == (6, 2, 4)
        way = RNG.normal(size=(6, 3)).astype("float32")
        ends = [
            array(model({**x, "numbers": x["numbers"] + sign * STEP * way}))[:, 1]
            for sign in (1, -1)
        ]
        along = (found.gradients["numbers"] * way).sum(axis=1)
        expected = (ends[0] - ends[1]) / (2 * STEP)
        np.testing.assert_allclose(along, expected, rtol=5e-3, atol=2e-4)

    @pytest.mark.one_backend
    def test_passes_over_inputs_that_have_none(self):
        x, places = keras.Input((4,)), keras.Input((2,), dtype="int32")
        keep = keras.Input((2,), dtype="bool")
        taken = ops.take_along_axis(x, places, axis=1)
        outputs = taken * ops.cast(keep, "float32")
        model = keras.Model([x, places, keep], outputs)
        kept = np.array([[True, True], [False, True]])
        inputs = [np.ones((2, 4)), np.array([[0, 3], [1, 2]]), kept]
        found = gradient(model, inputs, lambda outputs: ops.sum(outputs, axis=-1))
        expected = np.array([[1.0, 0, 0, 1], [0, 0, 1, 0]])
        np.testing.assert_array_equal(found.gradients[0], expected)
        assert found.gradients[1:] == [None, None]

    def test_of_a_bag_is_by_the_factor_of_a_token(self):
        model = reader("sum")
        tokens = TOKENS.copy()
        tokens[0, 3:] = 0
        found = gradient(model, tokens, 1)
        # What the bag would be with a token a little more, by weights of its own.
        bag, hidden, last = (model.layers[n] for n in (1, 2, 3))

        def scores(weights):
            return array(last(hidden(bag(ops.convert_to_tensor(tokens), weights))))[
                :, 1
            ]

        for place in (0, 4):
            ends = []
            for sign in (1, -1):
                weights = np.ones(tokens.shape, "float32")
                weights[:, place] += sign * STEP
                ends.append(scores(ops.convert_to_tensor(weights)))
            expected = (ends[0] - ends[1]) / (2 * STEP)
            np.testing.assert_allclose(
                found.gradients[:, place], expected, rtol=5e-3, atol=2e-4
            )
        assert (found.gradients[0, 3:] == 0).all()

    def test_in_half_precision_is_near_that_of_single(self):
        single = convolutions()
        half = keras.models.clone_model(
            single,
            clone_function=lambda layer: layer.__class__.from_config(
                {**layer.get_config(), "dtype": "mixed_bfloat16"}
            ),
        )
        half.set_weights(single.get_weights())
        for layer in (None, "first"):
            one, other = (
                gradient(model, IMAGES, 1, layer=layer).gradients.ravel()
                for model in (single, half)
            )
            assert other.dtype == np.float32
            # Eight bits of each number.
            cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
            assert cosine > 0.99


def _rest(model, name):
    """What follows a layer, as a model of its own."""
    at = model.layers.index(model.get_layer(name))
    inputs = keras.Input(model.layers[at].output.shape[1:])
    x = inputs
    for layer in model.layers[at + 1 :]:
        x = layer(x)
    return keras.Model(inputs, x)


def twice():
    inputs, dense = keras.Input((4,)), layers.Dense(4, name="twice")
    unused = layers.Dense(2, name="unused")
    outputs = layers.Dense(3)(dense(dense(inputs)))
    model = keras.Model(inputs, [outputs, unused(inputs)])
    return drawn(model)


def first_of_two(outputs):
    return outputs[0][:, 0]


@pytest.mark.one_backend
class TestRefusals:
    def refuses(self, message, *args, **kwargs):
        with pytest.raises(ValueError) as error:
            gradient(*args, **kwargs)
        assert str(error.value) == message

    def test_of_a_layer(self, model):
        self.refuses(
            "`layer` must be the name of a layer of the model, such as one with "
            "spatial outputs, 'clock', 'first', 'norm', 'dropout', 'pool', 'inner', "
            "'within'. Received: layer='last'".replace(
                "'clock'", repr(model.layers[1].name)
            ).replace("'dropout'", repr(model.layers[4].name)),
            *(model, IMAGES),
            layer="last",
        )
        dense = linear()
        self.refuses(
            f"`layer` must be the name of a layer of the model, such as one "
            f"{dense.layers[0].name!r}. Received: layer='last'",
            *(dense, np.ones((2, 4))),
            layer="last",
        )
        self.refuses(
            "The layer 'twice' must be called once by the model for gradients by what "
            "it returns. It is called 2 times.",
            *(twice(), np.ones((2, 4)), first_of_two, "twice"),
        )
        model = linear()
        model.layers[-1].name = "dense"
        model.layers[-1].quantize("int8")
        self.refuses(
            "The layer 'dense' must not be quantized for gradients by what it returns. "
            "Received: 'int8'",
            *(model, np.ones((2, 4), "float32")),
            layer="dense",
        )

    def test_of_a_score(self, model):
        self.refuses(
            "`score` must be a class in [0, 5), or one for each example. Received: 5",
            *(model, IMAGES, 5),
        )
        # Known by now, before anything is computed; the first batch is in order.
        self.refuses(
            "`score` must be a class in [0, 5), or one for each example. Received: 7",
            *(model, IMAGES, np.array([0, 1, 2, 3, 4, 7])),
        )
        kinds = (
            "`score` must be a class, an array of a class for each example, a function "
            "of the outputs, or None. Received: "
        )
        self.refuses(f"{kinds}-1", model, IMAGES, -1)
        self.refuses(f"{kinds}'first'", model, IMAGES, "first")
        self.refuses(f"{kinds}shape=(5,)", model, IMAGES, np.zeros(5, int))
        self.refuses(
            "`score` must return a tensor of shape (examples,). Received: shape=(6, 5)",
            *(model, IMAGES, lambda outputs: outputs),
        )
        images = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(2, 3)])
        self.refuses(
            "`score` must be a function of the outputs where these are not of shape "
            "(examples, classes). Received: outputs of shape (6, 6, 6, 2)",
            *(images, IMAGES),
        )
        self.refuses(
            "`score` must be a function of the outputs where these are not of shape "
            "(examples, classes). Received: outputs of type list",
            *(twice(), np.ones((2, 4))),
        )

    def test_of_inputs(self, model):
        self.refuses(
            "`inputs` must be floats, or integers that an Embedding of the model "
            "takes. Received: dtype=int32 and a model without an Embedding",
            *(model, np.ones((2, 8, 8, 1), "uint8")),
        )
        tokens = keras.Input((5,), dtype="int32")
        parts = [layers.Embedding(9, 2, name=name)(tokens) for name in ("one", "two")]
        pooled = layers.GlobalAveragePooling1D()(layers.Add()(parts))
        self.refuses(
            "`layer` must name the embedding where several are there, or several "
            "inputs are integers. There are: 'one', 'two'",
            *(keras.Model(tokens, pooled), np.ones((2, 5), int)),
        )
        self.refuses(
            "`inputs` must be arrays of one or more examples, as many in each. "
            "Received: shape=(0, 8, 8, 1)",
            *(model, IMAGES[:0]),
        )
        self.refuses(
            "`inputs` must be arrays of numbers. Received: dtype=<U1",
            *(model, np.array([["a"]])),
        )
        self.refuses(
            "`model` must be a keras.Model. Received: Dense", layers.Dense(2), 0
        )
        self.refuses(
            "`batch_size` must be an integer in [1, inf). Received: batch_size=0",
            *(model, IMAGES),
            batch_size=0,
        )
        tokens = keras.Input((5,), dtype="int32")
        bag = EmbeddingBag(9, 2, "max", name="bag")(tokens)
        self.refuses(
            "The layer 'bag' must have combiner='sum' or 'mean' for attributions to "
            "its tokens. Received: combiner='max'",
            *(keras.Model(tokens, bag), np.ones((2, 5), int)),
        )
