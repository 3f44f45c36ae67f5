"""The journal of a search: what its trials reported, a line each."""

import dataclasses
import errno
import json
import math
import numbers
import os
import statistics
import time

import numpy as np

from kdl.files import writing
from kdl.tuning.store.warn import warn

FILE = "journal.jsonl"
# As each line begins: within a string, the quotes would be escaped.
_BEGIN = b'{"event": '
_EVENTS = ("begin", "epoch", "execution", "pruned", "infeasible", "end")
# Epochs or executions that may be missing between two lines, and the latest time of
# one. Beyond, a number is damaged, and would be as many entries of a list.
_GAP, _LATEST = 10_000, 1e11


@dataclasses.dataclass
class Entry:
    """What the journal says of a trial.

    Attributes:
        curves: List of dicts of lists of floats: the logs of each epoch, by execution.
        results: Dict from execution to a dict of its final metrics.
        best_epochs: Dict from execution to the epoch of its score.
        pruned: Epoch after which the trial was pruned, counted from 0, or `None`.
        infeasible: Dict of the metrics by which it broke a constraint before it was
            trained, or `None`.
        began: Float. Seconds since 1970 when it last began.
        seconds: Float. How long it has run.
        last: Float. Seconds since 1970 of its last event, or `None`.
        name: String. Its number, as KerasTuner writes it.
        values: Dict of its hyperparameters, or `None`.
        end: Dict of its status, score and best step, or `None` while it runs.
    """

    curves: list = dataclasses.field(default_factory=list)
    results: dict = dataclasses.field(default_factory=dict)
    best_epochs: dict = dataclasses.field(default_factory=dict)
    pruned: int | None = None
    infeasible: dict | None = None
    began: float | None = None
    seconds: float = 0.0
    last: float | None = None
    name: str = ""
    values: dict | None = None
    end: dict | None = None

    @property
    def epochs(self):
        """Integer. Number of epochs that were trained."""
        return count_epochs(self.curves)

    def scores(self, objective):
        """List of floats. Final value of a metric, its name given, by execution."""
        results = [result for _, result in sorted(self.results.items())]
        return [result[objective] for result in results if objective in result]

    def losses(self, objective, execution=0):
        """Array of the objective by epoch, negative if it is to be maximized."""
        curve = self.curves[execution] if execution < len(self.curves) else {}
        if not objective.has_value(curve):
            return np.empty(0)
        sign = -1.0 if objective.direction == "max" else 1.0
        arrays = {name: np.array(values) for name, values in curve.items()}
        return sign * objective.get_value(arrays)

    def take(self, event, time, **what):
        """Takes what one line of the journal says.

        Raises:
            Exception: Any, if it cannot be. Nothing is taken then.
        """
        if event not in _EVENTS:
            raise ValueError(f"no event is called {event!r}")
        _check_number(time, 0, _LATEST)
        getattr(self, f"_{event}")(time, **what)
        self.last = time

    def _begin(self, time, again, values=None):
        if not isinstance(values, dict | None):
            raise TypeError("no values")
        if not again:
            self.__init__(name=self.name, seconds=self.seconds)
        self.values = self.values if values is None else values
        self.began, self.end, self.infeasible = time, None, None

    def _epoch(self, time, execution, epoch, logs):
        known = len(self.curves)
        _check_integer(execution, known + _GAP)
        curve = self.curves[execution] if execution < known else {}
        _check_integer(epoch, max(map(len, curve.values()), default=0) + _GAP)
        logs = _floats(logs)
        self.curves += ({} for _ in range(execution + 1 - known))
        curve = self.curves[execution]
        for name, value in logs.items():
            values = curve.setdefault(name, [])
            # A trial that was killed may report an epoch again. Where a metric is
            # not in all logs, such as with `validation_freq`, there is a gap.
            del values[epoch:]
            values += [math.nan] * (epoch - len(values)) + [value]
        for values in curve.values():
            values += [math.nan] * (epoch + 1 - len(values))
        self._spend(time)

    def _execution(self, time, execution, best_epoch, metrics):
        _check_integer(execution, len(self.curves) + len(self.results) + _GAP)
        _check_integer(best_epoch, math.inf)
        self.results[execution] = _floats(metrics)
        self.best_epochs[execution] = best_epoch
        self._spend(time)

    def _pruned(self, time, epoch):
        _check_integer(epoch, math.inf)
        self.pruned = epoch
        self._spend(time)

    def _infeasible(self, time, metrics):
        self.infeasible = _floats(metrics)
        self._spend(time)

    def _end(self, time, status=None, score=None, best_step=None, values=None):
        if not isinstance(values, dict | None) or not isinstance(status, str | None):
            raise TypeError("no end")
        if score is not None:
            score = _float(score)
        if best_step is not None:
            _check_number(best_step, 0, math.inf)
        if status == "COMPLETED" and (score is None or not math.isfinite(score)):
            raise ValueError("a score is missing")
        self.values = self.values if values is None else values
        self.end = {"status": status, "score": score, "best_step": best_step}
        self._spend(time)

    def _spend(self, time):
        self.seconds += max(0.0, time - (self.last or time))


class Journal:
    """Appends to the journal of a search, and knows what stands in it.

    A line is written with one call and is whole or, if the process was killed within
    it, the last one; then it is passed over, and written over. Lines that are damaged
    are passed over too, and named once.

    Args:
        path: `Path` of the file, which need not be there yet.

    Attributes:
        entries: Dict of `Entry`, by number of a trial.
        ended: List of the numbers of trials in the order in which they ended.
    """

    def __init__(self, path):
        self.path, self.entries, self.ended = path, {}, []
        self._size = self._lines = 0
        self._damaged = []
        self.refresh()
        # Of a process that was killed: what another one is writing is not there yet.
        self._half = self._rest

    def refresh(self):
        """Takes what another process has written since this one last looked."""
        self._rest = b""
        try:
            with self.path.open("rb") as file:
                file.seek(self._size)
                whole, newline, self._rest = file.read().rpartition(b"\n")
        except FileNotFoundError:
            return
        known = len(self._damaged)
        # By the end of a line alone: what else passes for one, damage may have made.
        for line in whole.split(b"\n") if newline else ():
            self._lines += 1
            if not self._read(line):
                self._damaged.append(self._lines)
        self._size += len(whole + newline)
        if len(self._damaged) > known:
            warn(_named(self.path, self._damaged))

    def append(self, event, trial, **what):
        """Writes an event of a trial.

        Args:
            event: `"begin"`, `"epoch"`, `"execution"`, `"pruned"`, `"infeasible"` or
                `"end"`.
            trial: String. Number of the trial.
            **what: Plain values. Numbers that are not finite are written as strings.

        Raises:
            WriteError: If the file cannot be written. Then nothing is.
        """
        line = {"event": event, "trial": trial, "time": time.time(), **what}
        text = json.dumps(_finite(line), allow_nan=False).encode() + b"\n"
        self.refresh()
        with writing(self.path), self.path.open("ab", buffering=0) as file:
            end = file.seek(0, os.SEEK_END)
            if self._rest and self._rest == self._half:
                file.truncate(self._size)
            elif self._rest:
                # Of somebody else: it becomes a line that is passed over.
                text = b"\n" + text
            # Shorter than it was, if somebody has cut it.
            self._size = end = min(end, self._size) if text[:1] == b"{" else end
            try:
                written = file.write(text)
                if written < len(text):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            except BaseException:
                file.truncate(end)
                raise
        self._half = b""
        self._size += len(text)
        self._lines += text.count(b"\n")
        self._take(**line)

    def entry(self, trial):
        """Returns the `Entry` of a trial, an empty one if nothing is known of it."""
        return self.entries.get(int(trial), Entry())

    def _read(self, line):
        """Takes the events of a line, and returns whether it is whole."""
        if self._is_taken(line):
            return True
        # Several, or half of one before another, where the end of a line was lost.
        _, *parts = line.split(_BEGIN)
        if len(parts) > 1:
            for part in parts:
                self._is_taken(_BEGIN + part)
        return False

    def _is_taken(self, line):
        try:
            self._take(**json.loads(line.decode()))
        except Exception:  # Damage may be anything.
            return False
        return True

    def _take(self, trial, **what):
        # By number: KerasTuner pads names by zeros, as many as trials are asked for.
        if not trial.isdecimal():
            raise ValueError(f"no number: {trial!r}")
        number = int(trial)
        entry = self.entries.get(number) or Entry(name=trial)
        entry.take(**what)
        self.entries[number] = entry
        if entry.end is not None and what["event"] == "end":
            self.ended = [other for other in self.ended if other != number] + [number]


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


def _floats(metrics):
    return {name: _float(value) for name, value in metrics.items()}


def _float(value):
    if isinstance(value, numbers.Real) or value in _NOT_FINITE:
        return float(value)
    raise TypeError(f"no number: {value!r}")


# As `_finite` writes them.
_NOT_FINITE = tuple(str(value) for value in (math.nan, math.inf, -math.inf))


def _check_integer(value, most):
    if not isinstance(value, int):
        raise TypeError(f"no integer: {value!r}")
    _check_number(value, 0, most)


def _check_number(value, least, most):
    if isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"no such number: {value!r}")


def _named(path, lines):
    """Sentence that names damaged lines."""
    few = ", ".join(map(str, lines[:_NAMED])) + (", …" if len(lines) > _NAMED else "")
    kind = "line" if len(lines) == 1 else "lines"
    return f"{path} has {len(lines)} damaged {kind}, passed over: {few}."


# Lines beyond which a warning names no more.
_NAMED = 5
