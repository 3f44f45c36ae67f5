"""What came of a fit."""

import keras
import numpy as np
from keras_tuner import errors

from kdl.tuning.goals.goal import goal_of


def final(results, objective):
    """Returns the metrics of the best epoch, as a dict, and that epoch.

    A fit whose last score is not finite has diverged, whatever it was before: its
    metrics are those of the end. Of several objectives, the best epoch is that of the
    leading one, as `kdl.tuning.goals.goal.Goal` has it; of costs alone, it is the last.

    Args:
        results: What `HyperModel.fit` returned: `keras.callbacks.History`, float, dict,
            or a list of such, of which the mean is taken.
        objective: `keras_tuner.Objective`.

    Raises:
        keras_tuner.errors.FatalValueError: If the objective is not among the metrics.
    """
    if isinstance(results, list):
        parts = [final(part, objective) for part in results]
        metrics = [part for part, _ in parts]
        names = set.intersection(*map(set, metrics))
        means = {name: np.mean([part[name] for part in metrics]) for name in names}
        return means, round(np.mean([epoch for _, epoch in parts]))
    if isinstance(results, dict):
        return results, 0
    if not isinstance(results, keras.callbacks.History):
        return {objective.name: float(results)}, 0
    return _best_epoch(results.history, goal_of(objective).by_epoch)


def _best_epoch(history, objective):
    if history and objective is None:
        last = max(map(len, history.values())) - 1
        return _row(history, last, last + 1), last
    if not history or not objective.has_value(history):
        raise errors.FatalValueError(
            f"The objective is {objective.name!r}, which the trial did not report. It "
            f"reported: {', '.join(sorted(history)) or 'nothing'}."
        )
    epochs = max(map(len, history.values()))
    rows = [_row(history, epoch, epochs) for epoch in range(epochs)]
    scored = [epoch for epoch, row in enumerate(rows) if objective.has_value(row)]
    scores = np.array([objective.get_value(rows[epoch]) for epoch in scored])
    sign = -1.0 if objective.direction == "max" else 1.0
    best = len(scores) - 1
    if np.isfinite(scores[best]):
        best = int(np.nanargmin(np.where(np.isfinite(scores), sign * scores, np.nan)))
    return rows[scored[best]] | {objective.name: scores[best]}, scored[best]


def _row(history, epoch, epochs):
    """Metrics of an epoch.

    With `validation_freq`, those of the validation are there every so many epochs.
    """
    row = {}
    for name, values in history.items():
        every = epochs // len(values) if len(values) else epochs + 1
        place, rest = divmod(epoch + 1, every)
        if not rest and place <= len(values):
            row[name] = values[place - 1]
    return row
