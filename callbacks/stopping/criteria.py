"""When a metric has stopped improving.

A criterion judges a metric epoch by epoch. Its `verdict` is why the metric has stopped
improving, a clause such as "val_loss has not improved for 5 epochs", or `None`. It
holds until the criterion judges anew, for some at the end of a strip of epochs.
"""

import copy
import math
from typing import Any, Self

from kdl.callbacks.arguments import check_string
from kdl.callbacks.monitoring import LoggedMetric, MonitoredMetric
from kdl.checks import check_integer, check_number, check_optional


class Criterion:
    """What `EarlyStopping` judges a metric by; by itself it never stops a fit.

    Attributes:
        remembered: Names of what is kept from epoch to epoch, for `get_state`.
        judges_errors: Boolean. Whether it takes only metrics that are minimized.
    """

    remembered: tuple[str, ...] = ("verdict",)
    judges_errors: bool = False
    verdict: str | None = None

    def begin(
        self, name: str, min_delta: float = 0.0, baseline: float | None = None
    ) -> Self:
        """Returns a copy that judges a metric from its first epoch on.

        Args:
            name: String. Name of the metric.
            min_delta: Float. How much of an improvement is none.
            baseline: Optional float, on which the metric must improve too.
        """
        judge = copy.copy(self)
        judge.verdict = None
        return judge

    def judge(self, metric: MonitoredMetric, epoch: int, logs: dict[str, Any]) -> None:
        """Judges an epoch.

        Args:
            metric: `kdl.callbacks.monitoring.MonitoredMetric`, updated.
            epoch: Integer. Index of the epoch.
            logs: Dict. Its logs.
        """

    def check_minimized(self, name: str, mode: str) -> None:
        """Refuses a metric that is maximized, unless the criterion takes any.

        Raises:
            ValueError: If the criterion takes errors alone, and `mode` is `"max"`.
        """
        if self.judges_errors and mode == "max":
            kind = type(self).__name__
            raise ValueError(
                f"`criterion` must be a `Patience` for {name!r}, which is maximized: "
                f"`{kind}` judges errors, which are minimized. Monitor a loss "
                f"instead. Received: criterion={self!r}"
            )

    def __repr__(self) -> str:
        options = ", ".join(
            f"{name}={value!r}"
            for name, value in vars(self).items()
            if not name.startswith("_") and name not in self.remembered
        )
        return f"{type(self).__name__}({options})"


class Patience(Criterion):
    """Stops a fit after so many epochs without an improvement.

    It is Keras's criterion, and what `EarlyStopping(patience=5)` means. An improvement
    is one by more than `min_delta`, and upon `baseline`, as `EarlyStopping` has them.

    Args:
        patience: Integer in `[0, inf)`. Number of epochs; 5 to 20 for a curve with
            noise. Defaults to `0`, as in Keras.

    Raises:
        ValueError: If `patience` is outside its interval.

    Example:

    >>> criterion = kdl.callbacks.Patience(5)
    >>> stopping = kdl.callbacks.EarlyStopping(criterion=criterion)
    """

    remembered = ("verdict", "_wait")

    def __init__(self, patience: int = 0) -> None:
        self.patience = check_integer("patience", patience, "[0, inf)")

    def begin(
        self, name: str, min_delta: float = 0.0, baseline: float | None = None
    ) -> Self:
        judge = super().begin(name)
        judge._wait, judge._min_delta, judge._baseline = 0, min_delta, baseline
        return judge

    def judge(self, metric: MonitoredMetric, epoch: int, logs: dict[str, Any]) -> None:
        self.verdict = None
        self._wait += 1
        if metric.improved:
            if self._baseline is None or metric.improves_on(self._baseline):
                self._wait = 0
        elif self._wait >= self.patience and epoch > 0:
            self.verdict = self._explain(metric)

    def _explain(self, metric):
        much = f" by more than {self._min_delta:g}" if self._min_delta else ""
        on = "" if self._baseline is None else f" on the baseline {self._baseline:g}"
        epochs = "epoch" if self._wait == 1 else "epochs"
        return f"{metric.name} has not improved{on}{much} for {self._wait} {epochs}"


class GeneralizationLoss(Criterion):
    """Stops a fit once an error is so many percent above its minimum.

    It is GL of Prechelt. Of an error E it stops after the first epoch t with

        100 (E(t) / min E(1…t) - 1) > alpha

    One bad epoch is enough, so that it stops early where a curve is noisy.

    Args:
        alpha: Float in `(0, inf)`. Threshold in percent. Defaults to `5.0`.

    Raises:
        ValueError: If `alpha` is outside its interval.

    Example:

    >>> criterion = kdl.callbacks.GeneralizationLoss(alpha=10.0)
    >>> stopping = kdl.callbacks.EarlyStopping(criterion=criterion)

    References:
        - [Prechelt, 1998, Early Stopping - But When?](
          https://doi.org/10.1007/3-540-49430-8_3)
    """

    remembered = ("verdict", "_lowest")
    judges_errors = True

    def __init__(self, alpha: float = 5.0) -> None:
        self.alpha = check_number("alpha", alpha, "(0, inf)")

    def begin(
        self, name: str, min_delta: float = 0.0, baseline: float | None = None
    ) -> Self:
        judge = super().begin(name)
        judge._lowest = math.inf
        return judge

    def judge(self, metric: MonitoredMetric, epoch: int, logs: dict[str, Any]) -> None:
        self.verdict = None
        loss = self._loss(metric)
        if loss > self.alpha:
            self.verdict = (
                f"{metric.name} is {loss:.3g} % above its lowest value, more than "
                f"alpha={self.alpha:g}"
            )

    def _loss(self, metric):
        value = _check_error(metric.name, metric.value)
        self._lowest = min(self._lowest, value)
        return 100 * _excess(value, self._lowest)


class ProgressQuotient(GeneralizationLoss):
    """Stops a fit once an error has risen more than training progresses.

    It is PQ of Prechelt. A strip is k epochs, F is the training loss, and E the error.
    At the end of a strip, after epoch t, it stops if

        100 (E(t) / min E(1…t) - 1) > alpha P(t)
        P(t) = 1000 (mean F(t-k+1…t) / min F(t-k+1…t) - 1)

    It tolerates a bad epoch as long as training makes progress.

    Args:
        alpha: Float in `(0, inf)`. Threshold of the quotient. The paper has 0.5 to 3;
            Adam progresses fast on small models, which takes less. Defaults to `0.75`.
        strip_length: Integer in `[1, inf)`. Number of epochs in a strip. Defaults to
            `5`.
        training_loss: Optional string. Name of the training loss in the logs. Defaults
            to `None`, for that of the metric without `"val_"`.

    Raises:
        ValueError: If an argument is outside its interval, or if `training_loss` is a
            metric of the validation.

    Example:

    >>> criterion = kdl.callbacks.ProgressQuotient(alpha=0.2, strip_length=5)
    >>> stopping = kdl.callbacks.EarlyStopping(criterion=criterion)

    References:
        - [Prechelt, 1998, Early Stopping - But When?](
          https://doi.org/10.1007/3-540-49430-8_3)
    """

    remembered = ("verdict", "_lowest", "_errors")

    def __init__(
        self,
        alpha: float = 0.75,
        strip_length: int = 5,
        training_loss: str | None = None,
    ) -> None:
        super().__init__(alpha)
        self.strip_length = check_integer("strip_length", strip_length, "[1, inf)")
        self.training_loss = check_optional(
            check_string, "training_loss", training_loss
        )
        if training_loss is not None and training_loss.startswith("val_"):
            raise ValueError(
                "`training_loss` must be the name of a metric of the training, without "
                f"'val_'. Received: training_loss={training_loss!r}"
            )

    def begin(
        self, name: str, min_delta: float = 0.0, baseline: float | None = None
    ) -> Self:
        judge = super().begin(name)
        judge._loss_name = self.training_loss or name.removeprefix("val_")
        judge._logged = LoggedMetric(
            judge._loss_name, "measure the training progress by"
        )
        judge._errors = []
        return judge

    def judge(self, metric: MonitoredMetric, epoch: int, logs: dict[str, Any]) -> None:
        loss = self._loss(metric)
        error = _check_error(self._loss_name, self._logged.value(logs))
        self._errors.append(error)
        if len(self._errors) < self.strip_length:
            return
        mean = sum(self._errors) / self.strip_length
        progress = 1000 * _excess(mean, min(self._errors))
        self._errors = []
        self.verdict = None
        # As a product, since there may be no progress at all.
        if loss > self.alpha * progress:
            self.verdict = (
                f"{metric.name} is {loss:.3g} % above its lowest value, more than "
                f"alpha={self.alpha:g} times the training progress of "
                f"{progress:.3g} per thousand"
            )


class SuccessiveRises(Criterion):
    """Stops a fit once an error has risen in several successive strips of epochs.

    It is UP of Prechelt. Of an error E and strips of k epochs, it stops if
    E(t) > E(t-k) at the ends of so many strips in a row. It asks for a trend, whatever
    its size.

    Args:
        strips: Integer in `[1, inf)`. Number of strips. Defaults to `3`.
        strip_length: Integer in `[1, inf)`. Number of epochs in a strip. Defaults to
            `5`.

    Raises:
        ValueError: If an argument is outside its interval.

    Example:

    >>> criterion = kdl.callbacks.SuccessiveRises(strips=2)
    >>> stopping = kdl.callbacks.EarlyStopping(criterion=criterion)

    References:
        - [Prechelt, 1998, Early Stopping - But When?](
          https://doi.org/10.1007/3-540-49430-8_3)
    """

    remembered = ("verdict", "_epochs", "_last", "_rises")
    judges_errors = True

    def __init__(self, strips: int = 3, strip_length: int = 5) -> None:
        self.strips = check_integer("strips", strips, "[1, inf)")
        self.strip_length = check_integer("strip_length", strip_length, "[1, inf)")

    def begin(
        self, name: str, min_delta: float = 0.0, baseline: float | None = None
    ) -> Self:
        judge = super().begin(name)
        judge._epochs, judge._rises, judge._last = 0, 0, math.inf
        return judge

    def judge(self, metric: MonitoredMetric, epoch: int, logs: dict[str, Any]) -> None:
        value = _check_error(metric.name, metric.value)
        self._epochs += 1
        if self._epochs % self.strip_length:
            return
        self._rises = self._rises + 1 if value > self._last else 0
        self._last = value
        self.verdict = None
        if self._rises >= self.strips:
            self.verdict = (
                f"{metric.name} has risen in {self._rises} successive strips of "
                f"{self.strip_length} epochs"
            )


def _check_error(name, value):
    if value < 0:
        raise ValueError(
            f"The metric {name!r} is {value:g}, but Prechelt's criteria need errors, "
            "which are never negative. Monitor another one, or use `Patience`."
        )
    return value


def _excess(value, least):
    """Returns `value / least - 1`, also of a perfect `least` of zero."""
    if least == 0:
        return math.inf if value > 0 else 0.0
    return value / least - 1
