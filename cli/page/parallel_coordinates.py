"""Parallel coordinates of a search."""

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
# Pixels between axes.
SPACE = 70
# Where a line passes an axis, which is from 0 to 1, that does not apply.
ABSENT = -0.08


def parallel_coordinates(search, dimensions):
    """Draws each trial as a line through its score and its hyperparameters.

    Plotly's own kind cannot be hovered, and has no place for conditional
    hyperparameters nor for long names: here the axes lie below each other.

    Args:
        search: `kdl.tuning.SearchRecord`.
        dimensions: List of `Dimension`.
    """
    ranked = search.ranked()
    scores = [trial.score for trial in ranked]
    scale = score_scale(search, scores)
    score = Dimension(search.objective, scale, [min(scores), max(scores)])
    axes = [score, *dimensions]
    figure = go.Figure(layout=layout(height=SPACE * len(axes) + 60))
    figure.update_layout(
        margin={"l": 4, "r": 4, "t": 60, "b": 0}, legend={"traceorder": "reversed"}
    )
    figure.update_xaxes(visible=False, range=[ABSENT - 0.04, 1.04])
    figure.update_yaxes(visible=False, range=[0.5 - len(axes), 0.5])
    for row, axis in enumerate(axes):
        _draw_axis(figure, -row, axis)
    # The best trial above all.
    fifths = np.array_split(np.arange(1, len(ranked)), len(FIFTHS))
    for numbers, (colour, opacity) in reversed([*zip(fifths, FIFTHS, strict=True)]):
        if numbers.size:
            first, last = numbers[0] + 1, numbers[-1] + 1
            name = f"rank {first}" + (f" to {last}" if last > first else "")
            trials = [ranked[number] for number in numbers]
            line = {"color": colour, "width": 1.2}
            _draw_trials(figure, search, axes, trials, name, line, opacity)
    line = {"color": BEST[1], "width": 4}
    _draw_trials(figure, search, axes, ranked[:1], "best", line, 1)
    return figure


def _draw_axis(figure, y, axis):
    """Draws an axis from 0 to 1 at height `y`, its name above, its labels below."""
    figure.add_shape(
        type="line", x0=0, x1=1, y0=y, y1=y, line={"color": LINE}, layer="below"
    )
    note = {"showarrow": False, "bgcolor": "rgba(255, 255, 255, 0.8)", "borderpad": 1}
    name = f"<b>{text(axis.name)}</b>"
    figure.add_annotation(x=0, y=y, yshift=16, text=name, xanchor="left", **note)
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
