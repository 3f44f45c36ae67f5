"""What data are, and what may be wrong with them."""

import collections
import hashlib
import itertools
import os

import numpy as np
from keras import tree

from kdl.data.columns import is_missing, kind_of, values_of
from kdl.data.on_disk import OnDisk
from kdl.data.two_sample_test import FEWEST, example_kind, two_sample_test

# What is compared at most to find duplicates: bytes of arrays, files, bytes of these.
_MOST_BYTES, _MOST_FILES, _MOST_READ = 2**28, 20_000, 2**30
# From so many times more examples than the smallest class, the largest is a warning.
_IMBALANCE = 10
_LARGE = 512  # Pixels along a side of an image.
# From this AUC, and this many standard errors above 0.5, a set is of other data.
_APART, _ERRORS = 0.65, 5


def summarize(splits):
    """Returns a dict of JSON, as `kdl.data.Splits.summary` describes it."""
    parts = splits._asdict()
    names = _classes(splits)
    counts = {
        part: _counts(y, names) if names else None for part, (_, y) in parts.items()
    }
    duplicates = _duplicates({part: x for part, (x, _) in parts.items()})
    shift = _shift(splits)
    x, y = splits.train
    facts = x.facts if isinstance(x, OnDisk) else {}
    summary = {
        "parts": {
            part: {"examples": len(tree.flatten(x)[0]), "classes": counts[part]}
            for part, (x, _) in parts.items()
        },
        "inputs": _described(x),
        "targets": _described(y),
        "files": facts or None,
        "duplicates": duplicates,
        "shift": shift,
    }
    warnings = [
        *_warnings(counts, duplicates),
        *_warnings_of_shift(shift),
        *_warnings_of_files(x, facts),
    ]
    return {**summary, "warnings": warnings}


def _classes(splits):
    """Names of the classes, or `None` if the targets are none."""
    targets = [y for _, y in splits]
    if any(isinstance(y, (dict, tuple, OnDisk)) for y in targets):
        return None
    targets = [np.asarray(y) for y in targets]
    if splits.classes and all(_are_several(y, splits.classes) for y in targets):
        return splits.classes
    if not all(y.ndim == 1 and y.dtype.kind in "iu" and len(y) for y in targets):
        return None
    low, high = min(map(np.min, targets)), max(map(np.max, targets))
    if splits.classes is not None:
        return splits.classes
    # Numbers that are counts or years, say, are no classes.
    return [str(n) for n in range(high + 1)] if low >= 0 and high < 1000 else None


def _are_several(y, names):
    """Whether targets say for each class whether an example is of it."""
    return y.shape[1:] == (len(names),) and y.dtype.kind in "fiub"


def _counts(y, names):
    if np.ndim(y) == 2:
        counts = np.sum(y, axis=0)
    else:
        counts = np.bincount(y, minlength=len(names))
    return {name: int(n) for name, n in zip(names, counts, strict=True)}


def _described(data):
    """Shape of an example and dtype, of each array there is."""
    if isinstance(data, dict):
        return {name: _described_in_dict(part) for name, part in data.items()}
    if isinstance(data, tuple):
        return [_described(part) for part in data]
    data = data if isinstance(data, OnDisk) else np.asarray(data)
    return {"shape": list(data.shape[1:]), "dtype": str(data.dtype)}


def _described_in_dict(column):
    """What the column of a table holds, and how often it has no value."""
    is_column = isinstance(column, np.ndarray) and column.ndim == 1
    if not is_column or column.dtype.kind not in "fMU":
        return _described(column)
    kind, missing = kind_of(column), int(is_missing(column).sum())
    described = {"kind": kind, "missing": missing}
    if kind == "category":
        described["values"] = len(values_of(column))
    return described


def _duplicates(parts):
    """How many inputs of one part are in another one, by pair of parts."""
    digests = _digests(parts)
    if digests is None:
        return None
    known = {part: set(some) for part, some in digests.items()}
    return {
        f"{one}, {other}": sum(digest in known[one] for digest in digests[other])
        for one, other in itertools.combinations(parts, 2)
    }


def _digests(parts):
    """What tells inputs apart, a list for each part; `None` if there is too much."""
    if all(hasattr(x, "paths") for x in parts.values()):
        return _digests_of_files({part: x.paths() for part, x in parts.items()})
    leaves = {part: tree.flatten(x) for part, x in parts.items()}
    if any(isinstance(leaf, OnDisk) for some in leaves.values() for leaf in some):
        return None
    leaves = {part: [*map(np.asarray, some)] for part, some in leaves.items()}
    if sum(leaf.nbytes for some in leaves.values() for leaf in some) > _MOST_BYTES:
        return None
    return {
        part: [_digest(*(leaf.tobytes() for leaf in row)) for row in zip(*some)]  # noqa: B905
        for part, some in leaves.items()
    }


def _digests_of_files(parts):
    """Size and digest of each file; of a size that one file alone has, no digest."""
    if sum(map(len, parts.values())) > _MOST_FILES:
        return None
    sizes = {path: os.stat(path).st_size for some in parts.values() for path in some}
    alike = collections.Counter(sizes.values())
    if sum(size for size in sizes.values() if alike[size] > 1) > _MOST_READ:
        return None

    def digest(path):
        if alike[sizes[path]] == 1:
            return path
        with open(path, "rb") as file:
            return _digest(file.read())

    return {part: [*map(digest, paths)] for part, paths in parts.items()}


def _digest(*parts):
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(part)
    return digest.digest()


def _warnings(counts, duplicates):
    training = counts["train"]
    if training and not any(training[name] and n for name, n in counts["test"].items()):
        yield (
            "The training set has none of the classes of the test set: an embedding "
            "may tell these apart, a classifier cannot."
        )
    elif training:
        most, least = max(training, key=training.get), min(training, key=training.get)
        if training[most] >= _IMBALANCE * max(1, training[least]):
            yield (
                f"The class {most!r} has {training[most]} training examples, {least!r} "
                f"has {training[least]}: the accuracy says little of small classes."
            )
        for part, found in counts.items():
            lacking = [repr(name) for name, count in found.items() if not count]
            if lacking:
                yield f"The {_LONG[part]} set has no example of {_listed(lacking)}."
    for pair, count in (duplicates or {}).items():
        one, other = pair.split(", ")
        if count:
            yield (
                f"{count} of the {_LONG[other]} inputs {'is' if count == 1 else 'are'} "
                f"in the {_LONG[one]} set, too: scores on them show memory."
            )


def _shift(splits):
    """How well validation is told from training; `None` if that cannot be said."""
    sets = splits.train[0], splits.validation[0]
    if example_kind(sets[0]) is None or example_kind(sets[0]) != example_kind(sets[1]):
        return None
    if min(len(tree.flatten(x)[0]) for x in sets) < FEWEST:
        return None
    return two_sample_test(*sets)


def _warnings_of_shift(shift):
    if shift and shift["auc"] > max(_APART, 0.5 + _ERRORS * shift["standard_error"]):
        yield (
            "The validation set is not like the training set: a small classifier tells "
            f"their inputs apart with an AUC of {shift['auc']:.2f}, where 0.50 is not "
            "at all. Draw both from the same data, unless you mean to."
        )


def _warnings_of_files(x, facts):
    if facts and "sizes" in facts and max(x.shape[1:3]) > _LARGE:
        height, width = x.shape[1:3]
        yield (
            f"The images have {height} x {width} pixels, which takes much memory and "
            "time: make them smaller by `size`, as in images:DIR?size=128."
        )
    if facts and facts.get("damaged"):
        yield f"{len(facts['damaged'])} damaged files were left out."


def _listed(names):
    shown = ", ".join(names[:5])
    return shown + (f" and {len(names) - 5} more" if len(names) > 5 else "")


_LONG = {"train": "training", "validation": "validation", "test": "test"}
