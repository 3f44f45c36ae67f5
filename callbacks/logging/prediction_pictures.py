"""Pictures of predictions."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import keras
import numpy as np

from kdl.callbacks.arguments import check_path, make_folder
from kdl.callbacks.deep_copies import copy_sharing
from kdl.callbacks.failures import Unwritten
from kdl.callbacks.logging.samples import class_labels, images_of
from kdl.callbacks.readable_data import check_sample, sample_of
from kdl.checks import check_integer, check_optional
from kdl.files import write_png
from kdl.typing import Arrays, StrPath


class PredictionPictures(keras.callbacks.Callback):
    """Draws what a model makes of a sample, as it trains.

    After each n-th epoch, and at the end of the fit, it writes into `directory`

        confusion_matrix.png    of a classification, how often each class was taken
                                for each
        predictions.png         of images, what they are and were taken for, the worst
                                first; of a regression, predictions against targets

    over those of the epoch before, so that an open picture follows the training.

    Keras has neither. `WandbLogger` and `TensorBoardLogger` log them to their own
    places.

    Args:
        data: Tuple `(x, y)` of arrays: a sample of the validation set, of a hundred or
            a thousand examples; or batches of them as `fit` takes them, of which the
            first 256 examples are read as it begins: a `keras.utils.PyDataset`, a
            `tf.data.Dataset`, a `DataLoader`, or another iterable, but no generator.
            `y` holds integer labels of shape `(examples,)`, or
            one-hot vectors, or targets of a regression, one number for each example.
        directory: String or `Path` of a folder, made if need be.
        every: Integer in `[1, inf)`. Draws after each n-th epoch. Defaults to `1`. Each
            takes a prediction of the sample and about half a second.
        examples: Integer in `[1, 100]`. How many images to show. Defaults to `25`.
        class_names: Optional list of strings, one for each class. Defaults to `None`,
            for their numbers.

    Raises:
        ValueError: If an argument is outside its interval, or if there is nothing to
            draw: the model has several outputs, or its targets are neither classes nor
            numbers.

    Example:

    >>> pictures = kdl.callbacks.PredictionPictures(validation, folder)
    >>> history = model.fit(x, y, epochs=1, callbacks=[pictures])
    """

    def __init__(
        self,
        data: Arrays,
        directory: StrPath,
        every: int = 1,
        examples: int = 25,
        class_names: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        self.data = check_sample("data", data)
        self.directory = check_path("directory", directory)
        self.every = check_integer("every", every, "[1, inf)")
        self.examples = check_integer("examples", examples, "[1, 100]")
        self.class_names = check_optional(
            _check_class_names, "class_names", class_names
        )

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._epoch = None
        steps = (self.params or {}).get("steps")
        self._sample = sample_of("data", self.data, steps)
        self._unwritten = Unwritten("PredictionPictures")
        make_folder(self.directory)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch = epoch
        if (epoch + 1) % self.every == 0:
            self._draw(f"after epoch {epoch + 1}")

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        # Another callback may have restored the weights of an earlier epoch.
        if self._epoch is not None:
            self._draw("after the fit")
        self._sample = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_sample": None, "_model": None}

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return copy_sharing(self, self.data, memo)

    def _draw(self, when):
        # Here, since matplotlib takes longer to import than the rest of kdl.
        from kdl.callbacks.logging.prediction_figures import (
            confusion_figure,
            images_figure,
            regression_figure,
        )

        x, y = self._sample
        y = np.asarray(y)
        outputs = self.model.predict(x, verbose=0)
        found = class_labels(y, outputs) if isinstance(outputs, np.ndarray) else None
        if found is not None:
            labels, predicted = found
            _check_names(self.class_names, max(outputs.shape[1], 2))
            title = f"Confusion matrix {when}"
            figure = confusion_figure(labels, predicted, self.class_names, title)
            self._write("confusion_matrix.png", figure)
            images = images_of(x)
            if images is not None:
                worst = np.argsort(_margins(labels, outputs), kind="stable")
                worst = worst[: self.examples]
                figure = images_figure(
                    images[worst],
                    labels[worst],
                    predicted[worst],
                    self.class_names,
                    f"The {len(worst)} worst {when}",
                )
                self._write("predictions.png", figure)
        elif isinstance(outputs, np.ndarray) and y.size == outputs.size == len(outputs):
            pair = y.reshape(-1), outputs.reshape(-1)
            figure = regression_figure(*pair, f"Predictions {when}")
            self._write("predictions.png", figure)
        else:
            raise ValueError(
                "`data` must have targets that are classes, or one number an example, "
                f"for the outputs of the model. Received: targets of shape {y.shape}, "
                f"outputs of shape {keras.tree.map_structure(np.shape, outputs)}"
            )

    def _write(self, name, figure):
        with self._unwritten():
            write_png(Path(self.directory) / name, figure, dpi=100)


def _check_class_names(name, value):
    if (
        not isinstance(value, (list, tuple))
        or len(value) < 2
        or not all(isinstance(x, str) for x in value)
    ):
        raise ValueError(
            f"`{name}` must be a list of two or more strings, or None. "
            f"Received: {name}={value!r}"
        )
    return value


def _check_names(class_names, count):
    if class_names is not None and len(class_names) != count:
        raise ValueError(
            f"`class_names` must have {count} names, one for each class. "
            f"Received: class_names={class_names!r}"
        )


def _margins(labels, outputs):
    """By how much the output of the true class exceeds the largest other."""
    if outputs.shape[1] == 1:
        return np.where(labels == 1, 1, -1) * outputs[:, 0]
    rows = np.arange(len(outputs))
    others = outputs.copy()
    others[rows, labels] = -np.inf
    return outputs[rows, labels] - others.max(axis=1)
