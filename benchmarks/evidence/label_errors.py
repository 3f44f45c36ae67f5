"""How many wrong labels are found, of those that were planted.

5 % of the labels are moved to another class at random. The recipe is then trained with
its defaults on four fifths of the examples at a time, so that each example has
probabilities from a model that has not seen it, but has learned from other wrong
labels; and `kdl.evaluation.label_errors` says which labels are likely wrong. Recall is
the share of the planted ones that it returns; precision the share of those returned
that were planted. Expected: most are found where classes are clear. Labels that were
wrong before count against precision.

The figures are in docs/benchmarks/evidence.md.

KERAS_BACKEND=jax python benchmarks/evidence/label_errors.py [--seeds 5] [RECIPE…]
"""

import argparse
import sys

import keras
import numpy as np
from comparison import interval
from keras import tree
from scipy.special import softmax
from sklearn.model_selection import StratifiedKFold, train_test_split

from kdl.data import Splits
from kdl.evaluation import label_errors
from kdl.recipes import Images, Tabular, Text, run

RECIPES = {
    "digits": Images,
    "tabular": Tabular,
    "text": Text,
}
PLANTED = 0.05


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("recipes", nargs="*", default=[])
    options = parser.parse_args()
    print(f"$ KERAS_BACKEND={keras.backend.backend()} python {' '.join(sys.argv)}\n")
    print("| recipe | examples | planted | recall | precision | returned unplanted |")
    print("|---|---|---|---|---|---|")
    for name in options.recipes or RECIPES:
        found = [trial(RECIPES[name], seed, options) for seed in range(options.seeds)]
        count, planted, *_ = found[0]
        cells = [
            "{:.2f} ({:.2f} to {:.2f})".format(mean, *ends)
            for mean, ends in (interval([row[n] for row in found]) for n in (2, 3))
        ]
        extra = np.mean([row[4] for row in found])
        cells = [name, count, planted, *cells, f"{extra:.0f}"]
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def trial(make, seed, options):
    """Examples, planted errors, recall, precision, and those returned by mistake."""
    rng = np.random.default_rng(seed)
    splits = make().splits
    x, y = splits.train
    classes = int(np.max(y)) + 1
    wrong = rng.choice(len(y), round(PLANTED * len(y)), replace=False)
    labels = np.array(y)
    labels[wrong] = (labels[wrong] + rng.integers(1, classes, len(wrong))) % classes
    pair = x, labels
    probabilities = np.zeros((len(y), classes))
    folds = StratifiedKFold(options.folds, shuffle=True, random_state=seed)
    for train, test in folds.split(labels, labels):
        fit, held = train_test_split(
            train, test_size=0.1, random_state=seed, stratify=labels[train]
        )
        parts = [
            tree.map_structure(lambda side, rows=rows: np.asarray(side)[rows], pair)
            for rows in (fit, held, test)
        ]
        keras.utils.clear_session()
        keras.utils.set_random_seed(seed)
        recipe = make(Splits(*parts, splits.classes))
        model, _ = run(
            recipe, **recipe.data(), epochs=options.epochs, seed=seed, verbose=0
        )
        inputs, _ = recipe.encode(recipe.splits.test)
        logits = model.predict(recipe.inputs_for(model, inputs), verbose=0)
        probabilities[test] = softmax(logits, axis=1)
    returned = label_errors(labels, probabilities)
    hits = np.isin(returned, wrong).sum()
    return (
        *(len(y), len(wrong), hits / len(wrong)),
        *(hits / max(len(returned), 1), len(returned) - hits),
    )


if __name__ == "__main__":
    main()
