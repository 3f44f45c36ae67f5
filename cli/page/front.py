"""The front of a search for several objectives, drawn and as a table."""

import itertools

import plotly.graph_objects as go

from kdl_cli.page.chart_style import (
    BEST,
    MARKERS,
    box,
    layout,
    marker,
    scaled,
    score_scale,
    text,
)
from kdl_cli.page.markup import chart, element, joined, table


def section(search, chosen):
    """A chart for each pair of objectives, and a table of the front.

    Args:
        search: `kdl.tuning.SearchRecord`.
        chosen: `kdl.tuning.TrialRecord` of the front whose model is kept, or `None`.
    """
    front, goal = search.front(), search.goal
    # The leading objective is drawn upwards.
    names = sorted(goal.names_of_objectives, key=lambda name: name != goal.name)
    panels = [
        element(
            "div",
            chart(f"chart-front-{number}", f"{y} by {x}", front_chart(search, x, y)),
        )
        for number, (y, x) in enumerate(itertools.combinations(names, 2), 1)
    ]
    which = f" The model of trial {chosen.number} is kept." if chosen else ""
    hyperparameters = dict.fromkeys(name for trial in front for name in trial.values)
    columns = ["trial", *goal.names, *hyperparameters]
    rows = [
        [
            trial.number,
            *map(trial.metrics.get, goal.names),
            *map(trial.values.get, hyperparameters),
        ]
        for trial in front
    ]
    return joined(
        element(
            "p",
            "On the front, no trial is better in one objective without being worse in "
            f"another. Of {len(search.trials)} trials, {len(front)} are on it.{which}",
        ),
        element("div", *panels, class_="grid" if len(panels) > 1 else "front"),
        table(
            "The front; the name of a column sorts by it", columns, rows, sortable=True
        ),
    )


def front_chart(search, x, y):
    """Draws two objectives of each trial, and those on the front of all objectives.

    Args:
        search: `kdl.tuning.SearchRecord`.
        x: String. Name of the objective from left to right.
        y: String. Name of that from below.
    """
    figure = go.Figure(layout=layout(height=420))
    front = search.front()
    shown = [t for t in search.trials if x in t.metrics and y in t.metrics]
    if len(search.goal.objectives) == 2:
        line = sorted(front, key=lambda trial: trial.metrics[x])
        figure.add_scatter(
            x=[trial.metrics[x] for trial in line],
            y=[trial.metrics[y] for trial in line],
            mode="lines",
            # What is dominated lies on one side of the steps.
            line={"shape": _steps(search, x), "color": BEST[1]},
            name="front",
            showlegend=False,
            hoverinfo="skip",
        )

    def draw(trials, name, symbol, colour, size=8):
        figure.add_scatter(
            x=[trial.metrics[x] for trial in trials],
            y=[trial.metrics[y] for trial in trials],
            mode="markers",
            marker=marker(symbol, colour, size),
            name=name,
            hovertext=[box(search, trial) for trial in trials],
            hoverinfo="text",
        )

    for status, style in MARKERS.items():
        trials = [t for t in shown if t.status == status and t not in front]
        if trials:
            draw(trials, status, *style)
    if front:
        draw(front, "front", *BEST, size=13)
    directions = {part.name: part.direction for part in search.goal.objectives}
    axes = {}
    for name in (x, y):
        values = [trial.metrics[name] for trial in shown]
        scale = score_scale(directions[name], values)
        title = f"{text(name)} ({_WAYS[directions[name]]})"
        axes[name] = {"title": title, **scaled(scale, values)}
    return figure.update_layout(xaxis=axes[x], yaxis=axes[y])


def _steps(search, x):
    """Which way a step of the front turns, from left to right."""
    directions = {part.name: part.direction for part in search.goal.objectives}
    return "hv" if directions[x] == "min" else "vh"


_WAYS = {"min": "lower is better", "max": "higher is better"}
