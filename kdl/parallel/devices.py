"""How many devices there are, and processes that are lost."""

import os

import keras


class LostProcessError(RuntimeError):
    """Another process of a training has ended, or cannot be reached."""


LOST = "The training ended, since another of its processes did, or cannot be reached."


def check_count(wanted, there, backend, kind):
    """Refuses more devices than there are.

    Args:
        wanted: Integer. Number of devices.
        there: Integer. How many there are.
        backend: String. Name of the backend, as users write it.
        kind: String, such as `"cpu"`.

    Raises:
        ValueError: If there are fewer.
    """
    if wanted > there:
        raise ValueError(
            f"`devices` must be in [1, {there}], the number of devices of {backend} of "
            f"the kind {kind!r}; parts of a CPU can only be made before it computes "
            f"anything. Received: devices={wanted}"
        )


def check_cores(wanted):
    """Refuses more parts of a CPU than it has cores.

    Raises:
        ValueError: If there are fewer.
    """
    cores = os.cpu_count() or 1
    if wanted > cores:
        raise ValueError(
            f"`devices` must be in [1, {cores}], the number of cores of the CPU. "
            f"Received: devices={wanted}"
        )


def check_one_process(wanted):
    """Refuses several devices on PyTorch, for trainings that one process does in turn.

    Raises:
        ValueError: If there each device needs a process of its own.
    """
    if wanted > 1 and keras.backend.backend() == "torch":
        raise ValueError(
            "`devices` must be 1 for trials on PyTorch, where each device needs a "
            "process; JAX and TensorFlow train a trial on several, and several workers "
            f"run trials side by side. Received: devices={wanted}"
        )
