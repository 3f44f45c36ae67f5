"""What an exported model takes and returns."""

import dataclasses
import itertools

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
    structure = numbered(examples)
    flat = [np.asarray(part) for part in leaves(examples)]
    counts = {len(part) if part.ndim else 0 for part in flat}
    if len(counts) != 1 or 0 in counts:
        raise ValueError(
            "`inputs` must be arrays of as many examples, one or more. Received: "
            f"shapes {', '.join(str(part.shape) for part in flat)}"
        )
    specs = _specs(model, flat)
    names = _names("input", structure, len(specs))
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
    signature = Signature(structure, inputs, [])
    outputs = model(signature.packed([part[:1] for part in flat]), training=False)
    names = _names("output", numbered(outputs), len(leaves(outputs)))
    return dataclasses.replace(signature, outputs=names), flat


def leaves(structure):
    """Returns what is in nested lists, tuples and dicts, as a list.

    The order of a dict is that of its keys. Which order Keras has goes by what is
    installed.
    """
    match structure:
        case dict():
            return [
                leaf for key in sorted(structure) for leaf in leaves(structure[key])
            ]
        case list() | tuple():
            return [leaf for part in structure for leaf in leaves(part)]
    return [structure]


def numbered(structure, count=None):
    """Returns the structure with the place of each leaf in its place."""
    count = itertools.count() if count is None else count
    match structure:
        case dict():
            return {key: numbered(structure[key], count) for key in sorted(structure)}
        case list() | tuple():
            return [numbered(part, count) for part in structure]
    return next(count)


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


def _specs(model, flat):
    """Shapes and dtypes of the inputs, of which those that are open are `None`."""
    if not _known(model):
        return [((None, *part.shape[1:]), _dtype(part)) for part in flat]
    symbolic = leaves(_input(model))
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


def _names(kind, structure, count):
    if isinstance(structure, dict) and len(structure) == count:
        return [str(name) for name in structure]
    return [kind] if count == 1 else [f"{kind}_{n}" for n in range(count)]
