"""The forward pass of a model as a graph, by the backend of Keras that is at work.

TensorFlow makes a SavedModel, of which the converters of other formats make theirs.
"""

import tempfile
from pathlib import Path

import keras
import numpy as np

from kdl.deployment.onnx_files import halve_onnx, quantize_onnx
from kdl.deployment.processes import import_openvino, run_module
from kdl.deployment.signature import leaves

OPSET = 18  # Of ONNX: the newest that tf2onnx writes.


def write_graph(model, name, signature, flat, folder, quantize=None, calibration=None):
    """Writes a model in a format into a folder.

    Args:
        model: `keras.Model`.
        name: String. Name of the format.
        signature: `Signature`.
        flat: List of arrays, examples of the inputs.
        folder: `Path` of an existing folder.
        quantize: Optional string. What the format does to weights.
        calibration: Optional list of arrays, by which it does so.

    Raises:
        Exception: Whatever the converter raises.
    """
    # A compiled forward pass would be one operation.
    model.jit_compile = False
    match name, keras.backend.backend():
        case "saved_model", "tensorflow":
            _saved_model(model, signature, folder / "model")
        case _, "tensorflow":
            with tempfile.TemporaryDirectory() as place:
                _saved_model(model, signature, Path(place) / "model")
                _CONVERTERS[name](
                    Path(place) / "model", folder, signature, quantize, calibration
                )
        case "onnx", "torch":
            _onnx_by_torch(model, signature, flat, folder / "model.onnx")
            _quantize(folder / "model.onnx", signature, quantize, calibration)
        case "torch", "torch":
            _program(model, signature, flat, folder / "model.pt2")


def _forward(model, signature):
    """A function of a flat list of tensors, which returns one."""

    def forward(*flat):
        return leaves(model(signature.packed(flat), training=False))

    return forward


# TensorFlow


def _saved_model(model, signature, path):
    import tensorflow as tf

    forward = _forward(model, signature)
    specs = [
        tf.TensorSpec(each["shape"], each["dtype"], each["name"])
        for each in signature.inputs
    ]

    @tf.function(input_signature=specs)
    def serve(*flat):
        return dict(zip(signature.outputs, forward(*flat), strict=True))

    module = tf.Module()
    module.serve = serve
    # TensorFlow saves the variables of what it can see.
    module.variables_of_model = [variable.value for variable in model.variables]
    graph = serve.get_concrete_function()
    tf.saved_model.save(module, path, {"serving_default": graph})


def _onnx(saved, folder, signature, quantize, calibration):
    path = folder / "model.onnx"
    options = ["--saved-model", saved, "--output", path, "--opset", OPSET]
    run_module("tf2onnx.convert", options)
    _quantize(path, signature, quantize, calibration)


def _quantize(path, signature, quantize, calibration):
    """Has a file of ONNX hold numbers of fewer bits."""
    if quantize == "int8":
        names = [each["name"] for each in signature.inputs]
        quantize_onnx(path, names, calibration)
    elif quantize == "float16":
        halve_onnx(path)


def _litert(saved, folder, signature, quantize, calibration):
    import tensorflow as tf

    # Without operations of TensorFlow, which LiteRT alone cannot run.
    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved))
    if quantize is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantize == "float16":
        converter.target_spec.supported_types = [tf.float16]
    elif quantize == "int8":
        names = [each["name"] for each in signature.inputs]

        def examples():
            for row in range(len(calibration[0])):
                some = (part[row : row + 1] for part in calibration)
                yield dict(zip(names, some, strict=True))

        converter.representative_dataset = examples
    (folder / "model.tflite").write_bytes(converter.convert())


def _openvino(saved, folder, signature, quantize, calibration):
    openvino = import_openvino()
    model = openvino.convert_model(saved)
    is_half = quantize == "float16"
    openvino.save_model(model, folder / "model.xml", compress_to_fp16=is_half)


_CONVERTERS = {"onnx": _onnx, "litert": _litert, "openvino": _openvino}


# PyTorch


def _module(model, signature):
    """The model as a module of PyTorch, of which inputs and outputs are flat."""
    import torch

    function = _forward(model, signature)

    class Flat(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, *flat):
            return tuple(function(*flat))

    return Flat().eval()


def _examples(model, flat, count=3):
    """A few examples: of a batch of one, PyTorch would make a graph for one alone."""
    import torch

    device = next((variable.value.device for variable in model.variables), "cpu")
    rows = np.arange(count)
    return tuple(
        torch.as_tensor(part[rows % len(part)], device=device) for part in flat
    )


def _onnx_by_torch(model, signature, flat, path):
    import torch

    names = [each["name"] for each in signature.inputs]
    free = {
        each["name"]: {
            axis: f"{each['name']}_{axis}" if axis else "batch"
            for axis, size in enumerate(each["shape"])
            if size is None
        }
        for each in signature.inputs
    }
    # The exporter by TorchDynamo takes no batch of any size of a model of Keras.
    torch.onnx.export(
        _module(model, signature),
        _examples(model, flat),
        str(path),
        input_names=names,
        output_names=signature.outputs,
        dynamic_axes={**free, **{name: {0: "batch"} for name in signature.outputs}},
        dynamo=False,
    )


def _program(model, signature, flat, path):
    import torch
    from torch.export.passes import move_to_device_pass

    some = _examples(model, flat)
    free = tuple({0: torch.export.Dim.AUTO} for _ in some)
    program = torch.export.export(
        _module(model, signature), some, dynamic_shapes=(free,), strict=False
    )
    # On whatever device the model is, a program without Keras may have none.
    torch.export.save(move_to_device_pass(program, "cpu"), path)
