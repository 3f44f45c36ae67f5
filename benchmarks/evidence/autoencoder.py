"""Autoencoders beside PCA, filters and other ways to find anomalies, on `fashion`.

Four tables, by their names:

- `codes`: error on the test set, and accuracy of a linear probe, of PCA and of kinds of
  autoencoder, by the size of the code. Expected: all but sparse ones below PCA's error,
  with codes that a probe reads no better.
- `denoising`: PSNR of images with noise of a standard deviation of 0.3, restored by a
  network and by the best median and Gaussian filters. Expected: 2 dB above both.
- `anomalies`: AUROC of one class held out as anomalous, a case for each of the ten
  classes and the mean over the seeds in each. Expected: nearest neighbours best, as
  an earlier study has it.
- `beta`: error and importance-weighted bound of variational ones, by the weight
  of the divergence. Expected: the error grows with it, and the bound is best at 1.

The figures are in docs/benchmarks/evidence.md.

KERAS_BACKEND=jax python benchmarks/evidence/autoencoder.py codes [--seeds 3]
    [--epochs 30] [--network dense]
"""

import argparse
import functools

import keras
import numpy as np
from comparison import compare

from kdl.data import fashion
from kdl.recipes import Autoencoder, run
from kdl.recipes.generative import anomalies, reconstruction

SIZES = 8, 16, 32
KINDS = {
    "plain": {},
    "sparse": {"kind": "sparse"},
    "variational": {"kind": "variational"},
}
BETAS = 1.0, 0.1, 4.0  # The first is what the others are compared with.


def main():
    parser = argparse.ArgumentParser()
    tables = {"codes": codes, "denoising": denoising, "beta": beta}
    tables["anomalies"] = anomalous_classes
    parser.add_argument("table", choices=tables)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=Autoencoder.epochs)
    parser.add_argument("--network", default="convolutional")
    options = parser.parse_args()
    tables[options.table](options)


@functools.cache
def evaluated(seed, epochs, **values):
    """What the recipe prints of a training."""
    keras.utils.set_random_seed(seed)
    recipe = Autoencoder()
    model, _ = run(
        recipe, **recipe.data(), hp=values, epochs=epochs, seed=seed, verbose=0
    )
    return recipe.evaluate(model)


def codes(options):
    for size in SIZES:

        def arm(values, score, size=size):
            values = {**values, "network": options.network, "size": size}
            return lambda seed: evaluated(seed, options.epochs, **values)[score]

        for ours, pca, digits in (
            ("error", "pca_error", 4),
            ("probe_accuracy", "pca_probe_accuracy", 3),
        ):
            arms = {"PCA": arm({}, pca)}
            arms |= {name: arm(values, ours) for name, values in KINDS.items()}
            title = (
                f"{ours}, codes of {size}, {options.network}, {options.epochs} epochs"
            )
            compare(title, arms, options.seeds, digits)


def denoising(options):
    def arm(score):
        values = {"kind": "denoising"}
        return lambda seed: evaluated(seed, options.epochs, **values)[score]

    arms = {
        "Gaussian filter": arm("gaussian_psnr"),
        "median filter": arm("median_psnr"),
        "noisy images": arm("noisy_psnr"),
        "network": arm("psnr"),
    }
    compare(f"PSNR in dB, {options.epochs} epochs", arms, options.seeds, 2)


def anomalous_classes(options):
    names = fashion().classes

    @functools.cache
    def others(case):
        recipe = Autoencoder(anomalous=names[case])
        train, test = recipe.data()["x"], recipe.test_data()["x"]
        pca = reconstruction.PrincipalComponents(train, 16)
        found = anomalies.methods(train, test, pca)
        labels = recipe.splits.test[1] == case
        return {
            name: anomalies.measured(scores, labels)["auroc"]
            for name, scores in found.items()
        }

    def trained(values, case):
        scores = []
        for seed in range(options.seeds):
            keras.utils.set_random_seed(seed)
            recipe = Autoencoder(anomalous=names[case])
            hp = {**values, "network": options.network}
            model, _ = run(
                recipe,
                **recipe.data(),
                hp=hp,
                epochs=options.epochs,
                seed=seed,
                verbose=0,
            )
            x, y = recipe.splits.test
            found = anomalies.scores_of(model, x)
            scores.append(anomalies.measured(found, y == case)["auroc"])
            keras.utils.clear_session()
        return np.mean(scores)

    arms = {
        name: lambda case, name=name: others(case)[name]
        for name in ("5 nearest neighbours", "PCA error", "isolation forest")
    }
    for name in ("plain", "variational"):
        arms[f"{name} autoencoder"] = functools.partial(trained, KINDS[name])
    title = (
        f"AUROC of the class held out, {options.network}, {options.epochs} epochs, "
        f"{options.seeds} seeds"
    )
    compare(title, arms, len(names), cases="classes")


def beta(options):
    for score, digits in (("error", 4), ("bound", 1)):
        arms = {}
        for weight in BETAS:
            values = {"kind": "variational", "beta": weight, "network": options.network}
            arms[f"beta {weight:g}"] = lambda seed, values=values, score=score: (
                evaluated(seed, options.epochs, **values)[score]
            )
        title = f"{score}, {options.network}, {options.epochs} epochs"
        compare(title, arms, options.seeds, digits)


if __name__ == "__main__":
    main()
