"""Predictions as tables of W&B."""

import keras
import numpy as np

from kdl.callbacks.logging.samples import class_labels, images_of


def tables(model, data):
    """Returns what a model makes of a sample, by name.

    Args:
        model: `keras.Model` of one output.
        data: Tuple `(x, y)` of examples.

    Returns:
        Dict of `"predictions/table"`, and for classes, of
        `"predictions/confusion_matrix"`.
    """
    import wandb

    x, y = data
    outputs = np.asarray(model.predict(x, verbose=0))
    found = class_labels(np.asarray(y), outputs)
    columns = _inputs(x)
    if found is None:
        columns |= {"target": np.asarray(y), "prediction": outputs}
    else:
        labels, predicted = found
        columns |= {"label": labels, "prediction": predicted, "output": outputs}
    rows = zip(*(map(_cell, column) for column in columns.values()), strict=True)
    table = wandb.Table(columns=list(columns), data=list(map(list, rows)))
    logged = {"predictions/table": table}
    if found is not None:
        names = [str(n) for n in range(max(outputs.shape[1], 2))]
        logged["predictions/confusion_matrix"] = wandb.plot.confusion_matrix(
            y_true=labels.tolist(), preds=predicted.tolist(), class_names=names
        )
    return logged


def _inputs(x):
    """The column of the inputs, unless there are several."""
    import wandb

    if len(keras.tree.flatten(x)) != 1:
        return {}
    images = images_of(x)
    if images is not None:
        return {"input": [wandb.Image(image) for image in images]}
    return {"input": np.asarray(x)}


def _cell(value):
    """A value that W&B can show: of an array, a number or a nest of lists."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
