"""How many devices there are, and processes that are lost."""


class LostProcessError(RuntimeError):
    """Another process of a training has ended, or cannot be reached."""


def too_few(wanted, there, backend):
    """Returns the error about more devices than there are."""
    return ValueError(
        f"`devices` must be in [1, {there}], the number of devices that {backend} has "
        "here; parts of the CPU can only be made before it has computed anything. "
        f"Received: devices={wanted}"
    )


def too_many_parts(wanted, cores):
    """Returns the error about more parts of the CPU than it has cores."""
    return ValueError(
        f"`devices` must be in [1, {cores}], the number of cores of the CPU. "
        f"Received: devices={wanted}"
    )
