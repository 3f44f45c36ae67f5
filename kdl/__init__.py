"""Layers, regularizers, schedules, callbacks and tunable recipes for Keras 3."""

import importlib
import importlib.metadata
from typing import TYPE_CHECKING, Any

try:
    import keras  # noqa: F401
except ModuleNotFoundError as error:
    if error.name in ("tensorflow", "jax", "torch"):
        raise ModuleNotFoundError(
            f"Keras is to run on {error.name}, which is not installed. Install it "
            f"with `pip install 'keras-kdl[{error.name}]'`, or name another backend in "
            "the environment variable KERAS_BACKEND before Keras is imported: "
            "tensorflow, jax or torch.",
            name=error.name,
        ) from None
    raise

from kdl import (
    initializers,
    layers,
    losses,
    metrics,
    models,
    notebook,
    optimizers,
    regularizers,
    schedules,
)

if TYPE_CHECKING:
    from kdl import (
        attribution,
        callbacks,
        data,
        deployment,
        evaluation,
        parallel,
        profiling,
        recipes,
        spaces,
        tuning,
    )

__all__ = [
    "attribution",
    "callbacks",
    "data",
    "deployment",
    "evaluation",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "parallel",
    "profiling",
    "recipes",
    "regularizers",
    "schedules",
    "spaces",
    "tuning",
]


# They hold nothing that a saved model needs, and take a while: imported at first use.
_LATER = {
    *("attribution", "callbacks", "data", "deployment", "evaluation", "parallel"),
    *("profiling", "recipes", "spaces", "tuning"),
}


notebook.show_figures()


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return importlib.import_module(f"kdl.{name}")
    if name == "__version__":
        return importlib.metadata.version("keras-kdl")
    raise AttributeError(f"module 'kdl' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
