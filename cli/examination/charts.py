"""The charts of an examination."""

import numpy as np
import plotly.graph_objects as go
from sklearn.metrics import precision_recall_curve, roc_curve

from kdl.evaluation import reliability
from kdl_cli.page.chart_style import BEST, LINE, MARKERS, layout, text

_POINTS = 150  # Of a curve.
# Colours that the colour-blind tell apart, for up to ten classes.
_COLOURS = (
    *("#0077BB", "#EE7733", "#009988", "#EE3377", "#33BBEE"),
    *("#CC3311", "#888888", "#AA4499", "#999933", "#332288"),
)
_DASHES = "solid", "dash", "dot"


def roc(labels, probabilities, names):
    """Draws the ROC curve of each class against the others."""
    figure = _curves(
        labels,
        probabilities,
        names,
        lambda is_it, score: roc_curve(is_it, score)[:2],
    )
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"color": LINE, "dash": "dot"},
        name="chance",
        hoverinfo="skip",
    )
    figure.update_xaxes(title="false positives, share of the others")
    return figure.update_yaxes(title="true positives, share of the class")


def precision_recall(labels, probabilities, names):
    """Draws precision by recall of each class against the others."""

    def curve(is_it, score):
        precision, recall, _ = precision_recall_curve(is_it, score)
        return recall, precision

    figure = _curves(labels, probabilities, names, curve)
    figure.update_xaxes(title="recall")
    return figure.update_yaxes(title="precision")


def _curves(labels, probabilities, names, curve):
    figure = go.Figure(layout=layout(height=420))
    for place, name in enumerate(names):
        is_it = labels == place
        if is_it.all() or not is_it.any():
            continue
        x, y = curve(is_it, probabilities[:, place])
        some = np.unique(np.linspace(0, len(x) - 1, _POINTS).round().astype(int))
        figure.add_scatter(
            x=np.round(x[some], 4).tolist(),
            y=np.round(y[some], 4).tolist(),
            mode="lines",
            line={
                "color": _COLOURS[place % len(_COLOURS)],
                "dash": _DASHES[place // len(_COLOURS) % len(_DASHES)],
            },
            name=text(name, 18),
        )
    figure.update_xaxes(range=[-0.02, 1.02])
    return figure.update_yaxes(range=[-0.02, 1.02])


def calibration(labels, probabilities):
    """Draws how often predictions are right, by how sure they are."""
    confidence, accuracy, counts = reliability(
        probabilities, labels, bins=10, strategy="mass"
    )
    error = 1.96 * np.sqrt(np.maximum(accuracy * (1 - accuracy), 1e-4) / counts)
    figure = go.Figure(layout=layout(height=380))
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"color": LINE, "dash": "dot"},
        name="as sure as right",
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=np.round(confidence, 4).tolist(),
        y=np.round(accuracy, 4).tolist(),
        error_y={"array": np.round(error, 4).tolist(), "color": LINE},
        mode="markers+lines",
        marker={"symbol": MARKERS["completed"][0], "size": 8},
        line={"color": MARKERS["completed"][1]},
        hovertext=[f"{count} examples" for count in counts],
        name="bins of as many examples",
    )
    figure.update_xaxes(title="mean probability of the prediction")
    return figure.update_yaxes(title="share that is right")


def numbers(targets, predicted):
    """Draws predicted numbers by their targets."""
    figure = go.Figure(layout=layout(height=420))
    ends = [float(min(targets.min(), predicted.min()))]
    ends.append(float(max(targets.max(), predicted.max())))
    figure.add_scatter(
        x=ends,
        y=ends,
        mode="lines",
        line={"color": LINE, "dash": "dot"},
        name="right",
        hoverinfo="skip",
    )
    some = np.linspace(0, len(targets) - 1, min(len(targets), 2000)).astype(int)
    figure.add_scatter(
        x=targets[some].tolist(),
        y=predicted[some].tolist(),
        mode="markers",
        marker={"color": MARKERS["completed"][1], "size": 6, "opacity": 0.6},
        name="examples",
    )
    figure.update_xaxes(title="target")
    return figure.update_yaxes(title="predicted")


def learning(examples, scores, name):
    """Draws a score on the test set by the size of the training set.

    Args:
        examples: List of integers.
        scores: Array of shape `(sizes, seeds)`.
        name: String. The metric.
    """
    figure = go.Figure(layout=layout(height=360, showlegend=False))
    figure.add_scatter(
        x=np.repeat(examples, scores.shape[1]).tolist(),
        y=scores.ravel().tolist(),
        mode="markers",
        marker={"color": MARKERS["completed"][1], "size": 8},
        name="training",
    )
    figure.add_scatter(
        x=list(map(int, examples)),
        y=scores.mean(axis=1).tolist(),
        mode="lines",
        line={"color": BEST[1]},
        name="mean",
    )
    ticks = list(map(int, examples))
    figure.update_xaxes(title="training examples", type="log", tickvals=ticks)
    return figure.update_yaxes(title=text(name.replace("_", " ")))
