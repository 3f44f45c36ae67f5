"""Five ways to learn from few labels, beside a backbone that has learned others.

The backbone is that of the recipe `transfer`: a small residual network that has learned
five classes of clothes. The near target is the five other classes, the far one digits
as large as these. Arms: `scratch`, the same network with random weights; `features`,
logistic regression on its features; `head`; `fine_tuning`; and a support vector machine
on pixels, without any network. Of each arm, three values of its main number are tried,
and the one that is best on the validation set is tested: the learning rate, or C.

Each epoch has 250 images at least, so that 5 labels a class are trained as long as 50
are; of fewer, all are seen several times.

The figures are in docs/benchmarks/evidence.md.

KERAS_BACKEND=torch python benchmarks/evidence/transfer.py [--seeds 5] [--keep FILE]
"""

import argparse

import keras
import numpy as np
from comparison import chosen, compare
from kept import add_option
from sklearn.svm import SVC

from kdl.data import Splits
from kdl.recipes import Transfer, run
from kdl.recipes.vision.backbones.few_labels import few_clothes, few_digits

TARGETS = {
    "near": (few_clothes, (5, 10, 50, 200)),
    # There are no more than 97 of each digit.
    "far": (few_digits, (5, 10, 50, 97)),
}
RATES = [{"learning_rate": rate} for rate in (1e-3, 3e-3, 1e-2)]
ARMS = {
    "scratch": RATES,
    "features": [{"C": C} for C in (1e-2, 1.0, 100.0)],
    "head": RATES,
    "fine_tuning": RATES,
}
ON_PIXELS = 1.0, 10.0, 100.0
IMAGES = 250  # Of an epoch, at least.


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--targets", nargs="+", choices=TARGETS, default=[*TARGETS])
    parser.add_argument("--labels", nargs="+", type=int, help="of each class")
    parser.add_argument("--epochs", type=int, default=30)
    add_option(parser)
    options = parser.parse_args()
    backbone = Transfer().origin.model
    for name in options.targets:
        few, counts = TARGETS[name]
        for labels in options.labels or counts:
            arms = {
                arm: trained(few, labels, backbone, arm, values, options.epochs)
                for arm, values in ARMS.items()
            }
            arms["SVM on pixels"] = on_pixels(few, labels)
            title = f"Accuracy, {name} target, {labels} labels a class"
            compare(title, arms, options.seeds, keep=options.keep)


def trained(few, labels, backbone, strategy, values, epochs):
    """An arm of the recipe."""

    def arm(seed):
        recipe = Transfer(repeated(few(seed, labels)), backbone=backbone)

        def train(some):
            keras.utils.set_random_seed(seed)
            model, history = run(
                recipe,
                **recipe.data(),
                hp={"strategy": strategy, **augmentation(strategy, few), **some},
                epochs=epochs,
                seed=seed,
                verbose=0,
            )
            score = min(history.history["val_crossentropy"])
            return -score, recipe.evaluate(model)["accuracy"]

        return chosen(train, values)

    return arm


def augmentation(strategy, few):
    """Clothes are flipped, as by default where they are a source by name."""
    is_flipped = strategy != "features" and few is few_clothes
    return {"flip": True} if is_flipped else {}


def on_pixels(few, labels):
    """The arm without a network."""

    def arm(seed):
        (x, y), (x_val, y_val), (x_test, y_test) = (
            (x.reshape(len(x), -1), y) for x, y in few(seed, labels)
        )

        def train(C):
            machine = SVC(C=C).fit(x, y)
            return machine.score(x_val, y_val), machine.score(x_test, y_test)

        return chosen(train, ON_PIXELS)

    return arm


def repeated(splits):
    """Splits whose training set has so many images that an epoch is not too short."""
    (x, y), *others = splits
    times = int(np.ceil(IMAGES / len(x)))
    train = np.concatenate([x] * times), np.concatenate([y] * times)
    return Splits(train, *others, splits.classes)


if __name__ == "__main__":
    main()
