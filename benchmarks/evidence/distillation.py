"""A small student alone, and taught by a large network: accuracy on `fashion`.

The recipe `distillation` has a student of 8 filters. Alone, it learns from labels
(`alpha` at 0), otherwise at its default from a teacher of the recipe `images`, of the
same seed: from its probabilities, its features, or both. All arms train for the same
epochs, each with the learning rate of three that is best on the validation set. The
last arm is the teacher itself. Expected: probabilities help by a point or so, which the
1,000 test images hardly tell from chance in one training.

The figures are in docs/benchmarks/evidence.md.

KERAS_BACKEND=jax python benchmarks/evidence/distillation.py [--seeds 5] [--keep FILE]
"""

import argparse
import functools

import keras
from comparison import chosen, compare
from kept import add_option

from kdl.recipes import Distillation, Images, run

ARMS = {
    "student alone": {"alpha": 0.0},
    "targets": {"matching": "targets"},
    "features": {"matching": "features"},
    "both": {"matching": "both"},
}
RATES = 3e-3, 1e-2, 3e-2


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=Distillation.epochs)
    parser.add_argument("--filters", type=int, default=8)
    add_option(parser)
    options = parser.parse_args()
    images = Images("fashion")

    @functools.cache
    def teacher(seed):
        keras.utils.set_random_seed(seed)
        model, _ = run(
            images, **images.data(), epochs=options.epochs, seed=seed, verbose=0
        )
        return model

    def arm(values):
        def train(seed, rate):
            recipe = Distillation("fashion", teacher=teacher(seed))
            # Whether the teacher was trained just now or before.
            keras.utils.set_random_seed(seed)
            model, history = run(
                recipe,
                **recipe.data(),
                hp={"filters": options.filters, "learning_rate": rate, **values},
                epochs=options.epochs,
                seed=seed,
                verbose=0,
            )
            best = -min(history.history["val_crossentropy"])
            return best, recipe.evaluate(model)["accuracy"]

        return lambda seed: chosen(lambda rate: train(seed, rate), RATES)

    arms = {name: arm(values) for name, values in ARMS.items()}
    arms["teacher"] = lambda seed: images.evaluate(teacher(seed))["accuracy"]
    title = f"A student of {options.filters} filters, {options.epochs} epochs"
    compare(title, arms, options.seeds, keep=options.keep)


if __name__ == "__main__":
    main()
