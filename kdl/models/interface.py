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


def check_from_logits(model, from_logits):
    """Refuses a `from_logits` that the loss of a compiled model contradicts.

    Args:
        model: `keras.Model`.
        from_logits: Boolean.

    Raises:
        ValueError: If the loss takes logits and `from_logits` says probabilities, or
            the other way round.
    """
    said = scores_of(model)
    if said is not None and from_logits != (said == LOGITS):
        raise ValueError(
            f"`from_logits` must be {not from_logits} for the model {model.name!r}, "
            f"whose loss takes {said}. Received: from_logits={from_logits}"
        )
