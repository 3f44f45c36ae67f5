"""What can be written, and by which backend of Keras."""

import dataclasses
import importlib.util

import keras

from kdl.checks import check_choice


@dataclasses.dataclass(frozen=True)
class Format:
    """A format of files that run without Keras.

    Attributes:
        name: String.
        file: String. Name of the file in the folder of an export, or of a folder.
        backends: Tuple of strings. The backends that write it, the best first. From
            another one, the model is loaded anew on one of these.
        packages: Dict of strings. What must be installed to write the format and to
            run it, besides a backend: the module of each package by its name.
        extra: Optional string. The extra of kdl that brings these packages.
        quantizes: Tuple of strings. What the format itself can do to weights.
    """

    name: str
    file: str
    backends: tuple
    packages: dict
    extra: str | None = None
    quantizes: tuple = ()


FORMATS = {
    each.name: each
    for each in (
        Format("saved_model", "model", ("tensorflow",), {"tensorflow": "tensorflow"}),
        Format(
            "onnx",
            "model.onnx",
            ("tensorflow", "torch"),
            {"onnx": "onnx", "onnxruntime": "onnxruntime"},
            "onnx",
            ("int8", "float16"),
        ),
        Format(
            "litert",
            "model.tflite",
            ("tensorflow",),
            {"tensorflow": "tensorflow", "ai-edge-litert": "ai_edge_litert"},
            "litert",
            ("int8", "float16"),
        ),
        Format(
            "openvino",
            "model.xml",
            ("tensorflow",),
            {"tensorflow": "tensorflow", "openvino": "openvino"},
            "openvino",
            ("float16",),
        ),
        Format("torch", "model.pt2", ("torch",), {"torch": "torch"}),
    )
}
# Packages that only one backend needs to write a format.
_WRITING = {("onnx", "tensorflow"): {"tf2onnx": "tf2onnx"}}
_OLD = {"torchscript": "torch", "tflite": "litert", "tf_saved_model": "saved_model"}


def format_of(name):
    """Returns the `Format` of a name, provided all that it needs is installed.

    Raises:
        ValueError: If there is no such format.
        ImportError: If a package is missing.
    """
    if name in _OLD:
        raise ValueError(
            f"`format` must be {_OLD[name]!r}, which has taken the place of {name!r}. "
            f"Received: format={name!r}"
        )
    found = FORMATS[check_choice("format", name, tuple(FORMATS))]
    for package, module in found.packages.items():
        if not is_installed(module):
            raise missing(name, package, found.extra or package)
    return found


def backends_for(format):
    """Returns the installed backends that write a `Format`, the present one first.

    Raises:
        ImportError: If none can write it here.
    """
    here = keras.backend.backend()
    found = sorted(format.backends, key=lambda name: name != here)
    able = [name for name in found if not lacking(format, name)]
    if not able:
        package, extra = lacking(format, found[0])
        raise missing(format.name, package, extra)
    return able


def lacking(format, backend):
    """What a backend lacks to write a format: a package and its extra, or nothing."""
    if not is_installed(backend):
        return backend, backend
    for package, module in _WRITING.get((format.name, backend), {}).items():
        if not is_installed(module):
            return package, format.extra
    return ()


def missing(name, package, extra):
    """Returns the error about a package that a format needs."""
    return ImportError(
        f"The format {name!r} needs the package {package}. Install it with "
        f"`pip install 'keras-kdl[{extra}]'`."
    )


def is_installed(module):
    """Whether a module can be imported."""
    return importlib.util.find_spec(module) is not None
