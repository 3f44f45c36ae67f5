"""What a worker reports to the oracle.

KerasTuner's protocol has one call for it, `update_trial`, of metrics by name. So what
an oracle must know besides is among the metrics.
"""

_EXECUTION, _HAS_ENDED = "kdl/execution", "kdl/ended"


def packed(metrics, execution, has_ended=False):
    """Returns the metrics that report an epoch, or the end of an execution.

    Args:
        metrics: Dict of numbers by name, of the epoch, or of the best one.
        execution: Integer. Of the trial, from 0.
        has_ended: Boolean.
    """
    ended = {_HAS_ENDED: 1.0} if has_ended else {}
    return {**metrics, _EXECUTION: float(execution), **ended}


def unpacked(metrics):
    """Returns what `packed` was given, as a tuple.

    The execution is `None` if the metrics are those of somebody else, who calls
    `update_trial` as KerasTuner does.
    """
    metrics = {name: float(value) for name, value in metrics.items()}
    execution = metrics.pop(_EXECUTION, None)
    has_ended = metrics.pop(_HAS_ENDED, 0.0) != 0.0
    return metrics, None if execution is None else int(execution), has_ended
