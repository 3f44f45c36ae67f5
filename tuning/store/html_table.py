"""Trials as a table of HTML."""

import html


def trials_html(record, trials, values=()):
    """Returns trials as a table of HTML, the best ones in bold.

    Args:
        record: `SearchRecord`.
        trials: List of those of its trials that are shown.
        values: Sequence of names of hyperparameters that are shown. Defaults to none.
    """
    objectives = [part.name for part in record.goal.objectives]
    best = record.front() if len(objectives) > 1 else record.ranked()[:1]
    names = ["trial", "status", *objectives, "best epoch", *values]
    head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    rows = []
    for trial in trials:
        cells = [
            str(trial.number),
            f"{trial.status}: {trial.error}" if trial.error else trial.status,
            *(_short(_metric(record, trial, name)) for name in objectives),
            "" if trial.best_epoch is None else str(trial.best_epoch + 1),
            *(_short(trial.values.get(name)) for name in values),
        ]
        cells = map(html.escape, cells)
        if any(trial is one for one in best):
            cells = (f"<b>{cell}</b>" for cell in cells)
        rows.append(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    body = f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"
    return f"<table>{body}</table>"


def _metric(record, trial, name):
    return trial.score if name == record.objective else trial.metrics.get(name)


def _short(value):
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else str(value)
