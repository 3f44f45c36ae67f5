"""What the outputs of a model mean, by the loss that it is compiled with."""

import keras
from keras import tree

LOGITS, PROBABILITIES = "logits", "probabilities"


def scores_of(model):
    """Returns what a classifier returns, `LOGITS` or `PROBABILITIES`.

    Of a model that learns numbers, or is not compiled, it is `None`.
    """
    loss = getattr(model, "loss", None)
    if isinstance(loss, keras.losses.Loss):
        config = keras.saving.serialize_keras_object(loss)
        # It may be within another loss, such as one with weights.
        said = [
            value
            for path, value in tree.flatten_with_path(config)
            if path[-1] == "from_logits"
        ]
        return None if not said else LOGITS if said[0] else PROBABILITIES
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", "")
    return PROBABILITIES if "crossentropy" in name else None
