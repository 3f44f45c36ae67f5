"""The state of a fit in a file.

The file is NumPy's `.npz`, of numbers and one JSON text, and is read without pickle:
a `.keras` file has neither the random state of a model nor that of its metrics.
"""

import errno
import itertools
import json
import os

import keras
import numpy as np

from kdl.files import atomic


class DamagedError(ValueError):
    """A file is no checkpoint, or holds what no fit has written."""


def write(path, earlier, variables, notes):
    """Writes a checkpoint, whole or not at all, and keeps the one before.

    Args:
        path: `Path` of the file, in an existing folder.
        earlier: `Path` that the checkpoint before moves to.
        variables: List of `keras.Variable`s.
        notes: Dict. What else there is to know: a nest of dicts, lists, plain values
            and NumPy arrays.
    """
    arrays = [keras.ops.convert_to_numpy(variable) for variable in variables]
    notes = {"count": len(arrays), "notes": _set_aside(notes, arrays)}
    # NumPy writes a dtype such as bfloat16 as bytes alone.
    notes["dtypes"] = [array.dtype.name for array in arrays]
    contents = {f"array_{index}": array for index, array in enumerate(arrays)}
    with atomic(path) as draft:
        np.savez(draft, notes=json.dumps(notes), **contents)
        if path.exists():
            os.replace(path, earlier)


def read(path):
    """Returns what `write` wrote: the values of the variables, and the notes.

    Raises:
        DamagedError: If the file is not a checkpoint.
        OSError: If the system refuses to read it, which says nothing about the file.
    """
    try:
        if not path.is_file():
            raise ValueError("it is not a file")
        with np.load(path, allow_pickle=False) as contents:
            notes = json.loads(contents["notes"].item())
            arrays = [
                _typed(contents[f"array_{index}"], dtype)
                for index, dtype in enumerate(notes["dtypes"])
            ]
        count = notes["count"]
        if type(count) is not int or not 0 <= count <= len(arrays):
            raise ValueError(f"it has {len(arrays)} arrays, but says {count!r}")
        return arrays[:count], _put_back(notes["notes"], arrays)
    except Exception as error:
        if getattr(error, "errno", None) in _REFUSALS:
            raise OSError(f"Cannot read {path}: {error.strerror}") from error
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise DamagedError(f"{path} cannot be read as a checkpoint: {reason}") from None


def assign(variables, values):
    """Sets variables to the values of a checkpoint.

    Raises:
        DamagedError: If they are no numbers.
        ValueError: If they are those of another model. No variable is set then.
    """
    for variable, value in itertools.zip_longest(variables, values):
        if variable is None or value is None or tuple(variable.shape) != value.shape:
            here = "none" if variable is None else f"{variable.path} {variable.shape}"
            there = "none" if value is None else f"one of {value.shape}"
            raise ValueError(f"where this fit has {here}, it has {there}")
        if value.dtype.kind in "OSUMm":
            raise DamagedError(f"its {variable.path} holds no numbers")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _set_aside(value, arrays):
    """A nest as JSON can hold it; its arrays are added to a list."""
    if isinstance(value, dict):
        return {key: _set_aside(x, arrays) for key, x in value.items()}
    if isinstance(value, (list, tuple)):
        return [_set_aside(x, arrays) for x in value]
    if keras.ops.is_tensor(value):
        # Such as a metric that is an array.
        value = keras.ops.convert_to_numpy(value)
    # Keras makes a scalar of NumPy of a scalar variable on TensorFlow.
    if isinstance(value, np.ndarray | np.generic):
        arrays.append(np.asarray(value))
        return {_ARRAY: len(arrays) - 1}
    return value


def _put_back(value, arrays):
    if isinstance(value, dict):
        if _ARRAY in value:
            if value[_ARRAY] not in range(len(arrays)):
                raise ValueError(f"it has no array {value[_ARRAY]!r}")
            return arrays[value[_ARRAY]]
        return {key: _put_back(x, arrays) for key, x in value.items()}
    if isinstance(value, list):
        return [_put_back(x, arrays) for x in value]
    return value


def _typed(array, dtype):
    if array.dtype.name == dtype:
        return array
    if array.dtype.kind != "V":
        raise ValueError(f"an array of {array.dtype.name} is said to be of {dtype}")
    return array.view(dtype)


_ARRAY = "number of an array"
# What a system says of itself, and not of a file.
_REFUSALS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EACCES, errno.EPERM)
