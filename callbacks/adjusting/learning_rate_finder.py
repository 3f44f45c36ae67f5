"""Finding a learning rate."""

import math
from typing import Any

import keras
import numpy as np

from kdl import private
from kdl.callbacks.arguments import check_path
from kdl.callbacks.log_numbers import optimizers_of
from kdl.callbacks.training_state import (
    check_built,
    random_states,
    set_random_states,
    variables_of,
)
from kdl.checks import check_integer, check_number, check_optional
from kdl.files import write_png
from kdl.schedules import JoinedSchedules
from kdl.typing import Figure, StrPath

_FEW = 5  # Losses whose moving average is of too few, whatever the smoothing.
_LEAST = 10  # Losses after them that a suggestion needs.
_TELLING = 50  # Losses after them that tell noise from a fall.


class LearningRateFinder(keras.callbacks.Callback):
    """Finds a learning rate by trying all of them, and leaves the model as it was.

    In `steps` training batches, the rate of batch i goes from `min_rate` to `max_rate`,

        rate(i) = min_rate * (max_rate / min_rate) ** (i / (steps - 1))

    or less far, if the loss diverges before. The loss stays, falls, and explodes; the
    rates at which it falls are those to train with. Two of them are suggested:

        valley      half the length of the longest decline of the smoothed loss before
                    the end of it
        steepest    where, in the second half of that decline, it falls fastest by
                    log(rate), over as many batches as the average is of

    `valley` is the safer one to start with, also as the peak of a one-cycle schedule.
    The first `1 / (1 - smoothing)` batches, at least 5, count for neither, since their
    average is of too few. A loss that falls by no more than noise would suggests none.

    Keras has nothing of the kind. The loss that a callback of Keras sees is the mean
    over the batches of the epoch so far; here it is that of each batch. The rate is a
    schedule within the compiled step, on every backend, whatever the rate of the
    optimizer followed before.

    After the sweep, all variables of model and optimizer are as they were before, bit
    by bit, as are random states and the learning rate. `find` sees to it also if the
    sweep is interrupted. In a `fit` of your own, `callbacks=[finder]` does the
    same at its end; after an exception, `finder.restore()` does. The training step
    is compiled before the sweep and after it.

    Args:
        min_rate: Float in `(0, 1e6]`. Defaults to `1e-7`.
        max_rate: Float in `(min_rate, inf)`. Defaults to `10.0`.
        steps: Integer in `[20, 1000000]`. Number of training batches. Defaults to
            `100`; more for a loss with much noise. At least 10 more than the first,
            which are left out.
        smoothing: Float in `[0, 1)`. How much the moving average of the loss keeps from
            batch to batch. Defaults to `0.9`.
        divergence: Float in `(1, inf)`. The sweep ends when the smoothed loss is so
            many times its least value, less those left out. Defaults to `4.0`.

    Attributes:
        rates: Array of shape `(batches,)`. Rates that were tried, once they were.
        losses: Array of shape `(batches,)`. The loss of each batch, before its update.
        smoothed: Array of shape `(batches,)`. Their moving average.

    Raises:
        ValueError: If an argument is outside its interval, if the model has several
            learning rates or no weights yet, or if the `fit` is shorter than the sweep.

    Example:

    >>> finder = kdl.callbacks.LearningRateFinder(steps=40)
    >>> rate = finder.find(model, x, y, batch_size=32)
    >>> figure = finder.plot(folder / "rates.png")
    >>> model.optimizer.learning_rate = rate

    References:
        - [Smith, 2015](https://arxiv.org/abs/1506.01186), the range test
        - [Gugger and Howard, fastai](https://docs.fast.ai/callback.schedule.html), the
          suggestions
    """

    def __init__(
        self,
        min_rate: float = 1e-7,
        max_rate: float = 10.0,
        steps: int = 100,
        smoothing: float = 0.9,
        divergence: float = 4.0,
    ) -> None:
        super().__init__()
        self.min_rate = check_number("min_rate", min_rate, "(0, 1e6]")
        self.max_rate = check_number("max_rate", max_rate, f"({self.min_rate}, inf)")
        self.steps = check_integer("steps", steps, "[20, 1000000]")
        self.smoothing = check_number("smoothing", smoothing, "[0, 1)")
        if self.steps < self._left_out + _LEAST:
            raise ValueError(
                f"`steps` must be at least {self._left_out + _LEAST}, since of "
                f"smoothing={self.smoothing} the first {self._left_out} are left out. "
                f"Received: steps={steps!r}"
            )
        self.divergence = check_number("divergence", divergence, "(1, inf)")
        self._before = None  # What is to be put back.
        self._clear()

    def find(self, model: keras.Model, *args: Any, **kwargs: Any) -> float:
        """Sweeps over the rates, and returns the suggestion `valley`.

        Args:
            model: Compiled `keras.Model` with weights.
            *args: Positional arguments of `model.fit`, such as `x` and `y`.
            **kwargs: Keyword arguments of `model.fit`, such as `batch_size`, but not
                `epochs`.
        """
        if "epochs" in kwargs:
            raise ValueError(
                "`find` ends the training by itself and takes no `epochs`. "
                f"Received: epochs={kwargs['epochs']}"
            )
        callbacks = [self, *keras.tree.flatten(kwargs.pop("callbacks", None) or [])]
        # An epoch has a batch or more.
        kwargs = {"verbose": 0, **kwargs, "epochs": self.steps}
        try:
            model.fit(*args, callbacks=callbacks, **kwargs)
        finally:
            self.restore()
        return self.valley

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.restore()
        self._clear()
        model = self.model
        check_built(model)
        *_, optimizer = optimizers_of(model)
        self._check(optimizer)
        values = [(v, keras.ops.convert_to_numpy(v)) for v in variables_of(model)]
        rate = private.learning_rate(optimizer)
        self._before = model, values, random_states(), optimizer, rate
        for outer in optimizers_of(model):
            adjustable = getattr(outer, "adjustable", {})
            if "learning_rate" in adjustable:
                adjustable["learning_rate"].assign(1.0)
        _replace_rate(
            model, optimizer, self._schedule(private.count_batches(optimizer))
        )

    def on_train_batch_begin(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        # On JAX, this brings the live state into the variables.
        model = self.model
        if self._is_under_way:
            self._record(model.get_metrics_result())
        # From here on, the mean of the epoch is that of the next batches alone.
        model.reset_metrics()
        self._is_under_way = True

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._record(logs)
        self._is_under_way = False

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self.restore()

    def restore(self) -> None:
        """Puts back what the sweep has changed, unless that has been done."""
        if self._before is not None:
            model, values, states, optimizer, rate = self._before
            self._before = None
            for variable, value in values:
                variable.assign(value)
            set_random_states(states)
            _replace_rate(model, optimizer, rate)

    @property
    def steepest(self) -> float:
        """Rate at which the smoothed loss falls fastest, a float."""
        rates, losses, decline = self._decline()
        # The beginning of the decline may be noise, the end is not.
        first, last = (decline[0] + decline[-1]) // 2, decline[-1]
        middles = np.arange(first, last + 1)
        half = max(1, self._left_out // 2) if self.smoothing else 1
        low, high = np.maximum(middles - half, first), np.minimum(middles + half, last)
        falls = losses[low] - losses[high]
        # Half a window at the ends is not all of a fall.
        slopes = falls / np.log(rates[high] / rates[low])
        return float(rates[middles[np.argmax(slopes)]])

    @property
    def valley(self) -> float:
        """Rate half the longest decline before the end of it, a float."""
        rates, _, decline = self._decline()
        return float(rates[decline[-1] - len(decline) // 2])

    def plot(self, path: StrPath | None = None) -> Figure:
        """Draws the losses against the rates.

        Args:
            path: String or `Path` of a PNG file to write, in an existing folder.
                Defaults to `None`, no file.

        Returns:
            A `matplotlib.figure.Figure`, which a notebook displays.
        """
        check_optional(check_path, "path", path)
        # Here, since matplotlib takes longer to import than the rest of kdl.
        from matplotlib.figure import Figure

        suggestions = [("valley", self.valley, "-"), ("steepest", self.steepest, "--")]
        figure = Figure(figsize=(8, 4), layout="constrained")
        axes = figure.subplots()
        axes.plot(self.rates, self.losses, color="C0", alpha=0.3, label="loss")
        axes.plot(self.rates, self.smoothed, color="C0", label="smoothed loss")
        for name, rate, style in suggestions:
            label = f"{name}, {rate:.2g}"
            axes.axvline(rate, color="C1", linestyle=style, label=label)
        # The explosion at the end would flatten what comes before.
        _, losses, _ = self._decline()
        margin = 0.3 * (losses.max() - losses.min())
        axes.set_ylim(losses.min() - margin, losses.max() + margin)
        axes.set_xscale("log")
        axes.set_xlabel("learning rate")
        axes.set_ylabel("loss of a batch")
        axes.grid(alpha=0.3)
        figure.legend(loc="outside right upper")
        if path is not None:
            write_png(path, figure)
        return figure

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_before": None, "_model": None}

    def _clear(self):
        self.rates = self.losses = self.smoothed = np.zeros(0)
        self._batches, self._average, self._is_under_way = 0, 0.0, False

    def _check(self, optimizer):
        if getattr(optimizer, "learning_rate", None) is None:
            raise ValueError(
                "The model must have an optimizer with one learning rate. "
                f"Received: {type(optimizer).__name__}"
            )
        params = self.params or {}
        batches = (params.get("epochs") or 1) * (params.get("steps") or math.inf)
        if self.steps > batches:
            raise ValueError(
                f"`steps` must be at most {batches}, the batches of the fit: give it "
                f"more epochs. Received: steps={self.steps}"
            )

    def _schedule(self, start):
        """The rate by Keras's count of batches, of which there were some before."""
        sweep = keras.optimizers.schedules.ExponentialDecay(
            self.min_rate, self.steps - 1, self.max_rate / self.min_rate
        )
        pairs = [(start, self.min_rate), (None, sweep)]
        return JoinedSchedules(pairs) if start else sweep

    def _record(self, logs):
        """Notes the loss of the batches since the last call, and whether it explodes.

        There are several if Keras runs several at once: theirs is the rate in between.
        """
        first = self._batches
        self._batches += self.model.steps_per_execution
        if first >= self.steps or self.model.stop_training:
            return
        loss = float(logs["loss"])
        position = (first + min(self._batches, self.steps) - 1) / 2 / (self.steps - 1)
        rate = self.min_rate * (self.max_rate / self.min_rate) ** position
        self._average += (1 - self.smoothing) * (loss - self._average)
        smoothed = self._average / (1 - self.smoothing ** (len(self.losses) + 1))
        self.rates = np.append(self.rates, rate)
        self.losses = np.append(self.losses, loss)
        self.smoothed = np.append(self.smoothed, smoothed)
        least = np.min(self.smoothed[self._left_out :], initial=np.inf)
        # Not a number, it is not within.
        within = smoothed < np.inf and not (
            smoothed > least + (self.divergence - 1) * abs(least)
        )
        if not within or self._batches >= self.steps:
            self.model.stop_training = True

    @property
    def _left_out(self):
        """How many of the first losses have a moving average of too few."""
        return max(_FEW, round(1 / (1 - self.smoothing)))

    def _decline(self):
        """Rates and smoothed losses up to the least one, and indices of a decline."""
        losses = self.smoothed[self._left_out :]
        losses = losses[np.isfinite(losses)]
        count = 1 + np.argmin(losses) if len(losses) else 0
        advice = (
            f"If it is noisy, sweep in more `steps` than {self.steps} or with larger "
            "batches; if it explodes at once, from a smaller `min_rate` than "
            f"{self.min_rate:g}."
        )
        if count < _LEAST:
            raise ValueError(
                "The loss is least after "
                f"{min(self._left_out, len(self.losses)) + count} of "
                f"{len(self.losses)} batches, too early to suggest a rate. {advice}"
            )
        rates, losses = self.rates[self._left_out :][:count], losses[:count]
        decline = _longest_decline(losses)
        if len(self.losses) >= self._left_out + _TELLING:
            fall, noise = (
                losses[decline[0]] - losses[-1],
                _noise(losses, self.smoothing),
            )
            count = len(self.losses) * (1 - self.smoothing)
            # What has come to a tenth has fallen, though it was noisy before.
            is_deep = 0 <= losses[-1] < losses[decline[0]] / 10
            if not (is_deep or fall > noise * _range(count)):
                raise ValueError(
                    f"The smoothed loss falls by {fall:.2g} in {len(self.losses)} "
                    f"batches, as noise of {noise:.2g} may do alone, so that there is "
                    f"no rate to suggest. {advice}"
                )
        return rates, losses, decline


def _replace_rate(model, optimizer, rate):
    """Gives an optimizer another learning rate, in the compiled step as well."""
    private.set_learning_rate(optimizer, rate)
    model.make_train_function(force=True)


def _longest_decline(losses):
    """Indices of the longest strictly decreasing subsequence."""
    lengths, before = np.ones(len(losses), "int64"), np.full(len(losses), -1)
    for i, loss in enumerate(losses):
        higher = np.flatnonzero(losses[:i] > loss)
        if len(higher):
            before[i] = higher[np.argmax(lengths[higher])]
            lengths[i] += lengths[before[i]]
    indices = [np.argmax(lengths)]
    while before[indices[-1]] >= 0:
        indices.append(before[indices[-1]])
    return indices[::-1]


def _range(count):
    """The range of so many normal numbers in deviations, which few exceed.

    `2 sqrt(2 log n)` is a bound on its mean. With 0.7 more, one sweep in 20 over losses
    that are noise alone falls as far, for 100 and 300 steps.
    """
    return 2 * math.sqrt(2 * math.log(max(count, 2))) + 0.7


def _noise(losses, smoothing):
    """Standard deviation of moving averages of independent losses around a trend.

    Of second differences, which leave a linear trend out, the variance is
    `2 (1 - s) (3 - s)` times that of the averages.
    """
    variance = np.mean(np.diff(losses, 2) ** 2)
    return math.sqrt(variance / (2 * (1 - smoothing) * (3 - smoothing)))
