"""The trials of a search in a notebook."""

import html
import time
from pathlib import Path

from kdl import notebook
from kdl.tuning.store.files import has_trials
from kdl.tuning.store.html_table import trials_html
from kdl.tuning.store.records import read_search

# Trials that are shown while the search runs, the last ones.
_ROWS = 20


class TrialsTable:
    """Shows the trials of a search in a notebook, in one table that grows in place.

    Args:
        directory: String or `Path`. Folder of the search.
        trials: Optional integer. Number of trials; `None` if it is not known.
        epochs: Optional integer. Most epochs of a trial; `None` if it is not known.
    """

    def __init__(self, directory, trials=None, epochs=None):
        self.directory, self.trials, self.epochs = Path(directory), trials, epochs
        self._output, self._record = notebook.Output(), None
        self._began, self._ended = time.monotonic(), 0

    def begin(self):
        """Shows that a trial begins."""
        self._record = read_search(self.directory)
        self._draw("epoch 1" + (f"/{self.epochs}" if self.epochs else ""), 0)

    def end_epoch(self, epoch, execution):
        """Shows that an epoch of the trial, counted from 0, has ended."""
        place = f"epoch {epoch + 1}" + (f"/{self.epochs}" if self.epochs else "")
        if execution:
            place += f" of execution {execution + 1}"
        self._draw(place, epoch + 1)

    def end(self):
        """Shows that a trial has ended."""
        self._ended += 1
        self._record = read_search(self.directory)
        self._draw()

    def close(self):
        """Shows all trials, if there are any."""
        if has_trials(self.directory):
            self._record = read_search(self.directory)
            self._show([self._headline(is_over=True)], self._record.trials)

    def _draw(self, place=None, done=0):
        parts = [self._headline()]
        if place is not None:
            parts.append(f"{notebook.bar(done, self.epochs)} {place}")
        self._show(parts, self._record.trials[-_ROWS:])

    def _show(self, parts, trials):
        table = trials_html(self._record, trials)
        shown = "".join(f"<div>{part}</div>" for part in parts)
        self._output.show(shown + table, parts[0])

    def _headline(self, is_over=False):
        record, left = self._record, ""
        count = len(record.trials)
        text = f"{count} of {self.trials} trials" if self.trials else f"{count} trials"
        if ranked := record.ranked():
            best = ranked[0]
            text += f", best {record.objective} {best.score:.4g} in trial {best.number}"
        if self._ended and self.trials and not is_over:
            each = (time.monotonic() - self._began) / self._ended
            running = sum(trial.status == "running" for trial in record.trials)
            left = f", about {round(each * (self.trials - count + running))} s left"
        return html.escape(text + left)
