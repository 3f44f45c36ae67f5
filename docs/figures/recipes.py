"""Draws the pictures of docs/recipes/: what a run of each recipe leaves.

python docs/figures/recipes.py [--backend jax] [RECIPE ...]
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

FOLDER = Path(__file__).parent.parent / "images"
# Which of the pictures of a run, and the options of it.
RUNS = {
    "images": ("curves.png", ()),
    "segmentation": ("masks.png", ()),
    "super_resolution": ("enlarged.png", ("--epochs", "4")),
    "metric_learning": ("neighbors.png", ()),
    "transfer": ("confusion_matrix.png", ()),
    "distillation": ("curves.png", ()),
    "tabular": ("confusion_matrix.png", ()),
    "text": ("confusion_matrix.png", ()),
    "language_model": ("errors.png", ()),
    "seq2seq": ("errors.png", ()),
    "arithmetic": ("errors.png", ()),
    "forecast": ("errors.png", ()),
    "autoencoder": ("reconstructions.png", ()),
}
# Pixels and colours that are tried in turn, until a file has so many bytes at most.
SIZES, MOST = ((760, 64), (620, 48), (520, 32), (420, 32)), 60_000
# The same of photographs, which few colours spoil.
PHOTOGRAPHS = {"segmentation", "super_resolution"}
COLOURFUL, MORE = ((760, 256), (620, 256), (520, 256)), 160_000


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("recipes", nargs="*", metavar="RECIPE")
    parser.add_argument("--backend", default="jax")
    arguments = parser.parse_args()
    for name in arguments.recipes or RUNS:
        picture, options = RUNS[name]
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "run"
            command = ["kdl_cli", "run", name, "--backend", arguments.backend]
            command = [sys.executable, "-m", *command, "--out", out, *options]
            subprocess.run(command, check=True, cwd=folder)
            sizes = (COLOURFUL, MORE) if name in PHOTOGRAPHS else (SIZES, MOST)
            write_small(out / picture, FOLDER / f"run_{name}.png", *sizes)


def write_small(source, path, sizes, most):
    """Writes a picture again, of few colours, and no wider than a page."""
    with Image.open(source) as image:
        whole = image.convert("RGB")
    for width, colours in sizes:
        size = width, round(whole.height * width / whole.width)
        image = whole.resize(size, Image.Resampling.LANCZOS)
        if whole.width < width:
            image = whole
        # Also of a colour that is rare, such as that of a frame, one stays.
        options = {"method": Image.Quantize.MAXCOVERAGE, "dither": Image.Dither.NONE}
        image.quantize(colours, **options).save(path, optimize=True)
        if path.stat().st_size <= most:
            return print(f"{path.name}: {path.stat().st_size} bytes", flush=True)
    sys.exit(f"{path.name} must have at most {most} bytes.")


if __name__ == "__main__":
    main()
