"""Tokens that are chosen by their logits."""

from keras import ops

# A draw so close to 1 that it is rounded up would be beyond all sums.
_BELOW_ONE = 1 - 1e-6


def choose_tokens(logits, draws=None, temperature=0.0, top_k=None, top_p=None):
    """Returns the likeliest tokens, or tokens drawn by their probabilities.

    A token is drawn by one uniform number: it is the first one at which the sum of
    probabilities exceeds it. So nothing is drawn for each token of the vocabulary, and
    the same numbers choose the same tokens on every backend.

    Args:
        logits: Float tensor `(…, vocabulary)`.
        draws: Optional float tensor `(…)` of uniform numbers in `[0, 1)`.
        temperature: Float in `[0, inf)`, or a tensor `(…, 1)` of positive numbers. What
            logits are divided by; with `0.0` the likeliest token is chosen.
        top_k: Optional integer in `[1, vocabulary]`. Number of the likeliest tokens
            that may be drawn.
        top_p: Optional float in `(0, 1]`, or a tensor `(…, 1)` of them. The likeliest
            tokens may be drawn, as few as have this probability together.

    Returns:
        Int32 tensor `(…)`.
    """
    if not ops.is_tensor(temperature) and temperature == 0:
        return ops.cast(ops.argmax(logits, axis=-1), "int32")
    shares = ops.softmax(ops.cast(logits, "float32") / temperature, axis=-1)
    if top_k is not None:
        largest, _ = ops.top_k(shares, top_k)
        shares = ops.where(shares >= largest[..., -1:], shares, 0)
    if top_p is not None:
        falling = -ops.sort(-shares, axis=-1)
        before = ops.cumsum(falling, axis=-1) - falling
        total = ops.sum(shares, axis=-1, keepdims=True)
        least = ops.min(
            ops.where(before < top_p * total, falling, 1), axis=-1, keepdims=True
        )
        shares = ops.where(shares >= least, shares, 0)
    sums = ops.cumsum(shares, axis=-1)
    reached = sums <= ops.expand_dims(draws * _BELOW_ONE, -1) * sums[..., -1:]
    return ops.sum(ops.cast(reached, "int32"), axis=-1)
