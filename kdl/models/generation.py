"""Sequences that a decoder writes by itself."""

import inspect
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops, tree

from kdl.checks import check_integer, check_number
from kdl.models.decoding import sample, search


class Generated(NamedTuple):
    """Sequences that a decoder has written.

    Args:
        tokens: Int32 array of shape `(batch, length)`, 0 after the end of each.
        lengths: Int32 array of shape `(batch,)`. Tokens of each, its end among them.
        scores: Float32 array of shape `(batch,)`. Logarithm of the probability of each,
            without what was given; of a beam search, divided by its penalty.

    Example:

    >>> decoder = kdl.models.RecurrentDecoder(keras.layers.GRUCell(8), 10, 4)
    >>> logits = decoder(np.ones((1, 5), "int32"))
    >>> tokens, lengths, scores = decoder.generate(5, batch_size=2)
    """

    tokens: Any
    lengths: Any
    scores: Any


def generate(
    decoder,
    length,
    prompt,
    count,
    end_token,
    choice,
    beams,
    length_penalty,
    seed,
    batch_size,
    context,
):
    """Has a decoder write; `TokenDecoder.generate` says what the arguments are.

    Args:
        decoder: `TokenDecoder`.
        length: Integer in `[1, inf)`.
        prompt: Optional integer array `(sequences, steps)`.
        count: Integer in `[1, inf)`.
        end_token: Optional integer.
        choice: Dict of `temperature`, `top_k` and `top_p`.
        beams: Integer in `[1, inf)`.
        length_penalty: Float in `[0, inf)`.
        seed: Integer in `[0, inf)`.
        batch_size: Integer in `[1, inf)`.
        context: Dict of arrays.

    Returns:
        `Generated`, of NumPy arrays.
    """
    check_integer("length", length, "[1, inf)")
    _check_choice(decoder.vocabulary_size, **choice)
    if end_token is not None:
        last = decoder.vocabulary_size - 1
        check_integer("end_token", end_token, f"[0, {last}]")
    check_integer("beams", beams, "[1, inf)")
    check_number("length_penalty", length_penalty, "[0, inf)")
    if choice["temperature"] and beams > 1:
        raise ValueError(
            "A beam search draws nothing: give `generate` `beams` or `temperature`. "
            f"Received: beams={beams}, temperature={choice['temperature']}"
        )
    context = _checked_context(decoder, context)
    given = _given(decoder, length, prompt, count, context)
    rng = np.random.default_rng(check_integer("seed", seed, "[0, inf)"))
    if not decoder.built:
        raise ValueError(
            f"The decoder {decoder.name!r} has no weights yet. Call it, or fit the "
            "model that it is in, before it is to write."
        )
    made = decoder.generators.made
    # By its length too, which TensorFlow would take for one that varies.
    key = (length, *choice.values(), end_token, beams, length_penalty)
    if key not in made:
        made[key] = Generator(decoder, end_token, choice, beams, length_penalty)
    draws = rng.random(given.shape, "float32")
    written = made[key].predict(
        {"given": given, "draws": draws, "context": context},
        batch_size=batch_size,
        verbose=0,
    )
    return Generated(**written)


class Generator(keras.Model):
    """Has a decoder write, as a model that `predict` compiles on every backend.

    Args:
        decoder: `TokenDecoder`.
        end_token: Optional integer.
        choice: Dict of arguments of `choose`.
        beams: Integer in `[1, inf)`.
        length_penalty: Float in `[0, inf)`.

    Call arguments:
        inputs: Dict of `"given"`, an int32 tensor `(batch, length)` of tokens to begin
            with and -1 where the decoder is to write, `"draws"`, a float tensor of the
            same shape of uniform numbers, and the `"context"` of the decoder.

    Returns:
        `Generated`, of tensors, as a dict.
    """

    def __init__(self, decoder, end_token, choice, beams, length_penalty):
        super().__init__()
        self.decoder, self.end_token, self.choice = decoder, end_token, choice
        self.beams, self.length_penalty = beams, length_penalty
        self.built = True

    def call(self, inputs):
        given, draws = inputs["given"], inputs["draws"]
        context = inputs["context"]
        options = (self.decoder, given, context, self.end_token)
        if self.beams == 1:
            written = sample(*options, draws, self.choice)
        else:
            written = search(*options, self.beams, self.length_penalty)
        return Generated(*written)._asdict()


class Generators:
    """Models that hold a decoder, which it must not save as parts of itself."""

    def __init__(self):
        self.made = {}

    def __reduce__(self):
        return Generators, ()


def _check_choice(size, temperature, top_k, top_p):
    check_number("temperature", temperature, "[0, inf)")
    if top_k is not None:
        check_integer("top_k", top_k, f"[1, {size}]")
    if top_p is not None:
        check_number("top_p", top_p, "(0, 1]")
    if not temperature and not (top_k is None and top_p is None):
        raise ValueError(
            "`top_k` and `top_p` choose among tokens to draw, which takes a "
            "`temperature` above 0, such as 1.0. Received: temperature=0.0"
        )


def _checked_context(decoder, context):
    """What the decoder depends on as NumPy arrays."""
    taken = inspect.signature(decoder.call).parameters.keys() - {"tokens", "training"}
    for name in context:
        if name not in taken:
            raise ValueError(
                f"The decoder {decoder.name!r} depends on {', '.join(sorted(taken))}. "
                f"Received: {name}"
            )
    return {
        name: tree.map_structure(_array, value)
        for name, value in context.items()
        if value is not None
    }


def _given(decoder, length, prompt, count, context):
    """Array `(sequences, length)` of what is given, and -1 where it is not."""
    counts = {name: len(tree.flatten(x)[0]) for name, x in context.items()}
    if prompt is not None:
        prompt = np.asarray(prompt)
        is_fine = prompt.ndim == 2 and prompt.dtype.kind in "iu"
        if not is_fine or prompt.shape[1] > length:
            raise ValueError(
                "`prompt` must be integers of shape (sequences, steps), with at most "
                f"`length`={length} steps. Received: {prompt.dtype} {prompt.shape}"
            )
        if prompt.size and prompt.max() >= decoder.vocabulary_size:
            raise ValueError(
                f"`prompt` must hold tokens below {decoder.vocabulary_size}. "
                f"Received: {prompt.max()}"
            )
        counts["prompt"] = len(prompt)
    if len(set(counts.values())) > 1:
        received = ", ".join(f"{name} of {n}" for name, n in counts.items())
        raise ValueError(
            f"All arrays must be of as many sequences. Received: {received}"
        )
    count = next(iter(counts.values()), check_integer("count", count, "[1, inf)"))
    given = np.full((count, length), -1, "int32")
    if prompt is not None:
        is_free = prompt < (1 if decoder.mask_zero else 0)
        given[:, : prompt.shape[1]] = np.where(is_free, -1, prompt)
    return given


def _array(x):
    return ops.convert_to_numpy(x) if ops.is_tensor(x) else np.asarray(x)
