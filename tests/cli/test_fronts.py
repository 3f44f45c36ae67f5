"""`kdl tune` for several objectives and under constraints, and what it leaves."""

import numpy as np
import pytest
from commands import kdl, read, refusal, rows
from keras_tuner import Objective
from searches import search
from tiny import tune

from kdl.tuning.goals.goal import Goal
from kdl_cli.page import front, page

pytestmark = pytest.mark.one_backend

BOTH = ("--objective", "val_accuracy", "--objective", "params")


@pytest.fixture(autouse=True)
def folder(tiny_folder):
    return tiny_folder


def words(text):
    return " ".join(text.split())


class TestTune:
    def test_leaves_the_front_and_the_model_that_was_picked(self, folder):
        options = (*BOTH, "--trials", 4, "--constraint", "params<=30")
        told = words(tune(*options).output)
        found = rows(folder / "search/trials.csv")
        front = [row for row in found if row["front"] == "yes"]
        assert f"The front, {len(front)} of" in told
        assert "trial 1/4 val_accuracy" in told
        best = max(front, key=lambda row: float(row["val_accuracy"]))
        assert (
            f"The model of trial {best['trial']} is kept: the best by val_accuracy."
            in told
        )
        settings = read(folder / "search/settings.json")
        assert settings["objectives"] == ["val_accuracy:max", "params:min"]
        assert settings["constraints"] == ["params<=30"]
        assert settings["prune"] is False
        # The same command with another pick keeps another model of the same search.
        smallest = min(front, key=lambda row: float(row["params"]))
        bound = f"params<={smallest['params']}"
        told = words(tune(*options, "--pick", bound).output)
        number = smallest["trial"]
        assert f"The model of trial {number} is kept: by --pick {bound}." in told
        assert rows(folder / "search/trials.csv") == found
        assert read(folder / "search/results.json")["best"]["trial"] == int(number)
        text = (folder / "search/report.html").read_text()
        assert f"The model of trial {number} is kept." in text
        # Which none is.
        told = words(tune(*options, "--pick", "params<1").output)
        assert "No trial on the front meets params<1: there, params is from" in told
        assert f"The model of trial {best['trial']} is kept" in told

        said = words(kdl("report", "search", "--pick", bound).output)
        assert said.startswith(f"Trial {number}, one of {len(front)} on the front:")
        assert f"The front, {len(front)} of" in words(kdl("report", "search").output)
        assert refusal("report", "search", "--pick", "params<1").startswith(
            "No trial on the front meets params<1: there, params is from"
        )
        text = words(refusal("tune", "tiny", "--out", "search", *BOTH[:2]))
        assert "holds another search" in text

    def test_trains_no_model_that_breaks_a_constraint(self, folder):
        told = words(tune("--trials", 4, "--constraint", "params<=12").output)
        found = rows(folder / "search/trials.csv")
        broken = [row for row in found if row["status"] == "infeasible"]
        assert broken and f"{len(broken)} of 4 trials broke a constraint." in told
        for row in found:
            assert (row["status"] == "infeasible") == (float(row["params"]) > 12)
            assert (row["val_loss"] == "") == (row["status"] == "infeasible")

    def test_says_so_where_no_trial_meets_it(self, folder):
        told = tune("--trials", 2, "--constraint", "params<=3", code=1).output
        least = min(int(row["params"]) for row in rows(folder / "search/trials.csv"))
        assert f"No trial meets params<=3: the least params is {least}." in told
        assert not (folder / "search/model.keras").exists()

    def test_a_cost_alone_is_under_a_constraint(self, folder):
        tune(
            *("--trials", 3, "--objective", "params"),
            *("--constraint", "val_accuracy>=0.2"),
        )
        (best, *_) = sorted(
            (
                row
                for row in rows(folder / "search/trials.csv")
                if row["status"] == "completed"
            ),
            key=lambda row: int(row["params"]),
        )
        found = read(folder / "search/results.json")["best"]
        assert found["params"] == int(best["params"])

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (
                ("--objective", "val_loss", "--objective", "val_loss:max"),
                "Objectives must be of different metrics. Received: 'val_loss' is to "
                "be both min and max",
            ),
            (
                ("--objective", "score"),
                "Say whether lower or higher `score` is better: --objective score:min "
                "or --objective score:max.",
            ),
            (
                ("--constraint", "params"),
                "--constraint must be a metric, one of <=, <, >= and >, and a number, "
                "as in 'params<=100000'. Received: 'params'",
            ),
            (
                ("--constraint", "params<=3", "--constraint", "params>4"),
                "No value meets both params>4 and params<=3.",
            ),
            (
                (*BOTH, "--prune"),
                "--prune goes by one objective: what is worse in that may be better in "
                "another. Leave it out, or all but one --objective.",
            ),
            (
                (*BOTH, "--ensemble", 2),
                "--ensemble goes by one objective. Leave it out, or --constraint and "
                "all but one --objective.",
            ),
            (
                ("--constraint", "params<=3", "--nested", 2),
                "--nested goes by one objective. Leave it out, or --constraint and all "
                "but one --objective.",
            ),
            (
                ("--pick", "knee"),
                "--pick chooses from the front of several objectives, and there is "
                "one: val_loss.",
            ),
            (
                (*BOTH, "--pick", "size<=3"),
                "--pick must be 'knee', or a bound on one of val_accuracy, params, as "
                "in 'params<=1'. Received: 'size<=3'",
            ),
            (
                ("--constraint", "val_mae<=3"),
                "`--constraint` must be one of 'val_accuracy', 'val_loss', 'accuracy', "
                "'loss', 'params', 'flops', 'latency_ms'. Received: "
                "--constraint='val_mae'",
            ),
            (
                (*BOTH, "--oracle", "optuna:cmaes"),
                "The sampler 'cmaes' goes by one objective. With several, take "
                "BayesianOptimization, or the sampler 'tpe' or 'gp'. Received: "
                "objective=val_accuracy:max, params:min",
            ),
        ],
    )
    def test_refuses_what_contradicts(self, folder, options, message):
        assert words(refusal("tune", "tiny", *options)) == message
        assert not (folder / "runs").exists()

    def test_report_refuses_to_pick_where_there_is_no_front(self, folder):
        tune("--trials", 1)
        assert words(refusal("report", "search", "--pick", "knee")) == (
            "--pick chooses from a search for several objectives, which search does "
            "not hold."
        )


class TestPage:
    @pytest.fixture(autouse=True)
    def place(self, folder):
        self.folder = folder

    def record(self, count=2):
        record = search(directory=self.folder)
        rng = np.random.default_rng(0)
        for trial in record.trials:
            if trial.score is not None:
                trial.metrics = {
                    "val_loss": trial.score,
                    "params": int(rng.integers(1e3, 1e6)),
                    "latency_ms": float(rng.random()),
                }
        record.trials[2].status = "infeasible"
        parts = [Objective(n, "min") for n in ("val_loss", "params", "latency_ms")]
        record.goal = Goal(parts[:count])
        return record

    def test_draws_the_front_and_all_that_it_dominates(self):
        record = self.record()
        figure = front.front_chart(record, "params", "val_loss")
        drawn = {trace.name: trace for trace in figure.data if trace.mode == "markers"}
        found = record.front()
        assert list(drawn["front"].x) == [trial.metrics["params"] for trial in found]
        assert list(drawn["front"].y) == [trial.score for trial in found]
        for trial, text in zip(found, drawn["front"].hovertext, strict=True):
            assert text.startswith(f"<b>trial {trial.number}</b>")
            assert f"params {trial.metrics['params']}" in text
        assert len(drawn["infeasible"].x) == 1
        count = sum(len(trace.x) for trace in drawn.values())
        assert count == sum(bool(trial.metrics) for trial in record.trials)
        # The steps go through the front from left to right.
        (line,) = [trace for trace in figure.data if trace.mode == "lines"]
        assert list(line.x) == sorted(drawn["front"].x)

    def test_has_a_chart_for_each_pair_of_three(self, folder):
        text = page.write(folder, self.record(3)).read_text()
        charts = [f'id="chart-front-{number}"' for number in (1, 2, 3)]
        assert all(chart in text for chart in charts)
        assert 'id="chart-front-4"' not in text

    def test_has_none_for_one_objective(self, folder):
        text = page.write(folder, self.record(1)).read_text()
        assert "chart-front" not in text

    def test_says_what_the_search_is_for(self, folder):
        text = page.write(folder, self.record()).read_text()
        assert "A search for the minimum of val_loss and the minimum of params." in text
