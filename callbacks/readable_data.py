"""Data as `fit` takes them, for callbacks that read them themselves.

Keras's own adapters are private to it.
"""

import contextlib
import itertools

import keras
import numpy as np

SAMPLE = 256  # Examples that are read of a data set where a sample is asked for.


def check_data(name, data):
    """Returns `data`, provided it is something that `fit` takes and can be read again.

    Args:
        name: String. Name of the argument, as the user wrote it.
        data: Value of the argument.

    Raises:
        ValueError: If `data` is anything else.
    """
    if not (_is_arrays(data) or _is_batches(data)):
        raise _refusal(name, data, "an array, a list or dict of arrays of as many")
    return data


def check_sample(name, data):
    """Returns `data`, provided it is a pair of arrays, or batches to be read again.

    Args:
        name: String. Name of the argument, as the user wrote it.
        data: Value of the argument.

    Raises:
        ValueError: If `data` is anything else.
    """
    if not (_is_pair(data) or _is_batches(data)):
        raise _refusal(name, data, "a tuple (x, y) of arrays of as many")
    return data


def batches_of(name, data, batch_size, steps):
    """Yields `(x, y, sample_weight)` of each batch, of NumPy arrays and `None`.

    Args:
        name: String. Name of the argument that holds the data.
        data: What `check_data` lets pass. Arrays are inputs alone.
        batch_size: Integer. That of arrays.
        steps: Optional integer. Number of batches of an epoch of the fit, after which
            data end that have no end of their own.

    Raises:
        ValueError: If the data and the epochs of the fit have no end.
    """
    if _is_arrays(data):
        count = len(keras.tree.flatten(data)[0])
        for start in range(0, count, batch_size):
            part = slice(start, start + batch_size)
            inputs = keras.tree.map_structure(lambda x, part=part: x[part], data)
            yield keras.tree.map_structure(_array, inputs), None, None
        return
    batches = data
    if isinstance(data, keras.utils.PyDataset):
        endless = data.num_batches is None
        indices = itertools.count() if endless else range(data.num_batches)
        batches = (data[index] for index in indices)
    else:
        # Of `tf.data`, -1 is a data set that is repeated for ever.
        endless = hasattr(data, "cardinality") and int(data.cardinality()) == -1
    if endless and steps is None:
        raise ValueError(
            f"`{name}` must have an end, or `fit` have `steps_per_epoch`. "
            f"Received: {name} of type {type(data).__name__}"
        )
    for batch in itertools.islice(batches, steps if endless else None):
        yield tuple(
            None if part is None else keras.tree.map_structure(_array, part)
            for part in keras.utils.unpack_x_y_sample_weight(batch)
        )


def sample_of(name, data, steps):
    """Returns a pair of arrays `(x, y)`: those given, or of the first batches.

    Args:
        name: String. Name of the argument that holds the data.
        data: What `check_sample` lets pass.
        steps: Optional integer. Number of batches of an epoch of the fit.

    Raises:
        ValueError: If the batches have no targets, or there are none.
    """
    if _is_pair(data):
        return tuple(map(_arrays, data))
    parts, count = [], 0
    for x, y, _ in batches_of(name, data, SAMPLE, steps):
        if y is None:
            break
        parts.append((x, y))
        count += len(keras.tree.flatten(x)[0])
        if count >= SAMPLE:
            break
    if not parts:
        raise ValueError(
            f"`{name}` must have batches (x, y) of examples with targets. "
            f"Received: {name} of type {type(data).__name__}"
        )
    return keras.tree.map_structure(
        lambda *arrays: np.concatenate(arrays)[:SAMPLE], *parts
    )


def _is_arrays(data):
    """Whether data are an array, or a nest of arrays of as many examples."""
    return _count(data) is not None


def _is_pair(data):
    """Whether data are inputs and targets of as many examples."""
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        return False
    counts = [_count(_arrays(part)) for part in data]
    return counts[0] is not None and counts[0] == counts[1]


def _arrays(part):
    """Numbers in a list as an array; arrays, or a nest of them, as they are."""
    if isinstance(part, list) and not any(
        hasattr(x, "shape") for x in keras.tree.flatten(part)
    ):
        with contextlib.suppress(ValueError):
            return np.asarray(part)
    return part


def _count(data):
    """Number of examples of an array, or of a nest of arrays, or else `None`."""
    shapes = [getattr(x, "shape", None) or [0] for x in keras.tree.flatten(data)]
    counts = {shape[0] for shape in shapes}
    return counts.pop() if len(counts) == 1 and 0 not in counts else None


def _is_batches(data):
    """Whether data are an iterable of batches that can be read more than once."""
    if isinstance(data, keras.utils.PyDataset):
        return True
    if isinstance(data, (str, bytes, dict, list, tuple, set)) or hasattr(data, "shape"):
        return False
    try:
        # An iterator is its own, and empty after once.
        return iter(data) is not data
    except TypeError:
        return False


def _refusal(name, data, arrays):
    return ValueError(
        f"`{name}` must be {arrays} examples, or batches that can be read more than "
        "once, such as a keras.utils.PyDataset, a tf.data.Dataset or a DataLoader. "
        f"Received: {name} of type {type(data).__name__}"
    )


def _array(x):
    """A tensor of any backend, or what NumPy makes an array of, as an array."""
    if hasattr(x, "detach"):
        x = x.detach().cpu()
    return x.numpy() if hasattr(x, "numpy") else np.asarray(x)
