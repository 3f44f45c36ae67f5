"""Forecast a series, many steps ahead."""

import functools
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import keras
import keras_tuner
import numpy as np
from keras import layers

from kdl.data import moments
from kdl.data.splits import Splits
from kdl.layers import Clock
from kdl.models import RecurrentForecaster
from kdl.recipes.sequences import sequence_recipe
from kdl.typing import HyperParameters


class Forecast(sequence_recipe.SequenceRecipe):
    """Encoder and forecaster that predict a series many steps ahead, one by one.

    The encoder reads the steps that are known. The forecaster is trained by one of the
    strategies `"teacher_forcing"`, `"scheduled_sampling"`, `"always_own"`,
    `"professor_forcing"` and `"curriculum"`, from windows of small loss to all.
    Validation and test are free-running, as in use: each prediction is made from those
    before it.

    Args:
        source: What to learn, as `kdl.data.load` takes it: `"mackey_glass"`, or a
            `kdl.data.Splits` of float arrays of shapes `(windows, history, features)`
            and `(windows, horizon, features)`, of any scale: the model normalizes each
            feature by what the training set has. Errors are in the units of the data,
            so that of features of unlike scale, the largest count most. Loaded when it
            is first needed. Defaults to `None`, which is `"mackey_glass"`.
        seed: Integer in `[0, 2**32)`. Draws the source. Defaults to `0`.

    Example:

    >>> recipe = kdl.recipes.Forecast()
    >>> data = recipe.data()
    >>> x = {name: part[:64] for name, part in data["x"].items()}
    >>> model, history = kdl.recipes.run(recipe, x=x, y=data["y"][:64], epochs=1)
    """

    default_source = "mackey_glass"
    objective = keras_tuner.Objective("val_rmse", "min")
    kept: tuple[str, ...] = ("horizon", "features")
    capacity: tuple[str, ...] = ("units",)
    meanings = {"units": "units of the encoder, and of the forecaster"}

    def check(self, splits: Splits) -> Splits:
        for part in splits:
            x, y = map(np.asarray, part)
            if not (x.ndim == y.ndim == 3 and x.shape[::2] == y.shape[::2]):
                raise ValueError(
                    "`source` must hold series of shapes (windows, history, features) "
                    "and (windows, horizon, features). Received: "
                    f"{x.dtype} {x.shape} and {y.dtype} {y.shape}"
                )
        return splits

    @functools.cached_property
    def horizon(self) -> int:
        """Number of steps to forecast."""
        return np.shape(self.splits.train[1])[1]

    @functools.cached_property
    def features(self) -> int:
        """Number of features of a step."""
        return np.shape(self.splits.train[0])[-1]

    @property
    def overlap(self) -> int:  # type: ignore[override]  # The data say it.
        """Number of windows before and after one that may share a step with it."""
        return np.shape(self.splits.train[0])[1] + self.horizon - 1

    def read(self, path: Path | Literal["-"]) -> Iterator[tuple[str, Any]]:
        """Yields name and past steps of each series of a file.

        Of a table, the rows are the steps of one series and the columns its features.
        An array holds several series, of shape `(series, steps, features)`, and so
        does JSON, a series a line. The features may be left out if there is one.
        """
        series = super().read(path)
        if path == "-" or path.suffix.lower() in (".csv", ".tsv"):
            steps = [step for _, step in series]
            if not steps:
                return
            if len({len(step) for step in steps}) > 1:
                raise ValueError(f"{path} must have as many numbers in each row.")
            series = [(str(path), np.stack(steps))]
        for name, values in series:
            if values.ndim == 1 and self.features == 1:
                values = values[:, np.newaxis]
            if values.ndim != 2 or values.shape[1] != self.features:
                raise ValueError(
                    f"{name} must be a series of shape (steps, {self.features}), the "
                    f"features of a step in each row. Received: {values.shape}"
                )
            yield name, values

    def inputs(self, raw: Any) -> Any:
        past = np.asarray(raw, "float32")
        # Free-running, it needs to know only how far to go.
        future = np.zeros((len(past), self.horizon, past.shape[-1]), "float32")
        return {"past": past, "future": future}

    def encode(self, part: tuple[Any, Any]) -> tuple[Any, Any]:
        x, y = part
        future = np.asarray(y, "float32")
        return {**self.inputs(x), "future": future}, future

    def space(self, hp: HyperParameters) -> SimpleNamespace:
        p = self.strategies(hp)
        p.units = hp.Int("units", 16, 128, step=2, sampling="log", default=64)
        p.batch_size = hp.Choice("batch_size", [32, 64, 128], default=64)
        p.learning_rate = hp.Float(
            "learning_rate", 1e-3, 3e-2, sampling="log", default=1e-2
        )
        p.patience = hp.Int("patience", 3, 30, default=10)
        return p

    def build(self, hp: HyperParameters) -> keras.Model:
        p = self.space(hp)
        inputs = {
            name: keras.Input((None, self.features), name=name)
            for name in ("past", "future")
        }
        mean, variance = moments(self.splits.train[0])
        scale = {"mean": mean, "variance": variance}
        normalized = layers.Normalization(**scale)
        x = {
            name: normalized(part) for name, part in Clock(name="clock")(inputs).items()
        }
        state = layers.GRU(p.units)(x["past"])
        forecaster = RecurrentForecaster(
            layers.GRUCell(p.units),
            self.features,
            sequence_recipe.feeding(p, "free_running"),
            name="decoder",
        )
        outputs = forecaster(x["future"], first=x["past"][:, -1], initial_state=state)
        outputs = layers.Normalization(invert=True, **scale)(outputs)
        model = keras.Model(inputs, outputs)
        model.compile(
            optimizer=keras.optimizers.Adam(global_clipnorm=1.0),
            loss="mse",
            # As of series of variance 1.
            loss_weights=1 / float(np.mean(variance)),
            metrics=[
                keras.metrics.RootMeanSquaredError("rmse"),
                keras.metrics.MeanAbsoluteError("mae"),
            ],
        )
        return model

    deployed = (
        "It returns the forecast of each step; of `future` it takes the length alone."
    )

    def rows(self, raw: Any, outputs: Any) -> list[dict[str, Any]]:
        """The forecast of each window, step by step."""
        return [
            {
                "input": index,
                "step": step,
                **{f"feature_{n}": float(value) for n, value in enumerate(values)},
            }
            for index, steps in enumerate(outputs)
            for step, values in enumerate(steps, 1)
        ]

    def examine(self, model: keras.Model) -> dict[str, Any]:
        x, y = self.encode(self.splits.test)
        errors = {}
        for evaluation in ("teacher_forcing", "free_running"):
            outputs = sequence_recipe.predictions(model, evaluation, x)
            errors[evaluation] = np.sqrt(((outputs - y) ** 2).mean(axis=(0, 2)))
        rows = [
            {"step": step, **{name: float(e[step - 1]) for name, e in errors.items()}}
            for step in range(1, y.shape[1] + 1)
        ]
        figure = sequence_recipe.errors_figure(
            errors, "root mean squared error", "step ahead"
        )
        return {"errors.png": figure, "errors.csv": rows}
