"""Random streams that share a seed, apart from each other."""

import numpy as np

# What a stream is for. A seed and some numbers alone do not say it: NumPy fills them up
# with zeros, so that `(seed, 3)` and `(seed, 3, 0)` are one stream.
ORACLE, POINTS, SOBOL, FIT, FOLDS, ORDER, AUGMENTATION, CURRICULUM, SPLITS = range(9)
BOOTSTRAP, ATTRIBUTION, BAGS = range(9, 12)


def sequence(seed, purpose, *place):
    """Returns the `numpy.random.SeedSequence` of a purpose.

    Args:
        seed: Integer in `[0, inf)`, or `None` for one that differs each time.
        purpose: One of the integers above.
        *place: Integers in `[0, 2**32)`. Which of the purpose's streams, such as the
            number of an epoch.
    """
    return np.random.SeedSequence(seed, spawn_key=(purpose, *place))


def generator(seed, purpose, *place):
    """Returns a `numpy.random.Generator`; arguments as of `sequence`."""
    return np.random.default_rng(sequence(seed, purpose, *place))


def integer(seed, purpose, *place):
    """Returns an integer in `[0, 2**32)`; arguments as of `sequence`."""
    return int(sequence(seed, purpose, *place).generate_state(1)[0])
