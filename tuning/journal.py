"""The journal of a search: what its trials reported, a line each."""

import dataclasses
import json
import math
import statistics
import time

import numpy as np

FILE = "journal.jsonl"


@dataclasses.dataclass
class Entry:
    """What the journal says of a trial.

    Attributes:
        curves: List of dicts of lists of floats: the logs of each epoch, by execution.
        results: Dict from execution to a dict of its final metrics.
        best_epochs: Dict from execution to the epoch of its score.
        pruned: Epoch after which the trial was pruned, counted from 0, or `None`.
        began: Float. Seconds since 1970 when it last began.
        seconds: Float. How long it has run.
    """

    curves: list = dataclasses.field(default_factory=list)
    results: dict = dataclasses.field(default_factory=dict)
    best_epochs: dict = dataclasses.field(default_factory=dict)
    pruned: int | None = None
    began: float | None = None
    seconds: float = 0.0
    last: float | None = None

    @property
    def epochs(self):
        """Integer. Number of epochs that were trained."""
        return count_epochs(self.curves)

    def scores(self, objective):
        """List of floats. Final value of a metric, by execution."""
        return [result[objective] for _, result in sorted(self.results.items())]

    def losses(self, objective, execution=0):
        """Array of the objective by epoch, negative if it is to be maximized."""
        curve = self.curves[execution] if execution < len(self.curves) else {}
        if not objective.has_value(curve):
            return np.empty(0)
        sign = -1.0 if objective.direction == "max" else 1.0
        arrays = {name: np.array(values) for name, values in curve.items()}
        return sign * objective.get_value(arrays)

    def take(self, event, time, **what):
        """Takes what one line of the journal says."""
        if event == "begin":
            if not what["again"]:
                self.__init__(seconds=self.seconds)
            self.began = time
        else:
            self.seconds += time - (self.last or time)
            getattr(self, f"_{event}")(**what)
        self.last = time

    def _epoch(self, execution, epoch, logs):
        while len(self.curves) <= execution:
            self.curves.append({})
        curve = self.curves[execution]
        for name, value in logs.items():
            values = curve.setdefault(name, [])
            # A trial that was killed may report an epoch again. Where a metric is
            # not in all logs, such as with `validation_freq`, there is a gap.
            del values[epoch:]
            values += [math.nan] * (epoch - len(values)) + [float(value)]
        for values in curve.values():
            values += [math.nan] * (epoch + 1 - len(values))

    def _execution(self, execution, best_epoch, metrics):
        self.best_epochs[execution] = best_epoch
        self.results[execution] = {k: float(value) for k, value in metrics.items()}

    def _pruned(self, epoch):
        self.pruned = epoch

    def _end(self):
        pass


class Journal:
    """Appends to the journal of a search, and knows what stands in it.

    A line is written with one call and is whole or, if the process was killed within
    it, the last one; then it is passed over.

    Args:
        path: `Path` of the file, which need not be there yet.
    """

    def __init__(self, path):
        self.path, self.entries = path, {}
        self._size = 0
        self.refresh()

    def refresh(self):
        """Takes what another process has written since this one last looked."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self._size)
            whole, newline, _ = file.read().rpartition(b"\n")
        for line in whole.splitlines():
            self._take(**json.loads(line))
        self._size += len(whole + newline)

    def append(self, event, trial, **what):
        """Writes an event of a trial: `begin`, `epoch`, `execution`, `pruned`, `end`.

        Args:
            event: String.
            trial: String. Number of the trial.
            **what: Plain values. Numbers that are not finite are written as strings.
        """
        line = {"event": event, "trial": trial, "time": time.time(), **what}
        with self.path.open("ab") as file:
            # Over half a line, if there is one.
            file.truncate(self._size)
            text = json.dumps(_finite(line), allow_nan=False) + "\n"
            self._size += file.write(text.encode())
        self._take(**line)

    def entry(self, trial):
        """Returns the `Entry` of a trial, an empty one if nothing is known of it."""
        return self.entries.get(int(trial), Entry())

    def _take(self, trial, **what):
        # By number: KerasTuner pads names by zeros, as many as trials are asked for.
        self.entries.setdefault(int(trial), Entry()).take(**what)


def count_epochs(curves):
    """Number of epochs in a list of dicts of lists, as `Entry.curves`."""
    return sum(max(map(len, curve.values()), default=0) for curve in curves)


def standard_error(scores):
    """Standard error of the mean of some scores, or `None` of less than two."""
    if len(scores) < 2:
        return None
    return statistics.stdev(scores) / len(scores) ** 0.5


def _finite(value):
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
