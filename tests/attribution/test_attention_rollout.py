import keras
import numpy as np
import pytest
from contracts import array
from keras import layers
from scored_models import TOKENS, drawn, linear

from kdl.attribution import attention_rollout
from kdl.layers import TransformerDecoderBlock, TransformerEncoderBlock


def reader(count=2, **options):
    tokens = keras.Input((5,), dtype="int32")
    x = layers.Embedding(20, 8, mask_zero=True)(tokens)
    for _ in range(count):
        x = TransformerEncoderBlock(2, 16, **options)(x)
    return drawn(keras.Model(tokens, x))


def weights_by_hand(block, x, mask):
    """Softmax of the products of queries and keys, by NumPy."""
    attention = block.attention
    query = x @ array(attention.query.kernel) + array(attention.query.bias)
    key = x @ array(attention.key.kernel)
    query, key = (part.reshape(*part.shape[:2], 2, 4) for part in (query, key))
    scores = np.einsum("bqhs,bkhs->bhqk", query, key) / 2
    scores = np.where(mask[:, None, None], scores, -np.inf)
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


class TestAttentionRollout:
    def test_multiplies_the_weights_of_the_blocks(self):
        model = reader()
        tokens = TOKENS.copy()
        tokens[0, 3:] = 0
        embedding, first, second = model.layers[1:]
        x = array(embedding(tokens))
        steps = []
        for block in (first, second):
            weights = weights_by_hand(block, x, tokens != 0).mean(axis=1)
            steps.append((weights + np.eye(5)) / 2)
            x = array(block(keras.ops.convert_to_tensor(x), mask=tokens != 0))
        found = attention_rollout(model, tokens)
        np.testing.assert_allclose(found, steps[1] @ steps[0], 1e-3, 1e-5)
        np.testing.assert_allclose(found.sum(axis=-1), 1, 1e-5)
        # Padding is in no other place.
        np.testing.assert_allclose(found[0, :3, 3:], 0, atol=1e-6)

    def test_of_causal_blocks_sees_nothing_later(self):
        found = attention_rollout(reader(causal=True), TOKENS)
        np.testing.assert_allclose(np.triu(found, 1), 0, atol=1e-7)
        assert (np.tril(found) > 0).sum() == 4 * 15

    def test_of_a_decoder_is_of_its_attention_to_itself(self):
        tokens, context = keras.Input((5,), dtype="int32"), keras.Input((3, 4))
        x = layers.Embedding(20, 8)(tokens)
        x = TransformerDecoderBlock(2, 16)(x, context)
        model = drawn(keras.Model([tokens, context], x))
        found = attention_rollout(model, [TOKENS, np.ones((4, 3, 4))])
        assert found.shape == (4, 5, 5)

    def test_leaves_the_blocks_as_they_were(self):
        model = reader()
        before = array(model(TOKENS))
        attention_rollout(model, TOKENS)
        for block in model.layers[2:]:
            assert "weigh" not in vars(block.attention)
        np.testing.assert_allclose(array(model(TOKENS)), before, 1e-6)

    @pytest.mark.one_backend
    def test_refuses(self):
        model = linear()
        with pytest.raises(ValueError) as error:
            attention_rollout(model, np.ones((2, 4)))
        assert str(error.value) == (
            "`model` must have a TransformerEncoderBlock or TransformerDecoderBlock of "
            f"kdl. Received: the model {model.name!r}, which has none"
        )
        tokens = keras.Input((5,), dtype="int32")
        block = TransformerEncoderBlock(2, 16)
        twice = keras.Model(tokens, block(block(layers.Embedding(20, 8)(tokens))))
        with pytest.raises(ValueError) as error:
            attention_rollout(twice, TOKENS)
        assert str(error.value) == (
            "`model` must call each Transformer block once, all with tokens of one "
            "length. Received: 1 blocks, 2 calls, of lengths [(5, 5)]"
        )
