"""Exported models, run by what runs their format."""

import json
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np

from kdl.deployment.formats import FORMATS, format_of
from kdl.deployment.processes import import_openvino
from kdl.deployment.signature import leaves
from kdl.typing import Arrays, StrPath

METADATA = "metadata.json"


class Loaded(Protocol):
    """An exported model, a function of arrays.

    Attributes:
        metadata: Dict, what `metadata.json` says.
    """

    metadata: dict[str, Any]

    def __call__(self, x: Arrays) -> Arrays: ...


def load(path: StrPath) -> Loaded:
    """Returns an exported model as a function, run by what runs its format.

    That is onnxruntime, LiteRT, OpenVINO, TensorFlow or PyTorch, on a CPU, as a program
    without Keras would do it. It takes what the model took, arrays in the structure of
    `keras.Model.predict`, of any number of examples, and returns arrays.

    Args:
        path: String or `Path`. A folder that `kdl.deployment.export` has written.

    Returns:
        Function of arrays. Its attribute `metadata` is a dict, what `metadata.json`
        says.

    Raises:
        ValueError: If the folder holds no exported model.
        ImportError: If a package that runs it is missing.

    Example:

    >>> exported = kdl.deployment.export(model, folder / "digits", "onnx")
    >>> run = kdl.deployment.load(folder / "digits")
    >>> scores = run(x[:3])
    """
    folder = Path(path)
    try:
        metadata = json.loads((folder / METADATA).read_text(encoding="utf-8"))
        found = FORMATS[metadata["format"]]
        inputs, outputs = metadata["inputs"], metadata["outputs"]
    except (OSError, ValueError, KeyError, TypeError):
        raise ValueError(
            "`path` must be a folder that `kdl.deployment.export` has written. "
            f"Received: path={str(path)!r}"
        ) from None
    format_of(found.name)
    run = opened(found, folder, inputs, outputs)
    wanted = [np.dtype(each["dtype"]) for each in inputs]

    def function(x):
        flat = leaves(x)
        if len(flat) != len(wanted):
            raise ValueError(
                f"The model takes {len(wanted)} arrays. Received: {len(flat)}"
            )
        parts = zip(flat, wanted, strict=True)
        outputs = run([np.ascontiguousarray(part, kind) for part, kind in parts])
        return outputs[0] if len(outputs) == 1 else outputs

    function.metadata = metadata
    return cast(Loaded, function)


def opened(format, folder, inputs, outputs):
    """Returns a function of a flat list of arrays that runs a file of a format.

    Args:
        format: `Format`.
        folder: `Path` of its folder.
        inputs: List of dicts, as of `Signature`.
        outputs: List of names.
    """
    names = [each["name"] for each in inputs]
    return _RUNTIMES[format.name](folder / format.file, names, outputs)


def _saved_model(path, names, outputs):
    import tensorflow as tf

    model = tf.saved_model.load(path)
    serve = model.signatures["serving_default"]

    def run(flat):
        with tf.device("CPU"):
            found = serve(**dict(zip(names, map(tf.constant, flat), strict=True)))
        return [np.asarray(found[name]) for name in outputs]

    # TensorFlow forgets the variables of what is not held.
    run.model = model
    return run


def _onnx(path, names, outputs):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # Errors.
    session = onnxruntime.InferenceSession(
        path, options, providers=["CPUExecutionProvider"]
    )
    # A model need not use all that it takes.
    used = {each.name for each in session.get_inputs()}

    def run(flat):
        given = dict(zip(names, flat, strict=True))
        return session.run(outputs, {name: given[name] for name in used})

    return run


def _litert(path, names, outputs):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path))
    signature = interpreter.get_signature_runner()
    used = set(interpreter.get_signature_list()[SERVE]["inputs"])

    def run(flat):
        given = dict(zip(names, flat, strict=True))
        found = signature(**{name: given[name] for name in used})
        return [found[name] for name in outputs]

    run.interpreter = interpreter
    return run


SERVE = "serving_default"


def _openvino(path, names, outputs):
    # By default, it rounds to bfloat16 where that is faster.
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    model = import_openvino().Core().compile_model(path, "CPU", exact)
    used = [each.get_names() for each in model.inputs]

    def run(flat):
        given = dict(zip(names, flat, strict=True))
        found = model([given[next(iter(few & given.keys()))] for few in used])
        return [np.array(found[name]) for name in outputs]

    return run


def _torch(path, names, outputs):
    import torch

    program = torch.export.load(path).module()

    def run(flat):
        with torch.no_grad():
            found = program(*map(torch.from_numpy, flat))
        return [part.cpu().numpy() for part in found]

    return run


_RUNTIMES = {
    "saved_model": _saved_model,
    "onnx": _onnx,
    "litert": _litert,
    "openvino": _openvino,
    "torch": _torch,
}
