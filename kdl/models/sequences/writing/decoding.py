"""Token by token, and beam by beam."""

from keras import ops, tree

from kdl.models.sequences.writing.token_choice import choose_tokens

# Log-probability of what is impossible, of which some can be added up.
_NEVER = -1e30


def sample(decoder, given, context, end_token=None, draws=None, choice=None):
    """Has a decoder write token by token.

    Args:
        decoder: `TokenDecoder`.
        given: Int32 tensor `(batch, length)` of tokens to begin with, and -1.
        context: Dict. Of the decoder.
        end_token: Optional integer.
        draws: Optional float tensor `(batch, length)` to choose by.
        choice: Optional dict of arguments of `choose_tokens`; the likeliest by default.

    Returns:
        Tuple of tensors, as in `Generated`.
    """
    batch, length = ops.shape(given)
    none = ops.zeros_like(given[:, 0])
    before = {
        "step": ops.zeros((), "int32"),
        "state": decoder.begin(batch, length, context),
        "tokens": ops.zeros_like(given),
        "last": none + decoder.start,
        "ended": none > 0,
        "lengths": none,
        "scores": ops.cast(none, "float32"),
    }

    def write(step, state, tokens, last, ended, lengths, scores):
        logits, state = decoder.advance(state, last, step)
        said = ops.take(given, step, axis=1)
        is_free = ops.logical_and(said < 0, ops.logical_not(ended))
        draw = None if draws is None else ops.take(draws, step, axis=1)
        last = ops.where(said < 0, choose_tokens(logits, draw, **(choice or {})), said)
        gain = ops.take_along_axis(_log_softmax(logits), last[:, None], axis=1)
        scores = scores + ops.where(is_free, gain[:, 0], 0)
        last = ops.where(ended, 0, last)
        lengths = lengths + ops.where(ended, 0, 1)
        tokens = ops.slice_update(tokens, (0, step), last[:, None])
        if end_token is not None:
            ends = ops.logical_and(is_free, last == end_token)
            ended = ops.logical_or(ended, ends)
        return step + 1, state, tokens, last, ended, lengths, scores

    after = _repeat(write, before, length, end_token is not None)
    return after["tokens"], after["lengths"], after["scores"]


def search(decoder, given, context, end_token, length_penalty, beams):
    """Keeps the likeliest beginnings of each sequence, token by token.

    A beam whose sequence is impossible has a score of minus infinity.

    Args:
        decoder: `TokenDecoder`.
        given: Int32 tensor `(batch, length)` of tokens to begin with, and -1.
        context: Dict. Of the decoder.
        end_token: Optional integer.
        length_penalty: Float tensor `(batch,)` of numbers in `[0, inf)`.
        beams: Integer in `[2, inf)`. Number of beginnings.

    Returns:
        Tuple of tensors, as in `Generated`, with an axis of beams after that of the
        batch, the best first.
    """
    batch, length = ops.shape(given)
    size = decoder.vocabulary_size
    numbers = ops.arange(beams, dtype="int32")
    none = ops.zeros_like(given[:, :1]) + ops.zeros_like(numbers)
    tokens, rows = ops.arange(size, dtype="int32"), ops.arange(batch, dtype="int32")
    before = {
        "step": ops.zeros((), "int32"),
        "state": decoder.begin(
            batch * beams,
            length,
            tree.map_structure(lambda x: ops.repeat(x, beams, axis=0), context),
        ),
        "tokens": ops.zeros_like(given)[:, None] + none[..., None],
        "last": none + decoder.start,
        "ended": none > 0,
        "lengths": none,
        # All begin alike, so that only one counts.
        "scores": ops.where(none + numbers > 0, _NEVER, 0.0),
    }

    def write(step, state, written, last, ended, lengths, scores):
        logits, state = decoder.advance(state, ops.reshape(last, (-1,)), step)
        gains = ops.reshape(_log_softmax(logits), (-1, beams, size))
        said = ops.take(given, step, axis=1)[:, None, None]
        gains = ops.where(said < 0, gains, ops.where(tokens == said, 0.0, _NEVER))
        # After its end, a sequence goes on with nothing but padding, for free.
        padding = ops.where(tokens == 0, 0.0, _NEVER)
        gains = ops.where(ended[..., None], padding, gains)
        totals = ops.reshape(scores[..., None] + gains, (-1, beams * size))
        scores, found = ops.top_k(totals, beams)
        found = ops.cast(found, "int32")
        parent, last = found // size, found % size
        places = ops.reshape(rows[:, None] * beams + parent, (-1,))
        state = tree.map_structure(lambda x: ops.take(x, places, axis=0), state)
        written = ops.take_along_axis(written, parent[..., None], axis=1)
        written = ops.slice_update(written, (0, 0, step), last[..., None])
        ended = ops.take_along_axis(ended, parent, axis=1)
        lengths = ops.take_along_axis(lengths, parent, axis=1)
        lengths = lengths + ops.where(ended, 0, 1)
        if end_token is not None:
            ends = ops.logical_and(last == end_token, said[..., 0] < 0)
            ended = ops.logical_or(ended, ends)
        return step + 1, state, written, last, ended, lengths, scores

    after = _repeat(write, before, length, end_token is not None)
    long = ops.cast(after["lengths"], "float32")
    # Where there are fewer sequences than beams, the others are impossible.
    scores = ops.where(after["scores"] <= _NEVER / 2, -float("inf"), after["scores"])
    scores = scores / ((5 + long) / 6) ** length_penalty[:, None]
    order = ops.cast(ops.argsort(-scores, axis=1), "int32")
    written = ops.take_along_axis(after["tokens"], order[..., None], axis=1)
    lengths, scores = (
        ops.take_along_axis(x, order, axis=1) for x in (after["lengths"], scores)
    )
    return written, lengths, scores


def _repeat(write, before, length, ends):
    """Writes step by step, until all have ended, if they do."""
    names, state = list(before), tuple(before.values())
    if ends:

        def goes_on(step, *rest):
            state = dict(zip(names, (step, *rest), strict=True))
            some = ops.logical_not(ops.all(state["ended"]))
            return ops.logical_and(step < length, some)

        state = ops.while_loop(goes_on, write, state)
    else:
        state = ops.fori_loop(0, length, lambda _, state: write(*state), state)
    return dict(zip(names, state, strict=True))


def _log_softmax(logits):
    return ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
