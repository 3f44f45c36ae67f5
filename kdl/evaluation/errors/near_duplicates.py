"""Examples that are nearly the same."""

import numpy as np
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.neighbors import NearestNeighbors

from kdl.checks import check_number
from kdl.typing import Arrays

_SIDE = 16  # Pixels that images are shrunk to, along each side, at most.
_AT_ONCE = 256  # Images that are read at once.


def near_duplicates(
    first: Arrays, second: Arrays, threshold: float = 0.99
) -> list[tuple[int, int, float]]:
    """Returns which examples of one part are nearly the same as one of another.

    A test example that is nearly in the training set too says nothing of new ones.
    Images are compared by their brightness on a grid of at most 16 by 16, less its
    mean; texts by TF-IDF of their characters, three to five at a time; both by cosine
    similarity.
    So an image counts as another's double where it is brighter, sharper or larger, but
    not where it is moved.

    Args:
        first: Images, an array of shape `(examples, height, width, channels)` or on
            disk, or a sequence of texts. Those of a training set, for instance.
        second: Likewise, such as a test set.
        threshold: Float in `(0, 1]`. Similarity from which on two are nearly the same.
            Defaults to `0.99`.

    Returns:
        List of tuples: the row in `second`, the row of the most similar in `first`, and
        their similarity; the most similar pair first.

    Raises:
        ValueError: If the examples are neither images nor texts.

    Example:

    >>> images = np.random.default_rng(0).uniform(size=(20, 8, 8, 1))
    >>> kdl.evaluation.near_duplicates(images, 0.9 * images[3:4])[0][:2]
    (0, 3)
    """
    check_number("threshold", threshold, "(0, 1]")
    parts = first, second
    if all(len(np.shape(part)) == 4 for part in parts):
        sides = [
            min(_SIDE, *(np.shape(part)[axis] for part in parts)) for axis in (1, 2)
        ]
        vectors = [_shrunk(part, sides) for part in parts]
        # Those without any contrast have no direction.
        kept = [np.flatnonzero(np.abs(each).sum(axis=1) > 0) for each in vectors]
    elif all(_are_texts(part) for part in parts):
        vectors = [_counted(part) for part in parts]
        kept = [np.flatnonzero(np.diff(each.indptr) > 0) for each in vectors]
        weights = TfidfTransformer().fit(vectors[0])
        vectors = [weights.transform(each) for each in vectors]
    else:
        found = (f"{each.dtype} of shape {each.shape}" for each in map(_array, parts))
        raise ValueError(
            "`first` and `second` must be images of shape (examples, height, width, "
            f"channels), or texts. Received: {' and '.join(found)}"
        )
    if not len(kept[0]) or not len(kept[1]):
        return []
    neighbours = NearestNeighbors(n_neighbors=1, metric="cosine", algorithm="brute")
    neighbours.fit(vectors[0][kept[0]])
    distances, places = neighbours.kneighbors(vectors[1][kept[1]])
    found = [
        (int(row), int(kept[0][place]), float(1 - distance))
        for row, place, distance in zip(
            kept[1], places[:, 0], distances[:, 0], strict=True
        )
        if 1 - distance >= threshold
    ]
    return sorted(found, key=lambda pair: -pair[2])


def _are_texts(examples):
    return np.ndim(examples) == 1 and _array(examples).dtype.kind in "UO"


def _array(examples):
    return examples if hasattr(examples, "dtype") else np.asarray(examples)


def _counted(texts):
    """Rows of counts of three to five characters of each text, hashed."""
    vectorizer = HashingVectorizer(
        analyzer="char_wb", ngram_range=(3, 5), norm=None, alternate_sign=False
    )
    return vectorizer.transform(list(map(str, texts)))


def _shrunk(images, sides):
    """The brightness of images on a coarse grid, less its mean, as rows.

    Args:
        images: Array of shape `(examples, height, width, channels)`, or such images on
            disk, which are read in portions.
        sides: Height and width of the grid.
    """
    rows = [
        _grid(images[np.arange(start, min(len(images), start + _AT_ONCE))], sides)
        for start in range(0, len(images), _AT_ONCE)
    ]
    return np.concatenate(rows) if rows else np.empty((0, sides[0] * sides[1]))


def _grid(images, sides):
    images = np.asarray(images, "float32").mean(axis=-1)
    for axis, side in zip((1, 2), sides, strict=True):
        # Means over as equal parts of the side as there are.
        edges = np.linspace(0, images.shape[axis], side + 1).round().astype(int)
        sums = np.add.reduceat(images, edges[:-1], axis=axis)
        lengths = np.diff(edges).astype("float32")
        images = sums / np.expand_dims(lengths, 1 if axis == 1 else 0)
    rows = images.reshape(len(images), -1)
    return rows - rows.mean(axis=1, keepdims=True)
