"""What exported models are worth: their scores and how long they take."""

import statistics
import time

import keras
import numpy as np
from keras import tree

_WARM = 3  # Calls that are not timed.


def outputs_of(run, x, at_once=32):
    """Returns what a function of batches returns for all examples.

    Args:
        run: Function of arrays, such as `kdl.deployment.load` returns.
        x: Nested arrays of examples.
        at_once: Integer. Examples of a batch. Defaults to `32`.

    Returns:
        Array, or list of arrays.
    """
    count = len(tree.flatten(x)[0])
    parts = [
        run(tree.map_structure(lambda part, n=n: part[n : n + at_once], x))
        for n in range(0, count, at_once)
    ]
    return tree.map_structure(lambda *some: np.concatenate(some), *parts)


def scores_of(model, outputs, y):
    """Returns the loss and metrics of outputs, as a model is compiled with them.

    Penalties of regularizers do not count.

    Args:
        model: `keras.Model`.
        outputs: Array of what the model, or a file made of it, returned.
        y: Targets.

    Returns:
        Dict of floats; an empty one if the model is compiled with nothing that takes
        outputs and targets.
    """
    config = model.get_compile_config() if model.compiled else None
    if not config or not config.get("loss") or y is None or isinstance(outputs, list):
        return {}
    inputs = keras.Input(outputs.shape[1:], dtype=outputs.dtype)
    same = keras.Model(inputs, keras.layers.Identity(dtype="float32")(inputs))
    config = keras.saving.deserialize_keras_object(
        {"loss": config["loss"], "metrics": config.get("metrics")}
    )
    same.compile("sgd", **config, jit_compile=False)
    scores = same.evaluate(outputs, y, batch_size=256, verbose=0, return_dict=True)
    return {name: float(value) for name, value in scores.items() if np.ndim(value) == 0}


def milliseconds(run, x, calls=30):
    """Returns the median time of a call, in milliseconds.

    Args:
        run: Function of arrays.
        x: Nested arrays, what it is called with.
        calls: Integer. Calls that are timed. Defaults to `30`.
    """
    for _ in range(_WARM):
        run(x)
    taken = []
    for _ in range(calls):
        begun = time.perf_counter()
        run(x)
        taken.append(time.perf_counter() - begun)
    return 1000 * statistics.median(taken)
