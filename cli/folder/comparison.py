"""A comparison as tables and sentences, without Keras."""

import math

from rich.table import Table

from kdl_cli.folder import reading
from kdl_cli.folder.metrics import bounds
from kdl_cli.folder.statistics import LEVEL, paired, ranked, scores, summary
from kdl_cli.terminal.text import short, values_table, written

# Columns of a run that are not metrics.
_FIXED = ("value", "seed", "seconds", "epochs", "status", "error")


def parts(folder, settings):
    """The content of a comparison's folder, as tables and lines to print."""
    return tables(read_runs(folder / reading.RUNS), settings)


def tables(runs, settings):
    """The means of each value, tests of their differences, and failed runs.

    Args:
        runs: List of dicts, as `read_runs` returns them.
        settings: Dict. Settings of the comparison.
    """
    vary, metric = settings["vary"], tested(settings)
    total = len(settings["values"]) * settings["seeds"]
    if len(runs) < total:
        yield f"\n{len(runs)} of {total} runs are done."
    if not runs:
        return
    first, *others = rows = means(runs, settings)
    if ranked(rows, metric, settings["metric_direction"]):
        yield f"\nMeans over the seeds, with {LEVEL:.0%} intervals:"
        yield _means_table(rows, vary, metrics(runs, settings))
    if any(row["pairs"] > 1 for row in others):
        yield (
            f"\nDifferences of {metric} to {vary}={first['value']}, in pairs of runs "
            "with the same seed:"
        )
        yield _differences_table(others, vary)
    yield "\n" + verdict(runs, settings)
    failed = [run for run in runs if run["status"] == "failed"]
    if failed:
        yield f"\n{len(failed)} failed:"
        yield values_table({title(vary, run): run["error"] for run in failed})


def verdict(runs, settings):
    """Says which value is best, and whether the difference may be chance."""
    metric, direction = tested(settings), settings["metric_direction"]
    rows = ranked(means(runs, settings), metric, direction)
    if not rows:
        if all(run["status"] == "failed" for run in runs):
            return "No run succeeded."
        return f"The runs have no {metric}; --metric names another."
    best, *others = rows
    way = "lower" if direction == "min" else "higher"
    text = (
        f"Best by {metric}, of which {way} is better: "
        f"{settings['vary']}={best['value']}, with {short(best[metric])}."
    )
    if not others:
        return f"{text} There is no other to compare it with."
    following = others[0]["value"]
    # Not corrected: choosing the best two does not make a difference by chance more
    # likely than naming two before. Simulated with normal scores, 2 to 10 seeds and 2
    # to 5 values, p is below 0.05 in at most 5 % of the cases where the two are equal.
    pair = (scores(runs, row["value"], metric) for row in (best, others[0]))
    test = paired(*pair, bounds(metric))
    pairs, worse = test["pairs"], test["difference"]
    if pairs < 2:
        few = "One pair" if pairs else "No pair"
        return (
            f"{text} The next is {following}. {few} of runs with the same seed is too "
            "little for an interval or a test."
        )
    if test["p"] is None:
        same = abs(worse) <= 1e-6 * abs(best[metric])
        alike = "does as well" if same else f"differs by {short(abs(worse))}"
        return (
            f"{text} The next, {following}, {alike} in each of {pairs} pairs of runs, "
            "which leaves nothing to test."
        )
    than = "worse" if (worse > 0) == (direction == "min") else "better"
    sign = 1 if worse > 0 else -1
    ends = sorted(sign * test[f"difference_{end}"] for end in ("low", "high"))
    by = _spread(abs(worse), *ends, "{:.2g}".format)
    chance = "is beyond chance" if test["p"] < 1 - LEVEL else "may be chance"
    return (
        f"{text} The next, {following}, is {than} by {by} in "
        f"{pairs} pairs of runs with the same seed, which {chance} "
        f"(p {_p(test['p'], '= ')})."
    )


def means(runs, settings):
    """The rows of `summary` for these settings."""
    return summary(runs, labels(settings), metrics(runs, settings))


def labels(settings):
    """The values as `--set` takes them."""
    return [written(value) for value in settings["values"]]


def tested(settings):
    """The column of the metric by which differences are tested."""
    return f"test_{settings['metric']}"


def metrics(runs, settings):
    """The columns that are metrics, the tested one first."""
    found = [name for run in runs for name in run if name not in _FIXED]
    return list(dict.fromkeys([tested(settings), *found]))


def title(vary, run):
    return f"{vary}={run['value']}, seed {run['seed']}"


def read_runs(path):
    """Returns the runs in a CSV file as dicts; none if there is no file.

    Raises:
        ValueError: If the file is of something else.
    """
    try:
        return [_run(row) for row in reading.read_rows(path)]
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"{path} is not the table of a comparison's runs.") from None


def _run(row):
    numbers = {
        name: float(text) if text else None
        for name, text in row.items()
        if name not in _FIXED
    }
    return {
        "value": row["value"],
        "seed": int(row["seed"]),
        "seconds": float(row["seconds"]),
        "epochs": int(row["epochs"]) if row["epochs"] else None,
        **numbers,
        "status": row["status"],
        "error": row["error"],
    }


def _means_table(rows, vary, names):
    table = _table(vary, "runs", *(name.replace("_", " ") for name in names))
    for row in rows:
        succeeded = str(row["runs"] - row["failed"])
        table.add_row(
            row["value"], succeeded, *(_estimate(row, name) for name in names)
        )
    return table


def _differences_table(rows, vary):
    # Holm's method leaves a single p value as it is.
    corrected = ["p, corrected by Holm"] if len(rows) > 1 else []
    table = _table(vary, "pairs", "difference", "p of the paired t-test", *corrected)
    for row in rows:
        ps = [_p(row["p"]), _p(row["p_holm"])][: 1 + len(corrected)]
        difference = _estimate(row, "difference")
        table.add_row(row["value"], str(row["pairs"]), difference, *ps)
    return table


def _table(*headings):
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in headings:
        # One may want to copy a value, so that it is not wrapped.
        table.add_column(heading, overflow="fold", no_wrap=heading == headings[0])
    return table


def _estimate(row, name):
    """A mean and its interval, to the second digit of what is not certain."""
    mean, low, high = row[name], row[f"{name}_low"], row[f"{name}_high"]
    if low is None:
        return short(mean)
    half = (high - low) / 2
    digits = 1 - math.floor(math.log10(half)) if half > 0 else 0
    shown = f"{{:.{digits}f}}".format if 0 < digits < 7 else short
    return _spread(mean, low, high, shown)


def _spread(mean, low, high, shown):
    """A mean and its interval, which a bound of the metric may cut on one side."""
    half = (high - low) / 2
    if math.isclose(mean - low, high - mean, rel_tol=1e-6, abs_tol=1e-12):
        return f"{shown(mean)} ± {shown(half)}"
    return f"{shown(mean)} [{shown(low)}, {shown(high)}]"


def _p(p, equals=""):
    if p is None:
        return ""
    return f"{equals}{p:.2g}" if p >= 0.001 else "< 0.001"
