"""Trained models as files that run without Keras."""

import functools

import commands
import keras
import numpy as np
import pytest
from commands import kdl, read
from own_recipes import forget, write
from tiny import Tiny

from kdl.deployment import load
from kdl.recipes import load as load_run
from kdl_cli.commands.trained.worth import Worth, worsening

pytestmark = pytest.mark.one_backend

refusal = functools.partial(commands.refusal, "export")


@pytest.fixture
def run(tiny_folder):
    kdl("run", "tiny", "--epochs", 1, "--out", "run")
    return tiny_folder / "run"


def test_leaves_a_folder_that_runs_without_kdl(run):
    output = kdl("export", "run", "--format", "onnx").output
    assert "Written by torch. The largest difference from what Keras" in output
    assert f"In {run.relative_to(run.parent) / 'onnx'}: metadata.json, model.onnx" in (
        output
    )
    recipe, model = load_run("run")
    x, _ = recipe.splits.test
    np.testing.assert_allclose(
        load(run / "onnx")(x), model.predict(x, verbose=0), rtol=1e-4, atol=1e-5
    )
    told = read(run / "onnx" / "metadata.json")
    assert (told["recipe"], told["returns"]) == ("tiny", Tiny.deployed)
    keras_row, row = told["measured"]
    assert (keras_row[""], row[""]) == ("keras", "onnx")
    assert row["bytes"] == told["bytes"] < keras_row["bytes"]
    assert row["ms at batch 1"] > 0

    assert refusal("run", "--format", "onnx") == (
        "run/onnx exists. Give --out a new name, or --overwrite."
    )
    kdl("export", "run", "--format", "onnx", "--overwrite")
    assert sorted(path.name for path in (run / "onnx").iterdir()) == [
        "metadata.json",
        "model.onnx",
    ]


def test_says_what_quantization_costs(run):
    options = ("--format", "onnx", "--quantize", "int8", "--tolerance", 1)
    kdl("export", "run", *options, "--out", "small")
    plain, quantized = read(run.parent / "small" / "metadata.json")["measured"][1:]
    recipe, model = load_run("run")
    desired = recipe.evaluate(model)
    for name in ("accuracy", "loss"):
        assert plain[name] == pytest.approx(desired[name], rel=1e-4)
    x, y = recipe.splits.test
    found = load(run.parent / "small")(x)
    assert quantized["accuracy"] == pytest.approx(np.mean(found.argmax(-1) == y))


def test_a_model_that_becomes_worse_is_not_written(run, monkeypatch):
    monkeypatch.setattr(
        "kdl_cli.commands.trained.export.worsening",
        lambda recipe, before, after: (0.25, "accuracy goes from 1 to 0.75"),
    )
    before = sorted(run.iterdir())
    said = refusal("run", "--format", "onnx", "--quantize", "int8")
    assert said == (
        "The model is not written, since --quantize int8 makes it worse by 0.25: on "
        "the test set, accuracy goes from 1 to 0.75. --tolerance allows 0.01."
    )
    assert sorted(run.iterdir()) == before


def test_by_what_a_model_is_worse():
    recipe = Tiny()
    ones, more = np.ones((2, 2)), np.full((2, 2), 1.5)

    def worse(before, after):
        return worsening(recipe, Worth(ones, before), Worth(more, after))

    share, told = worse({"accuracy": 0.9, "loss": 1}, {"accuracy": 0.8, "loss": 0})
    assert share == pytest.approx(0.1) and told == "accuracy goes from 0.9 to 0.8"
    share, told = worse({"loss": 2.0}, {"loss": 3.0})
    assert share == pytest.approx(0.5) and told == "loss goes from 2.0 to 3.0"
    # The root of the mean square: 0.5 of 1.
    share, told = worse({}, {})
    assert share == pytest.approx(0.5) and told == "outputs differ by 0.5 of their size"


def test_takes_a_recipe_of_your_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_BACKEND", keras.backend.backend())
    forget(monkeypatch)
    write(tmp_path)
    kdl("run", "recipe.py", "--out", "run")
    kdl("export", "run", "--recipe", "recipe.py", "--format", "onnx")
    assert (tmp_path / "run" / "onnx" / "model.onnx").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("--format", "gguf"),
            "`--format` must be one of 'saved_model', 'onnx', 'litert', 'openvino', "
            "'torch'. Received: --format='gguf'",
        ),
        (
            ("--format", "onnx", "--quantize", "int2"),
            "`--quantize` must be one of 'int8', 'int4', 'float16'. Received: "
            "--quantize='int2'",
        ),
        (
            ("--format", "onnx", "--tolerance", 0.1),
            "--tolerance is for --quantize, which is not given.",
        ),
        (
            ("--format", "onnx", "--out", "run"),
            "run exists. Give --out a new name.",
        ),
        (
            ("--format", "torch", "--quantize", "float16"),
            "`quantize` must be 'int8', 'int4' or None for the format 'torch'. "
            "Received: quantize='float16'",
        ),
    ],
)
def test_refuses(options, message, run):
    assert refusal("run", *options) == message
