"""Batches of sequences of similar length."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from keras import tree
from numpy.typing import ArrayLike

from kdl.checks import check_exclusive, check_integer, check_shard
from kdl.data.batches.batches import Batches, Planned
from kdl.data.batches.token_batches import TokenBatches, buckets_of_least_padding
from kdl.typing import Arrays


class BucketedBatches(Batches):
    """Batches of sequences of similar length, without the padding that they share.

    Sequences in an array are padded to the longest of all. Here the examples are put
    into a few buckets by their length, and each batch is cut to the longest sequence of
    its bucket. So short ones cost less, above all in the first epochs of a
    `kdl.callbacks.Curriculum` that begins with them, and as a bucket has one length, a
    model is compiled as often as there are buckets, and once more for a batch that is
    not full.

    Each integer array of two axes, the second longer than 1, holds sequences, whose
    zeros at the end are padding. Those of the same second axis, such as tokens and
    their labels, go together: an example ends there where the last of them does.

    Else it is `kdl.data.Batches`: each epoch has an order of its own, holds each
    example once, and depends on the seed and its number alone. A batch comes where most
    of its rows were to come, so that a curriculum from easy to hard stays one; without
    a curriculum, a short and a long batch come first. A batch at the border of two
    buckets holds examples of both. The last rows of an epoch, which do not fill a
    batch, are one as they are, cut to the longest of all.

    With `max_tokens`, each batch holds as many examples as fit, many short ones or a
    few long ones, and the buckets are those that leave the least padding. Examples that
    do not fill a batch of their bucket go on into the next one. So all epochs have as
    many batches and the same shapes: one for each bucket at most, and one more for a
    batch that is not full. `shapes` tells them. Each is a compilation on JAX. Where an
    epoch does not hold each example once, as with `weights` or a curriculum, what it
    holds begins anew or is cut off, so that the number of batches stays.

    Args:
        x: Array of shape `(examples, ...)`, or a dict or tuple of such.
        y: The targets, of the same kinds.
        batch_size: Optional integer in `[1, inf)`. Defaults to `None`, which is `32`,
            or, with `max_tokens`, as many as fit.
        seed: Integer in `[0, inf)`. Defaults to `0`.
        shuffle: Boolean. Whether each epoch has an order of its own. Defaults to
            `True`.
        remainder: `"keep"`, `"drop"` or `"pad"`, as of `Batches`. With `max_tokens`,
            nothing can be dropped. Defaults to `"keep"`.
        augment: Sequence of functions `(x, y, rng) -> (x, y)`, as of `Batches`. They
            are given batches that are cut. Defaults to none.
        epoch: Integer in `[0, inf)`. The epoch that the first `fit` begins with.
            Defaults to `0`.
        sample_weight: Optional array of shape `(examples,)`, or `(examples, length)`
            for a weight of each token, which is cut as the tokens are. Defaults to
            `None`.
        buckets: Optional integer in `[1, inf)`. Number of buckets. They hold about as
            many examples each, and `4` to `8` are usual. With `max_tokens`, they are
            chosen for the least padding, and it is their number at most. Defaults to
            `None`, which is `4`, or `12` with `max_tokens`.
        max_tokens: Optional integer in `[1, inf)`. The most tokens of a batch, padding
            included, in place of `batch_size`. Where arrays have several second axes,
            the tokens of each count. Defaults to `None`.
        weights: As of `Batches`. Defaults to `None`.
        replacement: As of `Batches`. Defaults to `True`.
        balance: As of `Batches`, but of an epoch alone: a batch holds what is of
            similar length. Defaults to `False`.
        examples_per_epoch: As of `Batches`. Defaults to `None`.
        shard: As of `Batches`. The bucket is that of the whole batch, so that all
            processes have the same shapes. With `max_tokens`, these are the tokens of
            all processes together, and `remainder` is `"pad"`. Defaults to `None`.

    Attributes:
        lengths: Integer array of shape `(examples,)`. How long each example is: its
            tokens before the padding, over all second axes that there are.

    Raises:
        ValueError: If `x` and `y` differ in length or are empty, if none of their
            arrays holds sequences, if an example is nothing but padding or longer than
            `max_tokens`, if an argument is not as described, or if arguments exclude
            each other.

    Example:

    >>> tokens = np.array([[4, 0, 0, 0], [1, 2, 3, 4], [5, 6, 0, 0]])
    >>> batches = kdl.data.BucketedBatches(tokens, tokens, batch_size=1, buckets=3)
    >>> batches.padding()
    0.0
    >>> batches = kdl.data.BucketedBatches(tokens, tokens, max_tokens=4)
    >>> batches.shapes()
    [(1, 4), (2, 2)]
    """

    _token_batches = None  # Those of `max_tokens`.

    def __init__(
        self,
        x: Arrays,
        y: Arrays,
        batch_size: int | None = None,
        seed: int = 0,
        shuffle: bool = True,
        remainder: Literal["keep", "drop", "pad"] = "keep",
        augment: Sequence[Callable[..., Any]] = (),
        epoch: int = 0,
        sample_weight: Arrays | None = None,
        buckets: int | None = None,
        max_tokens: int | None = None,
        weights: ArrayLike | None = None,
        replacement: bool = True,
        balance: bool = False,
        examples_per_epoch: int | None = None,
        shard: tuple[int, int] | None = None,
    ) -> None:
        check_exclusive(batch_size=batch_size, max_tokens=max_tokens)
        super().__init__(
            x,
            y,
            batch_size,
            seed,
            shuffle,
            remainder,
            augment,
            epoch,
            sample_weight,
            weights=weights,
            replacement=replacement,
            balance=balance,
            examples_per_epoch=examples_per_epoch,
            # That of token batches is checked with these.
            shard=shard if max_tokens is None else None,
        )
        lengths = _lengths(tree.flatten((self.x, self.y)))
        self.lengths = sum(lengths.values())
        if buckets is None:
            buckets = 4 if max_tokens is None else 12
        self.buckets = check_integer("buckets", buckets, "[1, inf)")
        if max_tokens is None:
            # A bucket ends with the lengths that end the same share of the examples.
            ends = np.quantile(self.lengths, np.arange(1, buckets) / buckets)
            self._bucket = np.searchsorted(ends, self.lengths)
        else:
            self._bucket = buckets_of_least_padding(self.lengths, self.buckets)
        # By the width of an array: to what each bucket is cut, never less than those
        # before it, of which a batch at the border has examples.
        self._cuts = {}
        for width, length in lengths.items():
            longest = np.zeros(self._bucket.max() + 1, int)
            np.maximum.at(longest, self._bucket, length)
            self._cuts[width] = np.maximum.accumulate(longest)
        self._tokens = sum(self._cuts.values())
        self.max_tokens = None
        if max_tokens is not None:
            self._divide_by_tokens(max_tokens, shard)

    @property
    def num_batches(self) -> int:
        """Number of batches in an epoch."""
        if self._token_batches is None:
            return super().num_batches
        return self._token_batches.count

    @property
    def kept(self) -> int:
        return super().kept if self._token_batches is None else self.examples_per_epoch

    def padding(self) -> float:
        """Returns which share of the tokens of the current epoch is padding.

        Arrays of the same second axis are counted once.
        """
        plan = self._plan(self._epoch)
        tokens = sum(batch.size * self._tokens[batch.bucket] for batch in plan)
        return float(1 - sum(self.lengths[b.rows].sum() for b in plan) / tokens)

    def shapes(self) -> list[tuple[int, ...]]:
        """Returns the shapes of the batches of the current epoch, in order.

        Returns:
            List of tuples: number of examples, and length, of each second axis that
            there is.
        """
        shapes = set()
        for batch in self._plan(self._epoch):
            share = self._share(batch.size)
            lengths = (int(cut[batch.bucket]) for cut in self._cuts.values())
            shapes.add((share.stop - share.start, *lengths))
        return sorted(shapes)

    def _divide_by_tokens(self, max_tokens, shard):
        """Makes batches of so many tokens, among which the examples are divided."""
        self.max_tokens = max_tokens = check_integer(
            "max_tokens", max_tokens, "[1, inf)"
        )
        # What a batch of any size is padded to differs from bucket to bucket.
        self.batch_size = None
        processes = 1
        if shard is not None:
            self.shard = check_shard("shard", shard)
            processes = self.shard[1]
        if self.remainder == "drop" or (processes > 1 and self.remainder != "pad"):
            together = "`max_tokens`" if processes == 1 else "`max_tokens` and `shard`"
            allowed = "'keep' or 'pad'" if processes == 1 else "'pad'"
            raise ValueError(
                f"`remainder` must be {allowed} with {together}. "
                f"Received: remainder={self.remainder!r}"
            )
        least = int(self._tokens[-1]) * processes
        if max_tokens < least:
            each = "" if processes == 1 else f" for each of {processes} processes"
            raise ValueError(
                f"`max_tokens` must be at least {least}, the tokens of example "
                f"{np.argmax(self.lengths)} with its padding{each}. "
                f"Received: max_tokens={max_tokens}"
            )
        share = self.examples_per_epoch / self.examples
        self._token_batches = TokenBatches(
            self._bucket, self._tokens, max_tokens, processes, share
        )

    def _arranged(self, rows, rng):
        if self._token_batches is not None:
            plan = self._split(rows)
            if rng is not None:
                # By their places, batches of a few long examples would come at the
                # beginning and at the end of an epoch.
                plan = [plan[index] for index in rng.permutation(len(plan))]
            return _extremes_first(plan)
        # One of the longest comes first, so that a full batch has it.
        longest = np.argmax(self._bucket[rows])
        plan = self._split(np.r_[rows[longest], np.delete(rows, longest)])
        full = [batch for batch in plan if len(batch.rows) == self.batch_size]
        return _extremes_first(full) + plan[len(full) :]

    def _split(self, rows):
        """The batches of rows, each where most of its rows were to come."""
        if self._token_batches is not None:
            return self._split_by_tokens(rows)
        plan = super()._split(rows)
        full = sum(len(batch.rows) == self.batch_size for batch in plan)
        used = rows[: full * self.batch_size]
        buckets = self._bucket[used]
        # Bucket by bucket, the long ones first if the rows have them first.
        if full and buckets[0] > buckets[-1]:
            buckets = -buckets
        places = np.argsort(buckets, kind="stable").reshape(full, self.batch_size)
        parts = [used[batch] for batch in sorted(places, key=np.mean)]
        parts += [batch.rows for batch in plan[full:]]
        return [self._planned(part, self._bucket_of(part)) for part in parts]

    def _split_by_tokens(self, rows):
        # Of rows that come several times, each is at its first place.
        first = np.zeros(self.examples, int)
        first[rows[::-1]] = np.arange(len(rows))[::-1]
        again = rows
        if self._sampler.option is None:
            # Those of a curriculum are to come equally often, the rarest next.
            again, times = np.unique(rows, return_counts=True)
            again = again[np.lexsort((first[again], times))]
        parts = self._token_batches.divide(rows, again)
        plan = [self._planned(*part) for part in parts]
        plan = sorted(plan, key=lambda batch: first[batch.rows].mean())
        return plan[: self.num_batches]

    def _planned(self, rows, bucket=None):
        if self._token_batches is None or self.remainder != "pad":
            return super()._planned(rows, bucket)
        return Planned(rows, int(self._token_batches.sizes[bucket]), bucket=bucket)

    def _bucket_of(self, rows):
        """The bucket to whose longest sequences a batch is cut."""
        # One that is not full has the same length in each epoch, the longest. So has
        # one alone: on TensorFlow, Keras holds its length to be fixed.
        if len(rows) < self.batch_size or self.examples_per_epoch < 2 * self.batch_size:
            return int(self._bucket.max())
        return int(self._bucket[rows].max())

    def _take(self, rows, planned):
        def cut(part, is_cut):
            return (
                part[:, : self._cuts[part.shape[1]][planned.bucket]] if is_cut else part
            )

        x, y, *weight = super()._take(rows, planned)
        x, y = tree.map_structure(
            lambda part: cut(part, _holds_sequences(part)), (x, y)
        )
        # Those of tokens, which are no integers.
        weight = tree.map_structure(
            lambda part: cut(part, part.ndim == 2 and part.shape[1] in self._cuts),
            weight,
        )
        return (x, y, *weight)


def _extremes_first(plan):
    """Batches of which a shortest and a longest come first."""
    buckets = [batch.bucket for batch in plan]
    if len(set(buckets)) < 2:
        return plan
    # On TensorFlow, Keras holds a length to be fixed that the first two batches have
    # alike.
    first = np.argmin(buckets), np.argmax(buckets)
    others = [batch for index, batch in enumerate(plan) if index not in first]
    return [plan[first[0]], plan[first[1]], *others]


def _holds_sequences(part):
    return part.ndim == 2 and part.dtype.kind in "iu" and part.shape[1] > 1


def _lengths(parts):
    """How long the sequences of each example are, by the width of their arrays."""
    lengths = {}
    for part in filter(_holds_sequences, parts):
        width = part.shape[1]
        length = ((part != 0) * np.arange(1, width + 1)).max(axis=1)
        lengths[width] = np.maximum(length, lengths.get(width, 0))
    if not lengths:
        received = ", ".join(f"{part.dtype} {part.shape}" for part in parts)
        raise ValueError(
            "`x` or `y` must hold sequences, integers of shape (examples, length). "
            f"Received: {received}"
        )
    for length in lengths.values():
        if not length.all():
            raise ValueError(
                "A sequence must have a token besides padding, which is 0. "
                f"Received: example {np.flatnonzero(length == 0)[0]} has none"
            )
    return lengths
