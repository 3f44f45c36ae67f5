"""What each backend tells of its devices: when they are done, and how much they hold.

Each function has one `match`, since Keras has nothing of the kind.
"""

import contextlib

import keras
from keras import tree

from kdl.files import atomic


def moved(batches):
    """Returns batches that lie on the device of the training, ready to be used."""
    match keras.backend.backend():
        case "jax":
            import jax

            return jax.block_until_ready(batches)
        case "tensorflow":
            import tensorflow as tf

            if not tf.config.list_logical_devices("GPU"):
                return batches
            with tf.device("GPU:0"):
                batches = tree.map_structure(tf.identity, batches)
            wait_for(batches)
            return batches
        case "torch":
            batches = tree.map_structure(_as_tensor, batches)
            wait_for(batches)
            return batches


def _as_tensor(part):
    return None if part is None else keras.ops.convert_to_tensor(part)


def wait_for(values):
    """Waits until values are computed, and all that was asked for before."""
    match keras.backend.backend():
        case "jax":
            import jax

            jax.block_until_ready(values)
        case "tensorflow":
            import tensorflow as tf

            if tf.config.list_logical_devices("GPU"):
                tf.test.experimental.sync_devices()
        case "torch":
            import torch

            if torch.cuda.is_available():
                torch.cuda.synchronize()


def peak_memory():
    """Returns the most bytes that the device has held, or `None` if it does not tell.

    Of a CPU, which shares the memory of the host, no backend tells it.
    """
    match keras.backend.backend():
        case "jax":
            import jax

            told = jax.local_devices()[0].memory_stats()
            return told.get("peak_bytes_in_use") if told else None
        case "tensorflow":
            import tensorflow as tf

            if not tf.config.list_logical_devices("GPU"):
                return None
            return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])
        case "torch":
            import torch

            if not torch.cuda.is_available():
                return None
            return torch.cuda.max_memory_allocated()


@contextlib.contextmanager
def traced(folder):
    """Writes a trace of a block into a folder, by the profiler of the backend.

    JAX and TensorFlow write for TensorBoard, JAX for Perfetto as well, and PyTorch
    `trace.json` for Perfetto and `chrome://tracing`.

    Args:
        folder: `Path` of an existing folder.
    """
    match keras.backend.backend():
        case "jax":
            import jax

            with jax.profiler.trace(str(folder), create_perfetto_trace=True):
                yield
        case "tensorflow":
            import tensorflow as tf

            with tf.profiler.experimental.Profile(str(folder)):
                yield
        case "torch":
            from torch.profiler import profile

            with profile() as trace:
                yield
            with atomic(folder / "trace.json") as draft:
                trace.export_chrome_trace(str(draft))


def is_out_of_memory(error):
    """Whether an error says that a device, or the host, has no memory left."""
    if isinstance(error, MemoryError):
        return True
    text = f"{type(error).__name__}: {error}".lower()
    return any(part in text for part in _OUT)


_OUT = (
    "resource_exhausted",  # XLA.
    "resourceexhausted",  # TensorFlow.
    "outofmemory",  # The class of PyTorch's error.
    "out of memory",
    "can't allocate memory",  # PyTorch on a CPU.
    "unable to allocate",  # NumPy.
)
