"""Threads that hooks run in."""

import threading


def check_thread(first):
    """Refuses the thread in which Keras runs a callback that `fit` got alone.

    There, reading the model would make JAX lose steps.

    Args:
        first: Identifier of the thread in which the fit began.

    Raises:
        RuntimeError: If this is another one.
    """
    if threading.get_ident() != first:
        raise RuntimeError("`fit` must get its callbacks in a list")
