"""Writes a format in a process of its own, on another backend of Keras."""

import importlib.util
import inspect
import json
import sys
from pathlib import Path

import keras
import numpy as np

import kdl  # noqa: F401  Keras then knows its layers.
from kdl.deployment.graphs import write_graph
from kdl.deployment.processes import brief, hushed
from kdl.deployment.signature import Signature

LOAD, WRITE = "load", "write"


def main(place):
    """Does what the request in a folder asks for, and leaves there what has failed."""
    request = json.loads((place / "request.json").read_text(encoding="utf-8"))
    step = LOAD
    try:
        with hushed():
            model = keras.saving.load_model(
                place / "model.keras",
                _objects(request["files"]),
                compile=False,
                safe_mode=True,
            )
            signature = Signature(**request["signature"])
            step = WRITE
            write_graph(
                *(model, request["format"], signature, _arrays(place / "examples.npz")),
                *(Path(request["folder"]), request["quantize"]),
                _arrays(place / "calibration.npz"),
            )
    except Exception as error:
        text = json.dumps({"step": step, "text": brief(error)})
        (place / "error.json").write_text(text, encoding="utf-8")


def _arrays(path):
    """The arrays in a file, or `None` if there is none."""
    if not path.exists():
        return None
    with np.load(path) as arrays:
        return [arrays[name] for name in arrays.files]


def _objects(files):
    """Classes and functions that files of a user define, by name."""
    found = {}
    for number, file in enumerate(files):
        name = f"own_{number}"
        spec = importlib.util.spec_from_file_location(name, file)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        found |= {
            key: value
            for key, value in vars(module).items()
            if (inspect.isclass(value) or inspect.isfunction(value))
            and value.__module__ == name
        }
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]))
