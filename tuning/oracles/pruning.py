"""When a trial is not worth going on with."""

import math
from collections.abc import Sequence

import numpy as np

from kdl.checks import check_integer


class MedianStopping:
    """Prunes a trial whose best so far is worse than the median of the others' best.

    The others are those that have trained as many epochs, whether they were pruned
    later or not.

    Args:
        startup_trials: Integer in `[1, inf)`. Number of others below which nothing is
            pruned. Defaults to `5`.
        warmup_epochs: Integer in `[0, inf)`. Epochs that each trial is given. Defaults
            to `3`.

    Raises:
        ValueError: If an argument is outside its interval.

    Example:

    >>> pruner = kdl.tuning.MedianStopping(warmup_epochs=5)

    References:
        - [Golovin et al., 2017](https://doi.org/10.1145/3097983.3098043), section
          3.5.1, who compare means over the epochs; the best is what counts here
    """

    def __init__(self, startup_trials: int = 5, warmup_epochs: int = 3) -> None:
        self.startup_trials = check_integer(
            "startup_trials", startup_trials, "[1, inf)"
        )
        self.warmup_epochs = check_integer("warmup_epochs", warmup_epochs, "[0, inf)")

    def prunes(self, losses: np.ndarray, others: Sequence[np.ndarray]) -> bool:
        """Returns whether a trial is to end after its last epoch.

        Args:
            losses: Array of its objective by epoch, less being better.
            others: List of such arrays, of the other trials.
        """
        epochs = len(losses)
        reached = [other for other in others if len(other) >= epochs]
        if epochs <= self.warmup_epochs or len(reached) < self.startup_trials:
            return False
        return bool(
            _best(losses) > np.median([_best(other[:epochs]) for other in reached])
        )


class SuccessiveHalving:
    """Lets the best share of the trials go on from each rung to the next.

    Rungs are after `min_epochs`, `factor * min_epochs`, `factor^2 * min_epochs`, …
    epochs. A trial goes on past a rung if its best so far is among the best
    `1 / factor` of all that have come there so far, itself included. It is decided at
    once, without waiting for others, as in the asynchronous form of the method
    (ASHA), but no trial is taken up again later: the first to come to a rung go on.

    Args:
        min_epochs: Integer in `[1, inf)`. Epochs to the first rung. Defaults to `3`.
        factor: Integer in `[2, inf)`. Defaults to `3`.

    Raises:
        ValueError: If an argument is outside its interval.

    Example:

    >>> pruner = kdl.tuning.SuccessiveHalving(min_epochs=5)

    References:
        - [Li et al., 2020](https://arxiv.org/abs/1810.05934)
    """

    def __init__(self, min_epochs: int = 3, factor: int = 3) -> None:
        self.min_epochs = check_integer("min_epochs", min_epochs, "[1, inf)")
        self.factor = check_integer("factor", factor, "[2, inf)")

    def prunes(self, losses: np.ndarray, others: Sequence[np.ndarray]) -> bool:
        """Returns whether a trial is to end; as `MedianStopping.prunes`."""
        epochs, rung = len(losses), self.min_epochs
        while rung < epochs:
            rung *= self.factor
        if epochs != rung:
            return False
        mine = _best(losses)
        there = [_best(other[:rung]) for other in others if len(other) >= rung]
        better = sum(best < mine for best in there)
        # Of the first ones, one goes on at least.
        return better >= max(1, (len(there) + 1) // self.factor)


class Hyperband:
    """Halves in several brackets, each of which begins after other epochs.

    Successive halving that begins early loses trials that start slowly; one that begins
    late spends much on bad ones. Here a trial belongs to one of `brackets`, and is
    compared with those of its bracket alone: bracket `s`, from 0, is
    `SuccessiveHalving(factor**s * min_epochs, factor)`. Early brackets get more trials,
    as many as in the paper, so that all get about as many epochs.

    It prunes trials as they come, and leaves what to try to the search; in the paper,
    trials are random and run in rounds.

    Args:
        min_epochs: Integer in `[1, inf)`. Epochs to the first rung of bracket 0.
            Defaults to `3`.
        factor: Integer in `[2, inf)`. Defaults to `3`.
        brackets: Integer in `[1, inf)`. Defaults to `3`.

    Raises:
        ValueError: If an argument is outside its interval.

    Example:

    >>> pruner = kdl.tuning.Hyperband(min_epochs=2, brackets=2)

    References:
        - [Li et al., 2018](https://jmlr.org/papers/v18/16-558.html)
    """

    def __init__(self, min_epochs: int = 3, factor: int = 3, brackets: int = 3) -> None:
        self.min_epochs = check_integer("min_epochs", min_epochs, "[1, inf)")
        self.factor = check_integer("factor", factor, "[2, inf)")
        self.brackets = check_integer("brackets", brackets, "[1, inf)")
        self._pruners = [
            SuccessiveHalving(min_epochs * factor**s, factor) for s in range(brackets)
        ]
        # Of the paper: n = (s_max + 1) / (s' + 1) * factor^s', s' = s_max - s.
        self._counts = [
            math.ceil(brackets / (brackets - s) * factor ** (brackets - 1 - s))
            for s in range(brackets)
        ]

    def of(self, number: int) -> SuccessiveHalving:
        """Returns the `SuccessiveHalving` of a trial.

        Args:
            number: Integer in `[0, inf)`, of the trial.
        """
        total, given = sum(self._counts), [0] * self.brackets
        for place in range(number % total + 1):
            # Who lacks most of its share comes next.
            lacks = [
                count * (place + 1) - had * total
                for count, had in zip(self._counts, given, strict=True)
            ]
            bracket = lacks.index(max(lacks))
            given[bracket] += 1
        return self._pruners[bracket]

    def prunes(self, losses: np.ndarray, others: Sequence[np.ndarray]) -> bool:
        """As `MedianStopping.prunes`, of a trial of bracket 0."""
        return self._pruners[0].prunes(losses, others)


def _best(losses):
    """The least of the losses that are numbers; infinite if none is."""
    return float(np.min(losses, initial=np.inf, where=~np.isnan(losses)))
