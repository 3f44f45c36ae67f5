"""Layers of sequences: embeddings, positions, transformers and recurrent layers."""

from keras import layers as nn
from keras import ops

from kdl import layers as kdl
from layer_cases.case import (
    ATTENDED,
    SEQUENCES,
    STEPS,
    Case,
    composed,
    integers,
    layer,
    model,
    module,
)
from layer_cases.in_keras import chain

TOKENS, BAG = 2000, (512, 512)


def bag(combiner, name="", tokens=TOKENS, shape=BAG):
    return Case(
        f"EmbeddingBag, {combiner}{name}",
        [integers(tokens, shape)],
        lambda: kdl.EmbeddingBag(tokens, 64, combiner),
        model(
            f"`Embedding`, {combiner}",
            lambda x: getattr(ops, combiner)(nn.Embedding(tokens, 64)(x), axis=1),
        ),
        module(
            "`EmbeddingBag`", lambda t: t.nn.EmbeddingBag(tokens, 64, mode=combiner)
        ),
    )


class Positions(nn.Layer):
    def build(self, shape):
        self.table = nn.Embedding(*shape[1:])

    def call(self, inputs):
        return inputs + self.table(ops.arange(inputs.shape[1]))


def add_waves(x):
    return x + ops.zeros(SEQUENCES[1:])


def add_waves_in_torch(t):
    waves = t.torch.zeros(SEQUENCES[1:])
    return t.Of(lambda self, x: x + waves)


def attend(x, context, **options):
    attention = nn.MultiHeadAttention(8, 32, dropout=0.1)
    after = nn.Dropout(0.1)(attention(x, context, **options))
    return nn.LayerNormalization(epsilon=1e-5)(nn.Add()([x, after]))


def feed_forward(x):
    after = chain(nn.Dense(512, "relu"), nn.Dropout(0.1), nn.Dense(256))(x)
    after = nn.Dropout(0.1)(after)
    return nn.LayerNormalization(epsilon=1e-5)(nn.Add()([x, after]))


def decode(x, context):
    return feed_forward(attend(attend(x, x, use_causal_mask=True), context))


TRANSFORMER = {"dropout": 0.1, "batch_first": True}


def decode_in_torch(t):
    causal = t.nn.Transformer.generate_square_subsequent_mask(64)
    return t.Of(
        lambda self, x, context: self.layer(
            x, context, tgt_mask=causal, tgt_is_causal=True
        ),
        layer=t.nn.TransformerDecoderLayer(256, 8, 512, **TRANSFORMER),
    )


CASES = [
    bag("sum"),
    bag("mean"),
    bag("max"),
    bag("sum", " of many embeddings", 100_000, (64, 256)),
    # PyTorch has none that is nearer to these two.
    Case(
        "DropConnectGRU",
        [STEPS],
        lambda: kdl.DropConnectGRU(128, 0.3, return_sequences=True),
        layer("`GRU`", lambda: nn.GRU(128, return_sequences=True)),
    ),
    Case(
        "DropConnectLSTM",
        [STEPS],
        lambda: kdl.DropConnectLSTM(128, 0.3, return_sequences=True),
        layer("`LSTM`", lambda: nn.LSTM(128, return_sequences=True)),
    ),
    Case(
        "LearnedPositionalEmbedding",
        [SEQUENCES],
        lambda: kdl.LearnedPositionalEmbedding(128),
        layer("`Embedding`, sum", Positions),
        module(
            "sum",
            lambda t: t.Of(lambda self, x: x + self.table, table=t.weight(128, 256)),
        ),
    ),
    # Nor to this one.
    Case(
        "PeepholeLSTM",
        [STEPS],
        lambda: kdl.PeepholeLSTM(128, return_sequences=True),
        layer(
            "`RNN` of an `LSTMCell`",
            lambda: nn.RNN(nn.LSTMCell(128), return_sequences=True),
        ),
    ),
    Case(
        "SinusoidalPositionalEncoding",
        [SEQUENCES],
        kdl.SinusoidalPositionalEncoding,
        model("sum, waves made once", add_waves),
        module("sum, waves made once", add_waves_in_torch),
    ),
    Case(
        "TransformerDecoderBlock",
        [ATTENDED, ATTENDED],
        lambda: composed(kdl.TransformerDecoderBlock(8, 512), [ATTENDED, ATTENDED]),
        model("of Keras", decode),
        module("`TransformerDecoderLayer`", decode_in_torch),
    ),
    Case(
        "TransformerEncoderBlock",
        [ATTENDED],
        lambda: kdl.TransformerEncoderBlock(8, 512),
        model("of Keras", lambda x: feed_forward(attend(x, x))),
        module(
            "`TransformerEncoderLayer`",
            lambda t: t.nn.TransformerEncoderLayer(256, 8, 512, **TRANSFORMER),
        ),
    ),
]
