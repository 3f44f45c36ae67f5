"""Statistics of runs of several values, each with the same seeds.

A run is a dict of its `value`, `seed` and `status`, and a number for each metric that
it has.
"""

import numpy as np
from scipy import stats

from kdl_cli.folder import metrics

# Confidence level of intervals; the level of tests is 1 - LEVEL.
LEVEL = 0.95


def scores(runs, value, metric):
    """Returns a dict of the metric by seed, of the runs of a value that succeeded."""
    return {
        run["seed"]: run[metric]
        for run in runs
        if run["value"] == value
        and run["status"] == "completed"
        # A model with another value may have other metrics.
        and run.get(metric) is not None
    }


def interval(numbers, bounds=(-np.inf, np.inf)):
    """Returns mean, and ends of Student's t interval for it.

    The ends are `None` for fewer than two numbers, and so is the mean of none. The
    interval is cut at the bounds, which leaves its coverage as it is.

    Args:
        numbers: List of floats.
        bounds: Tuple of the least and the greatest number there can be.
    """
    if len(numbers) == 0:
        return None, None, None
    mean = float(np.mean(numbers))
    if len(numbers) == 1:
        return mean, None, None
    error = np.std(numbers, ddof=1) / np.sqrt(len(numbers))
    half = float(stats.t.ppf((1 + LEVEL) / 2, len(numbers) - 1) * error)
    return mean, max(mean - half, bounds[0]), min(mean + half, bounds[1])


def paired(first, second, bounds=(-np.inf, np.inf)):
    """Compares two dicts of scores by seed, in the seeds that both have.

    Args:
        first: Dict of floats by seed.
        second: Dict of floats by seed.
        bounds: Tuple of the least and the greatest score there can be.

    Returns:
        Dict of `pairs`, their number; `difference`, the mean of `second - first`, and
        the ends of its interval, `difference_low` and `difference_high`; and `p` of
        the paired t-test, `None` where the differences do not vary, so that there is
        nothing to test by.
    """
    seeds = sorted(first.keys() & second.keys())
    a, b = (np.array([each[seed] for seed in seeds]) for each in (first, second))
    most = bounds[1] - bounds[0]
    mean, low, high = interval(b - a, (-most, most))
    p = None
    # Metrics are float32: a spread within their rounding counts as none.
    if len(seeds) > 1 and np.ptp(b - a) > 1e-6 * np.abs([a, b]).max():
        p = float(stats.ttest_rel(b, a).pvalue)
    return {
        "pairs": len(seeds),
        "difference": mean,
        "difference_low": low,
        "difference_high": high,
        "p": p,
    }


def holm(ps):
    """Corrects p values for their number by Holm's method; `None` stays `None`."""
    corrected, least = [None] * len(ps), 0.0
    tested = sorted((p, place) for place, p in enumerate(ps) if p is not None)
    for rank, (p, place) in enumerate(tested):
        least = max(least, min(1.0, (len(tested) - rank) * p))
        corrected[place] = least
    return corrected


def summary(runs, values, names):
    """Returns a dict for each value: its means, and how it differs from the first.

    Args:
        runs: List of runs.
        values: List of the values.
        names: List of names of metrics. The first one is tested.
    """
    tested = [scores(runs, value, names[0]) for value in values]
    bounds = metrics.bounds(names[0])
    tests = [paired(tested[0], each, bounds) for each in tested[1:]]
    corrected = holm([test["p"] for test in tests])
    rows = []
    for value in values:
        statuses = [run["status"] for run in runs if run["value"] == value]
        rows.append({"value": value, "runs": len(statuses)})
        rows[-1]["failed"] = statuses.count("failed")
        for name in names:
            numbers = list(scores(runs, value, name).values())
            columns = name, f"{name}_low", f"{name}_high"
            ends = interval(numbers, metrics.bounds(name))
            rows[-1] |= dict(zip(columns, ends, strict=True))
    for row, test, p in zip(rows[1:], tests, corrected, strict=False):
        row |= {**test, "p_holm": p}
    return rows


def ranked(rows, metric, direction):
    """Sorts rows of `summary` that have a mean of the metric, the best one first."""
    sign = 1 if direction == "min" else -1
    scored = [row for row in rows if row.get(metric) is not None]
    return sorted(scored, key=lambda row: sign * row[metric])
