"""Learn codes of data, restore them, and find what is unlike them."""

import functools
import math
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, NamedTuple

import keras
import keras_tuner
import numpy as np

from kdl import models
from kdl.callbacks.image_grid import grid
from kdl.data.on_disk import OnDisk, take
from kdl.data.sources.load import load_to_test
from kdl.data.splits import Splits
from kdl.layers import Corruption
from kdl.layers.core.corruption import KINDS as CORRUPTIONS
from kdl.recipes.classes import class_names
from kdl.recipes.generative import anomalies, pictures, reconstruction
from kdl.recipes.generative.networks import NARROW, WHOLE, networks
from kdl.recipes.generative.samples import grid_figure
from kdl.recipes.generative.table_rows import describe_table, names_of, rows_of
from kdl.recipes.reading.files import rows_in
from kdl.recipes.reading.variants import Variants
from kdl.recipes.recipe import Recipe
from kdl.recipes.training.training_data import check_shapes
from kdl.recipes.vision.embeddings import embedding_figure
from kdl.recipes.vision.image_recipe import ImageRecipe, with_files
from kdl.regularizers import KLSparsity
from kdl.typing import Arrays, HyperParameters, Image

KINDS = "plain", "denoising", "sparse", "variational"
LIKELIHOODS = "gaussian", "bernoulli"
_BOUNDED = 200  # Examples whose likelihood is bounded, by so many samples of a code.
_SAMPLES = 100
_GENERATED = 64
_EXACT = 1e-6  # Error of PCA below which it restores all but rounding.
_ROWS = (".csv", ".tsv", ".jsonl", ".parquet")


class Outputs(NamedTuple):
    """What a model makes of raw inputs.

    Attributes:
        x: Array of inputs, as the model takes them.
        restored: Array of the same shape.
        scores: Float array of shape `(examples,)`. Anomaly scores.
        threshold: Float. The score above which an example is an anomaly.
        is_denoised: Boolean. Whether the model has learned to remove noise.
    """

    x: np.ndarray
    restored: np.ndarray
    scores: np.ndarray
    threshold: float
    is_denoised: bool


class Autoencoder(ImageRecipe):
    """Learns codes of data, restores the data, and finds what is unlike them.

    Data are images, arrays, or tables, of which numbers are standardized and each
    category has a number for each of its values. The `kind` says what is learned:

    - `"plain"`: a code of few numbers.
    - `"denoising"`: to remove noise. Of images, the code is a map of features and not
      narrow, which restores them better.
    - `"sparse"`: a code of which few numbers are active; it may have many.
    - `"variational"`: a distribution, from which new data can be drawn.

    All kinds go by `error`, the mean squared error of a number of the restored data,
    noisy ones aside. It stands beside that of PCA with as many components, which is
    fitted to the same training data, and PSNR beside that of filters. A linear
    classifier tells what codes of labelled data are worth.

    With `normal` or `anomalous`, training and validation are on normal examples alone,
    and the other examples of the test set are anomalies. An example's score is its
    error, or of `"variational"` the negative ELBO in nats per number. Those above the
    threshold are anomalies; 95 % of the normal examples of the validation set are below
    it. Scores are compared with those of other methods. `error` is that of normal
    examples.

    `predict` takes what `kdl.recipes.Images` or `kdl.recipes.Tabular` takes, by the
    data. A row has `"score"`, `"threshold"` and `"anomaly"`. `kdl predict --images DIR`
    writes each image beside where it is not restored, or of `"denoising"` the restored
    image.

    Args:
        source: What to learn, as `kdl.data.load` takes it: images or other arrays, such
            as `"fashion"`, `"images:DIR"` or `"npz:FILE"`, or a table, such as
            `"penguins"` or `"csv:FILE?target=NAME"`, whose target is not learned.
            Loaded when it is first needed. Defaults to `None`, which is `"fashion"`.
        seed: Integer in `[0, 2**32)`. Draws the splits of the source. Defaults to
            `0`.
        normal: Optional string. Name of the class that is normal. Defaults to `None`.
        anomalous: Optional string. Name of the class that is not, while all others are.
            Defaults to `None`. Without either, all examples are normal.

    Example:

    >>> recipe = kdl.recipes.Autoencoder("gallery", normal="3")
    >>> model, history = kdl.recipes.run(recipe, **recipe.data(), epochs=1)
    >>> rows = recipe.predict(model, recipe.splits.test[0][:3])

    References:
        - [Hinton and Salakhutdinov, 2006](https://doi.org/10.1126/science.1127647)
        - [Ruff et al., 2021](https://arxiv.org/abs/2009.11732), anomalies
    """

    default_source = "fashion"
    extras = {
        "normal": "class that is normal; the others are anomalies",
        "anomalous": "class that is not normal; the others are",
    }
    objective = keras_tuner.Objective("val_error", "min")
    epochs = 30
    combines = False
    capacity: tuple[str, ...] = ("size", "filters", "maps", "depth", "units")
    regularization: tuple[str, ...] = ("amount", "strength", "weight_decay")
    scores_classes = False
    kept: tuple[str, ...] = (
        "shape",
        "white",
        "table",
        "classes",
        "normal",
        "anomalous",
        "threshold",
    )
    meanings = {
        "kind": "what is learned: a small code, noise to remove, a code of which few "
        "numbers are active, or a distribution",
        "corruption": "noise to remove: normal numbers, or some set to 0, or to 0 or 1",
        "amount": "standard deviation of the noise, or share of the numbers changed",
        "penalty": "what keeps a sparse code inactive",
        "strength": "factor of that penalty",
        "target": "mean activation of a number of the code that costs nothing",
        "beta": "weight of the divergence of codes from the normal distribution",
        "free_bits": "nats of each number of the code that cost nothing",
        "likelihood": "distribution of the data given a code; bernoulli needs [0, 1]",
        "network": "kind of the layers; a denoising one of images is residual",
        "maps": "maps of features in a denoising network, all of one size",
        "size": "numbers of a code; a sparse one may have many",
        "filters": "filters of the first convolution, doubled at each halving",
        "depth": "dense layers, convolutions of a size, or residual blocks, of each of "
        "encoder and decoder",
        "units": "units of a dense layer; further ones have half as many",
        "weight_decay": "share of the weights that is lost a step, times the rate",
    }

    # Whether the test set came alone, so that nothing can be fitted to compare with.
    _is_apart = False
    _fitted = None  # A number of components, and the PCA of so many.

    def take(self, extras: dict[str, Any]) -> None:
        super().take(extras)
        if None not in (self.normal, self.anomalous):
            raise ValueError(
                "`normal` and `anomalous` must not both be given. Received: "
                f"normal={self.normal!r}, anomalous={self.anomalous!r}"
            )

    @property
    def _has_anomalies(self):
        return self.normal is not None or self.anomalous is not None

    def check(self, splits: Splits) -> Splits:
        splits = self._check_kind(splits)
        if not self._has_anomalies:
            return splits
        return anomalies.normal_only(splits, self.normal, self.anomalous)

    def _check_kind(self, splits):
        """Refuses splits that hold neither arrays of numbers nor tables."""
        for x, y in splits:
            if isinstance(x, dict):
                lengths = {np.shape(column) for column in x.values()}
                fits = lengths == {(len(y),)} and len(y) > 0
                received = f"a table of columns of shapes {sorted(lengths)}"
            else:
                part = x if isinstance(x, OnDisk) else np.asarray(x)
                fits = part.ndim > 1 and part.size and part.dtype.kind in "iuf"
                received = f"{part.dtype} {part.shape}"
            if not fits:
                raise ValueError(
                    "`source` must hold images, other arrays of numbers of shape "
                    "(examples, ...), or tables, one example or more in each part. "
                    f"Received: {received}"
                )
        return splits

    def test_on(self, source: str | Splits) -> None:
        # Its classes may be others, and there need not be a normal one.
        self.source = self.check_source(source)
        splits = load_to_test(source, self.seed, self.classes)
        self.splits = self._check_kind(splits)
        self._is_apart = True

    @functools.cached_property
    def table(self) -> Any:
        """What the rows of a table are made of, or `None` for other data."""
        x = self.splits.train[0]
        return describe_table(x) if isinstance(x, dict) else None

    @functools.cached_property
    def shape(self) -> list[int]:
        """Shape of an example, as the model takes it, a list."""
        return super().shape if self.table is None else [len(names_of(self.table))]

    @functools.cached_property
    def white(self) -> float:
        """The value of a white pixel, by which images are divided; otherwise 1.0."""
        x = self.splits.train[0]
        are_pixels = self._has_images and (isinstance(x, OnDisk) or np.min(x) >= 0)
        return super().white if are_pixels else 1.0

    @functools.cached_property
    def classes(self) -> list[str] | None:
        """Names of the classes of a labelled source, by label; otherwise `None`."""
        known = all(anomalies.labels_of(y) is not None for _, y in self.splits)
        return class_names(self.splits) if known else None

    @functools.cached_property
    def threshold(self) -> float | None:
        """Score above which examples are anomalies, of a model that was loaded."""
        return None

    @property
    def has_few(self) -> bool:
        return len(self.splits.train[1]) < 1000

    @property
    def _has_images(self):
        return len(self.shape) == 3

    @property
    def reads(self) -> tuple[str, ...]:  # type: ignore[override]  # The data say it.
        if self.table is not None:
            return _ROWS
        return ImageRecipe.reads if self._has_images else Recipe.reads

    def read(self, path: Path | Literal["-"]) -> Iterator[tuple[str, Any]]:
        """Yields name and image, array, or row of a table, as of the source."""
        if self.table is not None:
            return rows_in(path, self.reads)
        return super().read(path) if self._has_images else Recipe.read(self, path)

    def inputs(self, raw: Any) -> Any:
        if self.table is not None:
            return rows_of(raw, self.table)
        x = super().inputs(raw)
        return x if isinstance(x, OnDisk) or self.white == 1 else x / self.white

    def encode(self, part: tuple[Any, Any]) -> tuple[Any, Any]:
        x = self.inputs(part[0])
        return x, x

    def space(self, hp: HyperParameters) -> SimpleNamespace:
        p = SimpleNamespace(kind=hp.Choice("kind", list(KINDS)))
        with hp.conditional_scope("kind", ["denoising"]):
            p.corruption = hp.Choice("corruption", list(CORRUPTIONS))
            p.amount = hp.Float("amount", 0.05, 1.0, default=0.3)
        with hp.conditional_scope("kind", ["sparse"]):
            p.penalty = hp.Choice("penalty", ["l1", "kl"])
            p.strength = hp.Float("strength", 1e-7, 1e-1, sampling="log", default=1e-5)
            with hp.conditional_scope("penalty", ["kl"]):
                p.target = hp.Float("target", 0.01, 0.3, sampling="log", default=0.05)
        with hp.conditional_scope("kind", ["variational"]):
            p.beta = hp.Float("beta", 0.01, 10.0, sampling="log", default=1.0)
            p.free_bits = hp.Float("free_bits", 0.0, 0.5, default=0.0)
            low, high = self._range
            some = LIKELIHOODS if 0 <= low <= high <= 1 else LIKELIHOODS[:1]
            p.likelihood = hp.Choice("likelihood", list(some))
        # What belongs to other kinds is `None`.
        whole = ["denoising"] if self._has_images else []
        with hp.conditional_scope("kind", [k for k in KINDS if k not in whole]):
            narrow = NARROW if self._has_images else ["dense"]
            p.network = hp.Choice("network", list(narrow)) or WHOLE
            # Fewer than the data have, by far.
            size = 2 ** max(1, min(4, int(math.log2(math.prod(self.shape) / 4))))
            p.size = hp.Int("size", 2, 256, step=2, sampling="log", default=size)
            p.units = hp.Int("units", 32, 1024, step=2, sampling="log", default=256)
            if self._has_images:
                with hp.conditional_scope("network", ["convolutional"]):
                    p.filters = hp.Int("filters", 8, 64, step=8, default=16)
        if whole:
            with hp.conditional_scope("kind", whole):
                p.maps = hp.Int("maps", 8, 64, step=8, default=32)
        p.depth = hp.Int("depth", 1, 4, default=2)
        p.batch_size = hp.Choice(
            "batch_size", [16, 32, 64, 128], default=16 if self.has_few else 64
        )
        p.learning_rate = hp.Float(
            "learning_rate", 3e-4, 3e-2, sampling="log", default=5e-3
        )
        p.weight_decay = hp.Float(
            "weight_decay", 1e-4, 0.3, sampling="log", default=1e-2
        )
        p.patience = hp.Int("patience", 5, 30, default=10)
        return p

    def build(self, hp: HyperParameters) -> keras.Model:
        p = self.space(hp)
        # A new model has one of its own.
        vars(self).pop("threshold", None)
        encoder, decoder = networks(p, self.shape)
        optimizer = keras.optimizers.AdamW(weight_decay=p.weight_decay)
        if p.kind == "variational":
            self._check_range(p.likelihood)
            model = models.VariationalAutoencoder(
                encoder(width=2), decoder(), p.beta, p.likelihood, p.free_bits
            )
            model.compile(optimizer)
            return model
        corruption = sparsity = activation = None
        if p.kind == "denoising":
            corruption = Corruption(p.corruption, p.amount)
        elif p.penalty == "l1":
            sparsity = keras.regularizers.L1(p.strength)
        elif p.penalty == "kl":
            sparsity, activation = KLSparsity(p.target, p.strength), "sigmoid"
        model = models.Autoencoder(
            encoder(activation=activation), decoder(), corruption, sparsity
        )
        model.compile(optimizer, "mse")
        return model

    @functools.cached_property
    def _range(self):
        """The least and the greatest number of the training data."""
        x, _ = self.encode(self.splits.train)
        return (0.0, 1.0) if isinstance(x, OnDisk) else (float(x.min()), float(x.max()))

    def _check_range(self, likelihood):
        """Refuses a likelihood of other data, as of the search of another source."""
        low, high = self._range
        if likelihood == "bernoulli" and not 0 <= low <= high <= 1:
            raise ValueError(
                "`likelihood` must be 'gaussian' for data that are not in [0, 1]. "
                f"Received: likelihood='bernoulli' and data from {low:g} to {high:g}"
            )

    deployed = (
        "It returns each input as the model makes it of its code. The further that is "
        "from the input, the more likely this is an anomaly."
    )

    def network(self, model: keras.Model) -> keras.Model:
        inputs = keras.Input(model.encoder.input_shape[1:], name="data")
        codes = model.encoder(inputs)
        if not isinstance(model, models.VariationalAutoencoder):
            return keras.Model(inputs, model.decoder(codes))
        # Of the mean and the logarithm of the variance, the mean.
        outputs = model.decoder(codes[..., : model.size])
        if model.likelihood == "bernoulli":
            outputs = keras.layers.Activation("sigmoid")(outputs)
        return keras.Model(inputs, outputs)

    def network_data(
        self,
        model: keras.Model,
        part: Literal["train", "validation", "test"],
        count: int,
    ) -> tuple[Any, Any]:
        x, _ = super().network_data(model, part, count)
        return x, None

    def scores(self, model: keras.Model, x: Arrays, y: Arrays) -> dict[str, float]:
        return {"error": float(reconstruction.errors(model, x).mean())}

    def evaluate(self, model: keras.Model | Variants) -> dict[str, float]:
        """Returns the error on the test set, and what belongs to the kind of model.

        On data that came without training data, nothing is compared that is fitted.
        """
        x, y, is_anomaly = self._test()
        # Of data without normal examples, the error is that of all.
        normal = np.flatnonzero(~is_anomaly | is_anomaly.all())
        some = take(x, normal)
        error = float(reconstruction.errors(model, some).mean())
        scores = {"error": error}
        if (pca := self._pca(model)) is not None:
            pca_error = float(reconstruction.errors(pca, some).mean())
            scores["pca_error"] = pca_error
            if pca_error > _EXACT:
                scores["below_pca"] = 1 - error / pca_error
        if isinstance(model, models.VariationalAutoencoder):
            drawn = reconstruction.in_memory(some, count=_BOUNDED)
            for name, samples in (("elbo", 1), ("bound", _SAMPLES)):
                scores[name] = float(model.log_likelihoods(drawn, samples).mean())
        elif model.corruption is not None and self._has_images:
            validation, _ = self.encode(self.splits.validation)
            scores |= reconstruction.denoised(model, validation, some)
        if pca is not None and self._has_classes():
            train = self._train()
            own = functools.partial(reconstruction.codes, model)
            test = some, y[normal]
            scores["probe_accuracy"] = reconstruction.probe(own, train, test)
            scores["pca_probe_accuracy"] = reconstruction.probe(pca.encode, train, test)
        if self._has_anomalies:
            found = anomalies.scores_of(model, x)
            threshold = self._threshold(model)
            scores |= anomalies.measured(found, is_anomaly, threshold)
        return scores

    def outputs(self, model: keras.Model | Variants, raw: Any) -> Outputs:
        """Returns the `Outputs` of a model for raw inputs."""
        x = self.inputs(raw)
        check_shapes("`raw`", x, model.encoder.input_shape)
        scores = anomalies.scores_of(model, x)
        x = x[np.arange(len(x))]
        restored = model.reconstruct(x)
        is_denoised = getattr(model, "corruption", None) is not None
        return Outputs(x, restored, scores, self._threshold(model), is_denoised)

    def rows(self, raw: Any, outputs: Any) -> list[dict[str, Any]]:
        threshold = outputs.threshold
        rows = [
            {"score": score, "threshold": threshold, "anomaly": score > threshold}
            for score in outputs.scores.tolist()
        ]
        return with_files(raw, rows)

    def pictures(self, raw: Any, outputs: Any) -> Iterator[Image]:
        if not self._has_images:
            raise ValueError("they are no images. Leave --images out.")
        shown = outputs.restored
        if not outputs.is_denoised:
            shown = pictures.beside_heat(outputs.x, outputs.restored)
        return map(pictures.as_picture, shown)

    def get_state(self, model: keras.Model | None = None) -> dict[str, Any]:
        state = super().get_state(model)
        if model is None:
            return state
        return {**state, "threshold": self._threshold(model)}

    def examine(self, model: keras.Model) -> dict[str, Any]:
        x, y, is_anomaly = self._test()
        pca, found = self._pca(model), {}
        if self._has_images:
            validation, _ = self.encode(self.splits.validation)
            found["reconstructions.png"] = pictures.reconstructions_figure(
                model, pca, x, validation
            )
        if len(model.encoder.output_shape) == 2:
            labels = np.zeros(len(x), int) if y is None else y
            names = ["examples"] if y is None else class_names(self.splits)
            codes = reconstruction.codes(model, x)
            found["codes.png"] = embedding_figure(labels, codes, names, "Test codes")
        is_variational = isinstance(model, models.VariationalAutoencoder)
        if is_variational and self._has_images:
            drawn = grid(model.generate(_GENERATED), white=1.0)
            found["generated.png"] = grid_figure(drawn, "Drawn from the model")
        if self.table is not None:
            methods = {"error": model, **({} if pca is None else {"pca_error": pca})}
            found["columns.csv"] = reconstruction.column_table(
                methods, x[~is_anomaly], names_of(self.table)
            )
        if self._has_anomalies:
            test, is_anomaly = reconstruction.in_memory(x, is_anomaly)
            scores = {"autoencoder": anomalies.scores_of(model, test)}
            found["anomalies.png"] = anomalies.anomalies_figure(
                model, test, scores["autoencoder"], is_anomaly, self._threshold(model)
            )
            if not self._is_apart:
                train = reconstruction.in_memory(self._train()[0])
                scores |= anomalies.methods(train, test, pca)
            found["anomalies.csv"] = anomalies.anomalies_table(scores, is_anomaly)
        return found

    def _test(self):
        """Inputs of the test set, their labels or `None`, and which are anomalies."""
        x, _ = self.encode(self.splits.test)
        y = anomalies.labels_of(self.splits.test[1])
        is_anomaly = np.zeros(len(x), bool)
        if y is not None:
            names = class_names(self.splits)
            is_anomaly = anomalies.are_anomalous(y, names, self.normal, self.anomalous)
        return x, y, is_anomaly

    def _train(self):
        """Inputs and labels of the training set."""
        x, _ = self.encode(self.splits.train)
        return x, anomalies.labels_of(self.splits.train[1])

    def _has_classes(self):
        """Whether the training set has labels, of two classes at least."""
        labels = self._train()[1]
        return labels is not None and len(np.unique(labels)) > 1

    def _pca(self, model):
        """PCA to compare a model with, if its code has fewer numbers than the data."""
        size = int(np.prod(model.decoder.input_shape[1:]))
        if self._is_apart or size >= np.prod(self.shape):
            return None
        if self._fitted is None or self._fitted[0] != size:
            x = reconstruction.in_memory(self._train()[0])
            self._fitted = size, reconstruction.PrincipalComponents(x, size)
        return self._fitted[1]

    def _threshold(self, model):
        """The score below which most normal examples of the validation set are."""
        if self.threshold is not None:
            return self.threshold
        x, _ = self.encode(self.splits.validation)
        return float(np.quantile(anomalies.scores_of(model, x), anomalies.SHARE))
