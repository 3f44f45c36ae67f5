"""Networks that read texts."""

import keras
from keras import layers, ops

from kdl.layers import (
    EmbeddingBag,
    LearnedPositionalEmbedding,
    TransformerEncoderBlock,
)
from kdl.models.compiling import compile_as
from kdl.models.copies import copied
from kdl.recipes.texts.vocabulary import BAG

NETWORKS = BAG, "cnn", "gru", "transformer"
_WIDTHS = 3, 4, 5  # Tokens that a convolution sees.
_HEAD = 32  # Features of a head of attention.
# Of embeddings that are averaged: smaller, they learn too slowly at first.
_SPREAD = 0.1


def network(p, tokens, outputs, activation=None):
    """Returns a network, not compiled, that classifies texts.

    With mixing, it takes the dict of tokens that `kdl.data.WordMixUp` returns.

    Args:
        p: Namespace of hyperparameters.
        tokens: `Tokens` that it reads.
        outputs: Integer. Number of outputs.
        activation: Optional. Activation of the outputs. Defaults to `None`.
    """
    shape = (tokens.length,)
    inputs = keras.Input(shape, dtype="int32", name="tokens")
    if p.mixup:
        inputs = {
            "tokens": inputs,
            "others": keras.Input(shape, dtype="int32", name="others"),
            "share": keras.Input((1,), name="share"),
        }
    make = _bag if p.network == BAG else _sequence
    x = make(p, tokens, inputs)
    x = layers.Dropout(p.dropout)(x)
    # In float32, whatever the precision of the others.
    x = layers.Dense(outputs, activation, dtype=keras.config.floatx())(x)
    return keras.Model(inputs, x)


def reading(model, length, place):
    """Returns a network that reads a part of the tokens that it is given.

    Args:
        model: `keras.Model` that `network` returned.
        length: Integer. Number of all tokens.
        place: Slice. Where its own are.
    """
    inputs = keras.Input((length,), dtype="int32", name="tokens")
    own = inputs[:, place]
    if len(model.inputs) > 1:
        # Blended with nothing, as `kdl.data.WordMixUp.alone` has it.
        share = ops.ones_like(own[:, :1], dtype="float32")
        own = {"tokens": own, "others": ops.zeros_like(own), "share": share}
    # A copy has no optimizer, which would be saved within.
    outputs = copied(model, model.name)(own)
    together = keras.Model(inputs, outputs, name=model.name)
    compile_as(together, model)
    return together


def _bag(p, tokens, inputs):
    """The means of words, of n-grams, which are many more, and of the first words.

    Some of all are dropped in training.
    """
    embedding = EmbeddingBag(
        tokens.encoder.size,
        p.embedding,
        padding_index=0,
        embeddings_initializer=keras.initializers.RandomNormal(stddev=_SPREAD),
        name="embedding",
    )
    dropout = layers.Dropout(p.feature_dropout)

    words = len(tokens.encoder.words)
    ngrams = words + tokens.encoder.buckets

    def share(there):
        there = ops.cast(there, "float32")
        return there / ops.maximum(ops.sum(there, axis=-1, keepdims=True), 1)

    def embedded(x):
        shares = share((x > 0) & (x <= words)) + share((x > words) & (x <= ngrams))
        shares += share(x > ngrams)
        return embedding(x, dropout(shares))

    return _mixed(inputs, embedded)


def _sequence(p, tokens, inputs):
    """What a network makes of the tokens of a text, in their order."""
    embedding = layers.Embedding(tokens.encoder.size, p.embedding, name="embedding")

    def is_there(x):
        return x > 0

    def embedded(x):
        return embedding(x) * ops.cast(is_there(x), "float32")[..., None]

    x = _mixed(inputs, embedded)
    if isinstance(inputs, dict):
        mask = is_there(inputs["tokens"]) | is_there(inputs["others"])
    else:
        mask = is_there(inputs)
    # The same for all features of a token.
    x = layers.Dropout(p.word_dropout, noise_shape=(None, tokens.length, 1))(x)
    return {"cnn": _cnn, "gru": _gru, "transformer": _transformer}[p.network](
        p, x, mask
    )


def _mixed(inputs, embedded):
    """Embeddings of the inputs, or the blend of two with their shares."""
    if not isinstance(inputs, dict):
        return embedded(inputs)
    one, other = embedded(inputs["tokens"]), embedded(inputs["others"])
    share = ops.reshape(inputs["share"], (-1, *[1] * (len(one.shape) - 1)))
    return share * one + (1 - share) * other


def _cnn(p, x, mask):
    """The largest response of each filter, anywhere in the text."""
    found = [
        layers.GlobalMaxPooling1D()(
            layers.Conv1D(p.filters, width, padding="same", activation="relu")(x)
        )
        for width in _WIDTHS
    ]
    return layers.Concatenate()(found)


def _gru(p, x, mask):
    """The last states of two recurrent networks, of which one reads backwards."""
    return layers.Bidirectional(layers.GRU(p.units))(x, mask=mask)


def _transformer(p, x, mask):
    """The mean of the tokens after some blocks that let them see each other."""
    x = LearnedPositionalEmbedding(x.shape[1])(x)
    heads = max(1, p.embedding // _HEAD)
    for _ in range(p.layers):
        x = TransformerEncoderBlock(
            heads, 4 * p.embedding, p.dropout, "gelu", norm_first=True
        )(x, mask=mask)
    x = layers.LayerNormalization()(x)
    return layers.GlobalAveragePooling1D()(x, mask=mask)
