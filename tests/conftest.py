"""What goes for all tests."""

import gc
from pathlib import Path

import keras
import pytest

# Where many small models are compiled, or large ones, each for a few steps.
QUICKLY = (
    "callbacks",
    "layers",
    "models",
    *(
        f"test_{name}.py"
        for name in ("arithmetic", "dates", "forecast", "language_model")
    ),
)


@pytest.fixture(autouse=True)
def begins_alike():
    """Has each test draw the same numbers, alone as in the suite."""
    keras.utils.set_random_seed(0)


@pytest.fixture(autouse=True, scope="module")
def compiles_quickly(request):
    """Has JAX compile with less optimization, which saves a third of the time."""
    parts = Path(request.node.path).relative_to(Path(__file__).parent).parts
    if keras.backend.backend() != "jax" or not set(parts) & set(QUICKLY):
        yield
        return
    import jax

    jax.config.update("jax_disable_most_optimizations", True)
    with pytest.MonkeyPatch.context() as patch:
        # For the processes that a test begins.
        patch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
        yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture(autouse=True, scope="module")
def collects_little():
    """Has the garbage collector leave alone what earlier tests have left.

    KerasTuner collects garbage before each trial, which, among all that thousands of
    tests have compiled, takes seconds.
    """
    yield
    gc.collect()
    gc.freeze()
