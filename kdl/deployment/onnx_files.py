"""Files of ONNX with numbers of fewer bits."""

import tempfile
from pathlib import Path

import numpy as np

_LEAST = 64  # Numbers of a tensor from which on halving them is worth a cast.


def quantize_onnx(path, names, calibration):
    """Makes weights and activations of a file integers of eight bits.

    A weight `w` of a channel becomes `round(w / scale)`, with `scale` as large as
    needed, and stands beside its scale, to be multiplied where nothing computes in
    integers. Ranges of activations are those of the calibration.

    Args:
        path: `Path` of a file, which is replaced.
        names: List of strings, names of the inputs.
        calibration: List of arrays.
    """
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.rows = iter(range(len(calibration[0])))

        def get_next(self):
            row = next(self.rows, None)
            if row is None:
                return None
            parts = zip(names, calibration, strict=True)
            return {name: part[row : row + 1] for name, part in parts}

    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "model.onnx"
        quant_pre_process(path, ready, skip_symbolic_shape=True)
        quantize_static(
            ready,
            path,
            Reader(),
            per_channel=True,
            # Those with weights; between them, numbers stay as exact as they are.
            op_types_to_quantize=["Conv", "ConvTranspose", "Gather", "Gemm", "MatMul"],
            weight_type=QuantType.QInt8,
            activation_type=QuantType.QUInt8,
        )


def halve_onnx(path):
    """Keeps the weights of a file in half precision, which are cast as it is read.

    Args:
        path: `Path` of a file, which is replaced.

    Raises:
        ValueError: If a weight is too large for half precision.
    """
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load(path)
    graph, casts = model.graph, []
    most = float(np.finfo("float16").max)
    for place, tensor in enumerate(graph.initializer):
        if tensor.data_type != onnx.TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor)
        if values.size < _LEAST:
            continue
        if np.abs(values).max() > most:
            raise ValueError(
                f"`quantize` must not be 'float16' for weights beyond {most:g}. "
                f"Received: {np.abs(values).max():g}"
            )
        name, half = tensor.name, f"{tensor.name}_half"
        stored = numpy_helper.from_array(values.astype("float16"), half)
        graph.initializer[place].CopyFrom(stored)
        casts.append(
            helper.make_node("Cast", [half], [name], to=onnx.TensorProto.FLOAT)
        )
    for cast in reversed(casts):
        graph.node.insert(0, cast)
    onnx.save(model, path)
