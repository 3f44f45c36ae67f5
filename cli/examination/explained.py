"""What the predictions of an examination depend on."""

import dataclasses

import numpy as np

from kdl.attribution import by_place, integrated_gradients

# Examples whose attributions are summed by class and place, at most.
_SUMMED = 512


@dataclasses.dataclass
class Explained:
    """Attributions of some test examples.

    Attributes:
        pictures: Dict from rows to `PIL.Image.Image`.
        suspects: List of dicts, as of `kdl.attribution.by_place`; `None` where inputs
            are no images.
    """

    pictures: dict
    suspects: list | None = None

    @property
    def places(self):
        """Whether places were looked at."""
        return self.suspects is not None


def explained(recipe, model, findings, count):
    """Returns what predictions depend on, `None` where inputs are of another kind.

    Args:
        recipe: `kdl.recipes.Recipe`.
        model: `keras.Model` of it.
        findings: `Findings`.
        count: Integer. Examples whose pictures are made, at most: the worst, then the
            least sure.
    """
    examples = findings.examples
    if not examples.are_images or findings.names is None:
        return None
    rows = list(dict.fromkeys([*findings.worst(count), *findings.least_sure(count)]))
    rows = sorted(map(int, rows[:count]))
    pictures = recipe.explain(model, examples.raw(rows)).pictures
    # As many of each class as of the others, as far as there are.
    some = _evenly(findings.predicted, _SUMMED)
    x = recipe.inputs(examples.raw(some))
    attributions, _ = integrated_gradients(
        model, np.asarray(x, "float32"), findings.predicted[some]
    )
    found = by_place(attributions, findings.predicted[some], findings.names)
    return Explained(dict(zip(rows, pictures, strict=True)), found.suspects)


def _evenly(labels, count):
    """Rows of so many examples, at most, of all classes in turn."""
    places = np.zeros(len(labels), int)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        places[rows] = np.arange(len(rows))
    return np.sort(np.argsort(places, kind="stable")[:count])
