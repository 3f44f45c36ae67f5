"""Writes the file of a format, on the backend of Keras that can."""

import dataclasses
import inspect
import json
import tempfile
from pathlib import Path

import keras
import numpy as np

from kdl import private
from kdl.deployment.formats import Format
from kdl.deployment.graphs import write_graph
from kdl.deployment.processes import NotWritten, brief, hushed, run_module
from kdl.deployment.signature import Signature


@dataclasses.dataclass(frozen=True)
class Job:
    """What is to be written, and where.

    Attributes:
        format: `Format`.
        signature: `Signature` of the model.
        flat: List of arrays, examples of the inputs.
        folder: `Path` of an existing folder.
        quantize: Optional string. What the format does to weights.
        calibration: Optional list of arrays.
    """

    format: Format
    signature: Signature
    flat: list
    folder: Path
    quantize: str | None = None
    calibration: list | None = None


def write(model, job, backend):
    """Writes a model in a format into a folder.

    On another backend than the present one, the model is saved, and loaded by another
    process, in Keras's safe mode.

    Args:
        model: `keras.Model`.
        job: `Job`.
        backend: String. One of the backends of its format.

    Raises:
        NotWritten: If the model has what the format, or this backend, lacks.
        ValueError: If the model cannot be loaded by another process.
    """
    if backend == keras.backend.backend():
        compiled = model.jit_compile
        try:
            with hushed():
                write_graph(
                    *(model, job.format.name, job.signature, job.flat, job.folder),
                    *(job.quantize, job.calibration),
                )
        except NotWritten:
            raise
        except Exception as error:
            raise NotWritten(brief(error)) from error
        finally:
            model.jit_compile = compiled
        return
    files = _files_of(model)
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        model.save(place / "model.keras")
        np.savez(place / "examples.npz", *job.flat)
        if job.calibration is not None:
            np.savez(place / "calibration.npz", *job.calibration)
        request = {
            "format": job.format.name,
            "folder": str(job.folder.resolve()),
            "signature": dataclasses.asdict(job.signature),
            "quantize": job.quantize,
            "files": files,
        }
        (place / "request.json").write_text(json.dumps(request), encoding="utf-8")
        run_module("kdl.deployment.worker", [place], backend)
        if (failed := place / "error.json").exists():
            error = json.loads(failed.read_text(encoding="utf-8"))
            if error["step"] == "write":
                raise NotWritten(error["text"])
            raise ValueError(
                f"`model` must be one that Keras can load on {backend}, which writes "
                f"this format. It says: {error['text']}"
            )


def _files_of(model):
    """The files of a user in which classes of layers are defined.

    Raises:
        ValueError: If a class cannot be found from another process.
    """
    files = []
    for layer in private.layers_of(model):
        kind = type(layer)
        if kind.__module__.partition(".")[0] in ("keras", "kdl"):
            continue
        try:
            file = inspect.getsourcefile(kind)
        except (OSError, TypeError):
            file = None
        if file is None or kind.__module__ == "__main__":
            raise ValueError(
                f"The class {kind.__name__} of the layer {layer.name!r} must be "
                "defined in a module of its own: another process, which writes the "
                "format, imports it."
            )
        files.append(str(Path(file).resolve()))
    return list(dict.fromkeys(files))
