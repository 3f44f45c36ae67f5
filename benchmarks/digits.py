"""Accuracy of the images recipe at its defaults, beside scikit-learn's SVC.

Both learn from the same examples: all of the training part of a split, so that the
recipe trains without validation data, for all of its epochs. Targets: 0.993 on the ten
folds, 0.985 on the gallery split. With `--members 5`, five models that differ by their
seeds are combined in an ensemble, and each image is predicted once, and as the mean
over 8 variants of it. Targets are then 0.998 and 0.995.

Intervals are of 95 %: Student's t over the seeds, and over the folds the corrected
t-test of Nadeau and Bengio.

The figures are in docs/benchmarks/recipes.md.

KERAS_BACKEND=jax python benchmarks/digits.py [--seeds 5] [--members 5]
"""

import argparse
import sys
import time

import keras
import numpy as np
from scipy import stats
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import SVC

from kdl.data import Splits
from kdl.data.sources.digits import images_and_labels
from kdl.evaluation import ensemble, resampled_interval
from kdl.recipes import Images, run

# Of an image, with --members.
VARIANTS = 8


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5, help="for the gallery split")
    parser.add_argument("--members", type=int, default=1)
    options = parser.parse_args()
    seeds, members = options.seeds, options.members
    x, y = images_and_labels()
    folds = list(StratifiedKFold(10, shuffle=True, random_state=0).split(x, y))
    half = np.arange(len(x)) < len(x) // 2
    gallery = np.flatnonzero(half), np.flatnonzero(~half)
    targets = (0.993, 0.985) if members == 1 else (0.998, 0.995)

    print(f"Digits, {keras.backend.backend()}\n$ python {' '.join(sys.argv)}\n")
    print("| protocol | model | mean | interval | sd | lowest | target |")
    print("|---|---|---|---|---|---|---|")
    start = time.perf_counter()
    rows("ten folds", x, y, folds, [0] * 10, members, targets[0])
    rows(
        f"gallery, {seeds} seeds",
        x,
        y,
        [gallery] * seeds,
        range(seeds),
        members,
        targets[1],
    )
    seconds = (time.perf_counter() - start) / (10 + seeds) / members
    print(f"\n{seconds:.1f} s a training, compilation and SVC included")


def rows(protocol, x, y, splits, seeds, members, target):
    """Prints a row for each kind of model; the target is that of the last."""
    found = {"SVC": [score_svc(x, y, *split) for split in splits]}
    for split, seed in zip(splits, seeds, strict=True):
        for model, score in score_recipe(x, y, *split, seed, members).items():
            found.setdefault(model, []).append(score)
    for model, scores in found.items():
        mean, interval = mean_and_interval(scores, splits)
        verdict = ""
        if model == list(found)[-1]:
            verdict = f"{target} {'met' if mean >= target else 'missed'}"
        print(
            f"| {protocol} | {model} | {mean:.4f} | {interval} | "
            f"{np.std(scores, ddof=1):.4f} | {min(scores):.4f} | {verdict} |",
            flush=True,
        )


def mean_and_interval(scores, splits):
    train, test = splits[0]
    if np.array_equal(test, splits[1][1]):  # One test set: only the seeds differ.
        mean = np.mean(scores)
        low, high = stats.ttest_1samp(scores, 0).confidence_interval()
    else:
        mean, low, high = resampled_interval(scores, len(train), len(test))
    return mean, f"{low:.4f} to {high:.4f}"


def score_svc(x, y, train, test):
    x = x.reshape(len(x), -1) * 16
    svc = SVC(gamma=0.001, C=10).fit(x[train], y[train])
    return svc.score(x[test], y[test])


def score_recipe(x, y, train, test, seed, members):
    """Accuracies by the kind of model."""
    part = x[train], y[train]
    recipe = Images(Splits(part, part, (x[test], y[test])))
    models = []
    for number in range(members):
        # No two seeds have a member in common.
        own = seed * members + number
        keras.utils.set_random_seed(own)
        models.append(run(recipe, *part, seed=own, verbose=0)[0])
    kinds = {"recipe": models[0]}
    if members > 1:
        together = ensemble(models)
        kinds |= {
            f"recipe, {VARIANTS} variants": recipe.averaged(models[0], VARIANTS),
            f"{members} members": together,
            f"{members} members, {VARIANTS} variants": recipe.averaged(
                together, VARIANTS
            ),
        }
    scores = {name: recipe.evaluate(kind)["accuracy"] for name, kind in kinds.items()}
    keras.utils.clear_session()
    return scores


if __name__ == "__main__":
    main()
