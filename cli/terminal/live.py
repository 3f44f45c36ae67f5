"""The progress of a search on a terminal."""

import contextlib
import time

from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from kdl_cli.terminal.text import duration, short

# Rows of the table, so that it fits a small terminal.
_ROWS = 8


class TrialsDisplay:
    """Shows trials in a live table on a terminal; elsewhere, or if quiet, in lines.

    Args:
        console: `rich.console.Console`.
        trials: Optional integer. Number of trials; `None` if it is not known.
        epochs: Integer. Most epochs of a trial.
        executions: Integer. Number of times that each is trained.
        goal: `kdl.tuning.goals.goal.Goal`. Its leading objective is shown by epoch.
        quiet: Boolean. Whether to print lines only.
    """

    def __init__(self, console, trials, epochs, executions, goal, quiet):
        self.console, self.trials, self.metric = console, trials, goal.name
        # All that is reported of a trial, and shown when it has ended.
        self._metrics = list(dict.fromkeys([goal.name, *goal.names]))
        self._sign = 1 if goal.direction == "min" else -1
        self._rows, self._running = [], None
        self._began, self._ended = time.monotonic(), 0
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[place]}  {task.fields[metric]}"),
        )
        self._epochs, self._executions = epochs, executions
        self._task = self._bar.add_task(
            "", total=epochs * executions, place="", metric=""
        )
        self._live = None
        if console.is_terminal and not quiet:
            # Redrawn on changes only, which leaves the processor to the training.
            self._live = Live(console=console, auto_refresh=False, transient=True)

    @contextlib.contextmanager
    def shown(self):
        """Shows the search while the block runs."""
        with self._live or contextlib.nullcontext():
            yield

    def begin(self, number, rows):
        """Shows that a trial begins; `rows` are all trials as dicts, including it."""
        self._running = number
        self._rows = [row for row in rows if row["trial"] != number]
        self._bar.update(
            self._task,
            description=self._title(number),
            completed=0,
            place=self._place(0, 0),
            metric="",
        )
        self._draw()

    def begin_epoch(self, epoch, execution):
        """Shows that an epoch of the trial, counted from 0, begins."""
        place = self._place(epoch, execution)
        self._bar.update(self._task, place=place)
        self._draw()

    def end_epoch(self, epoch, logs, execution):
        """Shows that an epoch of the trial, counted from 0, has ended."""
        value = (
            f"{self.metric} {short(logs[self.metric])}" if self.metric in logs else ""
        )
        done = execution * self._epochs + epoch + 1
        place = self._place(epoch, execution)
        self._bar.update(self._task, completed=done, place=place, metric=value)
        self._draw()

    def end(self, row, rows=()):
        """Shows that a trial has ended, given as the dict `row`.

        Args:
            row: Dict.
            rows: List of dicts of all trials: which are on the front may have changed.
        """
        self._running = None
        self._ended += 1
        now = {other["trial"]: other for other in rows}
        self._rows = [now.get(other["trial"], other) for other in self._rows] + [row]
        if self._live is None:
            self.console.print(f"{self._title(row['trial'])}  {self._outcome(row)}")
        self._draw()

    def _title(self, number):
        return f"trial {number}" + (f"/{self.trials}" if self.trials else "")

    def _place(self, epoch, execution):
        place = f"epoch {epoch + 1}/{self._epochs}"
        if self._executions > 1:
            place += f" of execution {execution + 1}/{self._executions}"
        return place

    def _outcome(self, row):
        if row["error"]:
            return row["error"]
        known = [name for name in self._metrics if row[name] is not None]
        parts = [f"{name} {short(row[name])}" for name in known]
        if row["status"] != "completed":
            parts.append(row["status"])
        elif row.get("front"):
            parts.append("on the front")
        return "  ".join(parts)

    def _draw(self):
        if self._live is not None:
            parts = [self._headline(), self._table()]
            if self._running is not None:
                parts.append(self._bar)
            self._live.update(Group(*parts), refresh=True)

    def _headline(self):
        scored = [
            row
            for row in self._rows
            if row[self.metric] is not None and row["status"] != "infeasible"
        ]
        text = f"{len(self._rows)} of {self.trials} trials" if self.trials else ""
        text = text or f"{len(self._rows)} trials"
        if scored:
            best = min(scored, key=lambda row: self._sign * row[self.metric])
            score = short(best[self.metric])
            text += f", best {self.metric} {score} in trial {best['trial']}"
            front = sum(bool(row.get("front")) for row in self._rows)
            text += f", {front} on the front" if front else ""
        if self._ended and self.trials:
            each = (time.monotonic() - self._began) / self._ended
            left = each * (self.trials - len(self._rows))
            text += f", about {duration(left)} left"
        return Text(text, style="bold")

    def _table(self):
        table = Table(box=None, padding=(0, 2, 0, 0))
        for name in ("trial", "status", *self._metrics, "best epoch"):
            table.add_column(name, justify="right" if name != "status" else "left")
        for row in self._rows[-_ROWS:]:
            scores = [short(row[name]) for name in self._metrics]
            epoch = "" if row["best_epoch"] is None else str(row["best_epoch"])
            status = "on the front" if row.get("front") else row["status"]
            table.add_row(str(row["trial"]), status, *scores, epoch)
        return table
