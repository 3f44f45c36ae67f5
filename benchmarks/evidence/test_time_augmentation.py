"""Predictions that are means over variants of an image, beside one prediction.

Recipes are trained with their defaults, which augment by small shifts, turns or flips,
as their data allow; variants of a test image are made by the same augmentation. Scores
are the accuracy and the cross-entropy of `images`, and the mean IoU and the loss of
`segmentation`, whose masks are turned back before they are averaged. Expected: a little
is gained, most of it with few variants, and more where the model is worse.

The figures are in docs/benchmarks/evidence.md.

KERAS_BACKEND=jax python benchmarks/evidence/test_time_augmentation.py [--seeds 5]
"""

import argparse
import functools

import keras
from comparison import compare

from kdl.recipes import Images, Segmentation, run

# A recipe, and its scores: 1 for those where higher is better.
CASES = {
    "gallery": (lambda: Images("gallery"), {"accuracy": 1, "crossentropy": -1}),
    "fashion": (lambda: Images("fashion"), {"accuracy": 1, "crossentropy": -1}),
    "segmentation": (Segmentation, {"mean_iou": 1, "loss": -1}),
}
# Masks are averaged over flips alone, and as probabilities.
MASKS = ("segmentation",)
FLIPS = 2, 4


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--variants", type=int, nargs="+", default=[2, 4, 8, 16])
    parser.add_argument("cases", nargs="*", default=[])
    options = parser.parse_args()
    for case in options.cases or CASES:
        make, scores = CASES[case]
        recipe = make()

        @functools.cache
        def tested(seed, count, merge, recipe=recipe):
            model = trained(recipe, options.epochs, seed)
            if count > 1:
                model = recipe.averaged(model, count, merge=merge)
            return recipe.evaluate(model)

        for score, sign in scores.items():
            arms = {
                name: lambda seed, key=key, score=score, sign=sign, tested=tested: (
                    sign * tested(seed, *key)[score]
                )
                for name, key in ways(options.variants, case).items()
            }
            title = f"Variants of a test image, {case}: {score}"
            compare(title, arms, options.seeds, digits=4)


def ways(variants, case):
    """Numbers of variants, and what is averaged, by name."""
    found = {"one prediction": (1, "probabilities")}
    counts = FLIPS if case in MASKS else variants
    found |= {f"{count} variants": (count, "probabilities") for count in counts}
    if case not in MASKS:
        last = max(variants)
        found[f"{last} variants, logits averaged"] = (last, "logits")
    return found


@functools.cache
def trained(recipe, epochs, seed):
    keras.utils.set_random_seed(seed)
    return run(recipe, **recipe.data(), epochs=epochs, seed=seed, verbose=0)[0]


if __name__ == "__main__":
    main()
