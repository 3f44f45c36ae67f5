"""Learning curves of a search's trials."""

import math

import plotly.graph_objects as go

from kdl_cli.page.chart_style import (
    BEST,
    MARKERS,
    counted,
    draw_lines,
    layout,
    scaled,
    score_scale,
    text,
)
from kdl_cli.terminal.text import short


def curves(search):
    """Lists trial, number of the execution from 1, and objective by epoch."""
    return [
        (trial, number, logs[search.objective])
        for trial in search.trials
        for number, logs in enumerate(trial.curves, 1)
        if logs.get(search.objective)
    ]


def learning_curves(search):
    """Draws the objective by epoch, of all trials and executions."""
    figure = go.Figure(layout=layout(height=420))
    best = search.ranked()[:1]
    runs = curves(search)
    for status, (symbol, colour) in MARKERS.items():
        of_status = [
            run for run in runs if run[0].status == status and run[0] not in best
        ]
        line = {"color": colour, "width": 1.2}
        if of_status:
            _draw(figure, of_status, status, line, 0.6)
        # A mark shows where a trial ended early.
        if of_status and status != "completed":
            figure.data[-1].showlegend = False
            figure.add_scatter(
                x=[len(curve) for *_, curve in of_status],
                y=[curve[-1] for *_, curve in of_status],
                mode="markers",
                marker={"symbol": symbol, "color": colour, "size": 9},
                name=status,
                legendgroup=status,
                hoverinfo="skip",
            )
    line = {"color": BEST[1], "width": 3.5}
    _draw(figure, [run for run in runs if run[0] in best], "best", line, 1)
    epochs = max(len(curve) for *_, curve in runs)
    values = [value for *_, curve in runs for value in curve if math.isfinite(value)]
    figure.update_xaxes(title="epoch", **counted(epochs))
    scale = score_scale(search.direction, values)
    return figure.update_yaxes(title=text(search.objective), **scaled(scale, values))


def _draw(figure, runs, name, line, opacity):
    curves = []
    for trial, number, curve in runs:
        execution = f", execution {number}" if len(trial.curves) > 1 else ""
        title = f"<b>trial {trial.number}</b>{execution}, {trial.status}"
        curves.append(
            [
                (epoch, value, f"{title}<br>epoch {epoch}<br>{short(value)}")
                for epoch, value in enumerate(curve, 1)
            ]
        )
    size = 2 + line["width"]
    options = {"name": name, "legendgroup": name, "line": line, "opacity": opacity}
    draw_lines(figure, curves, size, **options)
