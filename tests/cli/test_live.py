import io
import re
from types import SimpleNamespace
from unittest import mock

import keras_tuner
import pytest
from rich.console import Console

from kdl.tuning.goals.goal import Goal
from kdl_cli.terminal import live as module
from kdl_cli.terminal.live import TrialsDisplay

pytestmark = pytest.mark.one_backend


def row(trial, score=None, status="completed", error=""):
    best = None if score is None else 2
    return {
        "trial": trial,
        "status": status,
        "loss": score,
        "best_epoch": best,
        "error": error,
    }


def goal(direction="min"):
    return Goal([keras_tuner.Objective("loss", direction)])


def shown(terminal, quiet=False, direction="min"):
    """What two trials leave on a console, and what it shows while they run."""
    console = Console(
        file=io.StringIO(), force_terminal=terminal, width=70, markup=False
    )
    clock = iter([0.0])
    time = SimpleNamespace(monotonic=lambda: next(clock, 30.0))
    with mock.patch.object(module, "time", time):
        live = _show(TrialsDisplay(console, 4, 10, 1, goal(direction), quiet))
    # Without the codes of a terminal.
    text = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", console.file.getvalue())
    if live:
        drawn = Console(file=io.StringIO(), width=70)
        drawn.print(live)
        return text, drawn.file.getvalue()
    return text, ""


def _show(display):
    """Shows three trials of ten seconds each; returns what is seen at last."""
    with display.shown():
        display.begin(1, [row(1, status="running")])
        display.begin_epoch(0, 0)
        display.end_epoch(0, {"loss": 0.5}, 0)
        display.end(row(1, 0.25))
        display.begin(2, [row(1, 0.25), row(2, status="running")])
        display.end(row(2, 0.5, "pruned"))
        display.begin(
            3, [row(1, 0.25), row(2, 0.5, "pruned"), row(3, status="running")]
        )
        display.end(row(3, status="failed", error="ValueError: no [/b]"))
        return display._live and display._live.get_renderable()


class TestTrialsDisplay:
    @pytest.mark.parametrize(("terminal", "quiet"), [(False, False), (True, True)])
    def test_prints_a_line_a_trial_where_it_is_to_be_quiet(self, terminal, quiet):
        text, live = shown(terminal, quiet)
        assert text.splitlines() == [
            "trial 1/4  loss 0.25",
            "trial 2/4  loss 0.5  pruned",
            "trial 3/4  ValueError: no [/b]",
        ]
        assert live == ""

    @pytest.mark.parametrize(
        ("executions", "places"),
        [
            (1, ["epoch 1/10", "epoch 1/10", "epoch 1/10", "epoch 2/10"]),
            (3, [f"epoch {n}/10 of execution 1/3" for n in (1, 1, 1, 2)]),
        ],
    )
    def test_shows_the_epoch_that_runs_from_the_first_on(self, executions, places):
        console = Console(file=io.StringIO(), force_terminal=True, width=70)
        display = TrialsDisplay(console, 4, 10, executions, goal(), False)
        steps = [
            lambda: display.begin(1, [row(1, status="running")]),
            lambda: display.begin_epoch(0, 0),
            lambda: display.end_epoch(0, {"loss": 0.5}, 0),
            lambda: display.begin_epoch(1, 0),
        ]
        for step, place in zip(steps, places, strict=True):
            step()
            drawn = Console(file=io.StringIO(), width=70)
            drawn.print(display._live.get_renderable())
            assert f" {place} " in drawn.file.getvalue()

    @pytest.mark.parametrize(
        ("direction", "best"), [("min", "0.25 in trial 1"), ("max", "0.5 in trial 2")]
    )
    def test_shows_a_table_and_the_best_on_a_terminal(self, direction, best):
        _, live = shown(True, direction=direction)
        assert f"3 of 4 trials, best loss {best}, about 10.0 s left" in live
        rows = [line.split() for line in live.splitlines()]
        assert ["1", "completed", "0.25", "2"] in rows
        assert ["2", "pruned", "0.5", "2"] in rows
        assert ["3", "failed"] in rows

    def test_shows_what_is_on_the_front(self):
        console = Console(file=io.StringIO(), force_terminal=True, width=90)
        both = [keras_tuner.Objective("loss", "min")]
        both.append(keras_tuner.Objective("params", "min"))
        display = TrialsDisplay(console, 4, 10, 1, Goal(both), False)
        rows = [
            row(1, 0.25) | {"params": 90.0, "front": "yes"},
            row(2, 0.5) | {"params": 95.0, "front": ""},
            row(3, status="infeasible") | {"params": 2e6, "front": ""},
        ]
        display.end({**rows[0], "front": ""}, [{**rows[0], "front": ""}])
        # Which makes the first one's.
        display.end(rows[1], rows[:2])
        display.end(rows[2], rows)
        drawn = Console(file=io.StringIO(), width=90)
        drawn.print(display._live.get_renderable())
        text = drawn.file.getvalue()
        assert "best loss 0.25 in trial 1, 1 on the front" in text
        assert [line.split() for line in text.splitlines()][2:5] == [
            ["1", "on", "the", "front", "0.25", "90.0", "2"],
            ["2", "completed", "0.5", "95.0", "2"],
            ["3", "infeasible", "2000000.0"],
        ]
