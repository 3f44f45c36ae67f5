"""The recipe `images` on 6,000 pictures of clothes, by family of the network.

Each family has the defaults of the recipe but for itself. Accuracy is that of the 1,000
test images, over seeds, which draw weights, order and augmentation. Of the
default, a residual network, 0.905 in 360 CPU seconds are wanted: three minutes on two
cores.

The figures are in docs/models.md.

KERAS_BACKEND=jax python benchmarks/image_models.py [--seeds 5] [--only resnet]
"""

import argparse
import os
import sys

import keras
import numpy as np

import kdl
from kdl.recipes.vision.networks import FAMILIES

TARGET, MOST_SECONDS = 0.905, 360


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    print(f"$ KERAS_BACKEND={keras.backend.backend()} python {' '.join(sys.argv)}\n")
    print("| family | parameters | accuracy, mean | standard error | CPU s | wanted |")
    print("|---|---|---|---|---|---|")
    recipe = kdl.recipes.Images("fashion")
    default = recipe.space(kdl.recipes.hyperparameters(recipe, {})).family
    for family in FAMILIES:
        if options.only in family:
            report(recipe, family, options.seeds, family == default)


def report(recipe, family, seeds, is_default):
    scores, seconds = [], []
    for seed in range(seeds):
        keras.utils.set_random_seed(seed)
        begun = cpu_seconds()
        model, _ = kdl.recipes.run(
            recipe, **recipe.data(), hp={"family": family}, seed=seed, verbose=0
        )
        seconds.append(cpu_seconds() - begun)
        scores.append(recipe.evaluate(model)["accuracy"])
        parameters = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
        keras.utils.clear_session()
    mean, taken = np.mean(scores), np.median(seconds)
    error = np.std(scores, ddof=1) / np.sqrt(seeds) if seeds > 1 else np.nan
    wanted = ""
    if is_default:
        is_met = mean >= TARGET and taken <= MOST_SECONDS
        wanted = f"{TARGET} in {MOST_SECONDS} s: {'met' if is_met else 'missed'}"
    print(
        f"| {family} | {parameters:,} | {mean:.4f} | {error:.4f} | {taken:.0f} | "
        f"{wanted} |",
        flush=True,
    )


def cpu_seconds():
    times = os.times()
    return times.user + times.system


if __name__ == "__main__":
    main()
