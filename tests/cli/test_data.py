"""What the command line says of data before it trains."""

import json

import numpy as np
import pytest
import tiny
from typer.testing import CliRunner

from kdl.data import Splits, penguins
from kdl_cli.main import app
from kdl_cli.terminal.data import data_lines

pytestmark = pytest.mark.one_backend


def test_a_table_is_told_by_its_columns():
    *parts, inputs = data_lines(penguins().summary())
    assert parts == [
        "train      276 examples: Adelie 122, Chinstrap 54, Gentoo 100",
        "validation 34 examples: Adelie 15, Chinstrap 7, Gentoo 12",
        "test       34 examples: Adelie 15, Chinstrap 7, Gentoo 12",
    ]
    x = penguins().train[0]
    missing = {
        name: int(np.isnan(x[name]).sum()) for name in x if x[name].dtype == float
    }
    assert inputs.startswith("inputs     island: category of 3 values; ")
    count = missing["body_mass_g"]
    told = f"body_mass_g: number, {count} missing" if count else "body_mass_g: number;"
    assert told in inputs and "year: number" in inputs


def test_images_are_told_by_their_shape_and_many_classes_by_their_counts():
    x, y = np.zeros((60, 8, 9, 3), "float32"), np.arange(60) % 20
    x += np.arange(60)[:, None, None, None]
    test = x[:20] + 100, y[:20]
    lines = list(data_lines(Splits((x, y), (x[:5], y[:5]), test).summary()))
    assert lines[0] == "train      60 examples: 20 classes of 3 to 3"
    assert lines[3] == "inputs     8 x 9 x 3 float32"
    assert lines[4].startswith("Warning: The validation set has no example of ")
    assert lines[5] == (
        "Warning: 5 of the validation inputs are in the training set, too: scores on "
        "them show memory."
    )


def test_texts_and_several_inputs_are_told():
    texts = np.array(["a", "b", "c"])
    x = {"image": np.zeros((3, 4, 4)), "size": np.zeros(3)}
    part, both = (texts, texts), ((texts, np.zeros((3, 2))), np.zeros(3))
    *_, inputs = data_lines({**Splits(part, part, part).summary(), "warnings": []})
    assert inputs == "inputs     one <U1"
    *_, inputs = data_lines({**Splits(both, both, both).summary(), "warnings": []})
    assert inputs == "inputs     one <U1, 2 float64"
    part = x, np.zeros(3)
    *_, inputs = data_lines({**Splits(part, part, part).summary(), "warnings": []})
    assert inputs == "inputs     image: 4 x 4 float64; size: number"


@pytest.mark.parametrize(
    "command",
    [
        ("run", "tiny"),
        ("tune", "tiny", "--trials", 1),
        ("lr", "tiny", "--steps", 100),
        ("compare", "tiny", "--vary", "units=2,3", "--set", "kind=wide", "--seeds", 1),
    ],
)
def test_each_command_tells_and_keeps_it(command, tiny_folder):
    epochs = () if command[0] == "lr" else ("--epochs", 1)
    told = map(str, (*command, *epochs, "--out", "out"))
    result = CliRunner().invoke(app, list(told))
    assert result.exit_code == 0, result.output
    assert "train      64 examples: 0 " in result.output
    found = json.loads((tiny_folder / "out" / "data.json").read_text())
    assert found == tiny.Tiny().splits.summary()
