"""The best trial of a search beside its defaults."""

import json

import keras
import pytest
from searches import search
from tiny import Tiny, tune
from typer.testing import CliRunner

from kdl_cli.folder import outcome
from kdl_cli.main import app

pytestmark = pytest.mark.one_backend


@pytest.fixture(autouse=True)
def folder(tiny_folder):
    return tiny_folder


def told(*arguments, code=0):
    return words(tune(*arguments, code=code).output)


def report():
    return words(CliRunner().invoke(app, ["report", "search"]).output)


def results(folder):
    return json.loads((folder / "search" / "results.json").read_text())


def words(text):
    return " ".join(text.split())


class TestSearch:
    def test_tests_the_best_trial_and_the_defaults(self, folder, monkeypatch):
        losses = {}
        fit = Tiny.fit

        def patched(self, hp, model, *args, **kwargs):
            history = fit(self, hp, model, *args, **kwargs)
            # Those of each trial, the defaults worse than others.
            scale = 2.0 if hp.get("learning_rate") == 0.01 else 1.0
            history.history["val_loss"] = [scale] * len(history.epoch)
            losses[hp.get("learning_rate")] = model.evaluate(
                **self.test_data(), verbose=0
            )[0]
            return history

        monkeypatch.setattr(Tiny, "fit", patched)
        output = told("--trials", 3, "--no-prune")
        found = results(folder)
        best, defaults = found["best"], found["defaults"]
        assert (defaults["trial"], defaults["val_loss"]) == (1, 2.0)
        assert (best["trial"], best["val_loss"]) == (2, 1.0)
        assert defaults["test_loss"] == pytest.approx(losses[0.01], rel=1e-5)
        assert best["test_loss"] == found["test"]["loss"] != defaults["test_loss"]
        sentence = (
            "The best trial and the defaults: best defaults trial 2 1 val_loss 1.0 2.0 "
            f"test_accuracy {best['test_accuracy']:.4g} "
        )
        assert sentence in output and sentence in report()

    def test_says_if_nothing_is_better_than_the_defaults(self, folder):
        output = told("--trials", 1)
        assert "The best trial is that of the defaults." in output
        assert results(folder)["best"] == results(folder)["defaults"]
        assert "The best trial is that of the defaults." in report()

    def test_says_if_the_defaults_failed(self, folder, monkeypatch):
        fit, calls = keras.Model.fit, []

        def patched(self, *args, **kwargs):
            calls.append(self)
            if len(calls) == 1:
                raise ArithmeticError("no")
            return fit(self, *args, **kwargs)

        monkeypatch.setattr(keras.Model, "fit", patched)
        output = told("--trials", 2)
        assert "The defaults failed, so that they were not tested." in output
        assert results(folder)["defaults"] == {"trial": 1, "status": "failed"}

    def test_goes_on_without_weights_of_the_defaults(self, folder, monkeypatch):
        told("--trials", 4, "--oracle", "random", "--seed", 1)
        trial = results(folder)["defaults"]["trial"]
        assert trial == 1 != results(folder)["best"]["trial"]
        for path in (folder / "search" / "trials" / "trial_0").glob("*.h5"):
            path.unlink()
        output = told("--trials", 4, "--oracle", "random", "--seed", 1)
        assert "The best weights of trial 1 cannot be read from" in output
        assert "test_loss" not in results(folder)["defaults"]

    def test_calls_narrowed_ones_so(self, folder):
        told("--trials", 1, "--range", "learning_rate=0.02,0.05")
        assert "defaults" not in results(folder)
        assert results(folder)["defaults as narrowed"]["trial"] == 1


class TestParts:
    best = {"trial": 3, "status": "completed", "val_loss": 0.5, "test_loss": 0.6}

    def test_tell_a_pruned_trial(self):
        defaults = {"trial": 1, "status": "pruned", "val_loss": 0.9}
        *_, sentence = outcome.parts({"best": self.best, "defaults": defaults})
        assert sentence == "The defaults were pruned, so that they were not tested."

    def test_say_if_no_trial_had_the_defaults(self):
        assert list(outcome.parts({"best": self.best})) == [
            "\nNo trial has tried the defaults: there is nothing to compare."
        ]

    def test_are_none_of_a_run(self):
        assert list(outcome.parts({"test": {"loss": 0.5}})) == []


def test_a_trial_is_found_by_its_values():
    record = search()
    values = dict(record.trials[5].values)
    assert outcome.trial_with(record, values) is record.trials[5]
    assert outcome.trial_with(record, values | {"rate": 7.0}) is None
