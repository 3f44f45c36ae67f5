"""The picture of a classifier's calibration."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from kdl.evaluation.calibration.bins import expected_calibration_error, reliability


def reliability_figure(
    probabilities: ArrayLike | Mapping[str, ArrayLike],
    y: ArrayLike,
    bins: int = 15,
    strategy: Literal["width", "mass"] = "width",
    title: str | None = None,
) -> Figure:
    """Draws how often a classifier is right, by how sure it is.

    A point on the diagonal is calibrated, one below it is too sure. The area of a
    point, and the bar below it, say how many examples are in its bin: one of few says
    little.

    Args:
        probabilities: Array of shape `(examples, classes)`, or a dict of such by what
            they are of, such as `"before"` and `"after"`, a panel each.
        y: Integer array of shape `(examples,)`, their classes.
        bins: Integer in `[1, inf)`. Number of bins. Defaults to `15`.
        strategy: `"width"` or `"mass"`, as of `kdl.evaluation.reliability`. Defaults
            to `"width"`.
        title: Optional string. Title of the figure. Defaults to `None`.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        ValueError: If an argument is not as described.

    Example:

    >>> sure = np.where(np.eye(10)[y], 0.91, 0.01)
    >>> figure = kdl.evaluation.reliability_figure({"a model": sure}, y)
    >>> figure.savefig("reliability.png")

    References:
        - [DeGroot and Fienberg, 1983](https://doi.org/10.2307/2987588)
    """
    panels = probabilities if isinstance(probabilities, dict) else {"": probabilities}
    figure = Figure(figsize=(3.6 * len(panels) + 0.4, 4.6), layout="constrained")
    axes = figure.subplots(
        2, len(panels), sharex=True, squeeze=False, height_ratios=[3, 1]
    )
    for n, (name, part) in enumerate(panels.items()):
        found = reliability(part, y, bins, strategy)
        error = expected_calibration_error(part, y, bins, strategy)
        above, below = axes[:, n]
        above.plot([0, 1], [0, 1], linestyle="--", color="0.5", label="calibrated")
        above.vlines(
            *(found.confidence, found.accuracy, found.confidence),
            color="C3",
            alpha=0.4,
            linewidth=3,
            label="gap",
        )
        share = found.counts / found.counts.sum()
        above.scatter(
            *(found.confidence, found.accuracy),
            s=20 + 200 * share,
            color="C0",
            label="examples of a bin",
            clip_on=False,
            zorder=3,
        )
        above.set(xlim=(0, 1), ylim=(0, 1))
        above.set_title(f"{name}\nECE {error:.3f}".strip())
        above.grid(alpha=0.3)
        # Wide enough to be seen, and narrow enough to stand apart.
        below.bar(found.confidence, found.counts, width=0.5 / bins, color="C0")
        below.set_xlabel("probability of the predicted class")
        below.grid(alpha=0.3, axis="y")
        if n == 0:
            above.set_ylabel("share that is right")
            below.set_ylabel("examples")
    # Outside, where it hides no bin.
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3
    )
    most = max(np.max(each.get_ylim()) for each in axes[1])
    for each in axes[1]:
        each.set(yscale="log", ylim=(0.7, 2 * most))
    if title:
        figure.suptitle(title)
    return figure
