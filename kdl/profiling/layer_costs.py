"""Parameters and operations of each layer of a model."""

import contextlib
import functools
import inspect
from math import prod
from typing import Any

import keras
from keras import tree

from kdl.layers.attention.multi_head_attention import Attention
from kdl.private import parts_of, replaced
from kdl.profiling.formulas import flops_of, has_products, is_whole
from kdl.typing import Arrays


def layer_costs(
    model: keras.Model, inputs: Arrays | None = None
) -> list[dict[str, Any]]:
    """Returns parameters and floating point operations (FLOPs) of each layer.

    FLOPs are those of a forward pass, as in a prediction, for one example. A
    multiplication and an addition count as two. A training step takes about three times
    as many: the gradients by the weights and by the inputs cost a pass each. Nothing is
    computed: the model is called with shapes alone.

    There are formulas for dense, convolutional, depthwise, separable and transposed
    layers, pooling, normalization, attention, recurrent layers, embeddings and what
    merges, moves or pads. Any other layer without matrices counts as one operation for
    each number that it returns, and so does an activation. What a layer that is made of
    others computes between them, such as the sum of a residual block, does not count.

    Args:
        model: Built `keras.Model`.
        inputs: Optional nested arrays or tensors, a batch that the model takes.
            Defaults to `None`, one example of the shape of `model.inputs`.

    Returns:
        List of dicts in the order of the model, one for each layer that has parameters
        or was called and has no layers within:

        - `"layer"`: string, the names of the layers from the model down, with `/`;
        - `"kind"`: string, the name of its class;
        - `"output"`: tuple of integers, the shape of what it returns, without the
          batch, or `None` for a layer that was not called;
        - `"parameters"`: integer. All together are `model.count_params()`: a weight
          that several layers have counts for the first;
        - `"flops"`: float, of all its calls, for one example. `None` if they are not
          counted: of a layer that has matrices and no formula, and of a cell that the
          loop of another layer calls. Other layers that such a loop calls count as
          often as the backend traces it, on JAX and TensorFlow once. Of a layer that
          is not called, such as the averaged copy of a network, they are 0.

    Raises:
        ValueError: If `inputs` is not given and the shape of an input is not known.

    Example:

    >>> rows = kdl.profiling.layer_costs(model)
    >>> rows[-1]["kind"], rows[-1]["parameters"], rows[-1]["flops"]
    ('Dense', 650, 1290.0)
    """
    specs = _specs(model, inputs)
    size = tree.flatten(specs)[0].shape[0]
    calls = _recorded(model, specs)
    # A cell counts with the recurrent layer that has been called.
    hidden = {
        id(part)
        for layer in _all(model)
        if is_whole(layer) and id(layer) in calls
        for part in _all(layer)
        if part is not layer
    }
    rows = []
    _add(rows, model, (), calls, hidden)
    for row in rows:
        if row["flops"] is not None:
            row["flops"] /= size
    return rows


def _specs(model, inputs):
    """Symbolic inputs of known shapes."""
    if inputs is not None:
        return tree.map_structure(
            lambda part: keras.KerasTensor(
                tuple(part.shape), keras.backend.standardize_dtype(part.dtype)
            ),
            inputs,
        )
    known = getattr(model, "input", None)
    if known is None:
        # A `Sequential` that was not called has these alone.
        (known,) = getattr(model, "inputs", None) or [None]
    tensors = [] if known is None else tree.flatten(known)
    if not tensors or any(None in tensor.shape[1:] for tensor in tensors):
        raise ValueError(
            "`inputs` must be a batch of the model, of which not all shapes are known. "
            "Received: inputs=None"
        )
    return tree.map_structure(
        lambda tensor: keras.KerasTensor((1, *tensor.shape[1:]), tensor.dtype), known
    )


def _recorded(model, specs):
    """The calls of each layer, by `id`: lists of the shapes of inputs and output."""
    calls = {}

    class Pass(keras.layers.Layer):
        def call(self, inputs):
            # A backend may call it several times.
            calls.clear()
            return model(inputs, training=False)

    def recorder(layer):
        names = list(inspect.signature(layer.call).parameters)

        def record(call, *args, **kwargs):
            outputs = call(*args, **kwargs)
            given = dict(zip(names, args, strict=False)) | kwargs
            inputs = [_shapes(given.get(name)) for name in names]
            found = _shapes(outputs)
            if found:
                calls.setdefault(id(layer), []).append((inputs, found[0]))
            return outputs

        return record

    with contextlib.ExitStack() as stack:
        for layer in _all(model):
            if layer is not model:
                recorded = functools.partial(recorder(layer), layer.call)
                stack.enter_context(replaced(layer, {"call": recorded}))
        Pass(dtype="float32", autocast=False)(specs)
    return calls


def _shapes(value):
    """The shapes of all tensors in a nested structure."""
    parts = [] if value is None else tree.flatten(value)
    return [tuple(part.shape) for part in parts if hasattr(part, "shape")]


def _all(layer, seen=None):
    seen = set() if seen is None else seen
    if id(layer) not in seen:
        seen.add(id(layer))
        yield layer
        for part in parts_of(layer):
            yield from _all(part, seen)


def _add(rows, layer, place, calls, seen):
    """Adds the rows of a layer and of those within, which are not in `seen`."""
    if id(layer) in seen:
        return
    seen.add(id(layer))
    parts = [] if is_whole(layer) else list(parts_of(layer))
    made = calls.get(id(layer), [])
    within = {id(part) for each in parts for part in _all(each)}
    called = not within.isdisjoint(calls)
    inner = {id(weight) for each in parts for weight in each.weights}
    own = [weight for weight in layer.weights if id(weight) not in seen | inner]
    seen.update(map(id, own))
    row = {
        "layer": "/".join(place),
        "kind": type(layer).__name__,
        "output": made[0][1][1:] if made else None,
        "parameters": sum(prod(weight.shape) for weight in own),
        "flops": 0.0,
    }
    if isinstance(layer, Attention):
        row["flops"] = _looked_up(layer, calls)
    elif has_products(layer) or (made and not called):
        row["flops"] = _sum(flops_of(layer, *call) for call in made)
    elif made and any(len(weight.shape) > 1 for weight in own):
        row["flops"] = None
    is_leaf = bool(made) and not called
    is_cell = is_leaf and hasattr(layer, "state_size") and not is_whole(layer)
    if is_cell:
        row["flops"] = None
    if is_leaf or row["parameters"] or row["flops"]:
        rows.append(row)
    for part in parts:
        _add(rows, part, (*place, part.name), calls, seen)


def _sum(counts):
    counts = list(counts)
    return None if None in counts else float(sum(counts))


def _looked_up(layer, calls):
    """Operations of the queries with keys, and of weights with values."""
    queries = calls.get(id(layer.query), [])
    keys = calls.get(id(layer.key), [])
    pairs = zip(queries, keys * len(queries), strict=False)
    total = 0.0
    for (_, query), (_, key) in pairs:
        batch, length, features = query
        # The exponential, the sum and the division for each of the heads.
        each = 4 * features + 3 * layer.num_heads
        total += batch * length * key[1] * each
    return total
