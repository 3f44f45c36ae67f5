"""What helps a classifier of images: accuracy on the 1,000 test images of `fashion`.

Each table changes one hyperparameter of the recipe `images`, and leaves epochs, batches
and network alike:

- `augmentation`: MixUp, CutMix, Cutout, RandAugment and label smoothing, each beside
  flips and moves alone, with the defaults;
- `normalization`: in batches of 4 and of 64, of a network of 8 filters;
- `order`: convolution, normalization and activation in two orders, in a VGG.

The figures are in docs/benchmarks/evidence.md.

KERAS_BACKEND=jax python benchmarks/evidence/images.py augmentation [--seeds 5] \\
    [--keep FILE]
"""

import argparse
from types import SimpleNamespace

from comparison import compare
from kept import add_option

import kdl

AUGMENTATION = {
    "flips and moves": {},
    "MixUp": {"mixing": "mixup"},
    "CutMix": {"mixing": "cutmix", "mixing_alpha": 1.0},
    "Cutout": {"cutout": 0.4},
    "RandAugment": {"operations": 2},
    "label smoothing": {"smoothing": 0.1},
    "none": {"flip": False, "shift": 0, "rotation": 0, "zoom": 0, "shear": 0},
}
NORMALIZATIONS = "batch", "layer", "group", "none"
# Of as many steps, the epochs of batches of 4 would be sixteen times as long.
EPOCHS = {4: 4, 64: 12}


class Sized(kdl.recipes.Images):
    """The recipe, with batches of a size of one's own."""

    def __init__(self, size):
        super().__init__("fashion")
        self.size = size

    def batches(self, p, x, y, **options):
        if self.size is not None:
            p = SimpleNamespace(**{**vars(p), "batch_size": self.size})
        return super().batches(p, x, y, **options)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("table", choices=["augmentation", "normalization", "order"])
    parser.add_argument("--seeds", type=int, default=5)
    add_option(parser)
    options = parser.parse_args()

    def arm(epochs=None, size=None, **values):
        recipe = Sized(size)

        def run(seed):
            model, _ = kdl.recipes.run(
                recipe, **recipe.data(), hp=values, epochs=epochs, seed=seed, verbose=0
            )
            return recipe.evaluate(model)["accuracy"]

        return run

    match options.table:
        case "augmentation":
            arms = {name: arm(**values) for name, values in AUGMENTATION.items()}
            compare("Augmentation, 30 epochs", arms, options.seeds, keep=options.keep)
        case "normalization":
            for size, epochs in EPOCHS.items():
                arms = {
                    name: arm(
                        epochs,
                        filters=8,
                        normalization=name,
                        size=size,
                    )
                    for name in NORMALIZATIONS
                }
                title = f"Normalization in batches of {size}, {epochs} epochs"
                compare(title, arms, options.seeds, keep=options.keep)
        case "order":
            arms = {
                name: arm(12, family="vgg", filters=16, order=name)
                for name in ("CBR", "CRB")
            }
            compare("Order, 12 epochs", arms, options.seeds, keep=options.keep)


if __name__ == "__main__":
    main()
