"""What a model costs: its parameters, operations and latency."""

import statistics
import time

import keras
import numpy as np
from keras import tree

# Metrics that a tuner measures itself, before a model is trained.
COUNTS = ("params", "flops")
COSTS = (*COUNTS, "latency_ms")
# Calls before the latency is measured, and those of which the median is taken.
_WARM, _CALLS = 3, 21


def measure(model, names, x=None):
    """Returns what a model costs.

    `"params"` is the number of its weights, trained or not. `"flops"` are the
    operations of a prediction for one example, as `kdl.profiling.layer_costs` counts
    them. `"latency_ms"` is the median time in milliseconds of `predict_on_batch` of one
    example, once it is compiled.

    Args:
        model: `keras.Model`. One that is not built is built.
        names: Collection of strings. Those of `COSTS` to measure.
        x: Optional array, or nest of arrays, of inputs. It tells the shapes of a model
            that does not know them.

    Returns:
        Dict of floats by name.

    Raises:
        ValueError: If the shape of the inputs is not known, or if the operations of a
            layer are not counted.
    """
    if not model.built:
        given = _arrays(x)
        _check(given is not None)
        shapes = tree.map_structure(lambda part: (None, *part.shape[1:]), given)
        model.build(shapes)
    found = {}
    if "params" in names:
        found["params"] = float(model.count_params())
    if "flops" in names or "latency_ms" in names:
        example = _example(model, x)
        if "flops" in names:
            found["flops"] = _flops(model, example)
        if "latency_ms" in names:
            found["latency_ms"] = _latency(model, example)
    return found


def _flops(model, example):
    # With all recipes, on which the search does not depend.
    from kdl.profiling import layer_costs

    rows = layer_costs(model, example)
    for row in rows:
        if row["flops"] is None:
            raise ValueError(
                f"The operations of the layer {row['layer']!r} ({row['kind']}) are not "
                "counted, and 'flops' asks for them."
            )
    return float(sum(row["flops"] for row in rows))


def _latency(model, example):
    for _ in range(_WARM):
        model.predict_on_batch(example)
    seconds = []
    for _ in range(_CALLS):
        began = time.perf_counter()
        model.predict_on_batch(example)
        seconds.append(time.perf_counter() - began)
    return 1000 * statistics.median(seconds)


def _example(model, x):
    """One example, of zeros if the model knows its shape."""
    known = getattr(model, "input", None)
    if known is None:
        # A `Sequential` that was not called has these alone.
        (known,) = getattr(model, "inputs", None) or [None]
    parts = [] if known is None else tree.flatten(known)
    if parts and not any(None in part.shape[1:] for part in parts):
        return tree.map_structure(
            lambda part: np.zeros((1, *part.shape[1:]), part.dtype), known
        )
    given = _arrays(x)
    _check(given is not None)
    return tree.map_structure(lambda part: np.asarray(part[:1]), given)


def _arrays(x):
    """What was given, if it is arrays; else `None`."""
    leaves = [] if x is None else tree.flatten(x)
    is_known = leaves and all(
        hasattr(leaf, "__array__") and hasattr(leaf, "shape") for leaf in leaves
    )
    return x if is_known and not isinstance(x, keras.Model) else None


def _check(is_known):
    if not is_known:
        raise ValueError(
            "What a model costs depends on the shape of its inputs, which is not "
            "known. Begin the model with a keras.Input of all sizes, or give `search` "
            "arrays as `x`."
        )
