"""Make images by a generator that outwits a discriminator."""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any, Literal

import keras
import numpy as np

from kdl.callbacks import Adjust
from kdl.data import Batches
from kdl.models import GenerativeAdversarialNetwork
from kdl.recipes.generative.image_generator import ImageGenerator
from kdl.recipes.generative.image_networks import discriminator, generator
from kdl.recipes.training.precision import PRECISIONS
from kdl.schedules import Adjustable
from kdl.typing import HyperParameters


class GAN(ImageGenerator):
    """Makes images by a generator that learns to outwit a discriminator.

    Both networks are told the class. All kernels of the discriminator are normalized by
    their largest singular value.

    Args:
        source: What to learn, as `kdl.data.load` takes it: images with one label each.
            Loaded when it is first needed. Defaults to `None`, which is `"fashion"`.
        seed: Integer in `[0, 2**32)`. Draws the splits of the source. Defaults to `0`.

    Example:

    >>> recipe = kdl.recipes.GAN("digits")
    >>> model, history = kdl.recipes.run(recipe, **recipe.data(), epochs=1)
    >>> recipe.generate(model, 20).shape
    (20, 8, 8, 1)
    """

    epochs = 30
    regularization: tuple[str, ...] = ("noise",)
    meanings = {
        "adversarial_loss": "what the two networks minimize",
        "size": "numbers of a code, from which an image is made",
        "filters": "channels of the generator at half the size of the images",
        "discriminator_filters": "channels of the discriminator at that size",
        "noise": "standard deviation of noise on what the discriminator sees at the "
        "start, of 1 for white; it falls to 0",
        "discriminator_ratio": "learning rate of the discriminator, as a multiple of "
        "that of the generator",
        "discriminator_steps": "steps of the discriminator for one of the generator",
        "beta_1": "share of the gradient's mean that Adam keeps in a step",
        "decay": "share of the averaged weights that is kept in a step",
    }

    def space(self, hp: HyperParameters) -> SimpleNamespace:
        return SimpleNamespace(
            adversarial_loss=hp.Choice(
                "adversarial_loss", ["non_saturating", "hinge", "wasserstein"]
            ),
            size=hp.Int("size", 16, 128, step=16, default=64),
            filters=hp.Int("filters", 16, 64, step=8, default=32),
            discriminator_filters=hp.Int(
                "discriminator_filters", 16, 64, step=8, default=32
            ),
            noise=hp.Float("noise", 0.0, 0.3, default=0.0),
            discriminator_ratio=hp.Float(
                "discriminator_ratio", 0.5, 4.0, sampling="log", default=1.0
            ),
            discriminator_steps=hp.Int("discriminator_steps", 1, 3, default=1),
            beta_1=hp.Float("beta_1", 0.0, 0.9, default=0.5),
            decay=hp.Choice("decay", [0.0, 0.99, 0.995, 0.999], default=0.995),
            batch_size=hp.Choice("batch_size", [16, 32, 64, 128], default=16),
            learning_rate=hp.Float(
                "learning_rate", 1e-4, 3e-3, sampling="log", default=1e-3
            ),
            patience=hp.Int("patience", 5, 30, default=30),
        )

    # There are two optimizers of one loss, which cannot be scaled for both.
    precisions = tuple(name for name in PRECISIONS if name != "mixed_float16")

    def build(self, hp: HyperParameters) -> keras.Model:
        p = self.space(hp)
        classes = len(self.classes)
        model = GenerativeAdversarialNetwork(
            generator(self.shape, self.white, p.size, p.filters, classes),
            discriminator(self.shape, self.white, p.discriminator_filters, classes),
            p.adversarial_loss,
            classes,
            Adjustable(p.noise * self.white) if p.noise else 0.0,
            p.decay,
            name=self.name,
        )
        adam = keras.optimizers.Adam
        several = p.discriminator_steps if p.discriminator_steps > 1 else None
        rates = p.learning_rate, p.discriminator_ratio * p.learning_rate
        model.compile(
            adam(rates[0], beta_1=p.beta_1, gradient_accumulation_steps=several),
            adam(rates[1], beta_1=p.beta_1),
        )
        return model

    deployed = "It returns an image for each code, standard normal numbers, and class."

    def network_data(
        self,
        model: keras.Model,
        part: Literal["train", "validation", "test"],
        count: int,
    ) -> tuple[Any, Any]:
        _, labels = super().network_data(model, part, count)
        rng = np.random.default_rng(0)
        codes = rng.normal(size=(len(labels), *model.generator_shape))
        return [codes.astype("float32"), labels[:, np.newaxis]], None

    def callbacks(
        self, p: SimpleNamespace, batches: Batches, epochs: int
    ) -> Iterable[keras.callbacks.Callback]:
        ours = super().callbacks(p, batches, epochs)
        if p.noise:
            # In even steps to 0.
            start = p.noise * self.white
            noise = Adjust(f"{self.name}/noise", lambda at: start * (1 - at / epochs))
            ours.append(noise)
        return ours
