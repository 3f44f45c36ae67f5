"""What a model is worth after it was quantized."""

import dataclasses

import numpy as np
from keras import tree

from kdl.deployment.measuring import scores_of
from kdl_cli.terminal.text import short


@dataclasses.dataclass(frozen=True)
class Worth:
    """Outputs of a model on the test set, and its scores.

    Attributes:
        outputs: Array, or list of arrays.
        scores: Dict of floats; an empty one if nothing is scored.
    """

    outputs: np.ndarray | list
    scores: dict

    @classmethod
    def of(cls, network, outputs, y):
        """Returns the worth of outputs, scored as a `keras.Model` is compiled."""
        return cls(outputs, scores_of(network, outputs, y))


def worsening(recipe, before, after):
    """Returns by how much a model has become worse, and a sentence that says it.

    It goes by the accuracy, of which one point is 0.01, else by the objective or the
    loss, as a share of what it was, else by the outputs: the root of the mean square of
    what they differ, as a share of that of the outputs.

    Args:
        recipe: `kdl.recipes.Recipe`.
        before: `Worth`.
        after: `Worth`.
    """
    objective = recipe.objective
    name = objective.name.removeprefix("val_")
    candidates = "accuracy", name, "loss"
    wanted = next((each for each in candidates if each in before.scores), None)
    if wanted is None:
        pairs = zip(
            tree.flatten(before.outputs), tree.flatten(after.outputs), strict=True
        )
        squares = np.sum(
            [(np.sum((a - b) ** 2), np.sum(a**2)) for a, b in pairs], axis=0
        )
        share = float(np.sqrt(squares[0] / squares[1]))
        return share, f"outputs differ by {short(share)} of their size"
    old, new = (worth.scores[wanted] for worth in (before, after))
    is_high = wanted == "accuracy" or (wanted == name and objective.direction == "max")
    worse = old - new if is_high else (new - old) / max(abs(old), 1e-9)
    return worse, f"{wanted} goes from {short(old)} to {short(new)}"
