"""What images without labels are worth: a noisy student beside labels alone.

The recipe `images` learns some labelled clothes of `fashion` of each class, and with
`strategy=noisy_student` the rest of the training set without labels. Arms: labels
alone; these for as many steps as teacher and students take together; one student and
three, each with the recipe's augmentation; and one student of an equal network without
any. Scores are the accuracy on 1,000 test images. Expected, after Xie et al. (2020):
students gain, and without noise little.

The figures are in docs/benchmarks/evidence.md.

KERAS_BACKEND=jax python benchmarks/evidence/noisy_student.py [--seeds 5] [--keep FILE]
"""

import argparse

import keras
import numpy as np
from comparison import compare
from kept import add_option

from kdl.data import Splits, fashion
from kdl.recipes import Images, run

PLAIN = dict.fromkeys(("shift", "rotation", "zoom", "shear", "cutout", "rate"), 0.0)
STUDENT = {"strategy": "noisy_student"}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--labels", type=int, default=20, help="of each class")
    parser.add_argument("--unlabelled", type=int, default=2000)
    parser.add_argument("--epochs", type=int, default=20)
    add_option(parser)
    options = parser.parse_args()

    def arm(epochs=options.epochs, **values):
        return lambda seed: accuracy(options, seed, epochs, values)

    # An epoch of a student has the images that the teacher has labelled as well.
    count = options.labels * 10
    longer = options.epochs * (2 + options.unlabelled // count)
    arms = {
        "labels alone": arm(strategy="supervised"),
        "labels alone, as many steps": arm(longer, strategy="supervised"),
        "one student": arm(**STUDENT),
        "three students": arm(**STUDENT, students=3),
        "one student, no noise": arm(**STUDENT, **PLAIN, flip=False),
    }
    title = (
        f"Accuracy with {options.labels} labels a class and {options.unlabelled} "
        "images without"
    )
    compare(title, arms, options.seeds, keep=options.keep)


def accuracy(options, seed, epochs, values):
    (x, y), validation, test = fashion()
    order = np.random.default_rng(seed).permutation(len(y))
    few = np.concatenate(
        [order[y[order] == label][: options.labels] for label in np.unique(y)]
    )
    rest = np.setdiff1d(order, few)[: options.unlabelled]
    # A validation set in proportion, as one who has few labels has.
    held = slice(0, len(few))
    splits = Splits((x[few], y[few]), [part[held] for part in validation], test)
    recipe = Images(splits, unlabelled=Splits(*[(x[rest], y[rest])] * 3))
    keras.utils.set_random_seed(seed)
    model, _ = run(
        recipe, **recipe.data(), hp=values, epochs=epochs, seed=seed, verbose=0
    )
    return recipe.evaluate(model)["accuracy"]


if __name__ == "__main__":
    main()
