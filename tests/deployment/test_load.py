import json

import keras
import numpy as np
import pytest

from kdl.deployment import export, load

pytestmark = pytest.mark.one_backend


def test_takes_and_returns_arrays(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    run = load(export(model, tmp_path / "out", "onnx").path)
    # Of another dtype, as Keras casts it.
    x = np.arange(6).reshape(2, 3)
    desired = model.predict(x.astype("float32"), verbose=0)
    np.testing.assert_allclose(run(x), desired, rtol=1e-5)
    assert run.metadata["format"] == "onnx"
    with pytest.raises(ValueError) as error:
        run([x, x])
    assert str(error.value) == "The model takes 1 arrays. Received: 2"


@pytest.mark.parametrize("content", [None, "[]", "{", '{"format": "cake"}'])
def test_refuses_what_is_no_export(content, tmp_path):
    if content is not None:
        (tmp_path / "metadata.json").write_text(content)
    with pytest.raises(ValueError) as error:
        load(tmp_path)
    assert str(error.value) == (
        "`path` must be a folder that `kdl.deployment.export` has written. Received: "
        f"path='{tmp_path}'"
    )


def test_metadata_suffice_for_a_program_without_kdl(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    export(model, tmp_path / "out", "onnx", metadata={"classes": ["no", "yes"]})
    told = json.loads((tmp_path / "out" / "metadata.json").read_text())
    assert told.keys() >= {"file", "inputs", "outputs", "classes", "versions"}
    assert (tmp_path / "out" / told["file"]).exists()
