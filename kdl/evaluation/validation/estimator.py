"""A trained recipe as scikit-learn sees it."""

import numpy as np
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.metrics import get_scorer_names

from kdl.evaluation.interface import PROBABILITIES, scores_of


class Trained(BaseEstimator):
    """A recipe and its model, for the scorers of scikit-learn.

    Args:
        recipe: `kdl.recipes.Recipe`.
        model: `keras.Model` of this recipe.
    """

    def __init__(self, recipe, model):
        self.recipe, self.model = recipe, model

    def fit(self, x, y):
        """Scorers ask for it, and do not call it."""
        raise NotImplementedError("The model is trained already.")

    def __sklearn_is_fitted__(self):
        return True


class Classifier(ClassifierMixin, Trained):
    """A recipe that says of which class an example is.

    Args:
        recipe: `kdl.recipes.Recipe`.
        model: `keras.Model` of this recipe.

    Attributes:
        classes_: Integer array of the labels.
    """

    @property
    def classes_(self):
        last = self.model.output_shape[-1]
        return np.arange(2 if last == 1 else last)

    def predict_proba(self, x):
        outputs = self.recipe.outputs(self.model, x)
        # Variants of inputs have a model that is trained.
        return probabilities(getattr(self.model, "model", self.model), outputs)

    def predict(self, x):
        return self.classes_[np.argmax(self.predict_proba(x), axis=-1)]


class Regressor(RegressorMixin, Trained):
    """A recipe that predicts a number, or several.

    Args:
        recipe: `kdl.recipes.Recipe`.
        model: `keras.Model` of this recipe.
    """

    def predict(self, x):
        outputs = np.asarray(self.recipe.outputs(self.model, x))
        return outputs[:, 0] if outputs.shape[1:] == (1,) else outputs


def estimator(recipe, model, y):
    """Returns the estimator of a trained recipe.

    Raises:
        ValueError: If its targets are neither one class nor one number an example.
    """
    kind, shape = np.dtype(y.dtype).kind, np.shape(y)
    if kind in "iub" and len(shape) == 1:
        return Classifier(recipe, model)
    if kind == "f" and (len(shape) == 1 or shape[1:] == (1,)):
        return Regressor(recipe, model)
    raise ValueError(
        "`scoring` is for targets that are one class or one number an example. "
        f"Received: {y.dtype} of shape {shape}. Leave it out for the model's own "
        "metrics."
    )


def check_names(argument, scoring):
    """Refuses names of metrics that scikit-learn does not have.

    Args:
        argument: String. Name of the argument, as the user wrote it.
        scoring: List of names.

    Raises:
        ValueError: If one is no such name.
    """
    known = get_scorer_names()
    for name in scoring:
        if name not in known:
            raise ValueError(
                f"`{argument}` must be of sklearn.metrics.get_scorer_names(), such as "
                f"'f1_macro'. Received: {name!r}"
            )


def probabilities(model, outputs):
    """Returns outputs for classes as probabilities, which they may be already.

    What they are says the loss of the model. Of a loss that does not say it, outputs
    that are not negative and sum to 1 are probabilities.

    Args:
        model: `keras.Model`.
        outputs: Array of shape `(examples, classes)`, logits or probabilities; or
            `(examples, 1)`, those of the second of two classes.
    """
    outputs, said = np.asarray(outputs, "float64"), scores_of(model)
    is_one = outputs.shape[-1] == 1
    if said is None:
        within = outputs.min() >= 0 and outputs.max() <= 1
        sums = outputs.sum(axis=-1)
        are_shares = within and (is_one or np.allclose(sums, 1, atol=1e-3))
    else:
        are_shares = said == PROBABILITIES
    if is_one:
        second = outputs if are_shares else expit(outputs)
        return np.concatenate([1 - second, second], axis=-1)
    return outputs if are_shares else softmax(outputs, axis=-1)
