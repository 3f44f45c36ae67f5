"""Proposals that keep apart from the trials that run."""

import math

import numpy as np

# Least distance between two trials that run side by side, in diagonals of the space.
_LEAST = 0.01


def first_apart(proposals, encoding, running):
    """Returns the first proposal that is close to no trial that runs.

    Without one, it is the first of all; without any, `None`.

    Args:
        proposals: Iterable of dicts of values. No more are asked for than needed.
        encoding: `Encoding` of the space.
        running: List of dicts of values, of the trials that run.
    """
    is_near = _nearness(encoding, running)
    near = None
    for values in proposals:
        if not is_near(values):
            return values
        near = near or values
    return near


def _nearness(encoding, running):
    """Function that says whether values are close to those of a trial that runs."""
    if not (running and encoding.size):
        return lambda values: False
    places = encoding.features_of(running)
    least = _LEAST * math.sqrt(encoding.size)

    def is_near(values):
        away = places - encoding.features_of([values])
        return np.linalg.norm(away, axis=1).min() < least

    return is_near
