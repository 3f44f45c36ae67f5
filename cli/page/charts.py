"""Charts of a search: scores, and what they depend on."""

import itertools

import plotly.graph_objects as go

from kdl_cli.page.chart_style import (
    BEST,
    LINE,
    MARKERS,
    WIDTH,
    box,
    counted,
    labels,
    layout,
    marker,
    scaled,
    score_scale,
    text,
)
from kdl_cli.terminal.text import short


def history(search):
    """Draws the score by trial, and the best so far."""
    figure = _scores(search, lambda trial: trial.number)
    # Without what is no candidate for the best.
    scored = [
        trial
        for trial in search.trials
        if trial.score is not None and trial.status != "infeasible"
    ]
    pick = min if search.direction == "min" else max
    figure.add_scatter(
        x=[trial.number for trial in scored],
        y=list(itertools.accumulate((trial.score for trial in scored), pick)),
        mode="lines",
        line={"shape": "hv", "color": BEST[1]},
        name="best so far",
        hoverinfo="skip",
    )
    figure.update_xaxes(title="trial", **counted(len(search.trials)))
    return figure.update_layout(height=400)


def slices(search, dimension):
    """Draws the score by a hyperparameter, of the trials where it applies."""
    name, values = dimension.name, dimension.values
    category = dimension.scale == "category"

    def place(trial):
        value = trial.values.get(name)
        return values.index(value) if category and value is not None else value

    figure = _scores(search, place, [name])
    figure.update_layout(height=260, showlegend=False, margin={"t": 8})
    if category:
        return figure.update_xaxes(
            tickvals=list(range(len(values))),
            ticktext=["<br>" * low + label for label, low in labels(values)],
            tickangle=0,
            range=[-0.5, len(values) - 0.5],
        )
    seen = [trial.values[name] for trial in search.trials if name in trial.values]
    return figure.update_xaxes(scaled(dimension.scale, seen))


def importances(result):
    """Draws importances as bars, the greatest on top.

    Args:
        result: `Importances`.
    """
    names = list(result.means)
    figure = go.Figure(layout=layout(height=50 + 26 * len(names), showlegend=False))
    figure.add_bar(
        x=list(result.means.values()),
        y=list(range(len(names))),
        orientation="h",
        marker={"color": MARKERS["completed"][1]},
        error_x={"array": list(result.errors.values()), "color": LINE},
        hovertext=[
            f"{text(name)}<br>{short(result.means[name])} ± "
            f"{short(result.errors[name])}"
            for name in names
        ],
        hoverinfo="text",
    )
    figure.update_xaxes(title="fall of R²")
    figure.update_yaxes(
        autorange="reversed",
        tickvals=list(range(len(names))),
        ticktext=[text(name, 2 * WIDTH // 3) for name in names],
        showgrid=False,
    )
    return figure.update_layout(margin={"t": 8})


def _scores(search, place, names=None):
    """Draws scores, and below them the trials that have none.

    Args:
        search: `kdl.tuning.SearchRecord`.
        place: Function from a trial to where it stands from left to right, or `None`.
        names: List of the hyperparameters to show of a trial. Defaults to all.
    """
    figure = go.Figure(layout=layout())

    def draw(trials, name, symbol, colour, size=8, **kwargs):
        errors = [trial.standard_error or 0 for trial in trials]
        figure.add_scatter(
            x=[place(trial) for trial in trials],
            y=[0 if trial.score is None else trial.score for trial in trials],
            error_y={"array": errors, "visible": any(errors)},
            mode="markers",
            marker=marker(symbol, colour, size),
            name=name,
            hovertext=[box(search, trial, names) for trial in trials],
            hoverinfo="text",
            **kwargs,
        )

    placed = [trial for trial in search.trials if place(trial) is not None]
    for status, style in MARKERS.items():
        trials = [trial for trial in placed if trial.status == status]
        scored = [trial for trial in trials if trial.score is not None]
        others = [trial for trial in trials if trial.score is None]
        if scored:
            draw(scored, status, *style)
        if others:
            draw(others, status, *style, yaxis="y2", showlegend=not scored)
    if best := [trial for trial in search.ranked()[:1] if trial in placed]:
        draw(best, "best", *BEST, size=14)
    scores = [trial.score for trial in placed if trial.score is not None]
    axis = scaled(score_scale(search.direction, scores), scores)
    figure.update_layout(yaxis={"title": text(search.objective), **axis})
    if len(scores) < len(placed):
        below = {"domain": [0, 0.12], "range": [-1, 1], "showgrid": False}
        below |= {"tickvals": [0], "ticktext": ["no score"]}
        figure.update_layout(
            xaxis={"anchor": "y2"}, yaxis={"domain": [0.2, 1]}, yaxis2=below
        )
    return figure
