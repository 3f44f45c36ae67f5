"""The state of a fit in a file.

The file is NumPy's `.npz`, of numbers and one JSON text, and is read without pickle:
a `.keras` file has neither the random state of a model nor that of its metrics.
"""

import itertools
import json

import keras
import numpy as np

from kdl.files import atomic


def write(path, variables, notes):
    """Writes a checkpoint, whole or not at all.

    Args:
        path: `Path` of the file, in an existing folder.
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


def read(path):
    """Returns what `write` wrote: the values of the variables, and the notes.

    Raises:
        ValueError: If the file is not a checkpoint.
    """
    try:
        with np.load(path, allow_pickle=False) as contents:
            notes = json.loads(contents["notes"].item())
            arrays = [
                _typed(contents[f"array_{index}"], dtype)
                for index, dtype in enumerate(notes["dtypes"])
            ]
    except Exception as error:
        raise ValueError(
            f"{path} cannot be read as a checkpoint: {error}. Delete it to begin the "
            "fit anew."
        ) from None
    return arrays[: notes["count"]], _put_back(notes["notes"], arrays)


def assign(variables, values):
    """Sets variables to the values of a checkpoint.

    Raises:
        ValueError: If they are those of another model. No variable is set then.
    """
    for variable, value in itertools.zip_longest(variables, values):
        if variable is None or value is None or tuple(variable.shape) != value.shape:
            here = "none" if variable is None else f"{variable.path} {variable.shape}"
            there = "none" if value is None else f"one of {value.shape}"
            raise ValueError(f"where this fit has {here}, it has {there}")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _set_aside(value, arrays):
    """A nest as JSON can hold it; its arrays are added to a list."""
    if isinstance(value, dict):
        return {key: _set_aside(x, arrays) for key, x in value.items()}
    if isinstance(value, (list, tuple)):
        return [_set_aside(x, arrays) for x in value]
    # Keras makes a scalar of NumPy of a scalar variable on TensorFlow.
    if isinstance(value, np.ndarray | np.generic):
        arrays.append(np.asarray(value))
        return {_ARRAY: len(arrays) - 1}
    return value


def _put_back(value, arrays):
    if isinstance(value, dict):
        if _ARRAY in value:
            return arrays[value[_ARRAY]]
        return {key: _put_back(x, arrays) for key, x in value.items()}
    if isinstance(value, list):
        return [_put_back(x, arrays) for x in value]
    return value


def _typed(array, dtype):
    return array if array.dtype.name == dtype else array.view(dtype)


_ARRAY = "number of an array"
