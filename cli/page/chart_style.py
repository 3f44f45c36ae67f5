"""How the charts of a page look.

Nothing is dragged or zoomed, so that a finger scrolls the page. The colours are those
that the colour-blind tell apart, on white and on black, and each has its shape.
"""

import html
import math

import plotly.graph_objects as go

from kdl_cli.terminal.text import short

# Symbol and colour of a trial, by status.
MARKERS = {
    "completed": ("circle", "#0077BB"),
    "pruned": ("triangle-up-open", "#EE7733"),
    "failed": ("x", "#EE3377"),
    "infeasible": ("diamond-open", "#AA4499"),
    "running": ("square-open", "#888888"),
}
BEST = ("star", "#009988")
LINE = "#888888"
# Characters that fit beside each other on a phone.
WIDTH = 36
# Lines of a box that fit into the lowest chart with boxes of all values.
LINES = 16


def layout(**changes):
    """The layout of a chart, without Plotly's template, which is longer than it."""
    axis = {
        "gridcolor": "rgba(128, 128, 128, 0.3)",
        "zeroline": False,
        "automargin": True,
        "fixedrange": True,
    }
    return go.Layout(
        template="none",
        paper_bgcolor="rgba(0, 0, 0, 0)",
        plot_bgcolor="rgba(0, 0, 0, 0)",
        font={"family": "system-ui, sans-serif", "size": 12, "color": "#222222"},
        hoverlabel={
            "bgcolor": "#222222",
            "font": {"color": "#ffffff", "size": 12},
            "align": "left",
        },
        hovermode="closest",
        dragmode=False,
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        margin={"l": 8, "r": 8, "t": 40, "b": 8},
        xaxis=axis,
        yaxis=axis,
        yaxis2=axis,
    ).update(changes)


def marker(symbol, colour, size=8):
    """Returns the marker of a trial, as those of `MARKERS` and `BEST`."""
    return {
        "symbol": symbol,
        "color": colour,
        "size": size,
        "opacity": 0.8,
        # Open symbols consist of their outline.
        "line": {"color": colour, "width": 1.5},
    }


def score_scale(direction, scores):
    """Returns the scale of scores: logarithmic for a loss of a wide range."""
    if direction == "max" or not scores or min(scores) <= 0:
        return "linear"
    return "log" if max(scores) > 5 * min(scores) else "linear"


def scaled(scale, values):
    """The axis of a scale, for these values.

    Plotly labels every step of a logarithmic axis; here it is some that have room.
    """
    axis = {"type": scale}
    if scale == "log":
        decades = [math.log10(extreme(values)) for extreme in (min, max)]
        steps = (1, 2, 5) if decades[1] - decades[0] < 2 else (1,)
        ticks = [
            step * 10.0**decade
            for decade in range(math.floor(decades[0]), math.ceil(decades[1]) + 1)
            for step in steps
            if min(values) <= step * 10.0**decade <= max(values)
        ]
        if len(ticks) > 1:
            axis |= {"tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}
    return axis


def counted(most):
    """The axis of numbers from 1 to `most`, which Plotly would label in halves."""
    return {"dtick": 1} if most <= 12 else {"tickformat": "d"}


def text(value, most=WIDTH):
    """A value as Plotly takes text, which it reads as HTML: short, and escaped."""
    value = str(value)
    if len(value) > most:
        value = f"{value[: most // 2]}…{value[len(value) + 1 - most // 2 :]}"
    # Plotly does not decode the entities of quotes.
    return html.escape(value, quote=False)


def labels(ticks):
    """Lists the text of each tick, and whether to draw it one line lower.

    Every other one is, where they are too long for one line.
    """
    names = [short(tick) for tick in ticks]
    long = len("".join(names)) > WIDTH
    most = WIDTH // (-(-len(names) // 2) if long else 1)
    return [(text(name, most), long and n % 2 == 1) for n, name in enumerate(names)]


def box(search, trial, names=None):
    """Describes a trial in a few short lines.

    Args:
        search: `kdl.tuning.SearchRecord`.
        trial: `kdl.tuning.TrialRecord`.
        names: List of the hyperparameters to show. Defaults to `None`, all.
    """
    lines = [f"<b>trial {trial.number}</b>, {trial.status}"]
    if trial.score is not None:
        error = trial.standard_error
        spread = "" if error is None else f" ± {short(error)}"
        lines.append(f"{text(search.objective)} {short(trial.score)}{spread}")
    lines += [
        f"{text(name)} {short(value)}"
        for name, value in trial.metrics.items()
        if name != search.objective
    ]
    if trial.error:
        lines.append(text(trial.error))
    lines += [
        f"{text(name, WIDTH // 2)} {text(short(value), WIDTH // 2)}"
        for name, value in trial.values.items()
        if names is None or name in names
    ]
    rest = len(lines) - LINES
    return "<br>".join(lines[:LINES] + [f"and {rest} more"] * (rest > 0))


def draw_lines(figure, lines, size, **options):
    """Draws several lines as one with gaps, which is one entry of the legend.

    Args:
        figure: `plotly.graph_objects.Figure`.
        lines: List of lists of points: x, y, and what the box beside it says.
        size: Number. Diameter of a point, by which a line of one point is seen.
        **options: Further arguments of Plotly.
    """
    gap = (None, None, None)
    points = [point for line in lines for point in (*line, gap)]
    x, y, boxes = ([point[n] for point in points] for n in range(3))
    figure.add_scatter(
        x=x,
        y=y,
        mode="lines+markers",
        marker={"size": size},
        hovertext=boxes,
        hoverinfo="text",
        **options,
    )
