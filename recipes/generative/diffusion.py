"""Make images of noise, step by step."""

from types import SimpleNamespace
from typing import Any, Literal

import keras
import numpy as np

from kdl.models import Diffusion as Model
from kdl.models.generative.diffusion import SCHEDULES, blend
from kdl.recipes.generative.image_generator import ImageGenerator
from kdl.recipes.generative.image_networks import denoiser
from kdl.typing import HyperParameters


class Diffusion(ImageGenerator):
    """Makes images of noise, step by step, by flow matching or diffusion.

    The network is told the class.

    Args:
        source: What to learn, as `kdl.data.load` takes it: images with one label each.
            Loaded when it is first needed. Defaults to `None`, which is `"fashion"`.
        seed: Integer in `[0, 2**32)`. Draws the splits of the source. Defaults to `0`.

    Example:

    >>> recipe = kdl.recipes.Diffusion("digits")
    >>> model, history = kdl.recipes.run(recipe, **recipe.data(), epochs=1)
    >>> recipe.generate(model, 20).shape
    (20, 8, 8, 1)
    """

    epochs = 20
    meanings = {
        "noise_schedule": "how data become noise",
        "target": "what the network predicts",
        "filters": "channels at half the size of the images",
        "depth": "residual blocks at each size",
        "decay": "share of the averaged weights that is kept in a step",
        "weight_decay": "share of the weights that is lost a step, times the rate",
    }

    def space(self, hp: HyperParameters) -> SimpleNamespace:
        return SimpleNamespace(
            noise_schedule=hp.Choice("noise_schedule", list(SCHEDULES)),
            target=hp.Choice("target", ["velocity", "noise"]),
            filters=hp.Int("filters", 16, 64, step=8, default=32),
            depth=hp.Int("depth", 1, 3, default=1),
            decay=hp.Choice("decay", [0.0, 0.99, 0.995, 0.999], default=0.995),
            weight_decay=hp.Float(
                "weight_decay", 1e-5, 1e-1, sampling="log", default=1e-3
            ),
            batch_size=hp.Choice("batch_size", [16, 32, 64, 128], default=16),
            learning_rate=hp.Float(
                "learning_rate", 3e-4, 1e-2, sampling="log", default=3e-3
            ),
            patience=hp.Int("patience", 5, 30, default=30),
        )

    def build(self, hp: HyperParameters) -> keras.Model:
        p = self.space(hp)
        classes = len(self.classes)
        model = Model(
            denoiser(self.shape, p.filters, p.depth, classes),
            p.noise_schedule,
            "noise" if p.target == "noise" else None,
            classes,
            (0.0, self.white),
            p.decay,
        )
        model.compile(keras.optimizers.AdamW(weight_decay=p.weight_decay))
        return model

    deployed = (
        "It returns what is predicted in one step, of noisy images in [-1, 1], the "
        "time in [0, 1] and the class; a sampler is to call it again and again."
    )

    def network_data(
        self,
        model: keras.Model,
        part: Literal["train", "validation", "test"],
        count: int,
    ) -> tuple[Any, Any]:
        (x, labels), _ = super().network_data(model, part, count)
        rng = np.random.default_rng(0)
        time = rng.random((len(x), 1), "float32")
        shares = blend(model.noise_schedule, keras.ops.convert_to_tensor(time))
        kept, added = (
            keras.ops.convert_to_numpy(share)[:, np.newaxis, np.newaxis]
            for share in shares
        )
        noise = rng.normal(size=x.shape)
        noisy = kept * (2 * x / self.white - 1) + added * noise
        return [noisy.astype("float32"), time, labels[:, np.newaxis]], None
