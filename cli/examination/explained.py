"""What the predictions of an examination depend on."""

import dataclasses

import numpy as np

from kdl.attribution import by_place, integrated_gradients

WORST, LEAST_SURE = 24, 12  # Examples that the page shows of each kind.
_SUMMED = 512  # Examples whose attributions are summed by class and place, at most.
_PARTS = 5  # Words of a text, or columns of a row, that are named.


@dataclasses.dataclass
class Explained:
    """Attributions of some test examples.

    Attributes:
        pictures: Dict from rows to `PIL.Image.Image`, of images.
        parts: Dict from rows to strings: the words or columns that matter most, of
            texts and tables.
        suspects: List of dicts, as of `kdl.attribution.by_place`; `None` where inputs
            are no images.
        refused: String. Why nothing is explained, or empty.
    """

    pictures: dict = dataclasses.field(default_factory=dict)
    parts: dict = dataclasses.field(default_factory=dict)
    suspects: list | None = None
    refused: str = ""


def explained(recipe, model, findings):
    """Returns what the predictions depend on that the page shows, an `Explained`.

    Args:
        recipe: `kdl.recipes.Recipe`.
        model: `keras.Model` of it.
        findings: `Findings`.
    """
    examples, rows = findings.examples, list(findings.worst(WORST))
    if findings.names is not None:
        rows += list(findings.least_sure(LEAST_SURE))
    rows = sorted(set(map(int, rows)))
    try:
        told, pictures = recipe.explain(model, examples.raw(rows))
    except ValueError as error:
        return Explained(refused=str(error))
    if pictures is None:
        return Explained(parts=_parts(rows, told))
    # Places are compared by class, of models with a score for each.
    several = findings.names is not None and model.output_shape[-1] > 1
    suspects = _suspects(recipe, model, findings) if several else None
    return Explained(dict(zip(rows, pictures, strict=True)), suspects=suspects)


def _parts(rows, told):
    """The parts of each input whose attributions are largest, as a string."""
    each = {row: [] for row in rows}
    for row in told:
        part = str(row["part"]), row["attribution"]
        each[rows[row["input"]]].append(part)
    strongest = {
        row: sorted(parts, key=lambda part: -abs(part[1]))[:_PARTS]
        for row, parts in each.items()
    }
    return {
        row: ", ".join(f"{name} {value:+.2g}" for name, value in parts)
        for row, parts in strongest.items()
    }


def _suspects(recipe, model, findings):
    """Places that the predictions of a class depend on far more than the others."""
    # As many of each class as of the others, as far as there are.
    rows = _evenly(findings.predicted, _SUMMED)
    x = np.asarray(recipe.inputs(findings.examples.raw(rows)), "float32")
    if min(x.shape[1:3]) < 3:
        return None  # There are no places in so small an image.
    labels = findings.predicted[rows]
    attributions, _ = integrated_gradients(model, x, labels)
    return by_place(attributions, labels, findings.names).suspects


def _evenly(labels, count):
    """Rows of so many examples, at most, of all classes in turn."""
    places = np.zeros(len(labels), int)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        places[rows] = np.arange(len(rows))
    return np.sort(np.argsort(places, kind="stable")[:count])
