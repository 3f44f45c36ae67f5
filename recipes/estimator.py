"""A model of a table as an estimator of scikit-learn."""

import functools

import numpy as np
from scipy.special import softmax


def estimator(recipe, model):
    """Returns a fitted estimator whose inputs are data frames.

    Args:
        recipe: `kdl.recipes.Tabular`.
        model: `keras.Model` of it.
    """
    classifier, regressor = _kinds()
    return (regressor if recipe.classes is None else classifier)(recipe, model)


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
            return self.recipe.outputs(self.model, x)

    class Classifier(ClassifierMixin, Estimator):
        @property
        def classes_(self):
            """Labels, as targets have them."""
            return np.arange(len(self.recipe.classes))

        def predict_proba(self, x):
            return softmax(np.asarray(self._outputs(x), "float64"), axis=-1)

        def predict(self, x):
            return np.argmax(self._outputs(x), axis=-1)

    class Regressor(RegressorMixin, Estimator):
        def predict(self, x):
            return np.ravel(self._outputs(x))

    return Classifier, Regressor
