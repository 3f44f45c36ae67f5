"""Models of recipes reload in a process that has imported kdl, but no recipe."""

import subprocess
import sys

import numpy as np
from contracts import array, assert_close, leading

from kdl.recipes import (
    Arithmetic,
    Forecast,
    Images,
    LanguageModel,
    Seq2Seq,
    hyperparameters,
)

CODE = """
import sys
from pathlib import Path
import keras, kdl
import numpy as np

for path in sorted(Path(sys.argv[1]).glob("*.keras")):
    model = keras.saving.load_model(path)
    x = dict(np.load(path.with_suffix(".npz")))
    np.save(path.with_suffix(".npy"), keras.ops.convert_to_numpy(model(x.get("", x))))
assert "kdl.recipes" not in sys.modules
"""


def test_models_reload_where_no_recipe_is_imported(tmp_path):
    expected = {}
    for kind in (Arithmetic, Forecast, Images, LanguageModel, Seq2Seq):
        recipe = kind()
        model = recipe.build(hyperparameters(recipe, {}))
        x = recipe.inputs_for(model, leading(recipe.test_data()["x"], 8))
        expected[recipe.name] = array(model(x))
        inputs = x if isinstance(x, dict) else {"": x}
        np.savez(tmp_path / f"{recipe.name}.npz", **inputs)
        model.save(tmp_path / f"{recipe.name}.keras")
    subprocess.run([sys.executable, "-c", CODE, str(tmp_path)], check=True)
    for name, outputs in expected.items():
        assert_close(np.load(tmp_path / f"{name}.npy"), outputs)
