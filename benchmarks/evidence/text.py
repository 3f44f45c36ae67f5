"""What helps to classify texts: accuracy on the 1,200 test texts of `glosses`.

Both tables train the recipe `text` with its defaults, but for what they vary. Seeds
draw the parts, the weights and the order:

- `networks`: accuracy and cross-entropy of each network, beside logistic regression of
  TF-IDF fitted to the same texts, and the CPU seconds that each takes;
- `augmentation`: each kind of augmentation and label smoothing beside none, of some of
  the training texts, such as 500 and 8,000.

The figures are in docs/benchmarks/evidence.md.

KERAS_BACKEND=jax python benchmarks/evidence/text.py networks [--seeds 5] [--keep FILE]
KERAS_BACKEND=jax python benchmarks/evidence/text.py augmentation --texts 500
"""

import argparse
import functools
import sys
import time

import keras
import numpy as np
from comparison import compare, interval
from kept import Kept, add_option

import kdl
from kdl.recipes.texts import tfidf
from kdl.recipes.texts.networks import NETWORKS

AUGMENTATION = {
    "none": {},
    "deletion": {"deletion": 0.1},
    "swap": {"swap": 0.1},
    "insertion": {"insertion": 0.1},
    "keyboard": {"keyboard": 0.05},
    "deletion, swap and insertion": {"deletion": 0.1, "swap": 0.1, "insertion": 0.1},
    "word MixUp": {"mixup": 0.2},
    "label smoothing": {"smoothing": 0.1},
}
TFIDF = "TF-IDF"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("table", choices=["networks", "augmentation"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--texts", type=int, default=9600)
    parser.add_argument("--network", choices=NETWORKS, default=NETWORKS[0])
    parser.add_argument("--epochs", type=int)
    add_option(parser)
    options = parser.parse_args()
    if options.table == "networks":
        networks(options)
        return
    arms = {
        name: functools.partial(accuracy, options, network=options.network, **values)
        for name, values in AUGMENTATION.items()
    }
    title = f"Augmentation of {options.texts} texts, {options.network}"
    compare(title, arms, options.seeds, keep=options.keep)


def networks(options):
    known, arms = Kept(options.keep), (TFIDF, *NETWORKS)
    for seed in range(options.seeds):
        for name in arms:
            if (name, seed) not in known:
                keras.utils.clear_session()
                keras.utils.set_random_seed(seed)
                begun = time.process_time()
                found = (baseline if name == TFIDF else trained)(options, seed, name)
                known[name, seed] = [*map(float, found), time.process_time() - begun]
        print(f"seed {seed}", file=sys.stderr)
    command = " ".join(sys.argv)
    print(f"$ KERAS_BACKEND={keras.backend.backend()} python {command}\n")
    print(
        f"| network | accuracy, {options.seeds} seeds | beside {TFIDF} | interval | "
        "cross-entropy | CPU s |"
    )
    print("|---|---|---|---|---|---|")
    found = {
        name: np.transpose([known[name, seed] for seed in range(options.seeds)])
        for name in arms
    }
    first = found[TFIDF][0]
    for name, (accuracies, entropies, seconds) in found.items():
        difference, (low, high) = interval(accuracies - first)
        beside = (
            "| |"
            if name == TFIDF
            else (f"{difference:+.3f} | {low:+.3f} to {high:+.3f} |")
        )
        print(
            f"| {name} | {accuracies.mean():.3f} | {beside} {entropies.mean():.3f} | "
            f"{seconds.mean():.0f} |"
        )


def splits(options, seed):
    (x, y), validation, test = found = kdl.data.glosses(seed)
    some = x[: options.texts], y[: options.texts]
    return kdl.data.Splits(some, validation, test, found.classes)


def trained(options, seed, network, **values):
    """Accuracy and cross-entropy on the test set."""
    recipe = kdl.recipes.Text(splits(options, seed))
    model, _ = kdl.recipes.run(
        recipe,
        **recipe.data(),
        hp={"network": network, **values},
        epochs=options.epochs,
        seed=seed,
        verbose=0,
    )
    x, y = recipe.splits.test
    logs = model.evaluate(recipe.inputs_for(model, x), y, verbose=0, return_dict=True)
    return logs["accuracy"], logs["crossentropy"]


def accuracy(options, seed, network, **values):
    return trained(options, seed, network, **values)[0]


def baseline(options, seed, name):
    found = splits(options, seed)
    classifier = tfidf.fitted(*found.train)
    x, y = found.test
    probabilities = classifier.predict_proba(x)[np.arange(len(y)), y]
    accuracy = tfidf.scores(classifier, x, y)["tfidf_accuracy"]
    return accuracy, -np.log(probabilities).mean()


if __name__ == "__main__":
    main()
