"""The hypervolume that a front dominates, and what a point is expected to add to it."""

import math

import numpy as np
from scipy.special import log_ndtr

from kdl.tuning.goals.front import layers
from kdl.tuning.oracles.acquisition import log_expected_improvement

_LOG_ROOT = 0.5 * math.log(2 * math.pi)
# Numbers in an array of what is expected in each box at each point.
_MOST = 2_000_000


def hypervolume(points, reference):
    """Returns the volume between some points and a reference point.

    It is that of all that is worse than one of the points in each objective, and better
    than the reference.

    Args:
        points: Array `(n, m)` of objectives, less being better.
        reference: Array `(m,)`.
    """
    points, reference = np.asarray(points, float), np.asarray(reference, float)
    points = points[(points < reference).all(1)]
    if not len(points):
        return 0.0
    ideal = points.min(0)
    lower, upper = boxes(points, reference)
    # Of what the points leave free, the part that is no better than the best of them.
    free = np.prod(np.maximum(upper - np.maximum(lower, ideal), 0), axis=1).sum()
    return float(np.prod(reference - ideal) - free)


def boxes(points, reference):
    """Divides all that no point dominates, up to a reference point, into boxes.

    Where it is below all points in one objective, a box goes down to minus infinity.
    In one objective, there is one box; in two, there is one more than there are points
    on the front; in three, no more than about half its square.

    Args:
        points: Array `(n, m)` of objectives, less being better; `n` may be 0.
        reference: Array `(m,)`. What is not better than it in each objective does not
            count.

    Returns:
        Tuple of arrays `(b, m)`: the lower and the upper corners of the boxes, which do
        not overlap.
    """
    reference = np.asarray(reference, float)
    points = np.reshape(np.asarray(points, float), (-1, len(reference)))
    points = points[(points < reference).all(1)]
    lower, upper = zip(*_boxes(points, tuple(reference)), strict=True)
    return np.array(lower), np.array(upper)


def _boxes(points, reference):
    """Yields corners as tuples, slab by slab of the last objective."""
    *rest, last = reference
    if not rest:
        yield (-math.inf,), (min(points[:, 0], default=last),)
        return
    points = np.unique(points, axis=0)
    points = points[layers(points) == 0]
    points = points[np.argsort(points[:, -1], kind="stable")]
    bottom, below = -math.inf, points[:0, :-1]
    for point in [*points, None]:
        top = last if point is None else point[-1]
        if point is not None and (below <= point[:-1]).all(1).any():
            # In the other objectives, it leaves as much free as those before.
            continue
        if top > bottom:
            for lower, upper in _boxes(below, rest):
                yield (*lower, bottom), (*upper, top)
            bottom = top
        if point is not None:
            below = np.vstack([below, point[:-1]])


def log_expected_hypervolume_improvement(means, deviations, lower, upper):
    """Returns `log(EHVI)` and its derivatives by means and standard deviations.

    Objectives are independent and normal. What a point `y` adds to the hypervolume is,
    over all boxes, the sum of the products of `max(u - y, 0) - max(l - y, 0)` over the
    objectives. Its expectation is the sum of the products of `EI(u) - EI(l)`, `EI(t)`
    being the expected improvement of an objective over `t`: exact, in any number of
    objectives. In one objective it is that of `log_expected_improvement`. As there, it
    is computed in logarithms: far from the front, EHVI itself underflows to zero and
    has no gradient.

    Args:
        means: Array `(k, m)` of means of the objectives, less being better.
        deviations: Array `(k, m)` of standard deviations, positive.
        lower: Array `(b, m)`, as `boxes` returns it.
        upper: Array `(b, m)`, likewise.

    Returns:
        Tuple of an array `(k,)` and two of shape `(k, m)`.

    References:
        - [Yang et al., 2019](https://doi.org/10.1007/s10898-019-00798-7)
        - [Ament et al., 2023](https://arxiv.org/abs/2310.20708)
    """
    count = max(1, _MOST // max(1, len(lower)))
    parts = [
        _in_boxes(means[k : k + count], deviations[k : k + count], lower, upper)
        for k in range(0, len(means), count)
    ]
    return tuple(map(np.concatenate, zip(*parts, strict=True)))


def _in_boxes(means, deviations, lower, upper):
    logs, slopes = 0.0, []
    for column in range(means.shape[1]):
        # Many boxes share a side.
        sides, place = np.unique(
            np.r_[lower[:, column], upper[:, column]], return_inverse=True
        )
        bottom, top = np.split(place, 2)
        mean, deviation = means[:, column, None], deviations[:, column, None]
        z = (sides - mean) / deviation
        log_below, log_density = log_ndtr(z), -0.5 * z * z - _LOG_ROOT
        with np.errstate(all="ignore"):
            log_ei, *_ = log_expected_improvement(mean, deviation, sides)
        # Nothing improves on a side in minus infinity.
        log_ei = np.where(np.isinf(z), -np.inf, log_ei)
        with np.errstate(divide="ignore"):  # Of a box too thin to be told.
            share = log_ei[:, bottom] - log_ei[:, top]
            log_width = log_ei[:, top] + np.log(-np.expm1(np.minimum(share, 0)))
        logs = logs + log_width
        slopes.append((log_width, log_below, log_density, bottom, top))
    most = logs.max(1, keepdims=True)
    # Where all boxes are of no width, nothing is expected.
    most = np.where(np.isfinite(most), most, 0.0)
    weights = np.exp(logs - most)
    total = weights.sum(1)
    with np.errstate(divide="ignore"):
        value = np.log(total) + most[:, 0]
    weights /= np.where(total > 0, total, 1.0)[:, None]
    by_mean, by_deviation = np.empty_like(means), np.empty_like(means)
    for column, (log_width, log_below, log_density, bottom, top) in enumerate(slopes):
        with np.errstate(invalid="ignore", over="ignore"):

            def rise(logs, bottom=bottom, top=top, log_width=log_width):
                change = np.exp(logs[:, top] - log_width) - np.exp(
                    logs[:, bottom] - log_width
                )
                return np.where(weights > 0, weights * change, 0.0).sum(1)

            by_mean[:, column] = -rise(log_below)
            by_deviation[:, column] = rise(log_density)
    return value, by_mean, by_deviation
