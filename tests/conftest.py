"""What goes for all tests."""

import gc
import os
from pathlib import Path

# JAX compiles what the tests run, which is small, in two thirds of the time without.
# Keras imports it, and so do the processes that tests begin.
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_use_fusion_emitters=false")

import keras
import pytest

# Where the commands are run as users do.
OPTIMIZED = Path(__file__).parent / "cli"


@pytest.fixture(autouse=True)
def begins_alike():
    """Has each test draw the same numbers, alone as in the suite."""
    keras.utils.set_random_seed(0)


@pytest.fixture(autouse=True, scope="module")
def compiles_quickly(request):
    """Has JAX compile with less optimization, which saves a third of the time.

    Most of what the tests compile runs for a few steps.
    """
    if keras.backend.backend() != "jax" or OPTIMIZED in request.node.path.parents:
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
