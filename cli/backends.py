"""The Keras backend of the command line.

Keras fixes its backend when it is imported, and `import kdl` imports Keras. The command
line therefore lives in a package of its own, which chooses the backend first.
"""

import importlib.util
import json
import os
from pathlib import Path

# Keras's own default first, so that the choice is the same before and after Keras has
# written its `keras.json`.
BACKENDS = ("tensorflow", "jax", "torch")


def choose(requested=None):
    """Chooses the backend and sets the environment variable KERAS_BACKEND.

    It is, in this order: `requested`, the environment variable KERAS_BACKEND,
    `keras.json`, and else the first of `BACKENDS` that is installed. Keras itself
    writes "tensorflow" into `keras.json` on its first import; that is ignored where
    TensorFlow is not installed.

    Args:
        requested: Optional string. Name of a backend.

    Returns:
        Tuple of the backend's name and the reason, or `None` where the user made the
        choice.

    Raises:
        ValueError: If no backend of this name exists.
        ImportError: If the backend is not installed, or none is.
    """
    installed = [name for name in BACKENDS if importlib.util.find_spec(name)]
    if not installed:
        raise ImportError(
            "Keras needs a backend, and none is installed. Install one of them with: "
            "pip install 'keras-kdl[jax]', 'keras-kdl[torch]' or "
            "'keras-kdl[tensorflow]'"
        )
    configured = _keras_json()
    if requested is not None:
        backend, origin, reason = requested, "--backend", None
    elif os.environ.get("KERAS_BACKEND"):
        backend, origin = os.environ["KERAS_BACKEND"], "KERAS_BACKEND"
        reason = None
    elif configured and not (
        configured == "tensorflow" and configured not in installed
    ):
        backend, origin, reason = configured, "keras.json", "as keras.json says"
    else:
        backend, origin = installed[0], None
        others = ", ".join(installed[1:])
        reason = f"also installed: {others}" if others else "the one installed"
    if backend not in BACKENDS:
        raise ValueError(
            f"`{origin}` must be one of {', '.join(map(repr, BACKENDS))}. "
            f"Received: {backend!r}"
        )
    if backend not in installed:
        raise ImportError(
            f"{origin} asks for {backend}, which is not installed. Install it with: "
            f"pip install 'keras-kdl[{backend}]'. Installed: {', '.join(installed)}"
        )
    os.environ["KERAS_BACKEND"] = backend
    # Otherwise TensorFlow prints about threads and instructions when imported.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    return backend, reason


def prepare(backend, precision=None, deterministic=False):
    """Sets what a backend reads from the environment as it is imported.

    Args:
        backend: String.
        precision: Optional string. The option `--precision`.
        deterministic: Boolean. The option `--deterministic`.
    """
    if precision == "float64":
        os.environ.setdefault("JAX_ENABLE_X64", "1")
    if deterministic:
        flags = os.environ.get("XLA_FLAGS", "")
        if backend == "jax" and _EXACT not in flags:
            os.environ["XLA_FLAGS"] = f"{flags} {_EXACT}".strip()
        # Of the two that PyTorch asks for, the faster one.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


# On a CPU, XLA gives the same numbers each time anyway.
_EXACT = "--xla_gpu_deterministic_ops=true"


def _keras_json():
    """The backend that the user's `keras.json` names, if there is one."""
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    try:
        return json.loads((Path(home) / "keras.json").read_text()).get("backend")
    except (OSError, ValueError, AttributeError):
        return None
