import importlib
import json

import keras
import numpy as np
import pytest
from own_layers import Branch, Scale

from kdl.deployment import Export, export, load
from kdl.deployment import formats as installed

BACKEND = keras.backend.backend()
X = np.random.default_rng(0).normal(size=(6, 8, 8, 2)).astype("float32")


def network(own=True):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 2), name="images")
    x = keras.layers.Conv2D(4, 3, activation="relu", name="first")(inputs)
    x = keras.layers.BatchNormalization(name="scaled")(x)
    x = Scale(3.0, name="own")(x) if own else x
    x = keras.layers.Flatten(name="flat")(x)
    return keras.Model(inputs, keras.layers.Dense(5, name="last")(x), name="network")


def dense():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((16,))
    x = keras.layers.Dense(64, "relu")(inputs)
    return keras.Model(inputs, keras.layers.Dense(3)(x))


# What runs each format without kdl, from the file alone.


def by_onnx(path):
    import onnxruntime

    session = onnxruntime.InferenceSession(path / "model.onnx")
    (name,) = (each.name for each in session.get_inputs())
    return lambda x: session.run(None, {name: x})[0]


def by_tensorflow(path):
    import tensorflow as tf

    model = tf.saved_model.load(path / "model")
    serve = model.signatures["serving_default"]

    def run(x, held=model):
        # TensorFlow forgets the variables of what is not held.
        return np.asarray(serve(input=tf.constant(x))["output"])

    return run


def by_torch(path):
    import torch

    program = torch.export.load(path / "model.pt2").module()
    return lambda x: program(torch.from_numpy(x))[0].detach().cpu().numpy()


def by_litert(path):
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    model = interpreter.Interpreter(str(path / "model.tflite"))

    def run(x):
        place = model.get_input_details()[0]["index"]
        model.resize_tensor_input(place, x.shape)
        model.allocate_tensors()
        model.set_tensor(place, x)
        model.invoke()
        return model.get_tensor(model.get_output_details()[0]["index"])

    return run


def by_openvino(path):
    openvino = pytest.importorskip("openvino")
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    model = openvino.Core().compile_model(path / "model.xml", "CPU", exact)
    return lambda x: model(x)[0]


# Those that take no other process; one that does is below.
WRITTEN = {
    "tensorflow": {
        "saved_model": by_tensorflow,
        "onnx": by_onnx,
        "litert": by_litert,
        "openvino": by_openvino,
    },
    "torch": {"torch": by_torch, "onnx": by_onnx},
    "jax": {},
}[BACKEND]
PACKAGES = {"litert": "ai_edge_litert", "openvino": "openvino"}


@pytest.mark.parametrize("format", WRITTEN)
def test_returns_what_keras_predicts(format, tmp_path):
    if format in PACKAGES:
        pytest.importorskip(PACKAGES[format])
    model = network()
    exported = export(model, tmp_path / "out", format, X, metadata={"classes": ["a"]})
    assert isinstance(exported, Export) and exported.path == tmp_path / "out"
    assert exported.difference < 1e-5
    desired = model.predict(X, verbose=0)
    run, loaded = WRITTEN[format](exported.path), load(exported.path)
    for count in (1, 3, 6):
        for found in (run(X[:count]), loaded(X[:count])):
            np.testing.assert_allclose(found, desired[:count], rtol=1e-4, atol=1e-5)
    told = json.loads((exported.path / "metadata.json").read_text())
    assert told == exported.metadata == loaded.metadata
    assert told["format"] == format and told["classes"] == ["a"]
    (taken,) = told["inputs"]
    assert taken == {"name": "input", "shape": [None, 8, 8, 2], "dtype": "float32"}
    assert told["output_shapes"] == {"output": [None, 5]}
    # The folder holds nothing else, and nothing is left beside it.
    files = [file for file in exported.path.rglob("*") if file.is_file()]
    assert exported.size == sum(
        file.stat().st_size for file in files if file.name != "metadata.json"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_takes_several_inputs_by_name(tmp_path):
    """On JAX, another process writes it, which has to find the layer of a user."""
    format = next(iter(WRITTEN), "onnx")
    inputs = {
        "tokens": keras.Input((None,), dtype="int32", name="tokens"),
        "numbers": keras.Input((2,), name="numbers"),
    }
    embedded = keras.layers.Embedding(9, 4)(inputs["tokens"])
    x = keras.layers.GlobalAveragePooling1D()(embedded)
    x = Scale(3.0)(keras.layers.Concatenate()([x, inputs["numbers"]]))
    model = keras.Model(inputs, [keras.layers.Dense(2)(x), keras.layers.Dense(1)(x)])
    rng = np.random.default_rng(0)
    x = {
        "tokens": rng.integers(0, 9, (4, 7)).astype("int32"),
        "numbers": rng.normal(size=(4, 2)).astype("float32"),
    }
    exported = export(model, tmp_path / "out", format, x)
    found = load(exported.path)({name: part[:3] for name, part in x.items()})
    for actual, desired in zip(found, model.predict(x, verbose=0), strict=True):
        np.testing.assert_allclose(actual, desired[:3], rtol=1e-4, atol=1e-5)
    names = [each["name"] for each in exported.metadata["inputs"]]
    assert names == ["numbers", "tokens"]
    assert (exported.backend == BACKEND) == (BACKEND != "jax")


@pytest.mark.one_backend
class TestQuantized:
    def test_int8_weights_are_those_by_hand(self, tmp_path):
        import onnx
        from onnx import numpy_helper

        model = network(own=False)
        exported = export(
            *(model, tmp_path / "out", "onnx", X), quantize="int8", calibration=X
        )
        graph = onnx.load(exported.path / "model.onnx").graph
        stored = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
        # Batch normalization need not be part of the convolution: the last layer is.
        kernel = np.asarray(model.get_layer("last").kernel.value.detach())
        scale = np.abs(kernel).max(0) / 127
        desired = np.round(kernel / scale).astype("int8")
        found = [
            value
            for value in stored.values()
            if value.dtype == np.int8 and value.size == desired.size
        ]
        assert len(found) == 1
        value = found[0] if found[0].shape == desired.shape else found[0].T
        # A half may be rounded to either side.
        assert np.abs(value.astype(int) - desired).max() <= 1
        assert np.mean(value == desired) > 0.99
        plain = export(model, tmp_path / "plain", "onnx", X)
        assert exported.size < plain.size
        assert 0 < exported.difference < 0.1

    def test_float16_halves_the_file_and_rounds_the_weights(self, tmp_path):
        import onnx
        from onnx import numpy_helper

        model = dense()
        x = np.random.default_rng(0).normal(size=(4, 16)).astype("float32")
        exported = export(model, tmp_path / "out", "onnx", x, quantize="float16")
        graph = onnx.load(exported.path / "model.onnx").graph
        halves = [
            numpy_helper.to_array(each)
            for each in graph.initializer
            if each.data_type == onnx.TensorProto.FLOAT16
        ]
        for layer in model.layers[1:]:
            desired = np.asarray(layer.kernel.value.detach()).astype("float16")
            assert any(
                np.array_equal(each, desired) or np.array_equal(each, desired.T)
                for each in halves
            )
        plain = export(model, tmp_path / "plain", "onnx", x)
        assert exported.size < 0.7 * plain.size
        assert 0 < exported.difference < 1e-2

    def test_keras_quantizes_where_the_format_does_not(self, tmp_path):
        x = np.random.default_rng(0).normal(size=(4, 16)).astype("float32")
        exported = export(dense(), tmp_path / "out", "torch", x, quantize="int8")
        assert 0 < exported.difference < 0.1

    def test_refuses_what_keras_leaves_as_it_is(self, tmp_path):
        layers = [keras.Input((8, 8, 2)), keras.layers.Conv2D(4, 3, name="first")]
        model = keras.Sequential(layers)
        with pytest.raises(ValueError) as error:
            export(model, tmp_path / "out", "torch", X, quantize="int8")
        assert str(error.value) == (
            "`quantize` must be one that the format does by itself, as onnx and litert "
            "do 'int8': Keras has no int8 for the Conv2D 'first'. Received: "
            "quantize='int8'"
        )
        assert list(tmp_path.iterdir()) == []


@pytest.mark.one_backend
class TestRefuses:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (
                {"format": "gguf"},
                "`format` must be one of 'saved_model', 'onnx', 'litert', 'openvino', "
                "'torch'. Received: format='gguf'",
            ),
            (
                {"format": "torchscript"},
                "`format` must be 'torch', which has taken the place of 'torchscript'. "
                "Received: format='torchscript'",
            ),
            ({"path": ""}, "`path` must be a new folder. Received: path=''"),
            (
                {"quantize": "int2"},
                "`quantize` must be one of 'int8', 'int4', 'float16'. Received: "
                "quantize='int2'",
            ),
            (
                {"tolerance": 0},
                "`tolerance` must be a number in (0, inf). Received: tolerance=0",
            ),
            (
                {"inputs": X[:, :5]},
                "`inputs` must have the shape (None, 8, 8, 2) that the model takes. "
                "Received: (6, 5, 8, 2)",
            ),
            (
                {"inputs": X[:0]},
                "`inputs` must be arrays of as many examples, one or more. Received: "
                "shapes (0, 8, 8, 2)",
            ),
            (
                {"inputs": [X, X]},
                "`inputs` must be 1 arrays, as the model takes them. Received: 2",
            ),
            (
                {"quantize": "int8"},
                "`calibration` must be examples of the inputs: the format 'onnx' finds "
                "ranges of activations by them for quantize='int8'. Received: "
                "calibration=None",
            ),
            (
                {"quantize": "int8", "calibration": X[..., :1]},
                "`calibration` must have the shape (None, 8, 8, 2) that the model "
                "takes. Received: shape (6, 8, 8, 1)",
            ),
            (
                {"format": "torch", "quantize": "float16"},
                "`quantize` must be 'int8', 'int4' or None for the format 'torch'. "
                "Received: quantize='float16'",
            ),
            (
                {"model": keras.Sequential([keras.layers.Dense(2)])},
                "`model` must be a keras.Model that is built. Received: "
                "model=Sequential",
            ),
        ],
    )
    def test_bad_arguments(self, arguments, message, tmp_path):
        given = {"path": tmp_path / "out", "format": "onnx", "inputs": X, **arguments}
        with pytest.raises(ValueError) as error:
            export(**{"model": network(own=False), **given})
        assert str(error.value) == message
        assert list(tmp_path.iterdir()) == []

    def test_a_folder_of_something_else(self, tmp_path):
        (tmp_path / "out").mkdir()
        message = f"`path` must be a new folder. Received: path='{tmp_path / 'out'}'"
        for overwrite in (False, True):
            with pytest.raises(ValueError) as error:
                export(network(), tmp_path / "out", "onnx", overwrite=overwrite)
            assert str(error.value) == message

    def test_an_export_that_is_not_to_be_replaced(self, tmp_path):
        place = tmp_path / "out"
        first = export(dense(), place, "onnx")
        with pytest.raises(ValueError) as error:
            export(dense(), place, "onnx")
        assert str(error.value) == (
            "`path` must be a new folder, or `overwrite=True`. Received: "
            f"path='{place}'"
        )
        again = export(dense(), place, "onnx", overwrite=True)
        assert again.metadata == first.metadata

    def test_a_file_that_differs(self, tmp_path):
        with pytest.raises(ValueError) as error:
            export(network(), tmp_path / "out", "torch", X, tolerance=1e-12)
        message, _, figure = str(error.value).rpartition(" ")
        assert message == (
            "The model as torch must return what Keras predicts, to 1e-12 of the "
            "largest output. Received: a difference of"
        )
        assert 1e-12 < float(figure) < 1e-5
        assert list(tmp_path.iterdir()) == []

    def test_a_layer_that_no_graph_holds_by_its_name(self, tmp_path):
        inputs = keras.Input((8, 8, 2))
        x = keras.layers.Flatten()(inputs)
        x = keras.layers.Dense(4)(x)
        x = Branch(name="choice")(x)
        model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.ReLU()(x)))
        with pytest.raises(ValueError) as error:
            export(model, tmp_path / "out", "torch", X)
        assert str(error.value).startswith(
            "The model cannot be written as torch, which lacks something of its layer "
            "'choice' (Branch). The converter says: "
        )
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        ("format", "module", "package", "extra"),
        [
            ("onnx", "onnxruntime", "onnxruntime", "onnx"),
            ("litert", "ai_edge_litert", "ai-edge-litert", "litert"),
            ("openvino", "openvino", "openvino", "openvino"),
            ("saved_model", "tensorflow", "tensorflow", "tensorflow"),
        ],
    )
    def test_a_package_that_is_missing(
        self, format, module, package, extra, tmp_path, monkeypatch
    ):
        find = importlib.util.find_spec
        monkeypatch.setattr(
            installed.importlib.util,
            "find_spec",
            lambda name: None if name == module else find("json"),
        )
        with pytest.raises(ImportError) as error:
            export(network(), tmp_path / "out", format, X)
        assert str(error.value) == (
            f"The format '{format}' needs the package {package}. Install it with `pip "
            f"install 'keras-kdl[{extra}]'`."
        )

    def test_a_model_that_says_not_what_it_takes(self, tmp_path):
        class Own(keras.Model):
            def call(self, inputs):
                return inputs

        model = Own()
        model(X)
        with pytest.raises(ValueError) as error:
            export(model, tmp_path / "out", "onnx")
        assert str(error.value) == (
            "`inputs` must be examples of what the model takes, since a model that is "
            "not functional does not say it. Received: inputs=None"
        )

    def test_a_class_that_another_process_cannot_import(self, tmp_path, monkeypatch):
        monkeypatch.setattr(Scale, "__module__", "__main__")
        with pytest.raises(ValueError) as error:
            export(network(), tmp_path / "out", "saved_model", X)
        assert str(error.value) == (
            "The class Scale of the layer 'own' must be defined in a module of its "
            "own: another process, which writes the format, imports it."
        )
