"""Batches that hold as many examples as a number of tokens allows."""

import numpy as np

# Lengths at which a bucket may end. The search for the best takes the square of it.
_ENDS = 512


def buckets_of_least_padding(lengths, buckets):
    """Returns a bucket for each example, such that they share the least padding.

    An example is padded to the longest of its bucket. The ends of the buckets are found
    by dynamic programming: from those of `n` buckets, which leave the least padding up
    to each length, those of `n + 1`.

    Args:
        lengths: Integer array of shape `(examples,)`, of 1 or more.
        buckets: Integer in `[1, inf)`. Number of buckets at most.

    Returns:
        Integer array of shape `(examples,)`, from 0 for the shortest, without gaps.
    """
    ends = np.unique(lengths)
    if len(ends) > _ENDS:
        some = np.geomspace(ends[0], ends[-1], _ENDS)
        ends = ends[np.unique(np.searchsorted(ends, np.minimum(some, ends[-1])))]
    counts = np.bincount(np.searchsorted(ends, lengths))
    before = np.r_[0, np.cumsum(counts)]
    # Tokens of a bucket from one end to another, padding included.
    tokens = (ends * (before[1:] - before[:-1, None])).astype(float)
    tokens[np.tri(len(ends), k=-1, dtype=bool)] = np.inf
    least, begins = tokens[0], []
    for _ in range(min(buckets, len(ends)) - 1):
        sums = np.r_[np.inf, least[:-1]][:, None] + tokens
        begins.append(sums.argmin(axis=0))
        least = sums.min(axis=0)
    chosen = [len(ends) - 1]
    for begin in reversed(begins):
        chosen.append(begin[chosen[-1]] - 1)
    return np.searchsorted(ends[chosen[::-1]], lengths)


class TokenBatches:
    """Divides examples among batches of one bucket each, of so many tokens at most.

    Examples of a bucket that do not fill a batch go on into the next bucket, of longer
    ones. So one batch of an epoch is not full, and an epoch of the same lengths has the
    same shapes, as often, in whatever order its examples come.

    Args:
        bucket: Integer array of shape `(examples,)`. The bucket of each example, from
            the shortest.
        tokens: Integer array of shape `(buckets,)`. Tokens of an example of each bucket
            with its padding, at most `max_tokens / multiple`.
        max_tokens: Integer. Tokens of a batch at most, padding included.
        multiple: Integer. What divides the number of examples of a full batch.
        share: Float in `(0, inf)`. How many examples an epoch has, of those that there
            are.

    Attributes:
        sizes: Integer array of shape `(buckets,)`. Examples of a full batch.
        used: Integer array. The buckets of the batches of all examples.
        count: Integer. Number of batches of every epoch.
    """

    def __init__(self, bucket, tokens, max_tokens, multiple, share):
        self._bucket = bucket
        self.sizes = max_tokens // (tokens * multiple) * multiple
        parts = self._parts(np.arange(len(bucket)))
        self.count = max(1, round(share * len(parts)))
        # Where a bucket has too few for a batch, those of a curriculum go on as well:
        # else they would be a shape that no other epoch has.
        self.used = np.unique([part for part, _ in parts])
        self._bucket = self.used[np.searchsorted(self.used, bucket)]

    def divide(self, rows, again):
        """Divides rows, of which there may be too many or too few, among the batches.

        Rows of other lengths than all examples have, such as those of a curriculum,
        fill more or fewer batches than Keras is told that an epoch has. They are added
        to, or end early, so that they fill as many, or a few more.

        Args:
            rows: Integer array. Examples, in order.
            again: Integer array. What comes after them, time and again.

        Returns:
            List of tuples: rows of a batch, and its bucket. There are `count` of them
            or more.
        """

        def first(count):
            return np.r_[rows, np.resize(again, max(0, count - len(rows)))][:count]

        few, enough = 0, len(rows)
        while len(self._parts(first(enough))) < self.count:
            enough *= 2
        if len(self._parts(first(enough))) > self.count:
            while enough - few > 1:
                middle = (few + enough) // 2
                if len(self._parts(first(middle))) < self.count:
                    few = middle
                else:
                    enough = middle
        rows = first(enough)
        rows = rows[np.argsort(self._bucket[rows], kind="stable")]
        buckets, sizes = zip(*self._parts(rows), strict=True)
        return list(zip(np.split(rows, np.cumsum(sizes)[:-1]), buckets, strict=True))

    def _parts(self, rows):
        """The bucket and the number of examples of each batch of rows."""
        parts, waiting = [], 0
        counts = np.bincount(self._bucket[rows], minlength=len(self.sizes))
        for bucket, (count, size) in enumerate(zip(counts, self.sizes, strict=True)):
            full, waiting = divmod(int(count) + waiting, int(size))
            parts += full * [(bucket, int(size))]
        return parts + ([(len(self.sizes) - 1, waiting)] if waiting else [])
