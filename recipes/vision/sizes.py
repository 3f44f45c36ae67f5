"""What models cost, and what they are worth."""

import tempfile
import time
from pathlib import Path

import keras
import numpy as np

from kdl.data.on_disk import take
from kdl.recipes.reading.from_disk import predicted

_REPEATS = 20


def size_table(models, x, y):
    """Returns sizes, times and accuracies of classifiers of images.

    Args:
        models: Dict of `keras.Model` of logits, by name.
        x: Images, an array or on disk.
        y: Integer array of labels.

    Returns:
        List of dicts: `"model"`, its name; `"parameters"`; `"kilobytes"` of its file,
        without the optimizer; `"accuracy"`; and the milliseconds that a prediction
        takes here, of one image and of 32, medians of 20.
    """
    some = np.resize(np.arange(len(x)), 32)
    images = np.asarray(take(x, some)[np.arange(32)], "float32")
    rows = []
    for name, trained in models.items():
        # Without what only training needs, and compiled as is usual here, wherever it
        # was trained.
        model = keras.Model(trained.input, trained.output)
        found = np.argmax(predicted(model, x), axis=-1)
        rows.append(
            {
                "model": name,
                "parameters": model.count_params(),
                "kilobytes": round(_file_size(model) / 1000, 1),
                "accuracy": float(np.mean(found == np.asarray(y))),
                "ms_of_1": round(_milliseconds(model, images[:1]), 3),
                "ms_of_32": round(_milliseconds(model, images), 3),
            }
        )
    return rows


def _file_size(model):
    """Bytes of a model's file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        return path.stat().st_size


def _milliseconds(model, images):
    """Median time of a prediction, once it is compiled."""
    times = []
    for _ in range(1 + _REPEATS):
        start = time.perf_counter()
        model.predict_on_batch(images)
        times.append(time.perf_counter() - start)
    return 1000 * float(np.median(times[1:]))
