"""When a metric has stopped improving.

Each criterion judges a metric epoch by epoch. Its `verdict` is why the metric has
stopped improving, a clause such as "val_loss has not improved for 5 epochs", or `None`.
It holds until the criterion judges anew, for some at the end of a strip of epochs.
"""

import math

from kdl.callbacks.monitoring import LoggedMetric


class Patience:
    """Keras's criterion: `patience` epochs without an improvement."""

    remembered = ("verdict", "_wait")

    def __init__(self, patience, min_delta, baseline):
        self._patience = patience
        self._min_delta = min_delta
        self._baseline = baseline
        self.verdict = None
        self._wait = 0

    def judge(self, metric, epoch, logs):
        self.verdict = None
        self._wait += 1
        if metric.improved:
            if self._baseline is None or metric.improves_on(self._baseline):
                self._wait = 0
        elif self._wait >= self._patience and epoch > 0:
            self.verdict = self._explain(metric)

    def _explain(self, metric):
        much = f" by more than {self._min_delta:g}" if self._min_delta else ""
        on = "" if self._baseline is None else f" on the baseline {self._baseline:g}"
        epochs = "epoch" if self._wait == 1 else "epochs"
        return f"{metric.name} has not improved{on}{much} for {self._wait} {epochs}"


class GeneralizationLoss:
    """Prechelt's GL: an error so many percent above the lowest."""

    remembered = ("verdict", "_lowest")

    def __init__(self, alpha):
        self._alpha = alpha
        self.verdict = None
        self._lowest = math.inf

    def judge(self, metric, epoch, logs):
        self.verdict = None
        loss = self._loss(metric)
        if loss > self._alpha:
            self.verdict = (
                f"{metric.name} is {loss:.3g} % above its lowest value, more than "
                f"alpha={self._alpha:g}"
            )

    def _loss(self, metric):
        value = _check_error(metric.name, metric.value)
        self._lowest = min(self._lowest, value)
        return 100 * _excess(value, self._lowest)


class ProgressQuotient(GeneralizationLoss):
    """Prechelt's PQ: GL, divided by how much training still brings."""

    remembered = ("verdict", "_lowest", "_errors")

    def __init__(self, alpha, strip_length, training_loss):
        super().__init__(alpha)
        self._strip_length = strip_length
        self._training_loss = training_loss
        self._logged = LoggedMetric(training_loss, "measure the training progress by")
        self._errors = []

    def judge(self, metric, epoch, logs):
        loss = self._loss(metric)
        error = _check_error(self._training_loss, self._logged.value(logs))
        self._errors.append(error)
        if len(self._errors) < self._strip_length:
            return
        mean = sum(self._errors) / self._strip_length
        progress = 1000 * _excess(mean, min(self._errors))
        self._errors = []
        self.verdict = None
        # As a product, since there may be no progress at all.
        if loss > self._alpha * progress:
            self.verdict = (
                f"{metric.name} is {loss:.3g} % above its lowest value, more than "
                f"alpha={self._alpha:g} times the training progress of "
                f"{progress:.3g} per thousand"
            )


class SuccessiveRises:
    """Prechelt's UP: an error that rises from strip to strip, so many times."""

    remembered = ("verdict", "_epochs", "_last", "_rises")

    def __init__(self, strips, strip_length):
        self._strips = strips
        self._strip_length = strip_length
        self.verdict = None
        self._epochs = 0
        self._last = math.inf
        self._rises = 0

    def judge(self, metric, epoch, logs):
        value = _check_error(metric.name, metric.value)
        self._epochs += 1
        if self._epochs % self._strip_length:
            return
        self._rises = self._rises + 1 if value > self._last else 0
        self._last = value
        self.verdict = None
        if self._rises >= self._strips:
            self.verdict = (
                f"{metric.name} has risen in {self._rises} successive strips of "
                f"{self._strip_length} epochs"
            )


def check_minimized(criterion, name, mode):
    """Refuses a metric that is maximized, unless the criterion takes any.

    Raises:
        ValueError: If `criterion` takes errors alone, and `mode` is `"max"`.
    """
    if criterion != "patience" and mode == "max":
        raise ValueError(
            f"`criterion` must be 'patience' for {name!r}, which is maximized: "
            f"{criterion!r} judges errors, which are minimized. Monitor a loss "
            f"instead. Received: criterion={criterion!r}"
        )


def _check_error(name, value):
    if value < 0:
        raise ValueError(
            f"The metric {name!r} is {value:g}, but Prechelt's criteria need errors, "
            "which are never negative. Monitor another one, or use "
            "criterion='patience'."
        )
    return value


def _excess(value, least):
    """Returns `value / least - 1`, also of a perfect `least` of zero."""
    if least == 0:
        return math.inf if value > 0 else 0.0
    return value / least - 1
