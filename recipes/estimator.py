"""A trained model as an estimator of scikit-learn."""

import functools

import numpy as np
from scipy.special import expit, softmax

from kdl.models.interface import PROBABILITIES, scores_of
from kdl.recipes.classes import class_names


def estimator(recipe, model, y):
    """Returns a fitted estimator whose inputs are those of a recipe's source.

    Args:
        recipe: `kdl.recipes.Recipe`.
        model: `keras.Model` of it, or what `Recipe.averaged` returned.
        y: Array of targets, which say what it predicts.

    Raises:
        ValueError: If they are neither one class nor one number an example, or if the
            recipe predicts something else of them.
    """
    if not hasattr(y, "dtype"):
        raise ValueError(
            "Targets must be one class or one number an example. Received: "
            f"{type(y).__name__}"
        )
    kind, shape = np.dtype(y.dtype).kind, np.shape(y)
    classifier, regressor = _kinds()
    if kind in "iub" and len(shape) == 1:
        if not recipe.scores_classes:
            raise ValueError(
                f"The recipe {recipe.name!r} gives no score for each class of its "
                "targets."
            )
        return classifier(recipe, model)
    if kind == "f" and (len(shape) == 1 or shape[1:] == (1,)):
        return regressor(recipe, model)
    raise ValueError(
        f"Targets must be one class or one number an example. Received: {y.dtype} of "
        f"shape {shape}"
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


@functools.cache
def _kinds():
    """The classes, made late: scikit-learn takes longer to import than all of kdl."""
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

    class Estimator(BaseEstimator):
        def __init__(self, recipe, model):
            self.recipe, self.model = recipe, model

        def __sklearn_is_fitted__(self):
            return True

        def fit(self, x, y=None):
            """Returns itself: the model has been trained."""
            return self

        def _outputs(self, x):
            return np.asarray(self.recipe.outputs(self.model, x), "float64")

    class Classifier(ClassifierMixin, Estimator):
        @property
        def classes_(self):
            """Labels, as targets have them."""
            shape = getattr(self.model, "output_shape", None)
            if shape is None:
                # It is a subclass: the names of the classes say how many.
                return np.arange(len(class_names(self.recipe.splits)))
            return np.arange(2 if shape[-1] == 1 else shape[-1])

        def predict_proba(self, x):
            # Variants of inputs have a model that is trained.
            trained = getattr(self.model, "model", self.model)
            return probabilities(trained, self._outputs(x))

        def predict(self, x):
            return np.argmax(self.predict_proba(x), axis=-1)

    class Regressor(RegressorMixin, Estimator):
        def predict(self, x):
            outputs = self._outputs(x)
            return outputs[:, 0] if outputs.shape[1:] == (1,) else outputs

    return Classifier, Regressor
