"""How many devices there are, and processes that are lost."""

import os


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
