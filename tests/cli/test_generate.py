"""Images that the model in a folder makes."""

import functools

import commands
import numpy as np
import pytest
from commands import kdl
from PIL import Image

pytestmark = pytest.mark.one_backend

SMALL = (
    *("--epochs", 1, "--set", "filters=16", "--set", "discriminator_filters=16"),
    *("--data", "digits"),
)
WRITER = (
    *("--epochs", 1, "--set", "units=64", "--set", "batch_size=32"),
    *("--set", "tokens=bytes", "--data", "text:text.txt"),
)

refusal = functools.partial(commands.refusal, "generate")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Folders of short trainings."""
    place = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        kdl("run", "gan", *SMALL, "--out", "gan")
        kdl("run", "images", "--epochs", 1, "--out", "images")
        place.joinpath("text.txt").write_text("the cat sat on the mat. " * 200)
        kdl("run", "language_model", *WRITER, "--out", "text")
    return place


def pixels(path):
    return np.asarray(Image.open(path))


def test_makes_images_and_a_grid(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(trained)
    told = kdl("generate", "gan", "--count", 10, "--class", "3")
    assert told.stdout.splitlines()[-1] == (
        "In gan/generated: 10 images, and a grid of the first ones."
    )
    files = sorted(path.name for path in (trained / "gan" / "generated").iterdir())
    assert files == [*(f"{number:02}.png" for number in range(1, 11)), "grid.png"]
    grid = pixels("gan/generated/grid.png")
    # Eight in a row, a pixel apart.
    assert grid.shape == (2 * 8 + 1, 8 * 8 + 7)
    np.testing.assert_array_equal(grid[9:, 9:17], pixels("gan/generated/10.png"))
    for name, options in (("again", ()), ("other", ("--seed", 1))):
        out = tmp_path / name
        kdl("generate", "gan", "--count", 10, "--class", "3", *options, "--out", out)
    same = [
        np.array_equal(pixels(tmp_path / name / "grid.png"), grid)
        for name in ("again", "other")
    ]
    assert same == [True, False]


def test_animates_the_epochs(trained):
    with Image.open(trained / "gan" / "samples.gif") as file:
        assert file.format == "GIF" and file.n_frames == 1


def test_refuses_what_it_cannot_make(trained, monkeypatch):
    monkeypatch.chdir(trained)
    assert refusal("gan", "--class", "ten", "--out", "other") == (
        "--class must be one of '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'. "
        "Received: 'ten'"
    )
    assert refusal("images") == (
        "images is of the recipe 'images', which makes nothing new. Recipes that do "
        "are gan, diffusion and language_model."
    )
    assert refusal("gan", "--top-p", 0.5) == (
        "gan is of the recipe 'gan', which makes images. Leave --top-p out."
    )
    kdl("generate", "gan", "--count", 1, "--out", "made")
    assert refusal("gan", "--out", "made") == (
        "made already exists. Give --out a new name, or --overwrite."
    )
    kdl("generate", "gan", "--count", 1, "--out", "made", "--overwrite")
    assert refusal("gan", "--out", "made/1.png") == (
        "made/1.png is a file. Give --out the name of a folder."
    )


def test_goes_on_with_a_text(trained, monkeypatch):
    monkeypatch.chdir(trained)
    options = "generate", "text", "--prompt", "the [b] 漢", "--length", 40
    told = kdl(*options, "--temperature", 0.8, "--top-p", 0.9)
    # Bytes that are no text are one sign each, so that there may be fewer.
    assert told.stdout.startswith("the [b] 漢") and len(told.stdout) > 11
    assert kdl(*options, "--temperature", 0.8, "--top-p", 0.9).stdout == told.stdout
    likeliest = kdl(*options, "--temperature", 0, "--count", 2).stdout
    one, other = likeliest.rstrip("\n").split("\n\n")
    assert one == other
    kdl(*options, "--temperature", 0, "--count", 2, "--out", "written.txt")
    assert (trained / "written.txt").read_text(encoding="utf-8") == likeliest


def test_refuses_what_it_cannot_write(trained, monkeypatch):
    monkeypatch.chdir(trained)
    assert refusal("text") == "Give --prompt the beginning of the text."
    assert refusal("text", "--prompt", "a", "--class", "b") == (
        "text is of the recipe 'language_model', which makes texts. Leave --class out."
    )
    assert refusal("text", "--prompt", "a", "--out", "gan") == (
        "gan is a folder. Give --out the name of a file."
    )
    assert refusal("text", "--prompt", "a", "--out", "text.txt") == (
        "text.txt already exists. Give --out a new name, or --overwrite."
    )
