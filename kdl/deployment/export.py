"""Writes a model in a format that runs without Keras."""

import dataclasses
import importlib.metadata
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np

from kdl.checks import check_boolean, check_choice, check_number, check_optional
from kdl.deployment.blame import layer_of
from kdl.deployment.formats import backends_for, format_of
from kdl.deployment.load import METADATA, opened
from kdl.deployment.processes import NotWritten, brief, hushed
from kdl.deployment.quantization import (
    QUANTIZATIONS,
    check_quantization,
    quantized_by_keras,
)
from kdl.deployment.signature import drawn, leaves, signature_of
from kdl.deployment.writing import Job, write
from kdl.files import write_json, writing
from kdl.typing import Arrays, StrPath

_EXACT, _MIXED = 1e-4, 2e-2  # Largest difference in float32, and in less.


@dataclasses.dataclass(frozen=True)
class Export:
    """An exported model.

    Attributes:
        path: `Path` of its folder.
        format: String.
        backend: String. The backend of Keras that wrote it.
        difference: Float. The largest difference between what it returns and what
            Keras predicts for the same inputs, as a share of the largest output.
        size: Integer. Bytes of its files, without the metadata.
        metadata: Dict. What `metadata.json` says.

    Example:

    >>> exported = kdl.deployment.export(model, folder / "digits", "onnx")
    >>> exported.difference < 1e-4
    True
    """

    path: Path
    format: str
    backend: str
    difference: float
    size: int
    metadata: dict[str, Any]


def export(
    model: keras.Model,
    path: StrPath,
    format: str,
    inputs: Arrays | None = None,
    *,
    quantize: Literal["int8", "int4", "float16"] | None = None,
    calibration: Arrays | None = None,
    tolerance: float | None = None,
    metadata: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> Export:
    """Writes a model in a format that runs without Keras, and holds it to its outputs.

    The folder has the model and `metadata.json`, which says what it takes and returns.
    The size of a batch stays free. What the file returns, by what runs its format, is
    compared with what Keras predicts; a file that differs is not kept.

    Each format is written by one or two backends of Keras. From another one, the model
    is saved, and loaded on that by another process, in Keras's safe mode. The backend
    has to be installed, but need not be chosen:

    | format | file | written by | run by |
    |---|---|---|---|
    | `"saved_model"` | `model/` | TensorFlow | TensorFlow |
    | `"onnx"` | `model.onnx` | TensorFlow, else PyTorch | onnxruntime |
    | `"litert"` | `model.tflite` | TensorFlow | LiteRT |
    | `"openvino"` | `model.xml`, `model.bin` | TensorFlow | OpenVINO |
    | `"torch"` | `model.pt2` | PyTorch | PyTorch |

    Keras writes these formats one by one by `keras.Model.export`, each on some backends
    and some of them for a batch of one, and does not compare.

    Args:
        model: Built `keras.Model`.
        path: String or `Path`. A new folder.
        format: String, as above.
        inputs: Optional. Examples as the model takes them, nested arrays of shape
            `(examples, ...)`, to compare by. Defaults to `None`: a few that are drawn.
        quantize: Optional string. `"int8"`: weights and activations become integers of
            eight bits, by what the format has, else by `keras.Model.quantize`.
            `"int4"`: weights of four bits, by Keras. `"float16"`: weights of half the
            bytes, which compute in float32. Defaults to `None`.
        calibration: Optional. Examples, as `inputs`, by which ranges of activations are
            found where the format quantizes to `"int8"`. Defaults to `None`.
        tolerance: Optional float in `(0, inf)`. Largest difference, as a share of the
            largest output. Defaults to `None`: `1e-4`, or `2e-2` where the model
            computes in less than float32. A model that is quantized differs as it may.
        metadata: Optional dict of JSON that `metadata.json` is to have, too, such as
            names of classes. Defaults to `None`.
        overwrite: Boolean. Whether to replace an export that is there. Defaults to
            `False`.

    Returns:
        `Export`.

    Raises:
        ValueError: If an argument is not as described, if the format lacks what the
            model has, of which the layer is named, or if the file differs.
        ImportError: If a package or the backend that writes the format is missing.
        kdl.files.WriteError: If the folder cannot be written.

    Example:

    >>> exported = kdl.deployment.export(model, folder / "digits", "onnx", x[:8])
    >>> scores = kdl.deployment.load(exported.path)(x[:3])
    """
    _check_model(model)
    found = format_of(format)
    folder = _free(path, check_boolean("overwrite", overwrite))
    check_optional(check_choice, "quantize", quantize, QUANTIZATIONS)
    check_optional(check_number, "tolerance", tolerance, "(0, inf)")
    examples = drawn(model) if inputs is None else inputs
    signature, flat = signature_of(model, examples)
    calibration = check_quantization(model, found, quantize, calibration, signature)
    backends = backends_for(found)
    if tolerance is None:
        tolerance = _EXACT if _is_exact(model) else _MIXED
    if quantize is not None:
        tolerance = float("inf")
    expected = leaves(model.predict(examples, verbose=0))
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        way = quantize if quantize in found.quantizes else None
        if quantize != way:
            with hushed():
                model = quantized_by_keras(model, quantize)
        job = Job(found, signature, flat, draft, way, calibration)
        job, backend, difference = _tried(model, job, backends, expected, tolerance)
        size = sum(file.stat().st_size for file in draft.rglob("*") if file.is_file())
        outputs = zip(signature.outputs, expected, strict=True)
        told = {
            "format": found.name,
            "file": found.file,
            "backend": backend,
            "inputs": job.signature.inputs,
            "structure": signature.structure,
            "outputs": signature.outputs,
            "output_shapes": {name: [None, *y.shape[1:]] for name, y in outputs},
            "quantize": quantize,
            "difference": difference,
            "bytes": size,
            "versions": _versions(),
            **(metadata or {}),
        }
        write_json(draft / METADATA, told)
        with writing(folder):
            if folder.exists():
                shutil.rmtree(folder)
            draft.chmod(0o755)
            draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return Export(folder, found.name, backend, difference, size, told)


def _tried(model, job, backends, expected, tolerance):
    """Writes a format by the first way that works.

    Returns:
        Tuple of the `Job` that worked, the backend and the difference.

    Raises:
        ValueError: If none does.
    """
    name, free = job.format.name, job.signature
    # PyTorch unrolls loops over axes, and knows none of which the length is free.
    signatures = [] if name == "torch" else [free]
    if free.fixed(job.flat) not in signatures:
        signatures.append(free.fixed(job.flat))
    failed = []
    for backend in backends:
        for signature in signatures:
            job = dataclasses.replace(job, signature=signature)
            for file in job.folder.iterdir():
                shutil.rmtree(file) if file.is_dir() else file.unlink()
            try:
                write(model, job, backend)
                difference = _difference(job, expected)
            except NotWritten as error:
                failed.append((backend, str(error)))
                continue
            if not difference <= tolerance:
                raise ValueError(
                    f"The model as {name} must return what Keras predicts, to "
                    f"{tolerance:g} of the largest output. Received: a difference of "
                    f"{difference:.1e}"
                )
            return job, backend, difference
    # The first way is the best one.
    backend, reason = failed[0]
    signature = signatures[0]
    layer = layer_of(
        model, reason, lambda part, inner: _works(part, job, inner, backend), signature
    )
    what = f"its layer {layer.name!r} ({type(layer).__name__})" if layer else "it"
    raise ValueError(
        f"The model cannot be written as {name}, which lacks something of {what}. The "
        f"converter says: {reason}"
    )


def _works(model, job, signature, backend):
    """Whether a part of a model can be written, and runs."""
    with tempfile.TemporaryDirectory() as folder:
        job = dataclasses.replace(
            job, signature=signature, folder=Path(folder), quantize=None
        )
        try:
            write(model, job, backend)
            _outputs(job)
        except Exception:
            return False
    return True


def _outputs(job):
    """What the file returns for all examples, and for one."""
    inputs, outputs = job.signature.inputs, job.signature.outputs
    run = opened(job.format, job.folder, inputs, outputs)
    return [run([part[:n] for part in job.flat]) for n in (len(job.flat[0]), 1)]


def _difference(job, expected):
    """Largest difference of outputs, of all examples and of one, as a share.

    Raises:
        NotWritten: If what runs the format refuses the file.
    """
    try:
        found = _outputs(job)
    except Exception as error:
        # Where the file is for now says nothing.
        text = str(error).replace(str(job.folder), "")
        raise NotWritten(brief(text)) from error
    return max(
        _share(np.asarray(part, "float64"), wanted)
        for outputs in found
        for part, wanted in zip(outputs, expected, strict=True)
    )


def _share(found, wanted):
    """Largest difference from the first of outputs, as a share of the largest."""
    first = wanted[: len(found)]
    if found.shape != first.shape:
        return float("inf")
    scale = np.max(np.abs(wanted), initial=0.0) or 1.0
    return float(np.max(np.abs(found - first), initial=0.0) / scale)


def _check_model(model):
    if not isinstance(model, keras.Model) or not model.built:
        raise ValueError(
            "`model` must be a keras.Model that is built. Received: "
            f"model={type(model).__name__}"
        )


def _free(path, overwrite):
    """The folder of an export, provided nothing else is there."""
    if not isinstance(path, (str, Path)) or not str(path).strip():
        raise ValueError(f"`path` must be a new folder. Received: path={path!r}")
    path = Path(path)
    is_export = (path / METADATA).is_file()
    if path.exists() and not (is_export and overwrite):
        hint = ", or `overwrite=True`" if is_export else ""
        raise ValueError(
            f"`path` must be a new folder{hint}. Received: path={str(path)!r}"
        )
    return path


def _is_exact(model):
    return keras.dtype_policies.get(model.dtype_policy).compute_dtype in (
        "float32",
        "float64",
    )


def _versions():
    names = {"kdl": "keras-kdl", "keras": "keras"}
    return {name: importlib.metadata.version(of) for name, of in names.items()}
