"""Batches that hold as many examples as a number of tokens allows."""

import math

import numpy as np

# From one length to which batches are cut to the next. Less leaves less padding, but
# makes more shapes, of which each is a compilation.
STEP = 1.25


def geometric_buckets(lengths):
    """Returns a bucket for each example, by lengths that grow by a quarter at a time.

    Args:
        lengths: Integer array of shape `(examples,)`, of 1 or more.

    Returns:
        Integer array of shape `(examples,)`, from 0 for the shortest, without gaps.
    """
    shortest, longest = int(lengths.min()), int(lengths.max())
    steps = math.ceil(math.log(longest / shortest, STEP)) + 1
    edges = shortest * STEP ** np.arange(steps)
    return np.unique(np.searchsorted(edges, lengths), return_inverse=True)[1]


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

    def divide(self, rows):
        """Divides rows, of which there may be too many or too few, among the batches.

        Rows of other lengths than all examples have, such as those of a curriculum,
        fill more or fewer batches than Keras is told that an epoch has. They begin
        anew, or end early, until they fill as many, or a few more.

        Args:
            rows: Integer array. Examples, in order.

        Returns:
            List of tuples: rows of a batch, and its bucket. There are `count` of them
            or more.
        """

        def batches(count):
            return len(self._parts(np.resize(rows, count)))

        few, enough = 0, len(rows)
        while batches(enough) < self.count:
            enough *= 2
        if batches(enough) > self.count:
            while enough - few > 1:
                middle = (few + enough) // 2
                if batches(middle) < self.count:
                    few = middle
                else:
                    enough = middle
        rows = np.resize(rows, enough)
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
