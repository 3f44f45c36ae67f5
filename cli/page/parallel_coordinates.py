"""Parallel coordinates of a search."""

import re

import numpy as np
import plotly.graph_objects as go

from kdl_cli.page.chart_style import (
    BEST,
    LINE,
    box,
    draw_lines,
    labels,
    layout,
    score_scale,
    text,
)
from kdl_cli.page.dimensions import Dimension

# Colour and opacity of the trials' fifths, from the best to the worst.
FIFTHS = (
    ("#0077BB", 0.9),
    ("#6699BB", 0.7),
    ("#999999", 0.5),
    ("#CC9966", 0.5),
    ("#EE7733", 0.5),
)
# Pixels between axes, above the first, and on the left of all, where their names are.
SPACE, TOP, LEFT = 70, 70, 124
# Where a line passes an axis, which is from 0 to 1, that does not apply; and where the
# chart begins if there is such a line.
ABSENT, FIRST = -0.2, -0.34
# Characters of a line of a name.
NAME = 17
# Axes that are seen at first, besides that of the score.
SHOWN = 8


def parallel_coordinates(search, dimensions):
    """Draws each trial as a line through its score and its hyperparameters.

    Plotly's own kind cannot be hovered, and has no place for conditional
    hyperparameters nor for long names. Here the axes lie below each other, and their
    names on the left, where no line passes.

    Args:
        search: `kdl.tuning.SearchRecord`.
        dimensions: List of `Dimension`.
    """
    ranked = search.ranked()
    scores = [trial.score for trial in ranked]
    scale = score_scale(search.direction, scores)
    score = Dimension(search.objective, scale, [min(scores), max(scores)])
    axes = [score, *dimensions]
    figure = go.Figure(layout=layout(height=height(len(axes))))
    figure.update_layout(
        margin={"l": LEFT, "r": 16, "t": TOP, "b": 0},
        legend={"traceorder": "reversed", "title": "rank", "font": {"size": 11}},
    )
    absent = [
        any(row and axis.name not in trial.values for trial in ranked)
        for row, axis in enumerate(axes)
    ]
    figure.update_xaxes(visible=False, range=[FIRST if any(absent) else -0.02, 1.02])
    figure.update_yaxes(visible=False, range=[0.4 - len(axes), 0.2])
    for row, axis in enumerate(axes):
        _draw_axis(figure, -row, axis, absent[row])
    # The best trial above all.
    fifths = np.array_split(np.arange(1, len(ranked)), len(FIFTHS))
    for numbers, (colour, opacity) in reversed([*zip(fifths, FIFTHS, strict=True)]):
        if numbers.size:
            first, last = numbers[0] + 1, numbers[-1] + 1
            name = f"{first}" + (f" to {last}" if last > first else "")
            trials = [ranked[number] for number in numbers]
            line = {"color": colour, "width": 1.2}
            _draw_trials(figure, search, axes, trials, name, line, opacity)
    line = {"color": BEST[1], "width": 4}
    _draw_trials(figure, search, axes, ranked[:1], "best", line, 1)
    return figure


def height(axes):
    """Pixels of a chart of so many axes."""
    return TOP + round(SPACE * (axes - 0.2))


def _draw_axis(figure, y, axis, is_absent):
    """Draws an axis from 0 to 1 at height `y`, its name beside, its labels below."""
    figure.add_shape(
        type="line", x0=0, x1=1, y0=y, y1=y, line={"color": LINE}, layer="below"
    )
    note = {"showarrow": False, "bgcolor": "rgba(255, 255, 255, 0.8)", "borderpad": 1}
    figure.add_annotation(
        xref="paper",
        x=0,
        y=y,
        text=f"<b>{'<br>'.join(map(text, _lines(axis.name)))}</b>",
        xanchor="right",
        align="right",
        showarrow=False,
    )
    if is_absent:
        words = "does not<br>apply"
        figure.add_annotation(
            x=ABSENT, y=y, yshift=-22, text=words, font={"size": 11}, **note
        )
    ticks = axis.ticks()
    for tick, (label, low) in zip(ticks, labels(ticks), strict=True):
        place = axis.position(tick)
        figure.add_annotation(
            x=place,
            y=y,
            yshift=-30 if low else -16,
            text=label,
            xanchor={0: "left", 1: "right"}.get(place, "center"),
            font={"size": 11},
            **note,
        )


def _lines(name):
    """Breaks a name into three lines at most, after what joins its words."""
    lines = [""]
    for word in re.findall(r"[^/_ ]*[/_ ]?", name):
        if lines[-1] and len(lines[-1]) + len(word) > NAME:
            lines.append("")
        lines[-1] += word
    lines = [line if len(line) <= NAME else f"{line[: NAME - 1]}…" for line in lines]
    return lines if len(lines) <= 3 else [*lines[:2], "…"]


def _draw_trials(figure, search, axes, trials, name, line, opacity):
    runs = []
    for trial in trials:
        values = [trial.score, *(trial.values.get(axis.name) for axis in axes[1:])]
        runs.append(
            [
                (
                    ABSENT if value is None else axis.position(value),
                    -row,
                    box(search, trial, [axis.name]),
                )
                for row, (axis, value) in enumerate(zip(axes, values, strict=True))
            ]
        )
    size = 5 + line["width"]
    draw_lines(figure, runs, size, name=name, line=line, opacity=opacity)
