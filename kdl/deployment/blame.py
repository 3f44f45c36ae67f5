"""Which layer a format lacks something of."""

import re

import keras
from keras import tree

from kdl.deployment.signature import Signature


def layer_of(model, reason, works, signature):
    """Returns the layer that a format cannot hold, or `None` if it is not known.

    What the converter says may have its name. Else parts of the model are tried, each
    of the first layers, in as many trials as one halves their number.

    Args:
        model: `keras.Model`.
        reason: String. What the converter says.
        works: Function of a model and its `Signature` that says whether it can be
            written.
        signature: `Signature` of the model.
    """
    layers = [
        layer
        for layer in model.layers
        if not isinstance(layer, keras.layers.InputLayer)
    ]
    named = [
        layer
        for layer in layers
        if re.search(rf"\W{re.escape(layer.name)}(_\d+)?\W", reason)
    ]
    if len(named) == 1:
        return named[0]
    if not getattr(model, "inputs", None) or len(layers) < 2:
        return layers[0] if len(layers) == 1 else None
    tried = [layer for layer in layers if _outputs(layer)]
    low, high = 0, len(tried)
    # Those before `low` work together, and those before `high` do not.
    while high - low > 1:
        middle = (low + high) // 2
        outputs = [part for layer in tried[:middle] for part in _outputs(layer)]
        part = keras.Model(model.input, outputs)
        names = [f"output_{n}" for n in range(len(outputs))]
        inner = Signature(signature.structure, signature.inputs, names)
        low, high = (middle, high) if works(part, inner) else (low, middle)
    return tried[low] if tried else None


def _outputs(layer):
    """What a layer that is called once returns, a list of symbolic tensors."""
    try:
        return tree.flatten(layer.output)
    except (AttributeError, ValueError):
        return []
