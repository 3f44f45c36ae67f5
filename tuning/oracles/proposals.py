"""Where a model expects most of a trial."""

import numpy as np
from scipy.optimize import minimize
from scipy.stats import qmc

# Points of the space that are looked at first; those around each of the best trials;
# and those from which a local search goes on.
_SPREAD, _AROUND, _STARTS = 2048, 100, 8


def proposals(encoding, surrogate, incumbents, rng, branch=None):
    """Returns points of the cube, best first, by what a model expects of them.

    Looks at points all over the space and around the best trials, lets the best of
    them climb by random steps that become smaller, and the best of those by the
    gradient of their continuous coordinates.

    Args:
        encoding: `Encoding`.
        surrogate: `Surrogate`.
        incumbents: Array `(m, d)` of points of the best trials.
        rng: `numpy.random.Generator`.
        branch: Optional, one of `encoding.branches`. Points in it come first.

    Returns:
        Array `(p, d)` of some thousand points.
    """

    def value(cube):
        values = surrogate.values(encoding.features(cube)[0])
        if branch is None:
            return values
        return np.where(encoding.is_in(branch, cube), values, -np.inf)

    spread = qmc.Sobol(encoding.size, rng=rng).random(_SPREAD)
    around = _moved(encoding, np.repeat(incumbents, _AROUND, 0), 0.1, rng)
    cube = np.vstack([spread, around])
    values = value(cube)
    order = np.argsort(-values, kind="stable")
    starts = cube[order[:_STARTS]]
    best, best_values = starts.copy(), values[order[:_STARTS]]
    for scale in np.geomspace(0.15, 0.01, 8):
        tries = 24
        moved = _moved(encoding, np.repeat(best, tries, 0), scale, rng)
        found = value(moved).reshape(_STARTS, tries)
        pick = found.argmax(1)
        rows = np.arange(_STARTS)
        better = found[rows, pick] > best_values
        moved = moved.reshape(_STARTS, tries, -1)[rows, pick]
        best[better] = moved[better]
        best_values[better] = found[rows, pick][better]
    for index in np.argsort(-best_values, kind="stable")[:3]:
        climbed = _climbed(encoding, surrogate, best[index])
        (climbed_value,) = value(climbed[None])
        if climbed_value > best_values[index]:
            best[index], best_values[index] = climbed, climbed_value
    return np.vstack([best[np.argsort(-best_values, kind="stable")], cube[order]])


def _moved(encoding, cube, scale, rng):
    """Points some of whose coordinates are moved by normal steps, one at least.

    A number that has steps moves by one at least; an unordered choice is drawn anew,
    less often.
    """
    count, size = cube.shape
    chosen = rng.random((count, size)) < max(0.3, 1.5 / size)
    chosen[np.arange(count), rng.integers(size, size=count)] = True
    chosen[:, encoding.nominal] &= rng.random((count, encoding.nominal.sum())) < 0.4
    step = rng.normal(0, scale, (count, size))
    step = np.sign(step) * np.maximum(np.abs(step), encoding.spacing())
    moved = np.clip(cube + step, 0, 1)
    drawn = rng.random((count, size))
    moved[:, encoding.nominal] = drawn[:, encoding.nominal]
    return np.where(chosen, moved, cube)


def _climbed(encoding, surrogate, point):
    (features,), (active,) = encoding.features(point[None])
    free = np.flatnonzero(encoding.numeric & active)
    if not len(free):
        return point
    columns = [encoding.column(index) for index in free]

    def loss(coordinates):
        features[columns] = coordinates
        value, slope = surrogate.gradient(features)
        return -value, -slope[columns]

    result = minimize(
        loss,
        point[free],
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, 1)] * len(free),
        options={"maxiter": 30},
    )
    climbed = point.copy()
    climbed[free] = result.x
    return climbed
