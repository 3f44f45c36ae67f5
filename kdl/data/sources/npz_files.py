"""Arrays from files of NumPy."""

import zipfile
from pathlib import Path

import numpy as np

from kdl.data.splits import Splits, hold_out_each, listed

_NAMES = "the arrays x and y, or x_train, y_train, x_test and y_test"


def read_npz(path, seed=0, to_test=False):
    """Returns the arrays in an `.npz` file, in three parts.

    The file has `x` and `y`, or `x_train`, `y_train`, `x_test` and `y_test` and maybe
    `x_validation` and `y_validation`. What is missing is drawn: a tenth of each class
    for the test, and a tenth for the validation, or a tenth of all examples where the
    targets are no classes, or where a class has too few.

    Inputs of uint8 and three or four axes are images: they become float32 in `[0, 1]`,
    with an axis of channels. All else stays as it is.

    Args:
        path: Path of the file.
        seed: Integer in `[0, 2**32)`. Draws the parts that are missing. Defaults to
            `0`.
        to_test: Boolean. Whether to return the test set, or all examples where there
            is none, as each part. Defaults to `False`.

    Returns:
        `kdl.data.Splits`.

    Raises:
        ValueError: If it is no `.npz` file, lacks an array, or has more inputs than
            targets, none, or Python objects.
        OSError: If it cannot be read.
    """
    path = Path(path).expanduser()
    arrays = _arrays(path)
    if {"x", "y"} <= arrays.keys():
        whole = _pair(path, arrays, "")
        if to_test:
            return Splits(whole, whole, whole)
        return Splits(**_drawn(path, {"train": whole}, seed), drawn=True)
    parts = {"train": None, "validation": None, "test": None}
    for part in parts:
        keys = {f"x_{part}", f"y_{part}"}
        if keys & arrays.keys() or part != "validation":
            if not keys <= arrays.keys():
                found = ", ".join(map(repr, arrays)) or "nothing"
                raise ValueError(f"{path} must hold {_NAMES}. Received: {found}")
            parts[part] = _pair(path, arrays, f"_{part}")
    if to_test:
        return Splits(*[parts["test"]] * 3)
    there = {part: pair for part, pair in parts.items() if pair is not None}
    return Splits(**_drawn(path, there, seed))


def _arrays(path):
    with path.open("rb") as file:
        begins = file.read(4)
    if begins[:2] != b"PK":
        raise ValueError(f"{path} must be an .npz file, as numpy.savez writes it.")
    arrays = {}
    try:
        with np.load(path, allow_pickle=False) as contents:
            for name in contents.files:
                arrays[name] = _loaded(path, contents, name)
    except (zipfile.BadZipFile, EOFError, KeyError) as error:
        raise ValueError(f"{path} is damaged: {error}") from None
    return arrays


def _loaded(path, contents, name):
    try:
        return contents[name]
    except ValueError as error:
        if "pickle" not in str(error):
            raise ValueError(f"{path} is damaged: {error}") from None
        raise ValueError(
            f"{path} must hold arrays of numbers or texts. Received: {name!r} of "
            "Python objects, which are not loaded since that can run any code"
        ) from None


def _pair(path, arrays, suffix):
    x, y = arrays[f"x{suffix}"], arrays[f"y{suffix}"]
    if not x.ndim or not y.ndim or len(x) != len(y) or not len(x):
        raise ValueError(
            f"{path} must have one or more rows in x{suffix}, and as many in "
            f"y{suffix}. Received: shapes {x.shape} and {y.shape}"
        )
    return as_images(x), y


def as_images(x):
    """Returns uint8 images as float32 in `[0, 1]` with channels; others as they are."""
    if x.dtype != "uint8" or x.ndim not in (3, 4):
        return x
    return (x if x.ndim == 4 else x[..., np.newaxis]) / np.float32(255)


def _drawn(path, parts, seed):
    """The three parts, those that are missing drawn from the training set."""
    missing = [part for part in ("test", "validation") if part not in parts]
    x, y = parts["train"]
    if len(x) <= len(missing):
        raise ValueError(
            f"{path} must have {1 + len(missing)} training rows or more, one each for "
            f"{listed(missing)}. Received: {len(x)}"
        )
    labels = y if y.ndim == 1 and y.dtype.kind in "iu" else np.zeros(len(y), int)
    _, labels, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if counts.min() <= len(missing):
        labels = np.zeros_like(labels)
    rows = hold_out_each(labels, len(missing), seed) if missing else [slice(None)]
    drawn = zip(["train", *missing], rows, strict=True)
    return {**parts, **{part: (x[some], y[some]) for part, some in drawn}}
