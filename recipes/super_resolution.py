"""Enlarge photographs."""

import functools
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import keras
import keras_tuner
import numpy as np
from PIL import Image

from kdl.data import Batches
from kdl.data.sources.images.decoding import SUFFIXES, decode_whole
from kdl.data.sources.images.folder import image_files
from kdl.data.sources.load import load_to_test
from kdl.data.sources.photographs import larger
from kdl.data.splits import Splits
from kdl.losses import PerceptualLoss
from kdl.metrics import PSNR
from kdl.models import super_resolution
from kdl.recipes.reading.variants import Variants
from kdl.recipes.recipe import Recipe
from kdl.recipes.training.training_data import check_shapes
from kdl.recipes.vision.enlarged import checkerboard_figure, compared
from kdl.recipes.vision.enlarging import enlarge, likeness, pairs, turned
from kdl.recipes.vision.image_recipe import are_paths, with_files
from kdl.recipes.vision.random_features import random_features
from kdl.typing import Arrays, HyperParameters


class SuperResolution(Recipe):
    """Enlarges photographs, and adds the details that the small ones lack.

    The network learns from patches of photographs and of the same ones scaled down. By
    how much it enlarges is up to the source: `"photographs?factor=4"`. It begins as
    bicubic interpolation, beside which results and pictures show it.

    `predict` takes an array of images, floats in `[0, 1]`, the path of a file or folder
    of images of any size, or a list of such paths. `kdl predict --images DIR` writes
    the large images.

    Args:
        source: What to learn, as `kdl.data.load` takes it: `"photographs"`,
            `"photographs:DIR"`, or a `kdl.data.Splits` of small and large images, as
            of `kdl.data.photographs`. Loaded when it is first needed. Defaults to
            `None`, which is `"photographs"`.
        seed: Integer in `[0, 2**32)`. Draws the patches. Defaults to `0`.

    Example:

    >>> recipe = kdl.recipes.SuperResolution("photographs?patches=64")
    >>> model, history = kdl.recipes.run(recipe, **recipe.data(), epochs=1)
    >>> outputs = recipe.outputs(model, recipe.splits.test[0][:1, :20, :30])
    >>> outputs.shape
    (1, 40, 60, 3)
    """

    default_source = "photographs"
    objective = keras_tuner.Objective("val_psnr", "max")
    epochs = 10
    kept: tuple[str, ...] = ("factor", "channels")
    capacity: tuple[str, ...] = ("filters", "depth")
    regularization: tuple[str, ...] = ("turn", "weight_decay")
    reads: tuple[str, ...] = (*SUFFIXES, ".npy", ".npz")
    # Photographs may be large.
    at_once = 1
    meanings = {
        "filters": "channels of the convolutions",
        "depth": "residual blocks of two convolutions",
        "upsampling": "how the network comes to the size of the large images",
        "loss": "what is compared: pixels, their squares, or features of a network too",
        "perceptual_weight": "weight of the features beside the absolute error",
        "turn": "whether patches are flipped and turned by quarters",
        "weight_decay": "share of the weights that is lost a step, times the rate",
    }

    def check(self, splits: Splits) -> Splits:
        known = vars(self)
        return pairs(splits, (known.get("factor"), known.get("channels")))

    def test_on(self, source: str | Splits) -> None:
        # A folder of photographs is tested on as a whole.
        self.source = self.check_source(source)
        self.splits = self.check(load_to_test(source, self.seed, None))

    @functools.cached_property
    def factor(self) -> int:
        """How many times larger the large images are."""
        x, y = self.splits.train
        return np.shape(y)[1] // np.shape(x)[1]

    @functools.cached_property
    def channels(self) -> int:
        """1 for grey images, 3 for those in colour."""
        return np.shape(self.splits.train[0])[-1]

    def space(self, hp: HyperParameters) -> SimpleNamespace:
        p = SimpleNamespace(
            filters=hp.Int("filters", 16, 64, step=16, default=32),
            depth=hp.Int("depth", 0, 6, default=2),
            upsampling=hp.Choice("upsampling", ["subpixel", "transposed", "resized"]),
            loss=hp.Choice("loss", ["l1", "mse", "perceptual"]),
            turn=hp.Boolean("turn", default=True),
            batch_size=hp.Choice("batch_size", [8, 16, 32], default=16),
            learning_rate=hp.Float(
                "learning_rate", 3e-4, 1e-2, sampling="log", default=3e-3
            ),
            weight_decay=hp.Float(
                "weight_decay", 1e-5, 1e-2, sampling="log", default=1e-4
            ),
            patience=hp.Int("patience", 5, 30, default=10),
        )
        with hp.conditional_scope("loss", ["perceptual"]):
            p.perceptual_weight = hp.Float(
                "perceptual_weight", 1e-2, 10.0, sampling="log", default=1.0
            )
        return p

    def build(self, hp: HyperParameters) -> keras.Model:
        p = self.space(hp)
        model = super_resolution(
            (None, None, self.channels), self.factor, p.filters, p.depth, p.upsampling
        )
        loss = {"l1": "mae", "mse": "mse"}.get(p.loss)
        if loss is None:
            seen = random_features(self.channels)
            loss = PerceptualLoss(seen, p.perceptual_weight, pixel_weight=1.0)
        optimizer = keras.optimizers.AdamW(weight_decay=p.weight_decay)
        model.compile(optimizer, loss, metrics=[PSNR()])
        return model

    def batches(
        self, p: SimpleNamespace, x: Arrays, y: Arrays, **options: Any
    ) -> Batches:
        augment = [turned] if p.turn else []
        return super().batches(p, x, y, augment=augment, **options)

    deployed = "It returns each image enlarged, in [0, 1]."

    def evaluate(self, model: keras.Model | Variants) -> dict[str, float]:
        """Returns loss and metrics, those of bicubic interpolation, and the gain."""
        x, y = self.splits.test
        ours = likeness(y, enlarge(model, x, self.factor))
        bicubic = likeness(y, larger(x, self.factor))
        return {
            **super().evaluate(model),
            **ours,
            **{f"bicubic_{name}": value for name, value in bicubic.items()},
            "gain": ours["psnr"] - bicubic["psnr"],
        }

    def read(self, path: Path | Literal["-"]) -> Iterator[tuple[str, Any]]:
        """Yields name and pixels of the image in a file, or of each in an array."""
        if path == "-" or path.suffix.lower() not in SUFFIXES:
            yield from super().read(path)
        else:
            yield str(path), self._decoded(path)

    def _decoded(self, path):
        """The image in a file as it is, float32 in `[0, 1]`."""
        return decode_whole(str(path), self.channels) / np.float32(255)

    def outputs(self, model: keras.Model | Variants, raw: Any) -> Any:
        """Returns large images, an array, or a list if `raw` is paths of files."""
        if are_paths(raw):
            paths = image_files(raw, (1, 1, self.channels)).paths()
            images = (self._decoded(path)[np.newaxis] for path in paths)
            return [enlarge(model, image, self.factor)[0] for image in images]
        x = np.asarray(raw, "float32")
        check_shapes("`raw`", x, model.input_shape)
        return enlarge(model, x, self.factor)

    def rows(self, raw: Any, outputs: Any) -> list[dict[str, Any]]:
        rows = [
            {"height": image.shape[0], "width": image.shape[1]} for image in outputs
        ]
        return with_files(raw, rows)

    def pictures(self, raw: Any, outputs: Any) -> Iterator[Image.Image]:
        for image in outputs:
            pixels = np.rint(255 * np.clip(image, 0, 1)).astype("uint8")
            yield Image.fromarray(pixels[..., 0] if self.channels == 1 else pixels)

    def examine(self, model: keras.Model) -> dict[str, Any]:
        x, y = (part[:4] for part in self.splits.test)
        rows, figure = compared(x, y, enlarge(model, x, self.factor), self.factor)
        return {
            "enlarged.png": figure,
            "enlarged.csv": rows,
            "checkerboard.png": checkerboard_figure(model, self.factor, self.channels),
        }
