import re

import numpy as np
import pytest
import tiny
from commands import kdl, read, refusal, rows

from kdl.data import Splits
from kdl.evaluation import cross_validate
from kdl_cli.folder import figures

pytestmark = pytest.mark.one_backend


@pytest.fixture(autouse=True)
def folder(tiny_folder):
    return tiny_folder


def validate(*arguments, out="c", **options):
    told = ("cross-validate", "tiny", "--out", out, *arguments)
    return " ".join(kdl(*told, **options).output.split())


class TestCrossValidation:
    def test_leaves_what_cross_validate_returns(self, folder):
        output = validate("--folds", 3, "--seed", 4, "--set", "learning_rate=0.05")
        assert output.startswith(
            "Cross-validating into c. Folds: 3, a training each, of up to 2 epochs."
        )
        expected = cross_validate(tiny.Tiny(), {"learning_rate": 0.05}, cv=3, seed=4)
        table = rows(folder / "c" / "folds.csv")
        assert [row["fold"] for row in table] == ["0", "1", "2"]
        found = [float(row["accuracy"]) for row in table]
        np.testing.assert_allclose(found, expected["test_accuracy"])
        accuracy, loss = rows(folder / "c" / "scores.csv")
        assert accuracy["metric"] == "accuracy" and loss["metric"] == "loss"
        assert float(accuracy["mean"]) == pytest.approx(np.mean(found))
        deviation = float(accuracy["standard_deviation"])
        assert deviation == pytest.approx(np.std(found, ddof=1))
        ends = float(accuracy["worst"]), float(accuracy["best"])
        assert ends == pytest.approx((min(found), max(found)))
        # There is no accuracy above 1.
        assert float(accuracy["low"]) < np.mean(found) < float(accuracy["high"]) <= 1
        assert float(loss["worst"]) == pytest.approx(max(expected["test_loss"]))
        assert (folder / "c" / "folds.png").exists()
        assert read(folder / "c" / "settings.json")["status"] == "finished"
        told = f"fold 2: accuracy {found[2]:.4f}"
        assert told in output
        report = " ".join(kdl("report", "c").output.split())
        assert "Means over 3 folds, with 95% intervals" in report
        assert "learning_rate 0.05" in report

    def test_printed_command_trains_with_the_hyperparameters(self, folder):
        output = validate("--folds", 2, "--set", "batch_size=16", "--data", "right")
        (command,) = re.findall(r"hyperparameters: kdl (.*)$", output)
        kdl(*command.split(), "--out", "run")
        assert (
            read(folder / "run" / "hyperparameters.json")["values"]["batch_size"] == 16
        )
        assert read(folder / "run" / "settings.json")["data"] == "right"

    def test_goes_on(self, folder, monkeypatch):
        fit = tiny.Tiny.fit
        fits = []

        def stop(self, *args, **kwargs):
            fits.append(1)
            if len(fits) == 2:
                raise KeyboardInterrupt
            return fit(self, *args, **kwargs)

        monkeypatch.setattr(tiny.Tiny, "fit", stop)
        output = validate("--folds", 3, code=130)
        assert output.endswith("Interrupted. Run the same command to resume it.")
        assert len(rows(folder / "c" / "folds.csv")) == 1
        told = kdl("report", "c").output
        assert "Folds that are done: 1. Run the same command to go on." in told
        validate("--folds", 3)
        assert len(fits) == 4
        whole = validate("--folds", 3, out="whole")
        first, second = (rows(folder / name / "scores.csv") for name in ("c", "whole"))
        assert first == second
        assert "fold 0" in whole

    def test_scores_as_scikit_learn(self, folder):
        validate("--folds", 2, "--scoring", "f1_macro", "--scoring", "neg_log_loss")
        f1, loss = rows(folder / "c" / "scores.csv")
        assert (f1["metric"], loss["metric"]) == ("f1_macro", "neg_log_loss")
        # Of a negative loss, more is better, up to 0.
        assert float(loss["worst"]) <= float(loss["best"]) <= 0
        assert float(loss["high"]) <= 0

    def test_leaves_one_out(self, folder, monkeypatch):
        x = np.random.default_rng(0).normal(size=(9, 2)).astype("float32")
        y = (x[:, 0] > 0).astype("int32")
        small = Splits((x[:6], y[:6]), (x[6:], y[6:]), (x, y))
        monkeypatch.setitem(tiny.Tiny.sources, "left", lambda seed: small)
        output = validate("--leave-one-out", "--epochs", 1)
        assert len(rows(folder / "c" / "folds.csv")) == 9
        assert "Folds: all, a training each" in output

    def test_keeps_rows_of_a_group_together(self, folder):
        table = ["size,person,kind"]
        rng = np.random.default_rng(0)
        for n in range(80):
            kind = n % 2
            table.append(f"{rng.normal() + kind:.3f},{n % 8},{'ab'[kind]}")
        (folder / "table.csv").write_text("\n".join(table) + "\n")
        kdl(
            *("cross-validate", "tabular", "--data", "csv:table.csv?target=kind"),
            *("--groups", "person", "--folds", 2, "--epochs", 1, "--out", "c"),
        )
        assert len(rows(folder / "c" / "folds.csv")) == 2
        assert read(folder / "c" / "settings.json")["groups"] == "person"
        told = refusal(
            *("cross-validate", "tabular", "--data", "csv:table.csv?target=kind"),
            *("--groups", "town", "--out", "d"),
        )
        assert told == (
            "`--groups` must be a column of a table. Received: --groups=town. It has: "
            "size, person."
        )

    @pytest.mark.one_backend
    @pytest.mark.parametrize("asked", [("cross-validate",), ("tune", "--trials", 1)])
    def test_refuses_examples_of_two_shapes_at_once(self, folder, asked):
        told = refusal(*asked, "super_resolution", "--folds", 2, "--out", "c")
        assert told == (
            "Folds are cut from training and validation examples together, which must "
            "have one shape. Received: (24, 24, 3) and (192, 192, 3)"
        )
        assert not list(folder.iterdir())

    def test_searches_in_each_fold(self, folder):
        output = kdl(
            *("tune", "tiny", "--nested", 2, "--trials", 2, "--epochs", 1),
            *("--out", "n", "--oracle", "random"),
        ).output
        output = " ".join(output.split())
        assert "Folds: 2, a search each, of up to 1 epochs." in output
        assert "Means over 2 folds, each with the best of a search" in output
        assert "The best of the search in each fold: kind" in output
        table = rows(folder / "n" / "folds.csv")
        assert len(table) == 2 and {"kind", "learning_rate"} <= table[0].keys()
        assert read(folder / "n" / "settings.json")["nested"] is True


class TestRefusals:
    def test_of_options(self):
        told = refusal("cross-validate", "tiny", "--leave-one-out", "--folds", 3)
        assert told == (
            "`--leave-one-out` and `--folds` exclude each other. Received: "
            "--leave-one-out=True, --folds=3"
        )
        told = refusal("cross-validate", "forecast", "--repeats", 2)
        assert told == (
            "The examples of forecast follow each other, so that no fold can be drawn "
            "at random: leave out --repeats and --leave-one-out."
        )
        told = refusal("tune", "tiny", "--nested", 2, "--wandb", "offline")
        assert told == (
            "--wandb logs one search, and --nested makes one in each fold. Leave one "
            "of them out."
        )

    def test_of_another_cross_validation(self):
        validate("--folds", 2, "--epochs", 1)
        told = refusal("cross-validate", "tiny", "--folds", 3, "--out", "c")
        assert told == (
            "c holds another cross-validation: epochs 1, folds 2, not epochs 2, folds "
            "3. Give --out a new name, or use the same options."
        )


def test_picture_shows_folds_and_mean():
    scores = {"loss": np.array([0.3, 0.5]), "accuracy": np.array([0.9, 0.8])}
    summary = [
        {"metric": name, "mean": values.mean(), "low": 0.1, "high": 1.0}
        for name, values in scores.items()
    ]
    figure = figures.folds(scores, summary, {"loss": "min", "accuracy": None})
    first, second = figure.axes
    assert first.get_ylabel() == "loss\n(lower is better)"
    assert second.get_ylabel() == "accuracy"
    points, mean = first.get_lines()
    np.testing.assert_array_equal(points.get_ydata(), [0.3, 0.5])
    assert mean.get_ydata()[0] == pytest.approx(0.4)
