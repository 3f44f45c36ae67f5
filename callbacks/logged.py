"""What the loggers of a fit have in common."""

import contextlib
import threading
import warnings

import keras
import numpy as np

from kdl.callbacks.threads import check_thread


class Outlive:
    """Makes of the first failure of a service a warning, so that training goes on.

    Args:
        logger: String. Name of the logger.
        service: String. What the training goes on without.

    Attributes:
        failed: Boolean. Whether there was a failure, after which the logger is to
            write nothing more.
    """

    def __init__(self, logger, service):
        self._logger = logger
        self._service = service
        self.failed = False

    @contextlib.contextmanager
    def __call__(self, action):
        try:
            yield
        except Exception as error:
            first, self.failed = not self.failed, True
            if first:
                reason = " ".join(f"{type(error).__name__}: {error}".split())
                warnings.warn(
                    f"{self._logger} failed to {action}; training goes on without "
                    f"{self._service}. {reason}",
                    stacklevel=3,  # The hook, beyond `contextlib`.
                )


class BatchCount:
    """Counts the training batches of a fit, and picks each n-th of them.

    Args:
        every: Integer. The n.
    """

    remembered = ("step", "_first")

    def __init__(self, every):
        self._every = every
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
        return self.step // self._every > before // self._every

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
