"""Sequences that a decoder writes by itself."""

import inspect
from typing import NamedTuple

import keras
import numpy as np
from keras import ops, tree

from kdl.checks import check_integer, check_optional
from kdl.models.sequences.writing.decoding import sample, search
from kdl.models.sequences.writing.ways import BeamSearch, Sampling

_KEPT = 8  # Compiled generators of a decoder.


class Generated(NamedTuple):
    """Sequences that a decoder has written.

    Args:
        tokens: Int32 array of shape `(batch, length)`, 0 after the end of each; of all
            beams, `(batch, beams, length)`, the best first.
        lengths: Int32 array of shape `(batch,)`, or `(batch, beams)`. Tokens of each,
            its end among them.
        scores: Float32 array of that shape. Logarithm of the probability of each,
            without what was given; of a beam search, divided by its penalty. Minus
            infinity where there are fewer sequences than beams.

    Example:

    >>> decoder = kdl.models.RecurrentDecoder(keras.layers.GRUCell(8), 10, 4)
    >>> logits = decoder(np.ones((1, 5), "int32"))
    >>> tokens, lengths, scores = decoder.generate(5, batch_size=2)
    """

    tokens: np.ndarray
    lengths: np.ndarray
    scores: np.ndarray


def generate(decoder, length, prompt, count, end_token, by, seed, batch_size, context):
    """Has a decoder write; `TokenDecoder.generate` says what the arguments are.

    Args:
        decoder: `TokenDecoder`.
        length: Integer in `[1, inf)`.
        prompt: Optional integer array `(sequences, steps)`.
        count: Integer in `[1, inf)`.
        end_token: Optional integer.
        by: Optional `Sampling` or `BeamSearch`.
        seed: Integer in `[0, inf)`.
        batch_size: Integer in `[1, inf)`.
        context: Dict of arrays.

    Returns:
        `Generated`, of NumPy arrays.
    """
    check_integer("length", length, "[1, inf)")
    last = decoder.vocabulary_size - 1
    check_optional(check_integer, "end_token", end_token, f"[0, {last}]")
    numbers, top_k, beams = _way(by, decoder.vocabulary_size)
    context = _checked_context(decoder, context)
    given = _given(decoder, length, prompt, count, context)
    rng = np.random.default_rng(check_integer("seed", seed, "[0, inf)"))
    if not decoder.built:
        raise ValueError(
            f"The decoder {decoder.name!r} has no weights yet. Call it, or fit the "
            "model that it is in, before it is to write."
        )
    inputs = {
        "given": given,
        "draws": rng.random(given.shape, "float32"),
        "context": context,
    }
    # In the graph they are numbers: of others, nothing is compiled anew.
    for name, value in numbers.items():
        inputs[name] = np.full(len(given), value, "float32")
    generator = decoder.generators.get(decoder, given, end_token, numbers, top_k, beams)
    written = Generated(**generator.predict(inputs, batch_size=batch_size, verbose=0))
    returns_all = isinstance(by, BeamSearch) and by.return_all
    if beams > 1 and not returns_all:
        return Generated(*(part[:, 0] for part in written))
    if beams == 1 and returns_all:
        return Generated(*(part[:, None] for part in written))
    return written


def _way(by, size):
    """Numbers that the graph takes, and what is fixed in it: top k and beams."""
    if by is None:
        return {}, None, 1
    if isinstance(by, Sampling):
        check_optional(check_integer, "top_k", by.top_k, f"[1, {size}]")
        numbers = {"temperature": by.temperature, "top_p": by.top_p}
        return {k: v for k, v in numbers.items() if v is not None}, by.top_k, 1
    if isinstance(by, BeamSearch):
        penalty = by.length_penalty
        return {"length_penalty": penalty} if penalty else {}, None, by.beams
    raise ValueError(
        "`by` must be a kdl.models.Sampling, a kdl.models.BeamSearch, or None. "
        f"Received: by={by!r}"
    )


class Generator(keras.Model):
    """Has a decoder write, as a model that `predict` compiles on every backend.

    Args:
        decoder: `TokenDecoder`.
        end_token: Optional integer.
        top_k: Optional integer.
        beams: Integer in `[1, inf)`.

    Call arguments:
        inputs: Dict of `"given"`, an int32 tensor `(batch, length)` of tokens to begin
            with and -1 where the decoder is to write, `"draws"`, a float tensor of the
            same shape of uniform numbers, the `"context"` of the decoder, and, where
            they apply, float tensors `(batch,)` of `"temperature"`, `"top_p"` and
            `"length_penalty"`.

    Returns:
        `Generated`, of tensors, as a dict.
    """

    def __init__(self, decoder, end_token, top_k, beams):
        super().__init__()
        self.decoder, self.end_token = decoder, end_token
        self.top_k, self.beams = top_k, beams
        self.built = True

    def call(self, inputs):
        given, context = inputs["given"], inputs["context"]
        options = (self.decoder, given, context, self.end_token)
        if self.beams == 1:
            # One for each sequence, beside its logits.
            choice = {
                name: inputs[name][:, None]
                for name in ("temperature", "top_p")
                if name in inputs
            }
            choice["top_k"] = self.top_k
            written = sample(*options, inputs["draws"], choice)
        else:
            penalty = inputs.get("length_penalty")
            if penalty is None:
                penalty = ops.zeros((ops.shape(given)[0],), "float32")
            written = search(*options, penalty, self.beams)
        return Generated(*written)._asdict()


class Generators:
    """Models that hold a decoder, which it must not save as parts of itself.

    The last few stay, as each is compiled.
    """

    def __init__(self):
        self._made = {}

    def get(self, decoder, given, end_token, numbers, top_k, beams):
        """Returns the `Generator` for what cannot be a number of its graph."""
        # By its length too, which TensorFlow would take for one that varies.
        key = (given.shape[1], *numbers, top_k, end_token, beams)
        made = self._made.pop(key, None)
        if made is None:
            made = Generator(decoder, end_token, top_k, beams)
        # The one that was used last comes last.
        self._made[key] = made
        while len(self._made) > _KEPT:
            del self._made[next(iter(self._made))]
        return made

    def __reduce__(self):
        return Generators, ()


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
