"""What evaluations take.

- `page`: `kdl examine` of 10,000 images is to take less than 60 seconds, and to leave a
  page of less than 15 MB. The model is a small one of `images` on `fashion`; the test
  images are its 1,000, ten times each, with noise.
- `folds`: leave-one-out of 150 rows of `penguins`, killed halfway and resumed.

The figures are in docs/benchmarks/evaluation.md.

KERAS_BACKEND=jax python benchmarks/evaluation.py page
KERAS_BACKEND=jax python benchmarks/evaluation.py folds
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
from sklearn.model_selection import LeaveOneOut

import kdl

IMAGES, SECONDS, MEGABYTES = 10_000, 60, 15
ROWS, EPOCHS = 150, 5


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["page", "folds"])
    what = parser.parse_args().what
    with tempfile.TemporaryDirectory() as folder:
        {"page": page, "folds": folds}[what](Path(folder))


def page(folder):
    (x, y), validation, (x_test, y_test) = kdl.data.fashion()
    rng = np.random.default_rng(0)
    times = IMAGES // len(x_test)
    many = np.concatenate([x_test] * times)
    many = np.clip(many + rng.normal(0, 0.1, many.shape), 0, 1).astype("float32")
    np.savez(
        folder / "many.npz",
        x_train=x,
        y_train=y,
        x_validation=validation[0],
        y_validation=validation[1],
        x_test=many,
        y_test=np.concatenate([y_test] * times),
    )
    small = ["--set", "filters=16", "--set", "batch_size=64", "--epochs", "1"]
    call(folder, "run", "images", "--data", "npz:many.npz", *small, "--out", "run")
    begun = time.perf_counter()
    call(folder, "examine", "run")
    seconds = time.perf_counter() - begun
    megabytes = (folder / "run" / "examination" / "report.html").stat().st_size / 1e6
    for name, value, most in (
        ("seconds", seconds, SECONDS),
        ("megabytes", megabytes, MEGABYTES),
    ):
        said = "met" if value < most else "missed"
        print(f"| {keras.backend.backend()} | {name} | {value:.1f} | {most} | {said} |")


def call(folder, *arguments):
    environment = {**os.environ, "KERAS_BACKEND": keras.backend.backend()}
    subprocess.run(
        [sys.executable, "-m", "kdl_cli", *arguments],
        cwd=folder,
        env=environment,
        check=True,
        capture_output=True,
    )


def folds(folder):
    recipe = kdl.recipes.Tabular()
    (x, y), validation, test = recipe.splits
    rows = np.arange(ROWS - 10)
    some = {name: values[rows] for name, values in x.items()}
    few = {name: values[:10] for name, values in validation[0].items()}
    recipe = kdl.recipes.Tabular(
        kdl.data.Splits(
            (some, y[rows]), (few, validation[1][:10]), test, recipe.classes
        )
    )

    def stop(number, row):
        if number == ROWS // 2:
            raise KeyboardInterrupt

    begun = time.perf_counter()
    options = {"cv": LeaveOneOut(), "epochs": EPOCHS, "directory": folder / "folds"}
    try:
        kdl.evaluation.cross_validate(recipe, **options, on_fold_end=stop)
    except KeyboardInterrupt:
        first = time.perf_counter() - begun
    begun = time.perf_counter()
    found = kdl.evaluation.cross_validate(recipe, **options)
    rest = time.perf_counter() - begun
    accuracy = found["test_accuracy"].mean()
    print(
        f"| {keras.backend.backend()} | {ROWS} folds of {EPOCHS} epochs "
        f"| {first:.0f} s, {1 + ROWS // 2} folds | {rest:.0f} s | {accuracy:.3f} |"
    )


if __name__ == "__main__":
    main()
