"""What a worker reports to the oracle.

KerasTuner's protocol has one call for it, `update_trial`, of metrics by name. So what
an oracle must know besides is among the metrics.
"""

_EXECUTION, _EVENT = "kdl/execution", "kdl/event"
# What is reported: an epoch, the end of an execution, or that a trial is not trained,
# since it breaks a constraint.
EPOCH, END, INFEASIBLE = range(3)


def packed(metrics, execution, event=EPOCH):
    """Returns the metrics that report what happened in an execution.

    Args:
        metrics: Dict of numbers by name: of the epoch, of the best one, or what is
            known without training.
        execution: Integer. Of the trial, from 0.
        event: `EPOCH`, `END` or `INFEASIBLE`.
    """
    return {**metrics, _EXECUTION: float(execution), _EVENT: float(event)}


def unpacked(metrics):
    """Returns what `packed` was given, as a tuple.

    The execution is `None` if the metrics are those of somebody else, who calls
    `update_trial` as KerasTuner does.
    """
    metrics = {name: float(value) for name, value in metrics.items()}
    execution = metrics.pop(_EXECUTION, None)
    event = int(metrics.pop(_EVENT, EPOCH))
    return metrics, None if execution is None else int(execution), event
