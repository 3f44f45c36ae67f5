"""`kdl learn`, and the folder and page that it leaves."""

import keras
import pytest
from commands import kdl, read, refusal, rows
from tiny import Tiny

pytestmark = pytest.mark.one_backend


@pytest.fixture(autouse=True)
def folder(tiny_folder):
    return tiny_folder


def test_leaves_what_it_learned(folder, monkeypatch):
    monkeypatch.setattr(Tiny, "capacity", ("units",))
    output = kdl("learn", "tiny", "--set", "kind=wide", "--epochs", 3).output
    assert "Learn anything: reached" in output
    assert "Learned the right thing: " in output
    assert "kdl run tiny --hp runs/tiny-learn-1" in output
    learned = folder / "runs" / "tiny-learn-1"
    found = rows(learned / "trainings.csv")
    assert [row["training"] for row in found] == [str(n + 1) for n in range(len(found))]
    assert found[0]["milestone"] == "anything" and found[0]["val_loss"] == ""
    # It has nothing to regularize.
    assert [row["milestone"] for row in found].count("the right thing") == 1
    values = read(learned / "hyperparameters.json")["values"]
    assert str(values["units"]) == found[-1]["units"]
    page = (learned / "report.html").read_text()
    assert "Learn everything" in page and "Learned anything: in epoch" in page
    assert "lesson" in kdl("report", learned).output
    (folder / "points.csv").write_text("1,2\n-3,4\n")
    assert len(kdl("predict", learned, "points.csv").stdout.splitlines()) == 3
    assert "already exists" in refusal("learn", "tiny", "--out", learned)


def test_ends_where_something_is_broken(folder, monkeypatch):
    def lost(self, hp):
        self.space(hp)
        inputs = keras.Input((2,))
        model = keras.Model(inputs, keras.layers.Dense(2)(0.0 * inputs))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("adam", loss)
        return model

    monkeypatch.setattr(Tiny, "build", lost)
    output = kdl("learn", "tiny", "--out", "learned").output
    assert "Learn anything: not reached" in output
    assert "The model returns the same for all inputs" in output
    assert "mend what is broken" in output and "kdl run" not in output
    assert not (folder / "learned" / "model.keras").exists()
    assert len(rows(folder / "learned" / "trainings.csv")) == 1
