"""Predictions from a folder, for inputs from files."""

import csv
import functools
import json
import sys

import commands
import numpy as np
import pytest
from commands import kdl, read, write_kinds
from own_recipes import PAINTER, forget, write
from PIL import Image

from kdl.data import digits
from kdl.recipes import load
from kdl_cli.commands.inputs.raw_inputs import batches

pytestmark = pytest.mark.one_backend

SMALL = ("--epochs", 1, "--set", "filters=16", "--set", "batch_size=64")


refusal = functools.partial(commands.refusal, "predict")


def table(text):
    return list(csv.DictReader(text.splitlines()))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Folders of short trainings."""
    place = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        forget(patch)
        write(place)
        kdl("run", "images", *SMALL, "--out", "images")
        pairs = "".join(f"{n} {n}\t{n}\n" for n in range(100, 200))
        (place / "pairs.tsv").write_text(pairs)
        told = ("--data", "pairs:pairs.tsv", "--epochs", 1, "--set", "units=32")
        kdl("run", "seq2seq", *told, "--out", "texts")
        told = ("--epochs", 1, "--set", "units=16", "--set", "batch_size=128")
        kdl("run", "forecast", *told, "--out", "series")
        kdl("run", "recipe.py", "--out", "own")
        write_kinds(place / "kinds.tsv")
        told = ("--data", "texts:kinds.tsv", "--set", "buckets=4096")
        rates = ("--set", "learning_rate=0.03", "--epochs", 6)
        kdl("run", "text", *told, *rates, "--out", "kinds")
    return place


@pytest.fixture(autouse=True)
def folder(trained, tiny_folder, monkeypatch):
    for path in trained.iterdir():
        (tiny_folder / path.name).symlink_to(path)
    forget(monkeypatch)
    return tiny_folder


@pytest.fixture(scope="module")
def images():
    x, _ = digits().test
    return x[:7]


class TestPredictions:
    def test_are_those_of_the_recipe(self, folder, images):
        np.save(folder / "x.npy", images)
        np.savez(folder / "x.npz", x=images, y=np.zeros(7))
        recipe, model = load("images")
        expected = recipe.predict(model, images)
        for name in ("x.npy", "x.npz"):
            found = table(kdl("predict", "images", name, "--batch", 3).stdout)
            assert [row["input"] for row in found] == [f"{name}[{n}]" for n in range(7)]
            for row, desired in zip(found, expected, strict=True):
                assert row["class"] == desired["class"]
                probability = float(row["probability"])
                assert probability == pytest.approx(desired["probability"], rel=1e-4)

    def test_read_files_and_folders_of_images(self, folder, images):
        (folder / "photos" / "more").mkdir(parents=True)
        places = ["photos/a.png", "photos/more/b.bmp", "c.png"]
        for place, image in zip(places, images, strict=False):
            pixels = np.round(255 * image[..., 0]).astype("uint8")
            Image.fromarray(pixels).save(folder / place)
        (folder / "photos" / "notes.txt").write_text("not an image")
        found = table(kdl("predict", "images", "photos", "c.png").stdout)
        assert [row["input"] for row in found] == places
        recipe, model = load("images")
        expected = recipe.predict(model, np.round(255 * images[:3]) / 255)
        for row, desired in zip(found, expected, strict=True):
            probability = float(row["probability"])
            assert probability == pytest.approx(desired["probability"], rel=1e-4)

    def test_leave_out_damaged_images_on_request(self, folder, images):
        Image.fromarray((255 * images[0, ..., 0]).astype("uint8")).save("whole.png")
        (folder / "text.png").write_text("no image")
        done = kdl("predict", "images", "text.png", "whole.png", "--skip-damaged")
        assert [row["input"] for row in table(done.stdout)] == ["whole.png"]
        assert "Damaged files that were left out: 1" in done.stderr
        message = "None of 1 files can be read."
        assert refusal("images", "text.png", "--skip-damaged") == message

    def test_read_texts_on_the_command_line_and_in_files(self, folder):
        (folder / "more.txt").write_text("two cats\n\nthe car\n")
        (folder / "more.csv").write_text("label,text\n?,purrs\n")
        raw = "the cats purr", "cars, hooting/loudly"
        done = kdl("predict", "kinds", raw[0], "more.txt", raw[1], "more.csv")
        found = table(done.stdout)
        places = "more.txt:1", "more.txt:3", "more.csv:2"
        assert [row["input"] for row in found] == [*raw, *places]
        kinds = ["animal", "vehicle", "animal", "vehicle", "animal"]
        assert [row["class"] for row in found] == kinds
        recipe, model = load("kinds")
        texts = [*raw, "two cats", "the car", "purrs"]
        for row, desired in zip(found, recipe.predict(model, texts), strict=True):
            probability = float(row["probability"])
            assert probability == pytest.approx(desired["probability"], rel=1e-4)
        scores = read(folder / "kinds" / "results.json")["test"]
        assert scores["accuracy"] == scores["tfidf_accuracy"] == 1.0

    def test_take_long_texts_but_no_slip_in_the_name_of_a_file(self, folder):
        long = "a cat " * 200
        (row,) = table(kdl("predict", "kinds", long).stdout)
        assert row["class"] == "animal"
        message = "There is no file or folder mroe.txt."
        assert refusal("kinds", "mroe.txt") == message
        assert refusal("images", "a cat") == "There is no file or folder a cat."
        assert refusal("kinds", " ") == (
            "  cannot be predicted: A text must have a character that shows. "
            "Received: ' '"
        )

    def test_read_the_rows_of_a_table(self, folder):
        lines = [f"{n},{'ab'[n % 2]},{n * 2.5}" for n in range(40)]
        path = folder / "table.csv"
        path.write_text("\n".join(["size,kind,price", *lines]))
        source = "csv:table.csv?target=price"
        kdl("run", "tabular", "--data", source, "--epochs", 1, "--out", "table")
        (folder / "new.csv").write_text("kind;size\na;3\nc;\n")
        found = table(kdl("predict", "table", "new.csv").stdout)
        recipe, model = load("table")
        raw = {"size": [3, None], "kind": ["a", "c"]}
        for row, desired in zip(found, recipe.predict(model, raw), strict=True):
            prediction = float(row["prediction"])
            assert prediction == pytest.approx(desired["prediction"], rel=1e-4)
        assert [row["input"] for row in found] == ["new.csv:2", "new.csv:3"]
        (folder / "new.csv").write_text("kind\na\n")
        assert refusal("table", "new.csv") == (
            "new.csv:2 cannot be predicted: Row 1 must have the columns 'size', "
            "'kind'. Missing: 'size'"
        )
        # All of the new data, which came without a test set.
        output = kdl("evaluate", "table", "--data", source).output
        assert "Test set, 40 examples: loss " in output

    def test_read_texts_a_line_each(self, folder):
        (folder / "texts.txt").write_text("123 123\n\n17\n")
        (folder / "texts.jsonl").write_text('"123 123"\n{"text": "17"}\n')
        (folder / "texts.csv").write_text("123 123,x\n17,y\n")
        found = []
        for name in ("texts.txt", "texts.jsonl", "texts.csv", "-"):
            result = kdl("predict", "texts", name, input="123 123\n17\n")
            found.append([(r["text"], r["output"]) for r in table(result.stdout)])
            assert [text for text, _ in found[-1]] == ["123 123", "17"]
        assert all(rows == found[0] for rows in found)
        names = [row["input"] for row in table(result.stdout)]
        assert names == ["standard input:1", "standard input:2"]

    def test_read_series(self, folder):
        recipe, model = load("series")
        past = recipe.splits.test[0][:2]
        np.save(folder / "past.npy", past)
        lines = [json.dumps(window.tolist()) for window in past]
        (folder / "past.jsonl").write_text("\n".join(lines))
        np.savetxt(folder / "past.csv", past[0], delimiter=",")
        expected = [row["feature_0"] for row in recipe.predict(model, past)]
        steps = len(expected) // 2
        for name in ("past.npy", "past.jsonl", "past.csv"):
            found = table(kdl("predict", "series", name, "--batch", 1).stdout)
            values = [float(row["feature_0"]) for row in found]
            np.testing.assert_allclose(values, expected[: len(values)], rtol=1e-3)
            assert len(values) == (steps if name == "past.csv" else 2 * steps)
        assert [row["input"] for row in found] == ["past.csv"] * steps

    def test_of_a_recipe_of_the_user_are_numbers(self, folder):
        (folder / "points.csv").write_text("0.5,1\n-1,2.5\n")
        told = ("predict", "own", "points.csv", "--recipe", "recipe.py")
        (first, _) = table(kdl(*told).stdout)
        assert list(first) == ["input", "output/0", "output/1"]
        result = kdl(*told[:2], "-", *told[3:], "--format", "jsonl", input="[0.5, 1]\n")
        row = json.loads(result.stdout)
        assert row["input"] == "standard input:1"
        assert row["output"] == pytest.approx(
            [float(first["output/0"]), float(first["output/1"])], rel=1e-4
        )

    def test_need_nothing_but_the_folder(self, folder, images, monkeypatch):
        settings = read(folder / "images" / "settings.json")
        monkeypatch.setattr("kdl.recipes.recipe.load", None)
        assert settings["data"] == "digits"
        np.save(folder / "x.npy", images)
        assert len(table(kdl("predict", "images", "x.npy").stdout)) == 7


class TestOutput:
    def test_is_written_at_once_and_replaced_on_request(self, folder, images):
        np.save(folder / "x.npy", images)
        told = ("images", "x.npy", "--out", "new/p.csv")
        assert kdl("predict", *told).stdout == ""
        before = (folder / "new" / "p.csv").read_bytes()
        assert len(table(before.decode())) == 7
        assert refusal(*told) == (
            "new/p.csv already exists. Give --out a new name, or --overwrite."
        )
        np.save(folder / "x.npy", np.r_[images, images][:, :7])
        assert "must have inputs of shape" in refusal(*told, "--overwrite")
        assert (folder / "new" / "p.csv").read_bytes() == before
        np.save(folder / "x.npy", images[:2])
        kdl("predict", *told, "--overwrite")
        assert len(table((folder / "new" / "p.csv").read_text())) == 2
        assert [path.name for path in (folder / "new").iterdir()] == ["p.csv"]

    def test_images_are_written_into_a_folder(self, folder):
        (folder / "painter.py").write_text(PAINTER)
        kdl("run", "painter.py", "--out", "painted")
        (folder / "more").mkdir()
        np.save(folder / "x.npy", np.array([[1.0, 2.0], [-3.0, 4.0]]))
        np.save(folder / "more" / "x.npy", np.array([[5.0, 6.0]]))
        told = ("painted", "x.npy", "more/x.npy", "--recipe", "painter.py")
        painted = (*told, "--images", "new/images")
        found = table(kdl("predict", *painted).stdout)
        names = [f"new/images/{name}.png" for name in ("x-0", "x-1", "x-0-2")]
        assert [row["image"] for row in found] == names
        for row in found:
            grey = float(row["output/1"]) > float(row["output/0"])
            np.testing.assert_array_equal(
                np.asarray(Image.open(row["image"])), np.full((2, 3), grey)
            )
        assert refusal(*painted) == (
            "new/images already exists. Give --images a new name, or --overwrite."
        )
        kdl("predict", *painted, "--overwrite")
        assert len(list((folder / "new" / "images").iterdir())) == 3
        assert refusal(*told, "--images", "x.npy") == (
            "x.npy is a file. Give --images the name of a folder."
        )
        assert refusal(*told, "--images", "more", "--overwrite") == (
            "more holds inputs, which are not overwritten. Give --images another "
            "folder."
        )

    def test_masks_are_written_of_images_of_any_size(self, folder, images):
        rng = np.random.default_rng(0)
        for n in range(8):
            pixels = rng.integers(0, 256, (8, 8)).astype("uint8")
            for name, shown in (("images", pixels), ("masks", pixels // 128 * 255)):
                (folder / "spots" / name).mkdir(parents=True, exist_ok=True)
                Image.fromarray(shown).save(folder / "spots" / name / f"{n}.png")
        told = ("--epochs", 1, "--set", "filters=4", "--set", "batch_size=8")
        told = ("segmentation", "--data", "masks:spots", *told, "--out", "spotted")
        kdl("run", *told)
        written = {path.name for path in (folder / "spotted").iterdir()}
        assert {"masks.png", "classes.csv"} <= written
        Image.new("L", (21, 13), 99).save(folder / "wide.png")
        told = ("spotted", "wide.png", "spots/images", "--images", "found")
        found = table(kdl("predict", *told).stdout)
        assert [row["input"] for row in found][:2] == ["wide.png", "spots/images/0.png"]
        assert len(found) == 9
        for row in found:
            mask = np.asarray(Image.open(row["image"]))
            assert mask.shape == np.asarray(Image.open(row["input"])).shape
            share = float(row["share(foreground)"])
            assert share == pytest.approx(np.mean(mask == 1)) and mask.max() <= 1
        found = kdl("evaluate", "spotted", "--data", "masks:spots").stdout
        assert "8 examples" in found and "mean_iou" in found

    def test_progress_goes_elsewhere(self, folder, images, monkeypatch):
        monkeypatch.setattr("kdl_cli.terminal.progress._WAIT", 0)
        np.save(folder / "x.npy", images)
        result = kdl("predict", "images", "x.npy", "--batch", 4)
        assert "4 inputs\n7 inputs" in result.stderr
        assert len(table(result.stdout)) == 7

    def test_batches_are_of_one_shape(self):
        shapes = [(2,), (2,), (2,), (3,), (3,), (2,)]
        examples = [(n, np.zeros(shape)) for n, shape in enumerate(shapes)]
        found = [(names, raw.shape) for names, raw in batches(iter(examples), 2)]
        assert found == [
            ([0, 1], (2, 2)),
            ([2], (1, 2)),
            ([3, 4], (2, 3)),
            ([5], (1, 2)),
        ]


class TestRefusals:
    def test_of_inputs(self, folder, images):
        (folder / "empty").mkdir()
        for name in ("empty.csv", "empty.txt"):
            (folder / name).write_text("")
        (folder / "fake.png").write_text("text")
        (folder / "words.csv").write_text("1,2\n3,four\n")
        np.save(folder / "narrow.npy", images[:, :7])
        np.save(folder / "none.npy", images[:0])
        np.save(folder / "texts.npy", np.array(["a"]))
        np.savez(folder / "two.npz", a=images, b=images)
        endings = ".png, .jpg, .jpeg, .bmp, .webp, .gif, .npy, .npz"
        for run, path, message in (
            ("images", "nowhere", "There is no file or folder nowhere."),
            (
                "images",
                "empty",
                f"empty holds no inputs: it has no file that ends in {endings}.",
            ),
            (
                "images",
                "empty.txt",
                "empty.txt is of a kind that the recipe does not read. It reads files "
                f"that end in {endings}.",
            ),
            ("texts", "empty.txt", "empty.txt holds no inputs: it is empty."),
            ("images", "none.npy", "none.npy holds no inputs: it is empty."),
            ("texts", "-", "Standard input holds no inputs: it is empty."),
            (
                "images",
                "fake.png",
                "fake.png cannot be read as an image: it is no PNG, JPEG, BMP, WebP or "
                "GIF. Repair or delete it, or leave such files out by --skip-damaged.",
            ),
            (
                "images",
                "narrow.npy",
                "narrow.npy[0] to narrow.npy[6] cannot be predicted: they must have "
                "inputs of shape (examples, 8, 8, 1), as the model takes. Received: "
                "(7, 7, 8, 1)",
            ),
            (
                "images",
                "texts.npy",
                "texts.npy must hold an array of numbers, a row for each input. "
                "Received: <U1 (1,)",
            ),
            (
                "images",
                "two.npz",
                "two.npz is no file of an array: it must have one array, or one that "
                "is called `x`. It has: a, b",
            ),
            (
                "series",
                "words.csv",
                "words.csv:2 must be finite numbers, as in 1,2. Received: 3,four",
            ),
        ):
            assert refusal(run, path) == message

    def test_of_texts_that_the_recipe_does_not_know(self, folder):
        (folder / "a.txt").write_text("x")
        assert refusal("texts", "a.txt") == (
            "a.txt:1 cannot be predicted: Texts must be of the characters "
            "' 0123456789'. Received: 'x' in 'x'"
        )

    def test_of_folders(self, folder):
        (folder / "x.csv").write_text("1,2\n")
        assert refusal("nowhere", "x.csv") == (
            "nowhere is not the folder of a run or a search of kdl. `kdl run` and "
            "`kdl tune` leave one."
        )
        assert refusal("own", "x.csv") == (
            "The recipe of own is a file of yours, which is only run if you name it: "
            "give --recipe recipe.py:Mine."
        )
        assert "recipe" not in sys.modules
        assert refusal("own", "x.csv", "--recipe", "function.py") == (
            "own holds a model of the recipe 'recipe.py:Mine', not of "
            "'function.py:build'."
        )

    def test_of_outputs(self, folder):
        (folder / "x.csv").write_text("1,2\n")
        assert refusal("images", "x.csv", "--format", "xml") == (
            "`--format` must be one of 'csv', 'jsonl'. Received: --format='xml'"
        )
        assert refusal("images", "x.csv", "--out", ".") == (
            ". is a folder. Give --out the name of a file."
        )
        assert refusal("images", "x.csv", "--images", "new") == (
            "The recipe 'images' predicts no images. Leave --images out."
        )
