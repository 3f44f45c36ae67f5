"""Whether a pruner ends a trial."""


def is_pruned(pruner, number, curves):
    """Whether a pruner ends a trial after its last epoch.

    Args:
        pruner: `MedianStopping`, or another object with a method `prunes`. If it has a
            method `of`, that returns the pruner of a trial by its number.
        number: Integer in `[0, inf)`, of the trial.
        curves: Dict by number of trial. Arrays of losses by epoch, less being better.
    """
    of = getattr(pruner, "of", lambda number: pruner)
    own = of(number)
    others = [
        curve for other, curve in curves.items() if other != number and of(other) is own
    ]
    return own.prunes(curves[number], others)
