"""Predict a column of a table from the others."""

import functools
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import keras
import keras_tuner
import numpy as np
from keras import layers, ops

from kdl.callbacks.logging.prediction_figures import (
    confusion_figure,
    regression_figure,
    residuals_figure,
)
from kdl.data import moments
from kdl.data.splits import Splits
from kdl.layers import PiecewiseLinearEncoding
from kdl.recipes import explanations
from kdl.recipes.classes import class_names, class_rows, class_scores
from kdl.recipes.explanations import Explanation
from kdl.recipes.reading import table_columns
from kdl.recipes.reading.files import rows_in
from kdl.recipes.recipe import Recipe
from kdl.typing import HyperParameters, Tensor

# Default size of a batch, by the rows from which on it is so.
_BATCHES = {0: 16, 2000: 64, 10_000: 256, 20_000: 512}


class Tabular(Recipe):
    """Dense network that predicts a column of a table: a class or a number.

    Numbers are standardized, and encoded piecewise linearly besides; categories are
    embedded; a missing number is the mean of its column, and told by another input.
    The network contains all this, but for the names of the categories, which
    `get_state` returns.

    Args:
        source: What to learn, as `kdl.data.load` takes it: `"penguins"`,
            `"csv:FILE?target=NAME"`, or a `kdl.data.Splits` of dicts of columns, and
            integer labels or numbers of shape `(rows, 1)`. Loaded when it is first
            needed. Defaults to `None`, which is `"penguins"`.
        seed: Integer in `[0, 2**32)`. Draws the splits of the source. Defaults to
            `0`.

    Example:

    >>> recipe = kdl.recipes.Tabular()
    >>> model, history = kdl.recipes.run(recipe, **recipe.data(), epochs=1)
    >>> rows = recipe.predict(model, recipe.splits.test[0])

    References:
        - [Gorishniy et al., 2022](https://arxiv.org/abs/2203.05556)
    """

    default_source = "penguins"
    epochs = 40
    takes_nan = True
    kept: tuple[str, ...] = ("columns", "classes")
    capacity: tuple[str, ...] = ("depth", "width", "embedding")
    regularization: tuple[str, ...] = ("dropout", "weight_decay")
    reads: tuple[str, ...] = (".csv", ".tsv", ".jsonl", ".parquet")
    deployed = "It returns a logit of each class, or the number that is predicted."
    meanings = {
        "encoding": "how numbers enter: standardized, or in bins as well",
        "bins": "bins of each number, with about as many rows",
        "embedding": "numbers that a category is embedded in",
        "depth": "hidden layers",
        "width": "units of a hidden layer",
        "dropout": "probability that a hidden unit is dropped",
        "weight_decay": "share of the weights that is lost a step, times the rate",
    }

    def check(self, splits: Splits) -> Splits:
        for x, y in splits:
            columns = x.values() if isinstance(x, dict) else ()
            lengths = {np.shape(column) for column in columns}
            shape, kind = np.shape(y), np.asarray(y).dtype.kind
            is_class = kind in "iu" and len(shape) == 1
            is_target = is_class or (kind == "f" and shape[1:] == (1,))
            if not is_target or lengths != {shape[:1]}:
                raise ValueError(
                    "`source` must hold tables, a dict of columns of one length, and a "
                    "target for each row: an integer for a class, or a number, of "
                    f"shape (rows, 1). Received: {type(x).__name__} and "
                    f"{np.asarray(y).dtype} {shape}"
                )
        return splits

    @functools.cached_property
    def objective(self) -> keras_tuner.Objective:
        """The cross-entropy or the root mean squared error of the validation."""
        name = "val_rmse" if self.classes is None else "val_crossentropy"
        return keras_tuner.Objective(name, "min")

    @functools.cached_property
    def columns(self) -> list[dict[str, Any]]:
        """What the inputs are, as `describe_columns` returns them."""
        return table_columns.describe_columns(self.splits.train[0])

    @functools.cached_property
    def classes(self) -> list[str] | None:
        """Names of the classes, by label; `None` where numbers are predicted."""
        is_class = np.asarray(self.splits.train[1]).dtype.kind in "iu"
        return class_names(self.splits) if is_class else None

    @functools.cached_property
    def _learned(self):
        """Training inputs, which each model of a search is built for."""
        return self.inputs(self.splits.train[0])

    def read(self, path: Path | Literal["-"]) -> Iterator[tuple[str, Any]]:
        """Yields name and row of a table, a dict by name of the column."""
        return rows_in(path, self.reads)

    def inputs(self, raw: Any) -> Any:
        x = table_columns.read_table(raw, self.columns)
        inputs = {
            "numbers": table_columns.numbers_of(x, self.columns),
            "categories": table_columns.codes_of(x, self.columns),
        }
        return {name: part for name, part in inputs.items() if part.shape[1]}

    def space(self, hp: HyperParameters) -> SimpleNamespace:
        rows = len(self.splits.train[1])
        batch_size = max(size for least, size in _BATCHES.items() if rows >= least)
        p = SimpleNamespace(
            encoding=hp.Choice("encoding", ["bins", "standardized"]),
            bins=0,
            embedding=hp.Int("embedding", 2, 32, step=2, sampling="log", default=8),
            depth=hp.Int("depth", 1, 4, default=2),
            width=hp.Int("width", 32, 512, step=2, sampling="log", default=128),
            dropout=hp.Float("dropout", 0.0, 0.6, default=0.2 if rows < 2000 else 0.0),
            batch_size=hp.Choice(
                "batch_size", [16, 32, 64, 128, 256, 512], default=batch_size
            ),
            learning_rate=hp.Float(
                "learning_rate", 1e-3, 3e-2, sampling="log", default=1e-2
            ),
            weight_decay=hp.Float(
                "weight_decay", 1e-3, 1.0, sampling="log", default=0.03
            ),
            patience=hp.Int("patience", 5, 40, default=15),
        )
        with hp.conditional_scope("encoding", ["bins"]):
            if p.encoding == "bins":
                default = 8 if rows < 2000 else 16
                p.bins = hp.Int("bins", 4, 64, step=2, sampling="log", default=default)
        return p

    def build(self, hp: HyperParameters) -> keras.Model:
        p = self.space(hp)
        inputs, outputs = self.features(p.embedding, p.bins)
        for _ in range(p.depth):
            outputs = layers.Dense(p.width, "relu")(outputs)
            outputs = layers.Dropout(p.dropout)(outputs)
        optimizer = keras.optimizers.AdamW(weight_decay=p.weight_decay)
        return self.finished(inputs, outputs, optimizer)

    def features(self, embedding: int, bins: int = 0) -> tuple[dict[str, Any], Tensor]:
        """Returns the inputs of a model, and what they are encoded as.

        Args:
            embedding: Integer. Numbers that a category is embedded in.
            bins: Integer. Bins of each number. Defaults to `0`, for none.

        Returns:
            Tuple of a dict of `keras.Input`, and a tensor of shape `(rows, features)`.
        """
        x, inputs, parts = self._learned, {}, []
        if "numbers" in x:
            inputs["numbers"] = keras.Input(x["numbers"].shape[1:], name="numbers")
            parts += _encoded(inputs["numbers"], x["numbers"], bins)
        if "categories" in x:
            inputs["categories"] = keras.Input(
                x["categories"].shape[1:], dtype="int32", name="categories"
            )
            count = table_columns.code_count(self.columns)
            embedded = layers.Embedding(count, embedding)(inputs["categories"])
            parts.append(layers.Flatten()(embedded))
        return inputs, layers.Concatenate()(parts) if len(parts) > 1 else parts[0]

    def finished(
        self,
        inputs: dict[str, Any],
        outputs: Tensor,
        optimizer: keras.optimizers.Optimizer,
    ) -> keras.Model:
        """Returns a compiled model that ends in the classes, or in the number.

        Args:
            inputs: Dict of `keras.Input`.
            outputs: Tensor of shape `(rows, units)`, of the last hidden layer.
            optimizer: `keras.optimizers.Optimizer`.
        """
        if self.classes is not None:
            model = keras.Model(inputs, layers.Dense(len(self.classes))(outputs))
            model.compile(optimizer, **class_scores())
            return model
        y = np.asarray(self.splits.train[1], "float64")
        mean, scale = float(y.mean()), float(y.std())
        outputs = layers.Rescaling(scale, mean)(layers.Dense(1)(outputs))
        model = keras.Model(inputs, outputs)
        model.compile(
            optimizer,
            "mse",
            # As of a target of variance 1.
            loss_weights=1 / scale**2,
            metrics=[
                keras.metrics.RootMeanSquaredError("rmse"),
                keras.metrics.MeanAbsoluteError("mae"),
                keras.metrics.R2Score(name="r2"),
            ],
        )
        return model

    def rows(self, raw: Any, outputs: Any) -> list[dict[str, Any]]:
        if self.classes is not None:
            return class_rows(self.classes, outputs)
        return [{"prediction": float(value)} for value in np.ravel(outputs)]

    def explain(
        self, model: keras.Model, raw: Any, method: str = "integrated_gradients"
    ) -> Explanation:
        """Says how much each column of rows adds to what is predicted.

        The baseline of integrated gradients is a row of the means of the training set,
        and of categories that are not known. A number that is missing adds nothing.
        There is no other method: a gradient is as large as the unit of its column.
        Columns of a row are in the order of the size of what they add. Arguments and
        what it returns are those of `Recipe.explain`.
        """
        outputs, x = self.outputs(model, raw), self.inputs(raw)
        attributions, gaps = explanations.attributed(
            *(model, x, outputs, method, ["integrated_gradients"]),
            baseline=self._baseline(model, x),
        )
        by_column = table_columns.by_column(attributions, self.columns)
        names, values = list(by_column), np.stack(list(by_column.values()), axis=1)
        order = np.argsort(-np.abs(values), axis=1, kind="stable")
        told = explanations.summaries(self, outputs, gaps)
        return explanations.Explanation(
            explanations.parts(
                told,
                [[names[n] for n in row] for row in order],
                np.take_along_axis(values, order, axis=1),
            )
        )

    def _baseline(self, model, x):
        """A row of means and of categories that are not known, as the inputs are."""
        baseline = {}
        if "numbers" in x:
            (scaled,) = (
                layer
                for layer in model.layers
                if isinstance(layer, layers.Normalization)
            )
            mean = keras.ops.convert_to_numpy(scaled.mean)
            baseline["numbers"] = np.reshape(mean, x["numbers"].shape[1:])
        if "categories" in x:
            baseline["categories"] = table_columns.unknown_codes(self.columns)
        return baseline

    def examine(self, model: keras.Model) -> dict[str, Any]:
        x, y = self.encode(self.splits.test)
        outputs = model.predict(x, verbose=0)
        if self.classes is not None:
            predicted = np.argmax(outputs, axis=-1)
            figure = confusion_figure(y, predicted, self.classes, title="Test set")
            return {"confusion_matrix.png": figure}
        targets, predicted = np.ravel(y), np.ravel(outputs)
        return {
            "predictions.png": regression_figure(targets, predicted, "Test set"),
            "residuals.png": residuals_figure(targets, predicted, "Test set"),
        }


def _encoded(inputs, x, bins):
    """Numbers as a network learns from them most readily, of training inputs `x`."""
    mean, variance = moments(x)
    scaled = layers.Normalization(mean=mean, variance=variance)(inputs)
    missing = ops.isnan(scaled)
    known = ops.where(missing, 0.0, scaled)
    parts = [known]
    if np.isnan(x).any():
        parts.append(ops.cast(missing, "float32"))
    if bins:
        edges = PiecewiseLinearEncoding.quantiles((x - mean) / np.sqrt(variance), bins)
        parts.append(PiecewiseLinearEncoding(edges)(known))
    return parts
