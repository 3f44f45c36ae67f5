"""How much of an error is bias, and how much is variance."""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import keras_tuner
import numpy as np

from kdl.checks import check_integer
from kdl.evaluation.jobs import Jobs, check_options, check_recipe, chosen
from kdl.evaluation.resampling.bootstrap import check_independent, resampled
from kdl.recipes import Recipe
from kdl.recipes.estimator import estimator
from kdl.seeds import FIT, integer
from kdl.typing import StrPath, Values


def bias_variance(
    recipe: Recipe,
    hp: Values | None = None,
    *,
    resamples: int = 10,
    seeds: int = 1,
    epochs: int | None = None,
    seed: int = 0,
    workers: int | None = None,
    directory: StrPath | None = None,
    on_training_end: Callable[[int, dict[str, Any]], None] | None = None,
) -> dict[str, float]:
    """Says how much of a recipe's error is bias and how much is variance.

    The recipe is trained on bootstrap samples of its training set, with several seeds
    each, and predicts its test set. The main prediction of an example is the one that
    the models agree on: the most frequent class, or the mean.

    - *bias* is the error of the main prediction: what remains if one could train on
      ever more such sets. A larger model, or better inputs, lower it.
    - *variance* is how often, or how far, a model is from the main prediction. More
      data, regularization or an ensemble lower it.

    Of numbers, the squared error is the sum of both. Of classes, a model that differs
    from a wrong main prediction may be right: variance where the main prediction is
    right adds to the error, and variance where it is wrong takes from it, if there are
    two classes all of it.

    Args:
        recipe: `kdl.recipes.Recipe` of one class or one number an example.
        hp: Optional `keras_tuner.HyperParameters`, or a dict of values by name.
            Defaults to `None`, the recipe's own.
        resamples: Integer in `[2, inf)`. Number of samples. Defaults to `10`.
        seeds: Integer in `[1, inf)`. Trainings on each. Defaults to `1`. With two or
            more, the result says how much of the spread the data make.
        epochs: Optional integer. Of a training. Defaults to `None`, those of the
            recipe.
        seed: Integer in `[0, 2**32)`. Draws samples, weights and order. Defaults to
            `0`.
        workers: Optional integer in `[1, inf)`. How many train side by side, on Ray.
        directory: Optional string or `Path` of a folder where what is done is kept, so
            that the same call goes on after it was killed.
        on_training_end: Optional function that is called with the number of a training
            and the dict of its results when it ends, or was found done.

    Returns:
        Dict of floats: `"loss"`, the mean error rate or squared error; `"bias"` and
        `"variance"`; for classes `"unbiased_variance"` and `"biased_variance"`, that
        where the main prediction is right and where it is wrong. With two seeds or
        more, `"data_variance"` and `"seed_variance"`, the variances of the loss of a
        model that the sample and the seed make, estimated by an analysis of variance;
        the first may be negative where it is small. And `"losses"`, an array of shape
        `(resamples, seeds)`.

    Raises:
        ValueError: If an argument is not as described, or if the examples follow each
            other.
        ImportError: If `workers` are given and Ray is not installed.

    Example:

    >>> recipe = kdl.recipes.Tabular()
    >>> found = kdl.evaluation.bias_variance(recipe, resamples=2, epochs=1)
    >>> 0 <= found["bias"] <= 1
    True

    References:
        - [Domingos, 2000](https://homes.cs.washington.edu/~pedrod/bvd.pdf)
        - [Bouthillier et al., 2021](https://arxiv.org/abs/2103.03098), on the spread
          that seeds and data make
    """
    check_recipe(recipe)
    check_options(seed, epochs, workers)
    check_integer("resamples", resamples, "[2, inf)")
    check_integer("seeds", seeds, "[1, inf)")
    check_independent(recipe)
    y = recipe.splits.test[1]
    is_class = hasattr(estimator(recipe, None, y), "predict_proba")
    y = np.asarray(y)
    hp = chosen(recipe, hp)
    jobs = _Samples(
        *(recipe, hp, resamples, seeds, seed),
        recipe.epochs if epochs is None else epochs,
    )
    with jobs.kept(directory):
        rows = jobs.rows(workers, on_training_end)
    predictions = np.array([row["predictions"] for row in rows])
    targets = y.reshape(len(y))
    found = (_zero_one if is_class else _squared)(predictions, targets)
    errors = predictions != targets if is_class else (predictions - targets) ** 2
    losses = errors.mean(axis=-1).reshape(resamples, seeds)
    if seeds > 1:
        found |= spread(losses)
    return {**found, "losses": losses}


def _zero_one(predictions, targets):
    """Decomposes the error rate of rows of predicted classes."""
    main = np.array([np.bincount(column).argmax() for column in predictions.T])
    differs, wrong = predictions != main, main != targets
    return {
        "loss": float(np.mean(predictions != targets)),
        "bias": float(np.mean(wrong)),
        "variance": float(np.mean(differs)),
        "unbiased_variance": float(np.mean(differs & ~wrong)),
        "biased_variance": float(np.mean(differs & wrong)),
    }


def _squared(predictions, targets):
    """Decomposes the squared error of rows of predicted numbers."""
    main = predictions.mean(axis=0)
    return {
        "loss": float(np.mean((predictions - targets) ** 2)),
        "bias": float(np.mean((main - targets) ** 2)),
        "variance": float(np.mean((predictions - main) ** 2)),
    }


def spread(losses):
    """Returns the variances that samples and seeds make, of losses by both.

    Args:
        losses: Array of shape `(resamples, seeds)`, of two or more seeds.
    """
    within = float(losses.var(axis=1, ddof=1).mean())
    between = float(losses.mean(axis=1).var(ddof=1))
    return {
        "data_variance": between - within / losses.shape[1],
        "seed_variance": within,
    }


@dataclasses.dataclass
class _Samples(Jobs):
    """Trainings on bootstrap samples, several seeds each."""

    what = "training"
    all_ = "trainings"
    keeps_models = False

    recipe: Any
    hp: keras_tuner.HyperParameters
    resamples: int
    seeds: int
    seed: int
    epochs: int

    @property
    def count(self):
        return self.resamples * self.seeds

    def identity(self):
        # More samples go on with those that are there.
        return {
            "recipe": self.recipe.name,
            "hyperparameters": self.hp.values,
            "examples": len(self.recipe.splits.train[1]),
            "epochs": self.epochs,
            "seeds": self.seeds,
            "seed": self.seed,
        }

    def perform(self, number):
        sample, _ = divmod(number, self.seeds)
        recipe = resampled(self.recipe, integer(self.seed, FIT, 0, sample))
        seed = integer(self.seed, FIT, 1, number)
        keras.utils.set_random_seed(seed)
        model, history = self.fit(recipe, self.hp, number, seed, self.epochs)
        x, y = recipe.splits.test
        predictions = estimator(recipe, model, y).predict(x)
        return model, {
            "epochs": len(history.epoch),
            "predictions": np.asarray(predictions).tolist(),
        }
