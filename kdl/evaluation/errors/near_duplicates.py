"""Examples that are nearly the same."""

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.neighbors import NearestNeighbors

from kdl.checks import check_number

_SIDE = 16  # Pixels that images are shrunk to, along each side.


def near_duplicates(first, second, threshold=0.99):
    """Returns which examples of one part are nearly the same as one of another.

    A test example that is nearly in the training set too says nothing of new ones.
    Images are compared by their brightness on a grid of 16 by 16, less its mean; texts
    by TF-IDF of their characters, three to five at a time; both by cosine similarity.
    So an image counts as another's double where it is brighter, sharper or larger, but
    not where it is moved.

    Args:
        first: Images, an array of shape `(examples, height, width, channels)`, or a
            sequence of texts. Those of a training set, for instance.
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
    if _are_images(first) and _are_images(second):
        vectors = [_shrunk(images) for images in (first, second)]
        # Those without any contrast have no direction.
        kept = [np.flatnonzero(np.abs(each).sum(axis=1) > 0) for each in vectors]
    elif _are_texts(first) and _are_texts(second):
        texts = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), lowercase=True)
        fitted = texts.fit(list(map(str, first)))
        vectors = [fitted.transform(list(map(str, each))) for each in (first, second)]
        kept = [np.flatnonzero(np.diff(each.indptr) > 0) for each in vectors]
    else:
        raise ValueError(
            "`first` and `second` must be images of shape (examples, height, width, "
            "channels), or texts. Received: "
            + " and ".join(
                f"{np.asarray(each).dtype} of shape {np.shape(each)}"
                for each in (first, second)
            )
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


def _are_images(examples):
    return len(np.shape(examples)) == 4


def _are_texts(examples):
    return np.ndim(examples) == 1 and np.asarray(examples).dtype.kind in "UO"


def _shrunk(images):
    """The brightness of images on a coarse grid, less its mean, as rows."""
    images = np.asarray(images, "float32").mean(axis=-1)
    for axis in (1, 2):
        size = images.shape[axis]
        side = min(size, _SIDE)
        # Means over as equal parts of the side as there are.
        edges = np.linspace(0, size, side + 1).round().astype(int)
        sums = np.add.reduceat(images, edges[:-1], axis=axis)
        lengths = np.diff(edges).astype("float32")
        images = sums / np.expand_dims(lengths, 1 if axis == 1 else 0)
    rows = images.reshape(len(images), -1)
    return rows - rows.mean(axis=1, keepdims=True)
