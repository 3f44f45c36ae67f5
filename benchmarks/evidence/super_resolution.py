"""Three ways to upsample, and three losses, in super-resolution.

The recipe `super_resolution` enlarges its three test photographs. Each arm trains for
the same CPU seconds: its epochs are as many as fit in, by the time of one. Expected:
sub-pixel convolution with ICNR is the most accurate, a transposed convolution prints
the strongest pattern on images of one grey; a perceptual loss has features closer to
those of the truth, and a lower PSNR. The features are those of a random network that
the loss has not seen, and their distance is divided by that of bicubic interpolation.

The figures are in docs/benchmarks/evidence.md.

KERAS_BACKEND=torch python benchmarks/evidence/super_resolution.py [--seeds 3]
"""

import argparse
import sys
import time

import keras
import numpy as np
from comparison import interval

from kdl.data.sources.photographs import larger
from kdl.losses import PerceptualLoss
from kdl.recipes import SuperResolution, run
from kdl.recipes.vision.enlarged import checkerboard
from kdl.recipes.vision.enlarging import enlarge
from kdl.recipes.vision.random_features import random_features

ARMS = {
    "sub-pixel, L1": {},
    "transposed, L1": {"upsampling": "transposed"},
    "resized, L1": {"upsampling": "resized"},
    "sub-pixel, MSE": {"loss": "mse"},
    "sub-pixel, perceptual 1": {"loss": "perceptual", "perceptual_weight": 1.0},
    "sub-pixel, perceptual 10": {"loss": "perceptual", "perceptual_weight": 10.0},
}
MEASURES = "gain in dB", "SSIM", "distance of features", "pattern on grey"
UNSEEN = 1  # Seed of the network by which images are compared; the loss has 0.


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    print(f"$ KERAS_BACKEND={keras.backend.backend()} python {' '.join(sys.argv)}\n")
    print(f"| arm | parameters | epochs | {' | '.join(MEASURES)} |")
    print("|---" * (3 + len(MEASURES)) + "|")
    recipe = SuperResolution("photographs?patches=500")
    for name, values in ARMS.items():
        begun = time.process_time()
        model, _ = run(recipe, **recipe.data(), hp=values, epochs=2, verbose=0)
        # The first epoch takes the time to compile as well.
        begun, whole = time.process_time(), time.process_time() - begun
        run(recipe, **recipe.data(), hp=values, epochs=1, verbose=0)
        each = max(0.1, whole - (time.process_time() - begun))
        epochs = max(1, round(options.seconds / each))
        scores = [
            measured(recipe, values, epochs, seed) for seed in range(options.seeds)
        ]
        cells = [_cell(column) for column in zip(*scores, strict=True)]
        count = f"{model.count_params():,}"
        print(f"| {name} | {count} | {epochs} | {' | '.join(cells)} |", flush=True)


def measured(recipe, values, epochs, seed):
    """Trains once, and returns the four measures."""
    keras.utils.set_random_seed(seed)
    model, _ = run(
        recipe, **recipe.data(), hp=values, epochs=epochs, seed=seed, verbose=0
    )
    scores, (x, y) = recipe.evaluate(model), recipe.splits.test
    features = PerceptualLoss(random_features(recipe.channels, UNSEEN))
    ours, bicubic = (
        float(keras.ops.convert_to_numpy(features(y, images)))
        for images in (enlarge(model, x, recipe.factor), larger(x, recipe.factor))
    )
    greys = np.linspace(0.1, 0.9, 9)
    _, deviations = checkerboard(model, recipe.factor, recipe.channels, greys)
    keras.utils.clear_session()
    return scores["gain"], scores["ssim"], ours / bicubic, deviations.mean()


def _cell(values):
    if len(values) < 2:
        return f"{values[0]:.3f}"
    mean, (low, high) = interval(values)
    return f"{mean:.3f} ± {(high - low) / 2:.3f}"


if __name__ == "__main__":
    main()
