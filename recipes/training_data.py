"""What data must be for a recipe to be fitted to them."""

import numpy as np
from keras import tree


def check_training_data(model, x, y, validation_data=None):
    """Refuses data of which a model would learn nothing, or become NaN.

    Args:
        model: `keras.Model` to be fitted.
        x: Inputs, arrays or structures of arrays.
        y: Targets.
        validation_data: Optional tuple of inputs, targets and maybe weights.

    Raises:
        ValueError: If a set is empty, if a number is NaN or infinite, or if an integer
            target is no class of the outputs.
    """
    sets = {"training": (x, y)}
    if isinstance(validation_data, (list, tuple)):
        sets["validation"] = validation_data[:2]
    for name, (inputs, targets) in sets.items():
        _check_set(f"The {name} set", inputs, targets, model.output_shape)


def _check_set(name, x, y, output_shape):
    for what, data in (("inputs", x), ("targets", y)):
        for part in map(np.asarray, tree.flatten(data)):
            if not part.size:
                raise ValueError(
                    f"{name} must have an example at least. Received: {what} of shape "
                    f"{part.shape}"
                )
            if part.dtype.kind == "f" and not np.isfinite(part).all():
                bad = np.argwhere(~np.isfinite(part))[0]
                raise ValueError(
                    f"{name} must hold finite numbers: leave out what has others, or "
                    f"fill them in. Received: {part[tuple(bad)]} in the {what} of "
                    f"example {bad[0]}"
                )
    is_single = not isinstance(y, (dict, tuple)) and isinstance(output_shape, tuple)
    labels = np.asarray(y) if is_single else None
    if labels is None or labels.dtype.kind not in "iu":
        return
    if labels.ndim == len(output_shape) and labels.shape[-1] == 1:
        labels = labels[..., 0]
    classes = output_shape[-1]
    if labels.ndim == len(output_shape) - 1 and classes > 1:
        outside = np.argwhere((labels < 0) | (labels >= classes))
        if len(outside):
            raise ValueError(
                f"{name} must have targets from 0 to {classes - 1}, as the model has "
                f"{classes} classes. Received: {labels[tuple(outside[0])]} in example "
                f"{outside[0][0]}"
            )
