"""Explanations from a folder, for inputs from files."""

import functools

import commands
import numpy as np
import pytest
from commands import kdl, rows, write_kinds
from own_recipes import forget, write
from PIL import Image

from kdl.data import digits, penguins
from kdl.recipes import load

pytestmark = pytest.mark.one_backend

refusal = functools.partial(commands.refusal, "explain")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Folders of short trainings."""
    place = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        forget(patch)
        write(place)
        few = "--epochs", 1, "--set", "filters=8", "--set", "batch_size=64"
        kdl("run", "images", *few, "--out", "images")
        kdl("run", "tabular", "--epochs", 2, "--out", "table")
        kdl("run", "recipe.py", "--out", "own")
        write_kinds(place / "kinds.tsv")
        told = ("--data", "texts:kinds.tsv", "--set", "buckets=4096")
        rates = ("--set", "learning_rate=0.03", "--epochs", 6)
        kdl("run", "text", *told, *rates, "--out", "texts")
        series = "--set", "units=16", "--set", "batch_size=128"
        kdl("run", "forecast", "--epochs", 1, *series, "--out", "series")
        x, _ = digits().test
        np.save(place / "x.npy", x[:3])
        Image.fromarray((255 * x[3, :, :, 0]).astype("uint8")).save(place / "a.png")
    return place


@pytest.fixture(autouse=True)
def folder(trained, tiny_folder, monkeypatch):
    for path in trained.iterdir():
        (tiny_folder / path.name).symlink_to(path)
    forget(monkeypatch)
    return tiny_folder


class TestExplanations:
    def test_of_images_are_pictures_and_a_table(self, folder):
        told = kdl("explain", "images", "x.npy", "a.png", "--out", "why").stdout
        assert "In why: explanation.csv and 4 images" in told
        found = rows(folder / "why" / "explanation.csv")
        assert [row["input"] for row in found] == [
            *("x.npy[0]", "x.npy[1]", "x.npy[2]", "a.png")
        ]
        recipe, model = load("images")
        x = np.load("x.npy")
        expected = recipe.explain(model, x)
        assert found[1]["class"] == recipe.predict(model, x)[1]["class"]
        assert float(found[1]["gap"]) == pytest.approx(
            expected.rows[1]["gap"], abs=1e-4
        )
        picture = np.asarray(Image.open(found[1]["image"]))
        assert picture.shape == (256, 256, 3)
        np.testing.assert_allclose(picture, np.asarray(expected.pictures[1]), atol=1)
        # Another method, in the folder itself.
        kdl("explain", "images", "a.png", "--method", "grad_cam_plus_plus")
        (row,) = rows(folder / "images" / "explanation" / "explanation.csv")
        assert "gap" not in row
        assert "already exists" in refusal("images", "a.png")
        kdl("explain", "images", "a.png", "--overwrite", "--method", "occlusion")

    def test_of_texts_are_words(self, folder):
        lines = kdl("explain", "texts", "a cat, purrs").stdout.splitlines()
        (start,) = (
            n for n, line in enumerate(lines) if line.startswith("a cat, purrs:")
        )
        assert "class animal" in lines[start]
        words = [line.split()[0] for line in lines[start + 1 : start + 5]]
        assert words == ["a", "cat", ",", "purrs"]
        value = {line.split()[0]: float(line.split()[1]) for line in lines[start + 1 :]}
        # It is told by these words alone.
        assert min(value["cat"], value["purrs"]) > max(value["a"], value[","])
        kdl("explain", "texts", "a cat, purrs", "--out", "why")
        found = rows(folder / "why" / "explanation.csv")
        assert [row["part"] for row in found] == words
        recipe, model = load("texts")
        (scores,) = recipe.outputs(model, ["a cat, purrs"])
        empty = np.zeros((1, recipe.tokens["length"]), "int32")
        (nothing,) = model.predict(empty, verbose=0)
        total = sum(float(row["attribution"]) for row in found)
        best = scores.argmax()
        assert total == pytest.approx(scores[best] - nothing[best], abs=1e-3)

    def test_of_tables_are_columns(self, folder):
        x, _ = penguins().test
        names = list(x)
        lines = [",".join(names)]
        lines += [",".join(str(x[name][n]) for name in names) for n in range(2)]
        (folder / "new.csv").write_text("\n".join(lines))
        kdl("explain", "table", "new.csv", "--out", "why")
        found = rows(folder / "why" / "explanation.csv")
        assert len(found) == 2 * len(names)
        assert {row["part"] for row in found} == set(names)
        sizes = [abs(float(row["attribution"])) for row in found[: len(names)]]
        assert sizes == sorted(sizes, reverse=True)
        message = refusal("table", "new.csv", "--method", "saliency")
        assert message == (
            "`--method` must be 'integrated_gradients'. Received: --method='saliency'"
        )

    def test_of_a_recipe_of_one_s_own_are_its_numbers(self):
        np.save("points.npy", np.array([[2.0, 0.0], [-2.0, 0.1]], "float32"))
        told = kdl("explain", "own", "points.npy", "--recipe", "recipe.py").stdout
        assert "points.npy[0]: class" in told and "points.npy[1]: class" in told

    def test_are_refused_of_what_has_none(self):
        np.save("series.npy", np.zeros((1, 20, 1), "float32"))
        assert refusal("series", "series.npy") == (
            "The recipe 'forecast' explains nothing: its outputs are not a score for "
            "each class, or a number."
        )
        assert refusal("images", "x.npy", "--method", "lime") == (
            "`--method` must be one of 'integrated_gradients', 'saliency', "
            "'smooth_grad', 'grad_cam', 'grad_cam_plus_plus', 'occlusion'. Received: "
            "--method='lime'"
        )
