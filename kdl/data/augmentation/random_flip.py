"""Random flips."""

import numpy as np

from kdl.checks import check_number


class RandomFlip:
    """Flips images of a batch at random, left to right or upside down.

    Flip only what is as likely seen from its other side: clothes and animals left to
    right, what is seen from above both ways, letters and digits not at all.

    Args:
        horizontal: Float in `[0, 1]`. Probability that an image is flipped left to
            right. Defaults to `0.5`.
        vertical: Float in `[0, 1]`. Probability that it is turned upside down. Defaults
            to `0.0`.

    Call arguments:
        x: Array of shape `(batch, height, width, channels)`.
        y: Targets, which stay as they are.
        rng: `numpy.random.Generator`.

    Returns:
        Tuple `(x, y)`; `x` has the shape and dtype it had.

    Raises:
        ValueError: If an argument is outside its interval.

    Example:

    >>> batches = kdl.data.Batches(x, y, augment=[kdl.data.RandomFlip()])
    """

    def __init__(self, horizontal=0.5, vertical=0.0):
        self.horizontal = check_number("horizontal", horizontal, "[0, 1]")
        self.vertical = check_number("vertical", vertical, "[0, 1]")

    def __call__(self, x, y, rng):
        for axis, rate in ((2, self.horizontal), (1, self.vertical)):
            # Drawn in any case, so that one rate does not move the other's draws.
            flipped = rng.random(len(x)) < rate
            x = np.where(flipped[:, None, None, None], np.flip(x, axis), x)
        return x, y
