"""Numbers of fewer bits: by the format where it can, else by Keras."""

import tempfile
from pathlib import Path

import keras
import numpy as np

from kdl import private
from kdl.deployment.signature import fits, leaves

QUANTIZATIONS = "int8", "int4", "float16"
# Share of the bytes of all weights that may stay as they are.
_LEFT = 0.1


def check_quantization(model, format, quantize, calibration, signature):
    """Returns calibration as a flat list, for a format that needs it.

    Args:
        model: `keras.Model`.
        format: `Format`.
        quantize: Optional, one of `QUANTIZATIONS`.
        calibration: Optional nested arrays.
        signature: `Signature` of the model.

    Raises:
        ValueError: If the format has no such numbers, or if the calibration is missing
            or does not fit the model.
    """
    needs = quantize == "int8" and "int8" in format.quantizes
    if quantize == "float16" and "float16" not in format.quantizes:
        raise ValueError(
            "`quantize` must be 'int8', 'int4' or None for the format "
            f"{format.name!r}. Received: quantize='float16'"
        )
    if calibration is None:
        if needs:
            raise ValueError(
                f"`calibration` must be examples of the inputs: the format "
                f"{format.name!r} finds ranges of activations by them for "
                "quantize='int8'. Received: calibration=None"
            )
        return None
    flat = [np.asarray(part) for part in leaves(calibration)]
    wanted = [each["shape"] for each in signature.inputs]
    if len(flat) != len(wanted) or not all(map(fits, map(np.shape, flat), wanted)):
        raise ValueError(
            f"`calibration` must have the {_shapes(wanted)} that the model takes. "
            f"Received: {_shapes([part.shape for part in flat])}"
        )
    if not needs:
        return None
    return [
        part.astype(each["dtype"])
        for part, each in zip(flat, signature.inputs, strict=True)
    ]


def _shapes(shapes):
    told = ", ".join(str(tuple(shape)) for shape in shapes)
    return f"shape {told}" if len(shapes) == 1 else f"shapes {told}"


def quantized_by_keras(model, mode):
    """Returns a copy of a model that Keras has quantized.

    Args:
        model: `keras.Model`.
        mode: `"int8"` or `"int4"`.

    Raises:
        ValueError: If Keras leaves more than a tenth of the weights as they are.
    """
    objects = {type(layer).__name__: type(layer) for layer in private.layers_of(model)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        copy = keras.saving.load_model(path, objects, compile=False)
    copy.quantize(mode)
    left = [v for v in copy.variables if _is_matrix(v)]
    whole = sum(_bytes(v) for v in model.variables if _is_matrix(v))
    if sum(map(_bytes, left)) > _LEFT * whole:
        largest = max(left, key=_bytes)
        # The innermost one comes last.
        *_, layer = (
            layer
            for layer in private.layers_of(copy)
            if any(largest is weight for weight in layer.weights)
        )
        raise ValueError(
            f"`quantize` must be one that the format does by itself, as onnx and "
            f"litert do 'int8': Keras has no {mode} for the {type(layer).__name__} "
            f"{layer.name!r}. Received: quantize={mode!r}"
        )
    return copy


def _is_matrix(variable):
    is_float = keras.backend.is_float_dtype(variable.dtype)
    return is_float and len(variable.shape) > 1


def _bytes(variable):
    return int(np.prod(variable.shape)) * np.dtype("float32").itemsize
