"""What data must be for a recipe to be fitted to them."""

import numpy as np
from keras import tree

from kdl.data.on_disk import OnDisk


class DataError(ValueError):
    """Data that a model cannot be fitted to, or evaluated on."""


def check_training_data(
    model, x, y, validation_data=None, takes_nan=False, scores_classes=True
):
    """Refuses data of which a model would learn nothing, or become NaN.

    Args:
        model: `keras.Model` to be fitted.
        x: Inputs, arrays or structures of arrays. Those on disk are not read.
        y: Targets.
        validation_data: Optional tuple of inputs, targets and maybe weights.
        takes_nan: Boolean. Whether inputs may be NaN, as missing numbers are. Defaults
            to `False`.
        scores_classes: Boolean. Whether outputs for integer targets are scores of
            these classes. Defaults to `True`.

    Raises:
        DataError: If a set is empty, if a number is NaN or infinite, if the inputs do
            not have the shapes that the model takes, if there are more or fewer inputs
            than targets, if an integer target is no class of the outputs, or if all
            targets of the training are of one class.
    """
    sets = {"training": (x, y)}
    if isinstance(validation_data, (list, tuple)):
        sets["validation"] = validation_data[:2]
    found = {
        name: check_set(f"The {name} set", *some, model, takes_nan, scores_classes)
        for name, some in sets.items()
    }
    labels = found["training"]
    if labels is not None and len(np.unique(labels)) == 1:
        raise DataError(
            "The training set must have examples of two classes at least. Received: "
            f"{len(labels)} examples of class {labels.flat[0]}"
        )


def check_set(name, x, y, model, takes_nan=False, scores_classes=True):
    """Refuses a set that a model cannot be fitted to, or evaluated on.

    Args:
        name: String. What an error calls the set.
        x: Inputs, arrays or structures of arrays.
        y: Targets.
        model: `keras.Model`.
        takes_nan: Boolean. Whether inputs may be NaN. Defaults to `False`.
        scores_classes: Boolean. Whether outputs for integer targets are scores of
            these classes. Defaults to `True`.

    Returns:
        Targets that are classes, as integers; `None` if they are not.

    Raises:
        DataError: If it cannot be, as `check_training_data` says.
    """
    counts = {}
    for what, data in (("inputs", x), ("targets", y)):
        for part in tree.flatten(data):
            # What stays on disk is not looked at.
            part = part if isinstance(part, OnDisk) else np.asarray(part)
            if not part.size:
                raise DataError(
                    f"{name} must have an example at least. Received: {what} of shape "
                    f"{part.shape}"
                )
            is_array = isinstance(part, np.ndarray) and part.dtype.kind == "f"
            is_bad = ~np.isfinite(part) if is_array else np.False_
            if takes_nan and what == "inputs" and is_array:
                is_bad &= ~np.isnan(part)
            if is_bad.any():
                bad = np.argwhere(is_bad)[0]
                raise DataError(
                    f"{name} must hold finite numbers: leave out what has others, or "
                    f"fill them in. Received: {part[tuple(bad)]} in the {what} of "
                    f"example {bad[0]}"
                )
            counts.setdefault(len(part), what)
    if len(counts) > 1:
        found = " and ".join(f"{count} {what}" for count, what in counts.items())
        raise DataError(f"{name} must have a target for each input. Received: {found}")
    # A model that is not built yet has no shapes.
    check_shapes(name, x, getattr(model, "input_shape", None))
    output_shape = getattr(model, "output_shape", None)
    labels = _labels(y, output_shape) if scores_classes else None
    if labels is not None:
        classes = output_shape[-1]
        outside = np.argwhere((labels < 0) | (labels >= classes))
        if len(outside):
            raise DataError(
                f"{name} must have targets from 0 to {classes - 1}, as the model has "
                f"{classes} classes. Received: {labels[tuple(outside[0])]} in example "
                f"{outside[0][0]}"
            )
    return labels


def check_shapes(name, x, shapes):
    """Refuses inputs of another shape, in models of one input or of named ones."""
    if isinstance(x, dict) != isinstance(shapes, dict):
        return
    for key in shapes if isinstance(x, dict) else [None]:
        shape, part = (shapes, x) if key is None else (shapes[key], x.get(key))
        if part is None or not isinstance(shape, tuple):
            continue
        found = np.shape(part)
        fits = len(found) == len(shape) and all(
            side in (None, there)
            for side, there in zip(shape[1:], found[1:], strict=True)
        )
        if not fits:
            sizes = ["any" if side is None else str(side) for side in shape[1:]]
            wanted = ", ".join(["examples", *sizes])
            raise DataError(
                f"{name} must have inputs of shape ({wanted}), as the model takes. "
                f"Received: {found}"
            )


def _labels(y, output_shape):
    """Returns targets that are classes, as integers; `None` if they are not."""
    if isinstance(y, (dict, tuple, OnDisk)) or not isinstance(output_shape, tuple):
        return None
    labels = np.asarray(y)
    if labels.dtype.kind not in "iu":
        return None
    if labels.ndim == len(output_shape) and labels.shape[-1] == 1:
        labels = labels[..., 0]
    is_classes = labels.ndim == len(output_shape) - 1 and output_shape[-1] > 1
    return labels if is_classes else None
