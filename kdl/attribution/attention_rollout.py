"""Attention rollout."""

import contextlib

import keras
import numpy as np
from keras import ops

from kdl.attribution.scores.scoring import Scoring
from kdl.attribution.scores.taps import replaced
from kdl.layers import TransformerEncoderBlock
from kdl.private import layers_of
from kdl.typing import Arrays


def attention_rollout(
    model: keras.Model, inputs: Arrays, batch_size: int = 32
) -> np.ndarray:
    """Returns how much of each token is in each place after all Transformer blocks.

        rollout = A_n @ ... @ A_2 @ A_1, where A_i = (weights_i + identity) / 2

    of the mean weights of the heads of each block's attention to itself. The identity
    stands for the shortcut around the attention; a row of weights that see nothing is
    the identity alone. Rows add up to 1.

    It takes one prediction and no score: it says where information may have come from,
    not whether it speaks for a class. What the blocks do besides attention, it does not
    see. Of a model that ends in the mean of the tokens, the mean of the rows says what
    the tokens are worth to it; of one that ends in the first token, the first row.

    Args:
        model: `keras.Model` with one or more `kdl.layers.TransformerEncoderBlock` or
            `TransformerDecoderBlock`, one after the other. Attention to a context is
            left out.
        inputs: Array of shape `(examples, …)`, or a dict or list of such.
        batch_size: Integer in `[1, inf)`. Examples at once. Defaults to `32`.

    Returns:
        Float array of shape `(examples, length, length)`, in `[0, 1]`: places after the
        blocks by tokens before them.

    Raises:
        ValueError: If the model has no such block, if it does not call each once, or
            if lengths differ from block to block.

    Example:

    >>> tokens = keras.Input((6,), dtype="int32")
    >>> embedded = keras.layers.Embedding(20, 8)(tokens)
    >>> outputs = kdl.layers.TransformerEncoderBlock(2, 16)(embedded)
    >>> reader = keras.Model(tokens, outputs)
    >>> shares = kdl.attribution.attention_rollout(reader, np.ones((3, 6), "int32"))
    >>> shares.shape
    (3, 6, 6)

    References:
        - [Abnar and Zuidema, 2020](https://arxiv.org/abs/2005.00928)
    """
    scoring = Scoring(model, inputs, needs_gradients=False)
    places = _blocks(model)
    if not places:
        raise ValueError(
            "`model` must have a TransformerEncoderBlock or TransformerDecoderBlock of "
            f"kdl. Received: the model {model.name!r}, which has none"
        )

    def of(batch):
        return [scoring.observed("attention", _rollout, batch.inputs)]

    return scoring.mapped(of, batch_size=batch_size)[0]


def _blocks(model):
    layers = {id(layer): layer for layer in layers_of(model)}
    return [x for x in layers.values() if isinstance(x, TransformerEncoderBlock)]


def _rollout(model, inputs):
    blocks, found = _blocks(model), []

    def record(original, *args, **kwargs):
        weights = original(*args, **kwargs)
        found.append(weights)
        return weights

    with contextlib.ExitStack() as stack:
        for block in blocks:
            stack.enter_context(replaced(block.attention, "weigh", record))
        model(inputs, training=False)
    lengths = {tuple(weights.shape[-2:]) for weights in found}
    if len(found) != len(blocks) or len(lengths) > 1:
        raise ValueError(
            "`model` must call each Transformer block once, all with tokens of one "
            f"length. Received: {len(blocks)} blocks, {len(found)} calls, of lengths "
            f"{sorted(lengths)}"
        )
    rollout = None
    for weights in found:
        mean = ops.mean(ops.cast(weights, "float32"), axis=1)
        # A row that sees nothing has no weights to share with the shortcut.
        sees = ops.sum(mean, axis=-1, keepdims=True) > 0
        identity = ops.eye(mean.shape[-1])
        step = ops.where(sees, (mean + identity) / 2, identity)
        rollout = step if rollout is None else ops.matmul(step, rollout)
    return rollout
