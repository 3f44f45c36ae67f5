"""Hypermodels of KerasTuner as recipes."""

import inspect

import keras
import keras_tuner
import numpy as np
from keras_tuner import errors

from kdl.data.sources.load import check_source
from kdl.recipes.recipe import Recipe


class Adapter(Recipe):
    """A hypermodel of KerasTuner, or a function `build(hp)`, as a recipe.

    The model is fitted as the hypermodel says, or by `model.fit`: neither batch size,
    nor schedule, nor early stopping is added.

    Args:
        hypermodel: `keras_tuner.HyperModel`, or a function of `hp` that returns a
            compiled model.
        source: What to learn, as `kdl.data.load` takes it.
        objective: `keras_tuner.Objective`.
        name: String. Name of the recipe.
        seed: Integer in `[0, 2**32)`. Draws the splits of the source. Defaults to `0`.
    """

    epochs = 20
    meanings = {}

    def __init__(self, hypermodel, source, objective, name, seed=0):
        keras_tuner.HyperModel.__init__(self, name=name)
        self.hypermodel, self.objective = hypermodel, objective
        self.source, self.seed = check_source(source), seed
        self._space = None

    @property
    def fits_by_itself(self):
        """Whether the hypermodel has a `fit` of its own."""
        base = keras_tuner.HyperModel
        is_model = isinstance(self.hypermodel, base)
        return is_model and type(self.hypermodel).fit is not base.fit

    def space(self, hp):
        # A model is built to learn the space, which may take a while.
        if self._space is None:
            self._space = keras_tuner.HyperParameters()
            self.build(self._space)
        hp.merge(self._space)

    def build(self, hp):
        return getattr(self.hypermodel, "build", self.hypermodel)(hp)

    def fit(self, hp, model, *args, epochs=None, seed=0, **kwargs):
        """Fits a model as the hypermodel does.

        Args:
            hp: `keras_tuner.HyperParameters`.
            model: `keras.Model`.
            *args: Positional arguments of the hypermodel's `fit`.
            epochs: Optional integer. Defaults to `None`, that of the recipe.
            seed: Integer. Given to the hypermodel if its `fit` takes a `seed`.
            **kwargs: Keyword arguments of the hypermodel's `fit`.

        Returns:
            `keras.callbacks.History`.

        Raises:
            keras_tuner.errors.FatalValueError: If the objective is not reported.
        """
        kwargs["epochs"] = self.epochs if epochs is None else epochs
        if isinstance(self.hypermodel, keras_tuner.HyperModel):
            if "seed" in inspect.signature(self.hypermodel.fit).parameters:
                kwargs["seed"] = seed
            results = self.hypermodel.fit(hp, model, *args, **kwargs)
        else:
            results = model.fit(*args, **kwargs)
        history = _history(results, self.objective)
        if not self.objective.has_value(history.history):
            reported = ", ".join(sorted(history.history)) or "nothing"
            raise errors.FatalValueError(
                f"The objective is {self.objective.name!r}, which the fit did not "
                f"report. It reported: {reported}."
            )
        return history


def _history(results, objective):
    """Returns what a `fit` reported as a `History`, of one epoch if it has no epochs.

    Args:
        results: `keras.callbacks.History`, float, dict, or a list of such, as
            KerasTuner takes them.
        objective: `keras_tuner.Objective`.
    """
    if isinstance(results, keras.callbacks.History):
        return results
    if isinstance(results, list):
        parts = [_history(part, objective).history for part in results]
        names = set.intersection(*map(set, parts)) if parts else ()
        results = {name: np.mean([part[name][-1] for part in parts]) for name in names}
    elif results is None:
        results = {}
    elif not isinstance(results, dict):
        results = {objective.name: results}
    history = keras.callbacks.History()
    history.epoch = [0]
    history.history = {name: [float(value)] for name, value in results.items()}
    return history
