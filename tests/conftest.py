"""What goes for all tests."""

import functools
import gc
import os
import signal
from pathlib import Path

# Without fusion emitters and in one piece, JAX compiles the small programs of the tests
# in less than two thirds of the time. It reads the flags when it is imported, here and
# in processes of the tests.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1",
)

# On by default on processors with certain instructions, where TensorFlow then returns
# an empty batch with the channels that it had before a convolution.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

# At the low priority that Ray gives them, its workers starve beside other suites.
os.environ.setdefault("RAY_worker_niceness", "0")

import keras
import pytest

# Where the commands are run as users do.
OPTIMIZED = Path(__file__).parent / "cli"


@pytest.fixture(autouse=True)
def begins_alike():
    """Has each test draw the same numbers, alone as in the suite."""
    keras.utils.set_random_seed(0)


@pytest.fixture
def usual_signals():
    """Has signals do what they usually do, and puts back what they did.

    A shell ignores some of them in processes that run in the background.
    """
    usual = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
        signal.SIGHUP: signal.SIG_DFL,
    }
    before = {number: signal.signal(number, usual[number]) for number in usual}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


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


if keras.backend.backend() == "jax":
    from jax._src.interpreters import mlir

    # JAX makes what it writes programs in anew for each one, which takes a fifth of the
    # time and half of the memory of tests that compile thousands of small ones.
    if hasattr(mlir, "make_ir_context"):
        mlir.make_ir_context = functools.cache(mlir.make_ir_context)


@pytest.fixture(autouse=True)
def builds_early(request, monkeypatch):
    """Has TensorFlow trace a training step once.

    A step that makes variables, as those of an optimizer that is not built, it traces
    again. In tests marked `builds_late` it does, as for users.
    """
    late = request.node.get_closest_marker("builds_late")
    if keras.backend.backend() != "tensorflow" or late:
        return
    make = keras.Model.make_train_function

    def build_and_make(self, *args, **options):
        optimizer = getattr(self, "optimizer", None)
        if self.built and optimizer is not None and not optimizer.built:
            optimizer.build(self.trainable_variables)
        return make(self, *args, **options)

    monkeypatch.setattr(keras.Model, "make_train_function", build_and_make)


@pytest.fixture(autouse=True, scope="module")
def collects_little():
    """Has the garbage collector leave alone what earlier tests have left.

    KerasTuner collects garbage before each trial, which, among all that thousands of
    tests have compiled, takes seconds.
    """
    yield
    gc.collect()
    gc.freeze()
