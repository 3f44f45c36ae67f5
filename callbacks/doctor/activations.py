"""Outputs of the layers of a model."""

import keras
import numpy as np
from keras import ops


class Activations:
    """Runs a sample through a model, and reads two numbers off each layer.

    The model stays as it is: it gets no layers, hooks or nodes, its training step is
    not compiled again, and random numbers that a layer draws count for nothing.

    Attributes:
        entrance: What the first layer that learns gets: the name of the layer before
            it, or `"inputs"`. `None` if it normalizes that, or the inputs are not one
            tensor of numbers.
        hidden: List of names of the layers between the first and the last.

    Args:
        model: Functional or Sequential `keras.Model`.
        inputs: Array, or nest of arrays, of examples.

    Raises:
        ValueError: If the model is of another kind.
    """

    def __init__(self, model, inputs):
        outputs = {layer.name: _output(layer) for layer in model.layers}
        outputs = {name: x for name, x in outputs.items() if x is not None}
        if not getattr(model, "inputs", None) or not outputs:
            raise ValueError("the model is neither functional nor Sequential")
        self._layers = [layer for layer in model.layers if layer.name in outputs]
        self._inputs = inputs
        # With names, since Keras numbers what has none, and layers that come later.
        graph = {"layers": outputs, "outputs": model.outputs}
        # As the model takes them, in a list or a dict.
        is_sequential = isinstance(model, keras.Sequential)
        taken = model.inputs[0] if is_sequential else model.input
        within = keras.Model(taken, graph, name="within")
        is_single = len(model.inputs) == 1 and _is_numbers(model.inputs[0])
        self._summary = _Summary(within, self._layers, is_single)
        # Of layers that draw random numbers, also when they do not train.
        self._counts = [
            v for v in model.non_trainable_variables if "float" not in v.dtype
        ]
        learns = [bool(layer.trainable_variables) for layer in self._layers]
        first = learns.index(True) if any(learns) else 0
        names = ["inputs", *outputs]
        # What is normalized there may have any scale.
        takes_any = "Normalization" in type(self._layers[first]).__name__
        self.entrance = names[first] if is_single and not takes_any else None
        self.hidden = names[first + 1 : -1]

    def read(self):
        """Returns what the sample does in the layers.

        Returns:
            Tuple `(scale, dead, outputs)`. By the name of a layer, `scale` has the
            root mean square of its outputs, which is not finite if one of them is
            not; `dead` has the share of units that are 0 for all examples, of layers
            with a ReLU. `outputs` is the list of the model's outputs, as arrays.
        """
        before = [ops.convert_to_numpy(v).copy() for v in self._counts]
        try:
            summary = self._summary.predict_on_batch(self._inputs)
        finally:
            for variable, value in zip(self._counts, before, strict=True):
                variable.assign(value)
        # Keras may have put the dicts into the order of the alphabet.
        names = ["inputs", *(layer.name for layer in self._layers)]
        scale, dead = (
            {name: float(part[name][0]) for name in names if name in part}
            for part in (summary["scale"], summary["dead"])
        )
        return scale, dead, summary["outputs"]

    def culprit(self, scale):
        """Returns the first layer whose outputs are not finite, if its weights are."""
        for layer in self._layers:
            if not np.isfinite(scale[layer.name]):
                return None if _is_spoilt(layer) else layer.name
        return None

    def spoilt(self, names):
        """Returns the first of some layers whose weights are not finite."""
        layers = [layer for layer in self._layers if layer.name in names]
        return next((layer.name for layer in layers if _is_spoilt(layer)), None)


class _Summary(keras.Model):
    """Numbers of the outputs of layers, so that only these leave the device."""

    def __init__(self, within, layers, is_single):
        super().__init__(name="summary")
        self.within = within
        self.is_single = is_single
        self.rectified = {
            layer.name: _unit_axis(layer) for layer in layers if _can_die(layer)
        }
        self.built = True

    def call(self, inputs, training=None):
        # Whatever it is told: the sample is none to learn from.
        graph = self.within(inputs, training=False)
        scale, dead = {}, {}
        if self.is_single:
            scale["inputs"] = _root_mean_square(*keras.tree.flatten(inputs))
        for name, outputs in graph["layers"].items():
            scale[name] = _root_mean_square(outputs)
            if name in self.rectified:
                axis = self.rectified[name] % len(outputs.shape)
                others = [n for n in range(len(outputs.shape)) if n != axis]
                largest = ops.max(ops.abs(outputs), axis=others)
                dead[name] = _alone(ops.mean(ops.cast(largest == 0, "float32")))
        return {"scale": scale, "dead": dead, "outputs": graph["outputs"]}


def _is_spoilt(layer):
    weights = map(ops.convert_to_numpy, layer.weights)
    return not all(np.isfinite(np.float32(w)).all() for w in weights)


def _root_mean_square(x):
    x = ops.cast(x, "float32")
    # In units of the largest, since squares of what is finite may not be.
    largest = ops.max(ops.abs(x))
    unit = ops.where(largest > 0, largest, 1.0)
    return _alone(unit * ops.sqrt(ops.mean(ops.square(x / unit))))


def _alone(number):
    # Keras takes what a model returns for a batch.
    return ops.reshape(number, (1,))


def _output(layer):
    """The output of a layer, if it is one tensor of numbers, and called once."""
    try:
        output = layer.output
    except (AttributeError, ValueError):
        return None
    is_inputs = isinstance(layer, keras.layers.InputLayer)
    return output if _is_numbers(output) and not is_inputs else None


def _is_numbers(x):
    return isinstance(x, keras.KerasTensor) and "float" in x.dtype and not x.sparse


def _can_die(layer):
    function = getattr(layer, "activation", None)
    name = getattr(function, "__name__", "")
    return isinstance(layer, keras.layers.ReLU) or name.startswith("relu")


def _unit_axis(layer):
    return 1 if getattr(layer, "data_format", "") == "channels_first" else -1
