"""What goes for all tests."""

from pathlib import Path

import keras
import pytest

# Where many small models are compiled, each for a few steps.
QUICKLY = ("callbacks", "layers")


@pytest.fixture(autouse=True, scope="module")
def compiles_quickly(request):
    """Has JAX compile with less optimization, which saves a third of the time."""
    parts = Path(request.node.path).relative_to(Path(__file__).parent).parts
    if keras.backend.backend() != "jax" or not set(parts) & set(QUICKLY):
        yield
        return
    import jax

    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
