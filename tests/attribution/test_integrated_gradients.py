import keras
import numpy as np
import pytest
from contracts import array
from keras import layers
from scored_models import (
    IMAGES,
    RNG,
    TOKENS,
    convolutions,
    drawn,
    linear,
    reader,
    rows,
    table,
)

from kdl.attribution import integrated_gradients
from kdl.layers import TransformerEncoderBlock


def square(outputs):
    return keras.ops.sum(outputs**2, axis=-1)


class TestIntegratedGradients:
    def test_of_a_linear_model_is_exact_with_one_step(self):
        model, x = linear(), RNG.normal(size=(5, 4)).astype("float32")
        kernel = array(model.layers[-1].kernel)
        baseline = RNG.normal(size=4).astype("float32")
        found = integrated_gradients(model, x, 1, baseline, steps=1)
        expected = (x - baseline) * kernel[:, 1]
        np.testing.assert_allclose(found.attributions, expected, 1e-5, 1e-6)
        np.testing.assert_allclose(found.gap, 0, atol=1e-5)

    @pytest.mark.parametrize("rule", ["gauss_legendre", "cubic"])
    def test_of_a_polynomial_is_exact_with_few_steps(self, rule):
        """The integral of 2 * alpha * x^T K K^T x, by hand; u**3 is of degree 5."""
        model, x = linear(), RNG.normal(size=(5, 4)).astype("float32")
        model.layers[-1].bias.assign(np.zeros(3))
        kernel = array(model.layers[-1].kernel)
        found = integrated_gradients(model, x, square, steps=3, rule=rule)
        expected = x * (x @ kernel @ kernel.T)
        np.testing.assert_allclose(found.attributions, expected, 1e-4, 1e-5)

    def test_adds_up_to_the_difference_of_the_scores(self):
        model = convolutions()
        found = integrated_gradients(model, IMAGES, 2, baseline=0.5)
        half = np.full_like(IMAGES, 0.5)
        expected = array(model(IMAGES))[:, 2] - array(model(half))[:, 2]
        total = found.attributions.sum(axis=(1, 2, 3))
        np.testing.assert_allclose(total, expected, atol=1e-3)
        np.testing.assert_allclose(found.gap, total - expected, atol=1e-5)
        assert np.abs(integrated_gradients(model, IMAGES, 2, steps=1).gap).max() > 1e-3

    def test_is_of_the_class_of_the_inputs_all_the_way(self):
        model, x = linear(), RNG.normal(size=(9, 4)).astype("float32")
        classes = array(model(x)).argmax(axis=1)
        assert (array(model(0 * x)).argmax(axis=1) != classes).any()
        kernel = array(model.layers[-1].kernel)
        found = integrated_gradients(model, x).attributions
        np.testing.assert_allclose(found, x * kernel[:, classes].T, 1e-4, 1e-5)

    @pytest.mark.parametrize("bag", [None, "sum", "mean"])
    def test_of_tokens_adds_up(self, bag):
        model = reader(bag)
        found = integrated_gradients(model, TOKENS, 1)
        assert found.attributions.shape == TOKENS.shape
        embedding, *rest = model.layers[1:]
        if bag:
            empty = np.zeros_like(TOKENS)
            nothing = array(model(empty))
        else:
            # The mean token, all over.
            mean = array(embedding.embeddings).mean(axis=0)
            nothing = np.broadcast_to(mean, (4, 5, 4))
            for layer in rest:
                nothing = layer(nothing)
        expected = array(model(TOKENS))[:, 1] - array(nothing)[:, 1]
        np.testing.assert_allclose(found.attributions.sum(1), expected, atol=1e-3)
        assert np.abs(found.gap).max() < 1e-3

    def test_takes_tokens_and_layers_for_a_baseline(self):
        model, padding = reader(), np.zeros_like(TOKENS)
        expected = array(model(TOKENS))[:, 1] - array(model(padding))[:, 1]
        found = integrated_gradients(model, TOKENS, 1, baseline=0)
        np.testing.assert_allclose(found.attributions.sum(1), expected, atol=1e-3)
        named = integrated_gradients(model, TOKENS, 1, 0, layer="embedding")
        assert named.attributions.shape == (4, 5, 4)
        np.testing.assert_allclose(
            named.attributions.sum(axis=-1), found.attributions, atol=1e-5
        )
        # Tokens that are those of the baseline have nothing.
        same = integrated_gradients(model, TOKENS, 1, baseline=TOKENS)
        np.testing.assert_array_equal(same.attributions, 0)

    def test_of_a_table_adds_up_though_numbers_are_missing(self):
        inputs = keras.Input((3,))
        known = keras.ops.where(keras.ops.isnan(inputs), 0.0, inputs)
        model = drawn(keras.Model(inputs, layers.Dense(2)(keras.ops.tanh(known))))
        x = rows()["numbers"]
        x[0, 1] = np.nan
        found = integrated_gradients(model, x, 1)
        assert found.attributions[0, 1] == 0
        expected = array(model(x))[:, 1] - array(model(0 * x))[:, 1]
        np.testing.assert_allclose(found.attributions.sum(1), expected, atol=1e-4)
        # Of numbers and categories together.
        both = integrated_gradients(table(), rows(), 1)
        assert both.attributions["categories"].shape == (6, 2)
        assert np.abs(both.gap).max() < 1e-4

    def test_goes_slowly_where_layer_normalization_is_steep(self):
        tokens = keras.Input((5,), dtype="int32")
        x = layers.Embedding(20, 8)(tokens)
        x = TransformerEncoderBlock(2, 16, activation="gelu")(x)
        model = keras.Model(tokens, layers.Dense(3)(layers.Flatten()(x)))
        keras.utils.set_random_seed(0)
        embeddings = model.layers[1].embeddings
        # Of a baseline of zeros, the normalization divides by almost nothing.
        embeddings.assign(RNG.normal(size=(20, 8)) * (np.arange(20) > 0)[:, None])
        gaps = [
            np.abs(
                integrated_gradients(model, TOKENS, 1, 0, steps=200, rule=rule).gap
            ).max()
            for rule in ("gauss_legendre", "cubic")
        ]
        assert gaps[1] < 1e-3 and gaps[0] > 0.5

    @pytest.mark.skipif(keras.backend.backend() != "torch", reason="Captum needs it")
    def test_is_captum_s(self):
        import torch
        from captum.attr import IntegratedGradients

        model = convolutions()
        x, baseline = torch.tensor(IMAGES), torch.full(IMAGES.shape, 0.2)
        expected = IntegratedGradients(model).attribute(
            x, baseline, target=3, n_steps=20, method="gausslegendre"
        )
        found = integrated_gradients(model, IMAGES, 3, 0.2, steps=20)
        np.testing.assert_allclose(
            found.attributions, expected.detach().numpy(), atol=1e-5
        )

    @pytest.mark.one_backend
    def test_refuses(self):
        model = linear()
        for options, message in (
            (
                {"baseline": np.zeros(3)},
                "`baseline` must be a number, or have the shape of the inputs, (2, 4), "
                "or of one of them, (4,). Received: shape=(3,)",
            ),
            (
                {"baseline": [np.zeros(4), np.zeros(4)]},
                "`baseline` must be 1 arrays, as the inputs are. Received: 2",
            ),
            (
                {"rule": "riemann"},
                "`rule` must be one of 'gauss_legendre', 'cubic'. Received: "
                "rule='riemann'",
            ),
            (
                {"steps": 0},
                "`steps` must be an integer in [1, inf). Received: steps=0",
            ),
        ):
            with pytest.raises(ValueError) as error:
                integrated_gradients(model, np.ones((2, 4)), **options)
            assert str(error.value) == message
        for bag, baseline, message in (
            (
                None,
                0.5,
                "`baseline` must be integers where the inputs are. Received: "
                "dtype=float64",
            ),
            (
                "sum",
                0,
                "`baseline` must be None for a model with an EmbeddingBag, whose "
                "baseline is an empty bag.",
            ),
        ):
            with pytest.raises(ValueError) as error:
                integrated_gradients(reader(bag), TOKENS, baseline=baseline)
            assert str(error.value) == message
