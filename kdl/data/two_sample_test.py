"""Whether two sets of examples have the same distribution."""

from typing import Any

import numpy as np

from kdl.checks import check_integer
from kdl.data.on_disk import OnDisk
from kdl.seeds import SPLITS, generator, integer
from kdl.typing import Arrays

_MOST, _MOST_ON_DISK = 1000, 200  # Examples of each set, at most.
FEWEST = 20  # Of each set, below which nothing shows.
_FOLDS = 4
_SIDE = 32  # Pixels along a side that images keep, at most.
_COMPONENTS = 30  # Principal components that stand for an array.
_HASHED = 1024  # Numbers that stand for the words of a text.


def two_sample_test(one: Arrays, other: Arrays, seed: int = 0) -> dict[str, Any]:
    """Returns how well a small classifier tells two sets of examples apart.

    Gradient boosted trees learn of which set an example is, and are asked about
    examples that they have not seen, in four folds. The area under the ROC curve, AUC,
    is the probability that they rank an example of one set above one of the other: 0.5
    if the sets have the same distribution, 1 if they share nothing.

    A validation set that is told from the training set says little of how well it was
    learned, and nothing of what the model is worth on data like the training set's.

    At most 1,000 examples of each set are drawn, or 200 of such that stay on disk. Of
    images up to 32 pixels a side, of arrays 30 principal components are looked at, of
    texts their words. It takes a second or two.

    Args:
        one: A table, as a dict of columns of shape `(examples,)`; images of shape
            `(examples, height, width, channels)`, in memory or on disk; vectors of
            shape `(examples, numbers)`; or texts, an array of strings. Numbers of a
            table may be NaN.
        other: Of the same kind.
        seed: Integer in `[0, inf)`. Draws examples and folds. Defaults to `0`.

    Returns:
        Dict of `"auc"`, a float in `[0, 1]`; `"standard_error"`, that of the AUC of
        sets of the same distribution, by which it differs from 0.5 then; and
        `"examples"`, how many of each set were looked at, two integers.

    Raises:
        ValueError: If the sets are of another kind, if they are of different kinds, or
            if one has fewer than 20 examples.

    Example:

    >>> (x, y), (x_validation, _), test = kdl.data.digits()
    >>> found = kdl.data.two_sample_test(x, x_validation)
    >>> abs(found["auc"] - 0.5) < 5 * found["standard_error"]
    True

    References:
        - [Lopez-Paz and Oquab, 2017](https://arxiv.org/abs/1610.06545), with accuracy
          in the place of the AUC
        - [Mann and Whitney, 1947](https://doi.org/10.1214/aoms/1177730491), the
          standard error
    """
    seed = check_integer("seed", seed, "[0, inf)")
    kinds = [example_kind(part) for part in (one, other)]
    if None in kinds or kinds[0] != kinds[1]:
        found = (
            kind or type(part).__name__
            for kind, part in zip(kinds, (one, other), strict=True)
        )
        raise ValueError(
            "`one` and `other` must both be tables, images, vectors or texts. "
            f"Received: {' and '.join(found)}"
        )
    rng = generator(seed, SPLITS)
    sets = [_drawn(part, rng) for part in (one, other)]
    counts = [len(_first(part)) for part in sets]
    if min(counts) < FEWEST:
        raise ValueError(
            f"`one` and `other` must have {FEWEST} examples or more. Received: "
            f"{counts[0]} and {counts[1]}"
        )
    x = _NUMBERS_OF[kinds[0]](*sets)
    first, second = counts
    error = np.sqrt((first + second + 1) / (12 * first * second))
    return {
        "auc": _area(x, np.repeat([0, 1], counts), integer(seed, SPLITS)),
        "standard_error": float(error),
        "examples": counts,
    }


def example_kind(x):
    """Returns of what kind examples are, or `None` if they are of none that is known.

    Args:
        x: As of `two_sample_test`.

    Returns:
        One of `"tables"`, `"images"`, `"vectors"` and `"texts"`.
    """
    if isinstance(x, dict):
        columns = [np.asarray(column) for column in x.values()]
        is_table = columns and all(
            column.ndim == 1 and column.dtype.kind in "fMU" for column in columns
        )
        return "tables" if is_table else None
    if not hasattr(x, "dtype"):
        return None
    is_number = x.dtype.kind in "fu"
    if x.ndim == 1:
        return "texts" if x.dtype.kind == "U" else None
    return {4: "images", 2: "vectors"}.get(x.ndim) if is_number else None


def _first(x):
    return next(iter(x.values())) if isinstance(x, dict) else x


def _drawn(x, rng):
    """Some examples, in memory."""
    count = len(_first(x))
    most = _MOST_ON_DISK if isinstance(x, OnDisk) else _MOST
    rows = rng.permutation(count)[:most]
    if isinstance(x, dict):
        return {name: np.asarray(column)[rows] for name, column in x.items()}
    return x[rows]


def _tables(one, other):
    """Numbers as they are, with a code for each category."""
    columns = []
    for name in one.keys() & other.keys():
        column = np.concatenate([one[name], other[name]])
        if column.dtype.kind == "M":
            known = ~np.isnat(column)
            column = np.where(known, column.astype("int64").astype("float64"), np.nan)
        elif column.dtype.kind == "U":
            column = np.unique(column, return_inverse=True)[1].astype("float64")
        columns.append(column)
    return np.stack(columns, 1)


def _images(one, other):
    step = max(1, -(-max(one.shape[1:3]) // _SIDE))
    return _vectors(one[:, ::step, ::step], other[:, ::step, ::step])


def _vectors(one, other):
    from sklearn.decomposition import PCA

    x = np.concatenate([part.reshape(len(part), -1) for part in (one, other)])
    if x.shape[1] <= _COMPONENTS:
        return x
    return PCA(_COMPONENTS, random_state=0).fit_transform(x.astype("float32"))


def _texts(one, other):
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import HashingVectorizer

    words = HashingVectorizer(n_features=_HASHED).transform(
        np.concatenate([one, other])
    )
    return TruncatedSVD(_COMPONENTS, random_state=0).fit_transform(words)


_NUMBERS_OF = {
    "tables": _tables,
    "images": _images,
    "vectors": _vectors,
    "texts": _texts,
}


def _area(x, y, seed):
    """The AUC of examples that the classifier has not seen."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    trees = HistGradientBoostingClassifier(
        max_iter=40, max_leaf_nodes=8, early_stopping=False, random_state=0
    )
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    scores = cross_val_predict(trees, x, y, cv=folds, method="decision_function")
    return float(roc_auc_score(y, scores))
