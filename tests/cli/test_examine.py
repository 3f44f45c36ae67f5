"""The page that says where a model errs."""

import functools
import html.parser
import re

import commands
import numpy as np
import pytest
import tiny
from commands import kdl, read, rows

import kdl as package
from kdl.data import Splits
from kdl_cli.examination.findings import check_examined

pytestmark = pytest.mark.one_backend
refusal = functools.partial(commands.refusal, "examine")


@pytest.fixture(autouse=True)
def folder(tiny_folder):
    return tiny_folder


class Page(html.parser.HTMLParser):
    """What a page has: its headings, ids, links, sources and text."""

    def __init__(self, path):
        super().__init__()
        self.headings, self.ids, self.links, self.sources = [], [], [], []
        self.words, self._in = [], None
        self.feed(path.read_text(encoding="utf-8"))
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attributes):
        self._in = tag
        attributes = dict(attributes)
        self.ids += [attributes["id"]] if "id" in attributes else []
        self.links += [attributes["href"]] if "href" in attributes else []
        self.sources += [attributes["src"]] if "src" in attributes else []

    def handle_data(self, data):
        if self._in == "h2" and data.strip():
            self.headings.append(data)
            self._in = None
        if self._in not in ("script", "style"):
            self.words.append(data)


def examined(*arguments):
    output = kdl("examine", *arguments).output
    return " ".join(output.split())


def test_examines_classes(folder):
    kdl("run", "tiny", "--out", "run")
    output = examined("run")
    there = folder / "run" / "examination"
    page = Page(there / "report.html")
    assert page.headings[:3] == ["Scores", "Confusions", "Worst errors"]
    assert "Shortcuts" not in page.headings and "Learning curve" not in page.headings
    assert len(set(page.ids)) == len(page.ids)
    assert {link[1:] for link in page.links} <= set(page.ids)
    # The page loads nothing.
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    recipe, model = package.recipes.load("run")
    labels = recipe.splits.test[1]
    predicted = model.predict(recipe.splits.test[0], verbose=0).argmax(axis=1)
    accuracy, *_ = rows(there / "scores.csv")
    assert float(accuracy["value"]) == pytest.approx(np.mean(predicted == labels))
    assert read(there / "results.json")["test"]["accuracy"] == pytest.approx(
        np.mean(predicted == labels)
    )
    table = rows(there / "examples.csv")
    assert [row["predicted"] for row in table] == list(map(str, predicted))
    # Each cell of the table leads to so many examples.
    for label in (0, 1):
        for found in (0, 1):
            count = int(((labels == label) & (predicted == found)).sum())
            assert (f"cell-{label}-{found}" in page.ids) == (count > 0)
    assert "accuracy: " in output and "As a page: run/examination/report.html" in output
    assert "Examination" not in kdl("report", there).output
    assert refusal("run").startswith("run/examination already exists")
    assert refusal("run", "--curve", "--data", "right") == (
        "--curve trains on the data of the folder, and --data are others to test on. "
        "Leave one of them out."
    )
    examined("run", "--data", "right", "--out", "other")
    assert read(folder / "other" / "settings.json")["data"] == "right"
    examined("run", "--overwrite", "--curve")
    page = Page(there / "report.html")
    assert "Learning curve" in page.headings
    assert "from 32 to 64" in page.text


def test_examines_numbers(folder):
    rng = np.random.default_rng(0)
    table = ["size,town,price"]
    for n in range(200):
        town = "ab"[n % 2]
        size = rng.uniform(1, 2)
        noise = rng.normal() * (2 if town == "b" else 0.01)
        table.append(f"{size:.3f},{town},{size + noise:.4f}")
    (folder / "table.csv").write_text("\n".join(table) + "\n")
    kdl("run", "tabular", "--data", "csv:table.csv?target=price", "--epochs", 1,
        "--out", "run")  # fmt: skip
    examined("run")
    page = Page(folder / "run" / "examination" / "report.html")
    assert page.headings[:2] == ["Scores", "Worst errors"]
    assert not {"Confusions", "Classes", "Calibration"} & set(page.headings)
    assert "root mean squared error" in page.text
    # Each of the worst stands with what it depends on.
    assert re.search(r"by (size|town) [+-]", page.text)
    first, *_ = rows(folder / "run" / "examination" / "examples.csv")
    error = float(first["predicted"]) - float(first["target"])
    assert float(first["error"]) == pytest.approx(error)


def test_names_a_planted_shortcut(folder):
    """A white corner in one class alone, which the model learns by."""
    rng = np.random.default_rng(0)
    y = np.arange(360) % 3
    x = 0.5 * rng.random((360, 12, 12, 1)).astype("float32")
    x[y == 1, 4:8, 4:8] += 0.25
    x[y == 2, :2, :2] = 1.0
    parts = {}
    for name, some in {"train": slice(240), "validation": slice(240, 300),
                       "test": slice(300, 360)}.items():  # fmt: skip
        parts |= {f"x_{name}": x[some], f"y_{name}": y[some]}
    np.savez(folder / "marked.npz", **parts)
    kdl(
        *("run", "images", "--data", "npz:marked.npz", "--out", "run", "--epochs", 4),
        *("--set", "filters=16", "--set", "shift=0", "--set", "rotation=0"),
        *("--set", "zoom=0", "--set", "shear=0", "--set", "batch_size=16"),
    )
    output = examined("run")
    assert "Look at the top left of 2: its predictions depend on it" in output
    page = Page(folder / "run" / "examination" / "report.html")
    assert "Shortcuts" in page.headings
    assert "Look at the top left of 2" in page.text
    assert page.sources


def test_escapes_what_data_say(folder, monkeypatch):
    x = np.random.default_rng(0).normal(size=(60, 2)).astype("float32")
    y = np.arange(60) % 2
    names = ["<script>alert(1)</script>", "b & c"]
    splits = Splits(*[(x, y)] * 3, names)
    monkeypatch.setitem(tiny.Tiny.sources, "left", lambda seed: splits)
    kdl("run", "tiny", "--epochs", 1, "--out", "run")
    examined("run")
    text = (folder / "run" / "examination" / "report.html").read_text()
    assert "<script>alert(1)" not in text and "&lt;script&gt;alert(1)" in text


def test_new_data_may_lack_a_class_of_the_model(folder, monkeypatch):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(90, 2)).astype("float32"), np.arange(90) % 3
    few = Splits(*[(x, y.astype("int32"))] * 3)
    monkeypatch.setitem(tiny.Tiny.sources, "left", lambda seed: few)
    monkeypatch.setattr(tiny, "CLASSES", 3)
    kdl("run", "tiny", "--epochs", 1, "--out", "run")
    # Of classes 0 and 1 alone.
    examined("run", "--data", "right")
    table = rows(folder / "run" / "examination" / "examples.csv")
    assert {row["target"] for row in table} == {"0", "1"}
    # And with one that the model lacks.
    more = Splits(*[(x, (y + 1).astype("int32"))] * 3)
    monkeypatch.setitem(tiny.Tiny.sources, "right", lambda seed: more)
    assert refusal("run", "--data", "right", "--overwrite") == (
        "The test set must have targets from 0 to 2, as the model has 3 classes. "
        "Received: 3 in example 2"
    )


def test_folders_without_hyperparameters_have_no_curve(folder):
    for seed in (0, 1):
        kdl("run", "tiny", "--epochs", 1, "--seed", seed, "--out", f"run{seed}")
    kdl("ensemble", "run0", "run1", "--out", "both")
    examined("both")
    assert refusal("both", "--curve", "--overwrite") == (
        "both has no hyperparameters.json to train with: --curve needs the folder of a "
        "run or a search."
    )


def test_says_why_nothing_is_explained(folder, monkeypatch):
    def refuse(recipe, model, raw):
        raise ValueError("It is too deep.")

    monkeypatch.setattr(tiny.Tiny, "explain", refuse)
    kdl("run", "tiny", "--epochs", 1, "--out", "run")
    assert "Predictions are not explained. It is too deep." in examined("run")


class TestRefusals:
    def test_of_recipes_of_another_kind(self):
        masks = np.zeros((4, 8, 8), "int32")
        told = (
            "The recipe 'segmentation' predicts neither one class nor one number for "
            "an example: there is nothing to examine. `kdl evaluate` tests it."
        )
        with pytest.raises(ValueError) as error:
            check_examined(package.recipes.Segmentation(), None, masks)
        assert str(error.value) == told
        recipe = package.recipes.Autoencoder()
        with pytest.raises(ValueError) as error:
            check_examined(recipe, None, np.asarray(recipe.splits.test[1]))
        assert str(error.value) == told.replace("segmentation", "autoencoder")

    def test_of_folders_of_another_kind(self, folder):
        (folder / "mine").mkdir()
        assert refusal("mine").startswith("mine is not the folder of a run")
