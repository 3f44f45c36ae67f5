"""The page of `kdl learn`: one HTML file that needs no network."""

import plotly.graph_objects as go

from kdl_cli.page import document
from kdl_cli.page.chart_style import BEST, MARKERS, counted, layout, scaled
from kdl_cli.page.markup import chart, code, element, joined, table
from kdl_cli.terminal.text import command, short

_ABOUT = {
    "anything": "The model learns ten examples by heart, without regularization. One "
    "that cannot is broken.",
    "everything": "The model learns the training set, without regularization, and "
    "grows until it fits it.",
    "the right thing": "Regularization and augmentation grow until the score on the "
    "validation set no longer improves.",
}


def write(folder, settings, trainings):
    """Writes the page of a walk along the milestones.

    Args:
        folder: `Path` to write into.
        settings: Dict. Settings of the command.
        trainings: List of `Training` of `kdl.recipes.milestones`.

    Returns:
        `Path` of the page.
    """
    summary = element(
        "p",
        f"Trainings: {len(trainings)}. The score is {settings['objective']} "
        f"({settings['direction']}). {document.written_now()}",
    )
    sections = {
        f"Learn {name}": section(folder, settings, name, of)
        for name in _ABOUT
        if (of := [t for t in enumerate(trainings, 1) if t[1].milestone == name])
    }
    title = f"Milestones of {settings['recipe']}"
    return document.write(folder, title, summary, sections)


def section(folder, settings, milestone, trainings):
    """What the trainings for a milestone came to.

    Args:
        folder: `Path`, which a command names.
        settings: Dict.
        milestone: String.
        trainings: List of pairs of a number and a `Training`.
    """
    columns = ["training", "reached", "score", "epochs", "changed"]
    rows = [
        [
            number,
            "yes" if training.reached else "no",
            training.score,
            training.epochs,
            ", ".join(f"{k} = {short(v)}" for k, v in training.changed.items()),
        ]
        for number, training in trainings
    ]
    parts = [
        element("p", _ABOUT[milestone]),
        table("Trainings", columns, rows, wide=True),
    ]
    for number, training in trainings:
        parts.append(element("h3", f"Training {number}"))
        if training.epochs:
            label = f"Loss by epoch of training {number}"
            parts.append(chart(f"chart-{number}", label, curves(training.history)))
        parts.append(code(training.report))
    if milestone == "the right thing":
        words = command("run", settings["recipe"], "--hp", folder)
        parts += [element("h3", "Train with the values of the best"), code(words)]
    return joined(*parts)


def curves(history):
    """Draws the loss by epoch, and that of validation if there is one."""
    figure = go.Figure(layout=layout(height=300))
    colours = {"loss": MARKERS["completed"][1], "val_loss": BEST[1]}
    losses = {name: history[name] for name in colours if name in history}
    for name, values in losses.items():
        figure.add_scatter(
            x=list(range(1, 1 + len(values))),
            y=values,
            mode="lines" if len(values) > 1 else "markers",
            line={"color": colours[name]},
            name={"loss": "training", "val_loss": "validation"}[name],
        )
    every = [value for values in losses.values() for value in values]
    is_positive = all(value > 0 for value in every)
    figure.update_xaxes(title="epoch", **counted(len(history["loss"])))
    scale = "log" if is_positive else "linear"
    return figure.update_yaxes(title="loss", **scaled(scale, every))
