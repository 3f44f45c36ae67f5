import re
from types import SimpleNamespace

import keras
import keras_tuner
import notebooks
import numpy as np
import pytest
from searches import EVIL, search

from kdl.tuning import RandomSearch, read_search, trials_table
from kdl.tuning.goals.goal import Goal
from kdl.tuning.store.records import SearchRecord, TrialRecord

pytestmark = pytest.mark.one_backend

X = np.linspace(-1, 1, 8, dtype="float32")[:, np.newaxis]
DATA = {"x": X, "y": 2 * X, "epochs": 2, "shuffle": False}


def line(hp):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    rate = hp.Float("rate", 1e-3, 1.0, sampling="log")
    model.compile(keras.optimizers.SGD(rate), "mse", run_eagerly=True)
    return model


def tuner(folder, hypermodel=line, trials=2):
    return RandomSearch(
        hypermodel,
        keras_tuner.Objective("loss", "min"),
        trials,
        seed=0,
        directory=folder,
        project_name="search",
    )


def rows(html):
    """The cells of a table's rows, without marks of the best one."""
    return [
        re.findall(r"<td>(?:<b>)?(.*?)(?:</b>)?</td>", row)
        for row in re.findall(r"<tr>(<td>.*?)</tr>", html)
    ]


class TestTrialsTable:
    def test_takes_the_place_of_what_is_printed(self, monkeypatch, tmp_path, capsys):
        outputs = notebooks.begin(monkeypatch)
        clock = iter(range(0, 1000, 10))
        time = SimpleNamespace(monotonic=lambda: next(clock))
        monkeypatch.setattr(trials_table, "time", time)
        tuner(tmp_path).search(**DATA)
        assert capsys.readouterr().out == ""
        (states,) = outputs
        texts = [text for _, text in states]
        one, two = read_search(tmp_path / "search").trials
        best = min(one, two, key=lambda trial: trial.score)
        first = f"best loss {one.score:.4g} in trial 1"
        both = f"best loss {best.score:.4g} in trial {best.number}"
        assert texts == [
            *["1 of 2 trials"] * 3,
            f"1 of 2 trials, {first}, about 10 s left",
            # Of the second one all is left while it runs.
            f"2 of 2 trials, {first}, about 20 s left",
            f"2 of 2 trials, {first}, about 30 s left",
            f"2 of 2 trials, {first}, about 40 s left",
            f"2 of 2 trials, {both}, about 0 s left",
            f"2 of 2 trials, {both}",
        ]
        html = [html for html, _ in states]
        assert '<progress value="1" max="2"></progress> epoch 1/2' in html[1]
        assert rows(html[4])[1] == ["2", "running", "", ""]
        assert rows(html[-1]) == [
            [str(trial.number), "completed", f"{trial.score:.4g}", "2"]
            for trial in (one, two)
        ]
        assert "<progress" not in html[-1]
        assert f"<b>{best.number}</b>" in html[-1]

    def test_a_search_that_is_over_shows_its_trials(self, monkeypatch, tmp_path):
        tuner(tmp_path).search(**DATA, verbose=0)
        outputs = notebooks.begin(monkeypatch)
        tuner(tmp_path).search(**DATA)
        ((html, text),) = outputs[0]
        assert text.startswith("2 of 2 trials, best loss")
        assert len(rows(html)) == 2

    def test_a_trial_that_fails_says_why(self, monkeypatch, tmp_path):
        def fails(hp):
            hp.Float("rate", 0.1, 1.0)
            if hp.values["rate"] != 0.1:
                raise ValueError(EVIL)
            return line(hp)

        outputs = notebooks.begin(monkeypatch)
        tuner(tmp_path, fails, 1).search(**DATA)
        html, _ = outputs[0][-1]
        assert "failed: ValueError: &lt;script&gt;" in html and "<script" not in html

    def test_keras_prints_if_it_is_told(self, monkeypatch, tmp_path, capsys):
        outputs = notebooks.begin(monkeypatch)
        tuner(tmp_path).search(**DATA, verbose=2)
        assert not outputs and "Epoch 2/2" in capsys.readouterr().out

    def test_a_fit_that_knows_no_verbose_is_left_alone(self, monkeypatch, tmp_path):
        class Own(keras_tuner.HyperModel):
            def build(self, hp):
                return line(hp)

            def fit(self, hp, model, x, y, epochs, shuffle, callbacks):
                options = {"epochs": epochs, "callbacks": callbacks, "verbose": 0}
                return model.fit(x, y, **options)

        outputs = notebooks.begin(monkeypatch)
        tuner(tmp_path, Own()).search(**DATA)
        assert not outputs
        assert len(read_search(tmp_path / "search").ranked()) == 2


def test_a_record_shows_values_that_vary():
    html = search(size=8)._repr_html_()
    names = re.findall(r"<th>(.*?)</th>", html)
    assert names[:4] == ["trial", "status", "val_loss", "best epoch"]
    assert {"rate", "layers"} <= set(names) and "constant" not in names
    assert len(rows(html)) == 8 and "<script" not in html


def test_all_objectives_are_shown_and_the_front_is_bold():
    parts = [keras_tuner.Objective(n, "min") for n in ("loss", "params")]
    trials = [
        TrialRecord(n, {}, "completed", score=loss, metrics={"params": size})
        for n, (loss, size) in enumerate([(0.5, 10), (0.25, 20), (0.75, 30)], 1)
    ]
    record = SearchRecord(None, "loss", "min", [], trials, Goal(parts))
    html = record._repr_html_()
    assert "<th>loss</th><th>params</th>" in html
    assert [row[:4] for row in rows(html)] == [
        ["1", "completed", "0.5", "10"],
        ["2", "completed", "0.25", "20"],
        ["3", "completed", "0.75", "30"],
    ]
    assert re.findall(r"<tr><td><b>(\d)</b>", html) == ["1", "2"]
