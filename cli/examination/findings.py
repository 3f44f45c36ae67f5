"""What a model makes of the test set of its recipe."""

import dataclasses
from typing import Any

import numpy as np

from kdl.evaluation import label_errors, near_duplicates, slices
from kdl.recipes.estimator import estimator
from kdl_cli.examination import scores
from kdl_cli.examination.examples import Examples

# Training examples that test examples are compared with, at most.
COMPARED = 20_000


@dataclasses.dataclass
class Findings:
    """What is known of the examples of a test set.

    Attributes:
        examples: `Examples`.
        train: `Examples` of the training set.
        features: Dict of arrays by name, what else is known of each example.
        targets: Array of shape `(examples,)`: classes, or numbers.
        predicted: Array of shape `(examples,)`.
        losses: Array of shape `(examples,)`: cross-entropy, or squared error.
        metrics: List of dicts of `metric`, `value`, `low` and `high`.
        slices: List of `kdl.evaluation.Slice`s.
        duplicates: List of tuples of a test row, a training row and their similarity;
            `None` where inputs are of another kind.
        names: Optional list of strings, the classes; `None` where targets are numbers.
        probabilities: Optional array of shape `(examples, classes)`.
        classes: List of dicts, how each class is found.
        mislabelled: Integer array of the examples whose labels look wrong.
    """

    examples: Examples
    train: Examples
    features: dict
    targets: np.ndarray
    predicted: np.ndarray
    losses: np.ndarray
    metrics: list
    slices: list
    duplicates: Any
    names: Any = None
    probabilities: Any = None
    classes: list = dataclasses.field(default_factory=list)
    mislabelled: Any = ()

    @property
    def is_wrong(self):
        """Boolean array: which classes are not those predicted."""
        return self.predicted != self.targets

    def worst(self, count):
        """Returns the rows of the largest losses; of classes, of wrong ones alone."""
        order = np.argsort(-self.losses, kind="stable")
        if self.names is not None:
            order = order[self.is_wrong[order]]
        return order[:count]

    def least_sure(self, count):
        """Returns the rows whose two likeliest classes are closest to each other."""
        best = np.sort(self.probabilities, axis=1)[:, -2:]
        return np.argsort(best[:, 1] - best[:, 0], kind="stable")[:count]

    def rows(self):
        """What is known of each example, a list of dicts."""
        unlike = {} if self.examples.is_table else self.features
        wrong = set(map(int, self.mislabelled))
        found = []
        for row in range(len(self.targets)):
            told = {"example": row, **self._told(row)}
            if self.names is not None:
                told["label looks wrong"] = row in wrong
            told |= {name: _plain(values[row]) for name, values in unlike.items()}
            found.append(told)
        return found

    def _told(self, row):
        if self.names is None:
            target, predicted = float(self.targets[row]), float(self.predicted[row])
            return {
                "target": target,
                "predicted": predicted,
                "error": predicted - target,
            }
        label, predicted = self.targets[row], self.predicted[row]
        return {
            "target": self.names[label],
            "predicted": self.names[predicted],
            "probability": float(self.probabilities[row, predicted]),
            "probability of the target": float(self.probabilities[row, label]),
        }


def examined(recipe, model, is_new=False):
    """Returns the `Findings` of a model on the test set of its recipe.

    Args:
        recipe: `kdl.recipes.Recipe`.
        model: `keras.Model` of it.
        is_new: Boolean. Whether the data are others than those of the training, in
            whose training set no near duplicates are looked for. Defaults to `False`.

    Raises:
        ValueError: If its targets are neither one class nor one number an example.
    """
    x, y = recipe.splits.test
    judge = check_examined(recipe, model, y)
    targets = np.asarray(y)
    white = getattr(recipe, "white", 1.0)
    examples, train = (Examples(part, white) for part in (x, recipe.splits.train[0]))
    features = examples.features()
    common = {
        "examples": examples,
        "train": train,
        "features": features,
        "duplicates": None if is_new else _double(train, examples),
    }
    if not hasattr(judge, "predict_proba"):
        targets = targets.reshape(len(targets)).astype("float64")
        predicted = np.asarray(judge.predict(x), "float64")
        errors = np.abs(predicted - targets)
        return Findings(
            targets=targets,
            predicted=predicted,
            losses=errors**2,
            metrics=scores.number_metrics(targets, predicted),
            slices=slices(features, errors) if features else [],
            **common,
        )
    probabilities = judge.predict_proba(x)
    predicted = probabilities.argmax(axis=1)
    names = _names(recipe, probabilities.shape[1])
    given = np.maximum(probabilities[np.arange(len(targets)), targets], 1e-7)
    wrong = (predicted != targets).astype("float64")
    return Findings(
        targets=targets,
        predicted=predicted,
        losses=-np.log(given),
        metrics=scores.class_metrics(targets, probabilities),
        slices=slices(features, wrong) if features else [],
        names=names,
        probabilities=probabilities,
        classes=scores.class_rows(targets, probabilities, names),
        mislabelled=label_errors(targets, probabilities),
        **common,
    )


def check_examined(recipe, model, y):
    """Returns the estimator of a recipe, provided its predictions can be examined.

    Raises:
        ValueError: If it predicts neither one class nor one number an example.
    """
    try:
        return estimator(recipe, model, y)
    except ValueError:
        raise ValueError(
            f"The recipe {recipe.name!r} predicts neither one class nor one number for "
            "an example: there is nothing to examine. `kdl evaluate` tests it."
        ) from None


def _names(recipe, count):
    """Names of the classes that a model has, of a recipe of one's own too."""
    names = getattr(recipe, "classes", None) or recipe.splits.classes or ()
    return list(names) if len(names) == count else list(map(str, range(count)))


def _double(train, test):
    """Near duplicates of training examples in the test set."""
    if not (train.are_images or train.are_texts):
        return None
    return near_duplicates(train.x[:COMPARED], test.x)


def _plain(value):
    return value.item() if hasattr(value, "item") else value
