"""The recipe `images` on 6,000 pictures of clothes, by family of the network.

Each family has the defaults of the recipe but for itself. Accuracy is that of the 1,000
test images, over seeds, which draw weights, order and augmentation. Of the default, a
plain network, 0.905 in 360 CPU seconds are wanted: three minutes on two cores.

The figures are in docs/models.md.

KERAS_BACKEND=jax python benchmarks/image_models.py [--seeds 5] [--only resnet] \\
    [--keep FILE]
"""

import argparse
import sys
import time

import keras
import numpy as np
from kept import Kept, add_option

import kdl
from kdl.recipes.vision.networks import FAMILIES

TARGET, MOST_SECONDS = 0.905, 360


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", default="")
    add_option(parser)
    options = parser.parse_args()
    print(f"$ KERAS_BACKEND={keras.backend.backend()} python {' '.join(sys.argv)}\n")
    print("| family | parameters | accuracy, mean | standard error | CPU s | wanted |")
    print("|---|---|---|---|---|---|")
    recipe = kdl.recipes.Images("fashion")
    default = recipe.space(kdl.recipes.hyperparameters(recipe, {})).family
    known = Kept(options.keep)
    for family in FAMILIES:
        if options.only not in family:
            continue
        for seed in range(options.seeds):
            if (family, seed) not in known:
                known[family, seed] = trained(recipe, family, seed)
        found = [known[family, seed] for seed in range(options.seeds)]
        report(family, np.transpose(found), family == default)


def trained(recipe, family, seed):
    """Accuracy, CPU seconds of the training, and number of parameters."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    begun = time.process_time()
    model, _ = kdl.recipes.run(
        recipe, **recipe.data(), hp={"family": family}, seed=seed, verbose=0
    )
    seconds = time.process_time() - begun
    parameters = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    return float(recipe.evaluate(model)["accuracy"]), seconds, parameters


def report(family, found, is_default):
    scores, seconds, (parameters, *_) = found
    mean, taken = np.mean(scores), np.median(seconds)
    error = np.std(scores, ddof=1) / np.sqrt(len(scores)) if len(scores) > 1 else np.nan
    wanted = ""
    if is_default:
        is_met = mean >= TARGET and taken <= MOST_SECONDS
        wanted = f"{TARGET} in {MOST_SECONDS} s: {'met' if is_met else 'missed'}"
    print(
        f"| {family} | {parameters:,.0f} | {mean:.4f} | {error:.4f} | {taken:.0f} | "
        f"{wanted} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
