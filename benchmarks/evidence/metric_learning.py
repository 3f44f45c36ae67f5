"""Triplets or a classifier: nearest neighbours among classes never seen.

The recipe `metric_learning` learns six classes of clothes of `fashion`. The score is
recall at 1 among 2,400 images of the other four: the share whose nearest other image is
of its class. Arms are the features of a classifier, triplet losses, and the pixels
themselves. Each arm that trains has the learning rate of three that is best on the
validation set, which is of the six classes. Expected: triplets beat the classifier by a
few points at most, as the literature has it where arms are tuned alike.

The figures are in docs/benchmarks/evidence.md.

KERAS_BACKEND=jax python benchmarks/evidence/metric_learning.py [--seeds 5]
"""

import argparse

import numpy as np
from comparison import chosen, compare

from kdl.recipes import MetricLearning, run
from kdl.recipes.vision.embeddings import recall

ARMS = {
    "softmax features": {"loss": "softmax"},
    "triplets, semihard": {"mining": "semihard"},
    "triplets, hard": {"mining": "hard"},
    "triplets, hard, soft margin": {"mining": "hard", "soft_margin": True},
}
RATES = 1e-3, 3e-3, 1e-2


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=MetricLearning.epochs)
    options = parser.parse_args()
    recipe = MetricLearning()

    def arm(values):
        def train(seed, rate):
            model, _ = run(
                recipe,
                **recipe.data(),
                hp={**values, "learning_rate": rate},
                epochs=options.epochs,
                seed=seed,
                verbose=0,
            )
            parts = recipe.splits.validation, recipe.splits.test
            return [recipe.scores(model, *part)["recall_at_1"] for part in parts]

        return lambda seed: chosen(lambda rate: train(seed, rate), RATES)

    def pixels(seed):
        x, y = recipe.splits.test
        return recall(y, np.reshape(x, (len(x), -1)))["recall_at_1"]

    arms = {name: arm(values) for name, values in ARMS.items()}
    title = f"Recall at 1 on unseen classes, {options.epochs} epochs"
    compare(title, {**arms, "pixels": pixels}, options.seeds)


if __name__ == "__main__":
    main()
