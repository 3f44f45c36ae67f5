"""Batches of sequences of similar length."""

import numpy as np
from keras import tree

from kdl.checks import check_integer
from kdl.data.batches.batches import Batches


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

    Args:
        x: Array of shape `(examples, ...)`, or a dict or tuple of such.
        y: The targets, of the same kinds.
        batch_size: Integer in `[1, inf)`. Defaults to `32`.
        seed: Integer in `[0, inf)`. Defaults to `0`.
        shuffle: Boolean. Whether each epoch has an order of its own. Defaults to
            `True`.
        drop_remainder: Boolean. Whether to leave out the examples that do not fill
            a batch, other ones in each epoch. Defaults to `False`.
        augment: Sequence of functions `(x, y, rng) -> (x, y)`, as of `Batches`. They
            are given batches that are cut. Defaults to none.
        epoch: Integer in `[0, inf)`. The epoch that the first `fit` begins with.
            Defaults to `0`.
        sample_weight: Optional array of shape `(examples,)`, or `(examples, length)`
            for a weight of each token, which is cut as the tokens are. Defaults to
            `None`.
        buckets: Integer in `[1, inf)`. Number of buckets, each of about as many
            examples. `4` to `8` is usual. Defaults to `4`.

    Attributes:
        lengths: Integer array of shape `(examples,)`. How long each example is: its
            tokens before the padding, over all second axes that there are.

    Raises:
        ValueError: If `x` and `y` differ in length or are empty, if none of their
            arrays holds sequences, if an example is nothing but padding, or if an
            argument is outside its interval.

    Example:

    >>> tokens = np.array([[4, 0, 0, 0], [1, 2, 3, 4], [5, 6, 0, 0]])
    >>> batches = kdl.data.BucketedBatches(tokens, tokens, batch_size=1, buckets=3)
    >>> batches.padding()
    0.0
    """

    def __init__(
        self,
        x,
        y,
        batch_size=32,
        seed=0,
        shuffle=True,
        drop_remainder=False,
        augment=(),
        epoch=0,
        sample_weight=None,
        buckets=4,
    ):
        super().__init__(
            x,
            y,
            batch_size,
            seed,
            shuffle,
            drop_remainder,
            augment,
            epoch,
            sample_weight,
        )
        self.buckets = buckets = check_integer("buckets", buckets, "[1, inf)")
        lengths = _lengths(tree.flatten((self.x, self.y)))
        self.lengths = sum(lengths.values())
        # A bucket ends with the lengths that end the same share of the examples.
        ends = np.quantile(self.lengths, np.arange(1, buckets) / buckets)
        self._bucket = np.searchsorted(ends, self.lengths)
        # By the width of an array: to what each bucket is cut, never less than those
        # before it, of which a batch at the border has examples.
        self._cuts = {}
        for width, length in lengths.items():
            longest = np.zeros(buckets, int)
            np.maximum.at(longest, self._bucket, length)
            self._cuts[width] = np.maximum.accumulate(longest)

    def padding(self):
        """Returns which share of the tokens of the current epoch is padding.

        Arrays of the same second axis are counted once.
        """
        used = self._rows(self._epoch)[: self.num_batches * self.batch_size]
        tokens = 0
        for start in range(0, len(used), self.batch_size):
            rows = used[start : start + self.batch_size]
            bucket = self._bucket_of(rows)
            tokens += len(rows) * sum(cut[bucket] for cut in self._cuts.values())
        return float(1 - self.lengths[used].sum() / tokens)

    def _drawn(self, epoch):
        rows = super()._drawn(epoch)
        # One of the longest comes first, so that a full batch has it.
        longest = np.argmax(self._bucket[rows])
        rows = self._arranged(np.r_[rows[longest], np.delete(rows, longest)])
        batches, rest = self._full(rows)
        if len(batches) > 1:
            # On TensorFlow, Keras holds a length to be fixed that the first two batches
            # have alike. So these are the shortest and the longest.
            buckets = self._bucket[batches].max(axis=1)
            short, *_, long = np.argsort(buckets, kind="stable")
            others = np.delete(batches, [short, long], axis=0)
            batches = np.concatenate([batches[[short, long]], others])
        return np.r_[batches.ravel(), rest]

    def _arranged(self, rows):
        batches, rest = self._full(rows)
        if not len(batches):
            return rows
        used = batches.ravel()
        buckets = self._bucket[used]
        # Bucket by bucket, the long ones first if the rows have them first.
        if buckets[0] > buckets[-1]:
            buckets = -buckets
        places = np.argsort(buckets, kind="stable").reshape(batches.shape)
        places = sorted(places, key=np.mean)
        return np.concatenate([*(used[batch] for batch in places), rest])

    def _full(self, rows):
        """The batches that rows fill, an array with a row for each, and the rest."""
        count = len(rows) // self.batch_size * self.batch_size
        return rows[:count].reshape(-1, self.batch_size), rows[count:]

    def _bucket_of(self, rows):
        """The bucket to whose longest sequences a batch is cut."""
        # One that is not full has the same length in each epoch, the longest. So has
        # one alone: on TensorFlow, Keras holds its length to be fixed.
        if len(rows) < self.batch_size or self.examples < 2 * self.batch_size:
            return self.buckets - 1
        return self._bucket[rows].max()

    def _take(self, rows):
        bucket = self._bucket_of(rows)

        def cut(part, is_cut):
            return part[:, : self._cuts[part.shape[1]][bucket]] if is_cut else part

        x, y, *weight = super()._take(rows)
        x, y = tree.map_structure(
            lambda part: cut(part, _holds_sequences(part)), (x, y)
        )
        # Those of tokens, which are no integers.
        weight = tree.map_structure(
            lambda part: cut(part, part.ndim == 2 and part.shape[1] in self._cuts),
            weight,
        )
        return (x, y, *weight)


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
