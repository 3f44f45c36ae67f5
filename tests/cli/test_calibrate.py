"""A classifier as sure as it is right."""

import functools

import commands
import keras
import numpy as np
import pytest
from commands import kdl, read, rows
from own_recipes import forget, write
from scipy.special import softmax
from sklearn.metrics import log_loss

from kdl.evaluation import expected_calibration_error, fit_scaling
from kdl.recipes import load

pytestmark = pytest.mark.one_backend

refusal = functools.partial(commands.refusal, "calibrate")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_BACKEND", keras.backend.backend())
    monkeypatch.setenv("COLUMNS", "200")
    forget(monkeypatch)
    return tmp_path


def test_leaves_a_folder_like_that_of_a_run(folder):
    small = ("--epochs", 1, "--set", "filters=8", "--set", "batch_size=64")
    kdl("run", "images", *small, "--out", "run")
    output = kdl("calibrate", "run", "--out", "sure").output
    recipe, before = load("run")
    _, after = load("sure")
    x, y = recipe.encode(recipe.splits.validation)
    temperature = fit_scaling(before.predict(x, verbose=0), y).temperature
    told = f"temperature {temperature:.4g}, by 180 examples of the validation set."
    assert f"Calibrated into sure: {told}" in output
    x, y = recipe.encode(recipe.splits.test)
    logits = before.predict(x, verbose=0)
    found = after.predict(x, verbose=0)
    np.testing.assert_allclose(found, logits / temperature, rtol=1e-4, atol=1e-5)
    table = rows(folder / "sure" / "calibration.csv")
    for row, name, scores in zip(
        table, ("before", "after"), (logits, found), strict=True
    ):
        p = softmax(scores.astype("float64"), -1)
        brier = ((p - np.eye(10)[y]) ** 2).sum(1).mean()
        desired = {
            "nll": log_loss(y, p, labels=range(10)),
            "ece_width": expected_calibration_error(p, y),
            "ece_mass": expected_calibration_error(p, y, strategy="mass"),
            "brier": brier,
        }
        assert row.pop("test set") == name
        assert {n: float(v) for n, v in row.items()} == pytest.approx(desired, abs=1e-4)
    helped = float(table[1]["nll"]) < float(table[0]["nll"])
    assert ("That has not helped" not in output) == helped
    image = (folder / "sure" / "reliability.png").read_bytes()
    assert image.startswith(b"\x89PNG")
    loss = read(folder / "sure" / "results.json")["test"]["crossentropy"]
    assert loss == pytest.approx(float(table[1]["nll"]), abs=1e-4)
    assert "Before and after, on the test set:" in kdl("report", "sure").output

    # Which may be calibrated, evaluated and combined again.
    kdl("calibrate", "sure", "--method", "vector", "--out", "surer")
    kdl("evaluate", "surer", "--data", "gallery")
    kdl("ensemble", "run", "surer", "--out", "both")
    np.save("x.npy", x[:2])
    assert kdl("predict", "both", "x.npy").output.startswith("input,class,probability")


def test_refuses_a_model_that_is_never_wrong(folder):
    write(folder)
    kdl("run", "recipe.py", "--out", "run")
    _, model = load("run", "recipe.py")
    # It tells left from right.
    first, last = np.zeros((2, 4)), np.zeros((4, 2))
    first[0, 0], last[0] = 1, [-1, 1]
    model.set_weights([first, np.zeros(4), last, np.zeros(2)])
    model.save("run/model.keras")
    assert refusal("run", "--recipe", "recipe.py") == (
        "The model in run cannot be calibrated: the targets of the validation set must "
        "have an example that its scores get wrong, or no temperature is low enough. "
        "Received: none"
    )
    # Vector scaling has an answer.
    told = ("--recipe", "recipe.py", "--method", "vector", "--out", "sure")
    output = kdl("calibrate", "run", *told).output
    assert "Calibrated into sure: factors from " in output


def test_refuses_what_is_no_classifier(folder):
    lines = [f"{n / 7},{n / 9}" for n in range(60)]
    (folder / "a.csv").write_text("\n".join(["size,price", *lines]))
    told = ("--data", "csv:a.csv?target=price", "--epochs", 1)
    kdl("run", "tabular", *told, "--out", "run")
    assert refusal("run", "--out", "sure") == (
        "The model in run must tell one class of each example, and be compiled with a "
        "cross-entropy, to be calibrated. Received: outputs of shape (6, 1) for "
        "targets of shape (6, 1)"
    )
    assert not (folder / "sure").exists()
    assert refusal("run", "--method", "matrix") == (
        "`--method` must be one of 'temperature', 'vector'. Received: --method='matrix'"
    )
    assert refusal("run", "--out", "run") == (
        "run already exists, and nothing is overwritten. Give --out a new name."
    )
