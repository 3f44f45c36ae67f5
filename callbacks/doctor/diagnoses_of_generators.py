"""Diagnoses of a generator and the discriminator that it learns from.

Their losses follow each other, and say little of what is learned.
"""

import numpy as np

from kdl.callbacks.doctor.findings import Finding

# Epochs in a row after which it is no mood, and epochs before, of a generator that
# makes much the same of all codes at first.
IN_A_ROW, AT_FIRST = 3, 5
# Share of the discriminator's right answers. A healthy one had 0.74, one that had won
# 1.0.
WON = 0.98
# Variance of what is made as a share of that of the data. Healthy fits had 0.6 and
# more, of a class alone it was 0.3 and less.
COLLAPSED = 0.3
SAMPLES = 128  # From which the variance is known to a tenth or so.


def has_discriminator(records):
    """Whether a fit is of a generator and a discriminator."""
    return bool(records.values("discriminator_accuracy"))


def discriminator_won(records):
    column = records.values("discriminator_accuracy")[-IN_A_ROW:]
    if len(column) < IN_A_ROW or min(column) < WON:
        return None
    seen = (
        f"The discriminator was right in {min(column):.1%} of the cases or more for "
        f"{IN_A_ROW} epochs: it teaches the generator nothing any more."
    )
    return Finding("discriminator_won", _since(records, "discriminator_accuracy"), seen)


def mode_collapse(records):
    column = records.values("spread")
    if len(column) < AT_FIRST + IN_A_ROW or max(column[-IN_A_ROW:]) > COLLAPSED:
        return None
    seen = (
        f"The variance of what the generator makes is {column[-1]:.0%} of that of the "
        "data: it makes few kinds of them."
    )
    return Finding("mode_collapse", _since(records, "spread"), seen)


def spread(made, real):
    """Returns the variance of samples as a share of that of the data.

    Args:
        made: Array of samples.
        real: Array of data.
    """
    one, other = (
        np.var(np.reshape(part, (len(part), -1)).astype("float64"), axis=0).sum()
        for part in (made, real)
    )
    return float(one / other) if other else 1.0


def _since(records, name):
    return records.epochs(name)[-IN_A_ROW]
