"""Temperature and vector scaling of the recipes of classes, on their test sets.

Each recipe is trained with its defaults. The scaling is fitted to its validation set.
Scores are the negative log-likelihood, the calibration error in bins of equal width and
of equal mass, and the Brier score: lower is better. Expected: where a network is too
sure, a temperature lowers all; where it is not, or the validation set is small, it may
raise some. Where no example of the validation set is wrong, there is no best
temperature, and the model stays as it is.

The figures are in docs/benchmarks/evidence.md.

KERAS_BACKEND=jax python benchmarks/evidence/calibration.py [--seeds 5] [RECIPE…]
"""

import argparse
import functools

import keras
import numpy as np
from comparison import compare
from scipy.special import softmax
from sklearn.metrics import brier_score_loss, log_loss

from kdl.evaluation import expected_calibration_error, fit_scaling
from kdl.recipes import Images, Tabular, Text, Transfer, run

RECIPES = {
    "digits": lambda: Images("digits"),
    "gallery": lambda: Images("gallery"),
    "fashion": lambda: Images("fashion"),
    "tabular": Tabular,
    "text": Text,
    "transfer": Transfer,
}
SCORES = {
    "negative log-likelihood": lambda y, p: log_loss(y, p, labels=range(p.shape[1])),
    "calibration error, equal width": lambda y, p: expected_calibration_error(p, y),
    "calibration error, equal mass": lambda y, p: expected_calibration_error(
        p, y, strategy="mass"
    ),
    "Brier score": lambda y, p: brier_score_loss(
        y, p, labels=range(p.shape[1]), scale_by_half=False
    ),
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("recipes", nargs="*", default=[])
    options = parser.parse_args()
    for name in options.recipes or RECIPES:
        recipe = RECIPES[name]()

        @functools.cache
        def logits(seed, recipe=recipe):
            """Of the validation and of the test set, with their classes."""
            keras.utils.set_random_seed(seed)
            model, _ = run(
                recipe, **recipe.data(), epochs=options.epochs, seed=seed, verbose=0
            )
            parts = [recipe.encode(part) for part in recipe.splits[1:]]
            return [
                (model.predict(recipe.inputs_for(model, x), verbose=0), np.asarray(y))
                for x, y in parts
            ]

        def probabilities(seed, method, logits=logits):
            (seen, y), (scores, _) = logits(seed)
            try:
                scaling = method and fit_scaling(seen, y, method)
            except ValueError:
                # No example is wrong: there is no best temperature.
                scaling = None
            if scaling is None:
                return softmax(np.asarray(scores, "float64"), axis=1)
            return scaling.probabilities(scores)

        for title, score in SCORES.items():

            def arm(method, score=score, logits=logits, probabilities=probabilities):
                return lambda seed: score(
                    logits(seed)[1][1], probabilities(seed, method)
                )

            arms = {
                "uncalibrated": arm(None),
                "temperature": arm("temperature"),
                "vector": arm("vector"),
            }
            compare(f"{name}: {title}", arms, options.seeds, digits=4)


if __name__ == "__main__":
    main()
