"""What an exported model takes and returns."""

import dataclasses

import keras
import numpy as np
from keras import tree

from kdl.checks import check_integer


@dataclasses.dataclass(frozen=True)
class Signature:
    """Inputs and outputs of a model, as flat lists of named tensors.

    Attributes:
        structure: Nested lists, tuples and dicts of integers: where the model has
            which of the inputs.
        inputs: List of dicts of `"name"`, `"shape"` and `"dtype"`, of which `None` in
            a shape is any size.
        outputs: List of strings, names.
    """

    structure: object
    inputs: list
    outputs: list

    def packed(self, flat):
        """Returns a flat list of inputs as the model takes them."""
        return tree.map_structure(lambda n: flat[n], self.structure)

    def fixed(self, examples):
        """Returns the signature of inputs that have the sizes of examples.

        The size of the batch stays free.
        """
        inputs = [
            {**each, "shape": [None, *np.shape(part)[1:]]}
            for each, part in zip(self.inputs, examples, strict=True)
        ]
        return dataclasses.replace(self, inputs=inputs)


def signature_of(model, examples):
    """Returns the `Signature` of a model, and examples of its inputs as a flat list.

    Args:
        model: Built `keras.Model`.
        examples: Nested arrays, as the model takes them.

    Raises:
        ValueError: If the examples do not fit the model.
    """
    flat = [np.asarray(part) for part in tree.flatten(examples)]
    counts = {len(part) if part.ndim else 0 for part in flat}
    if len(counts) != 1 or 0 in counts:
        raise ValueError(
            "`inputs` must be arrays of as many examples, one or more. Received: "
            f"shapes {', '.join(str(part.shape) for part in flat)}"
        )
    numbers = iter(range(len(flat)))
    structure = tree.map_structure(lambda _: next(numbers), examples)
    specs = _specs(model, examples, flat)
    names = _names(structure, specs)
    flat = [part.astype(dtype) for part, (_, dtype) in zip(flat, specs, strict=True)]
    inputs = [
        {"name": name, "shape": list(shape), "dtype": dtype}
        for name, (shape, dtype) in zip(names, specs, strict=True)
    ]
    for name, part, (shape, _) in zip(names, flat, specs, strict=True):
        if not fits(part.shape, shape):
            raise ValueError(
                f"`inputs` must have the shape {tuple(shape)} that the model takes"
                f"{'' if len(flat) == 1 else f' as {name!r}'}. Received: {part.shape}"
            )
    outputs = tree.flatten(model(structured(structure, flat, 1), training=False))
    count = len(outputs)
    named = ["output"] if count == 1 else [f"output_{n}" for n in range(count)]
    return Signature(structure, inputs, named), flat


def structured(structure, flat, count):
    """Returns the first examples of a flat list, as a model takes them."""
    return tree.map_structure(lambda n: flat[n][:count], structure)


def fits(shape, wanted):
    """Whether a shape is one that is wanted, of which `None` is any size."""
    return len(shape) == len(wanted) and all(
        size is None or size == there for there, size in zip(shape, wanted, strict=True)
    )


def drawn(model, count=4, seed=0):
    """Returns random examples of the inputs of a model, as it takes them.

    They are standard normal numbers and, of integers, zeros and ones. A size that the
    model leaves open is 8.

    Raises:
        ValueError: If the model does not say what it takes.
    """
    if not _known(model):
        raise ValueError(
            "`inputs` must be examples of what the model takes, since a model that is "
            "not functional does not say it. Received: inputs=None"
        )
    rng = np.random.default_rng(check_integer("seed", seed, "[0, inf)"))

    def draw(tensor):
        shape = [count, *(8 if size is None else size for size in tensor.shape[1:])]
        if keras.backend.is_float_dtype(tensor.dtype):
            return rng.normal(size=shape).astype(tensor.dtype)
        return rng.integers(0, 2, shape).astype(tensor.dtype)

    return tree.map_structure(draw, _input(model))


def _known(model):
    return bool(getattr(model, "inputs", None))


def _input(model):
    """Symbolic inputs of a model in their structure."""
    return model.inputs[0] if isinstance(model, keras.Sequential) else model.input


def _specs(model, examples, flat):
    """Shapes and dtypes of the inputs, of which those that are open are `None`."""
    symbolic = tree.flatten(_input(model)) if _known(model) else None
    if symbolic is None:
        return [((None, *part.shape[1:]), _dtype(part)) for part in flat]
    if isinstance(_input(model), dict) and isinstance(examples, dict):
        symbolic = [_input(model)[name] for name in sorted(examples)]
    if len(symbolic) != len(flat):
        raise ValueError(
            f"`inputs` must be {len(symbolic)} arrays, as the model takes them. "
            f"Received: {len(flat)}"
        )
    return [
        ((None, *tensor.shape[1:]), keras.backend.standardize_dtype(tensor.dtype))
        for tensor in symbolic
    ]


def _dtype(part):
    return "float32" if part.dtype.kind == "f" else str(part.dtype)


def _names(structure, specs):
    if isinstance(structure, dict) and len(structure) == len(specs):
        return [str(name) for name in sorted(structure)]
    if len(specs) == 1:
        return ["input"]
    return [f"input_{n}" for n in range(len(specs))]
