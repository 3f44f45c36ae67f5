"""What the loggers of a fit have in common."""

import threading
import warnings

import keras
import numpy as np

from kdl.callbacks.monitoring import as_numbers
from kdl.callbacks.threads import check_thread

_MOST = 1000  # Numbers of one metric; a thousand classes are as many as charts bear.


class Scalars:
    """Makes numbers of the logs of Keras, in which a metric may be an array.

    Args:
        logger: String. Name of the logger.
    """

    def __init__(self, logger):
        self._logger = logger
        self._warned = False

    def __call__(self, logs):
        """Returns a dict of floats by name.

        An array of one is a number, and of an array of several each is, as
        `"f1_score/0"` of `"f1_score"`. What has no numbers, or too many, is left out
        with one warning.

        Args:
            logs: Dict. The logs of an epoch or a batch.
        """
        values, others = {}, []
        for name, value in (logs or {}).items():
            numbers = as_numbers(value)
            if numbers is None or numbers.size > _MOST:
                others.append(name)
            elif numbers.size == 1:
                values[name] = numbers.item()
            else:
                for index in np.ndindex(numbers.shape):
                    place = "/".join(map(str, index))
                    values[f"{name}/{place}"] = float(numbers[index])
        if others and not self._warned:
            self._warned = True
            names = ", ".join(map(repr, others))
            warnings.warn(
                f"{self._logger} leaves out {names}: it logs numbers, and arrays of at "
                f"most {_MOST}.",
                stacklevel=3,
            )
        return values


class BatchCount:
    """Counts the training batches of a fit, and picks each n-th of them.

    Args:
        every: Integer. The n.
        start: Integer. After how many batches counting to n begins. Defaults to `0`.
    """

    remembered = ("step", "_first")

    def __init__(self, every, start=0):
        self._every, self._start = every, start
        self._thread = threading.get_ident()
        self.step = self._first = 0

    def picks(self, batch, steps):
        """Counts up to a batch, and returns whether it is to be logged.

        Args:
            batch: Integer. Index of the batch in its epoch. With
                `steps_per_execution`, it may lie beyond the end of the data.
            steps: Optional integer. Number of batches of an epoch.
        """
        before, now = self.step, self._first + min(batch + 1, steps or batch + 1)
        # Taken up in the middle of an epoch, a fit passes over the batches before.
        self.step = max(before, now)
        return self._picked(self.step) > self._picked(before)

    def _picked(self, step):
        """How many have been picked by then."""
        return max(0, (step - self._start) // self._every)

    def end_epoch(self):
        self._first = self.step

    def check_thread(self):
        check_thread(self._thread)


def is_due(every, epoch, callback):
    """Whether something is to be logged after an epoch: an n-th, or the last.

    Args:
        every: Integer. The n, or `0` for never.
        epoch: Integer. Index of the epoch.
        callback: `keras.callbacks.Callback` of the fit.
    """
    if not every:
        return False
    last = epoch + 1 == (callback.params or {}).get("epochs")
    return (epoch + 1) % every == 0 or last or callback.model.stop_training


def histograms(model, numbers, bins):
    """Yields name, counts and edges of the weights' histograms and the gradients'.

    Each is of one array of weights; or of the gradient norms or update ratios of all
    variables, where a `kdl.optimizers.ControlledOptimizer` watches them. Values that
    are not finite are left out.

    Args:
        model: `keras.Model`.
        numbers: Dict of floats. Its numbers in force.
        bins: Integer. Number of bins.
    """
    for weight in model.weights:
        # Not what counts, such as that of a clock.
        if "float" in weight.dtype:
            values = keras.ops.convert_to_numpy(weight)
            yield f"weights/{weight.path}", *_histogram(values, bins)
    for kind in ("gradient_norm", "update_ratio"):
        values = [numbers[name] for name in numbers if name.startswith(f"{kind}/")]
        if values:
            yield kind, *_histogram(values, bins)


def _histogram(values, bins):
    values = np.asarray(values, "float64")
    return np.histogram(values[np.isfinite(values)], bins)
