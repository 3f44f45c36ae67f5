"""Pictures of runs, searches and comparisons."""

import itertools
import math

import numpy as np
from matplotlib.figure import Figure

from kdl_cli.folder import metrics, statistics

# What the label of an axis says beside the name of a metric.
_WAYS = {"min": "\n(lower is better)", "max": "\n(higher is better)", None: ""}


def curves(history, objective):
    """Draws the logs by epoch, training and validation in one panel.

    Args:
        history: Dict of lists, one value per epoch, as `History.history`. Of a metric
            that is an array, each number is a line; what is no number is left out.
        objective: `keras_tuner.Objective`.
    """
    history = {name: _lines(values) for name, values in history.items()}
    history = {name: lines for name, lines in history.items() if lines is not None}
    names = [name for name in history if not name.startswith("val_")]
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(4 * columns, 3.5 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).flat
    for name, axes in zip(names, panels, strict=False):
        # A single epoch would not be visible as a line.
        style = "o" if len(history[name]) == 1 else "-"
        _draw(axes, history[name], style, label="training", color="C0")
        # A name without validation is no metric but a number in force, such as a rate.
        if f"val_{name}" in history:
            validation = history[f"val_{name}"]
            _draw(axes, validation, style, label="validation", color="C1")
            axes.legend()
            is_error = metrics.direction(name, objective) == "min"
            if is_error and (history[name] > 0).all():
                axes.set_yscale("log")
        axes.set_title(name.replace("_", " "))
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        axes.grid(alpha=0.3)
    for axes in panels:
        axes.remove()
    return figure


def _lines(values):
    """Values by epoch as an array of as many columns as each has numbers."""
    try:
        return np.reshape(np.asarray(values, "float64"), (len(values), -1))
    except (TypeError, ValueError):
        return None


def _draw(axes, lines, style, label, color):
    epochs = range(1, len(lines) + 1)
    first, *_ = axes.plot(epochs, lines, style, color=color)
    first.set_label(label)


def search(record):
    """Draws the score of each trial by status, and the best so far.

    Args:
        record: `kdl.tuning.SearchRecord` with a score at least.
    """
    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots()
    pick = min if record.direction == "min" else max
    # Without those that broke a constraint.
    scored = [
        trial
        for trial in record.trials
        if trial.score is not None and trial.status != "infeasible"
    ]
    for status, style in _STYLES.items():
        some = [trial for trial in scored if trial.status == status]
        if some:
            numbers, scores = zip(*((t.number, t.score) for t in some), strict=True)
            axes.plot(numbers, scores, linestyle="", label=status, **style)
    best = itertools.accumulate((trial.score for trial in scored), pick)
    numbers = [trial.number for trial in scored]
    axes.step(numbers, list(best), where="post", label="best so far", color="C2")
    if all(trial.score > 0 for trial in scored) and record.direction == "min":
        axes.set_yscale("log")
    failed = [trial.number for trial in record.trials if trial.status == "failed"]
    if failed:
        (floor, _) = axes.get_ylim()
        style = {"linestyle": "", "marker": "x", "color": "C3"}
        axes.plot(failed, [floor] * len(failed), label="failed", **style)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("trial")
    axes.set_ylabel(record.objective.replace("_", " "))
    axes.grid(alpha=0.3)
    # Outside, where it hides no trial.
    figure.legend(loc="outside upper center", ncols=4)
    return figure


# Marks of trials with a score, as on the page: a pruned one has no more than the best
# epoch before its end.
_STYLES = {
    "completed": {"marker": "o", "color": "C0"},
    "pruned": {"marker": "^", "color": "C1", "markerfacecolor": "none"},
}


def comparison(runs, values, vary, directions):
    """Draws each run, joined by seed, and mean and interval of each value.

    Args:
        runs: List of dicts, as `comparison.read_runs` returns them.
        values: List of strings. The values.
        vary: String. Name of what is varied.
        directions: Dict from the metrics to draw, a panel each, to `"min"`, `"max"` or
            `None`, where it is not known.
    """
    count = len(directions)
    columns = count if count <= 3 else -(-count // 2)
    rows = -(-count // columns)
    width = max(3.2, 0.7 * len(values) + 1.2)
    figure = Figure(figsize=(width * columns, 3.6 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).flat
    places = range(len(values))
    handles = {}
    for (metric, direction), axes in zip(directions.items(), panels, strict=False):
        found = [statistics.scores(runs, value, metric) for value in values]
        for seed in dict.fromkeys(seed for each in found for seed in each):
            line = [each.get(seed, math.nan) for each in found]
            style = {"color": "0.6", "linewidth": 0.8, "markersize": 4}
            axes.plot(places, line, "o-", label="runs of a seed", **style)
        for place, each in zip(places, found, strict=True):
            bounds = metrics.bounds(metric)
            mean, low, high = statistics.interval(list(each.values()), bounds)
            if low is not None:
                style = {"color": "C0", "markersize": 6, "capsize": 4}
                label = f"mean, {statistics.LEVEL:.0%} interval"
                # To the right of the runs, which it would hide.
                place, ends = place + 0.12, [[mean - low], [high - mean]]
                axes.errorbar(place, mean, ends, fmt="D", label=label, **style)
        axes.set_ylabel(metric.replace("_", " ") + _WAYS[direction])
        axes.set_xlabel(vary)
        axes.set_xlim(-0.4, len(values) - 0.6)
        axes.set_xticks(places, values)
        if sum(map(len, values)) > 8 * width:
            axes.tick_params("x", rotation=30)
        axes.grid(alpha=0.3, axis="y")
        found = zip(*axes.get_legend_handles_labels(), strict=True)
        handles |= {label: handle for handle, label in found}
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=2)
    for axes in panels:
        axes.remove()
    return figure


def folds(scores, summary, directions):
    """Draws the score of each fold, and mean and interval of all.

    Args:
        scores: Dict of arrays by metric, a panel each.
        summary: List of dicts of `metric`, `mean`, `low` and `high`.
        directions: Dict from the metrics to `"min"`, `"max"` or `None`.
    """
    ends = {row["metric"]: row for row in summary}
    columns = min(3, len(scores))
    rows = -(-len(scores) // columns)
    figure = Figure(figsize=(3.6 * columns, 3.4 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).flat
    handles = {}
    for (metric, values), axes in zip(scores.items(), panels, strict=False):
        row = ends[metric]
        axes.plot(range(len(values)), values, "o", color="0.4", label="fold")
        axes.axhline(row["mean"], color="C0", label="mean")
        if row["low"] is not None:
            label = f"{statistics.LEVEL:.0%} interval"
            axes.axhspan(row["low"], row["high"], color="C0", alpha=0.15, label=label)
        axes.set_ylabel(metric.replace("_", " ") + _WAYS[directions[metric]])
        axes.set_xlabel("fold")
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        axes.grid(alpha=0.3, axis="y")
        found = zip(*axes.get_legend_handles_labels(), strict=True)
        handles |= {label: handle for handle, label in found}
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=3)
    for axes in panels:
        axes.remove()
    return figure
