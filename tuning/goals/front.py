"""The Pareto front of some points, and one of them."""

import numpy as np


def layers(losses):
    """Returns the number of the front that each point is on, from 0.

    A point dominates another if it is nowhere worse and somewhere better. Those that no
    other dominates are the front, of number 0; those of the rest that no other of the
    rest dominates have number 1; and so on. Equal points are on the same front.

    Args:
        losses: Array `(n, m)`, less being better.

    Returns:
        Array of `n` integers.
    """
    losses = np.asarray(losses, float)
    no_worse = (losses[:, None] <= losses[None]).all(-1)
    dominates = no_worse & ~no_worse.T
    numbers, left, number = np.zeros(len(losses), int), np.ones(len(losses), bool), 0
    while left.any():
        front = left & ~dominates[left].any(0)
        numbers[front] = number
        left &= ~front
        number += 1
    return numbers


def order(losses, leading):
    """Returns indices of points, the front first, each front by one of the losses.

    Args:
        losses: Array `(n, m)`, less being better.
        leading: Integer. Column to sort each front by, the least first.
    """
    losses = np.asarray(losses, float)
    return np.lexsort((losses[:, leading], layers(losses)))


def knee(losses):
    """Returns the index of the point of a front with the best compromise.

    It is the one farthest from the hyperplane through the points that are best in one
    objective, towards the point that is best in all: the least sum of objectives, each
    scaled from 0, the best on the front, to 1, the worst.

    Args:
        losses: Array `(n, m)` of a front, less being better.
    """
    losses = np.asarray(losses, float)
    spread = np.ptp(losses, axis=0)
    scaled = (losses - losses.min(0)) / np.where(spread > 0, spread, 1.0)
    return int(scaled.sum(1).argmin())
