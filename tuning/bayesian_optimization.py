"""Bayesian optimization."""

import sys

import keras_tuner
import numpy as np

from kdl.checks import check_integer
from kdl.tuning.durable import DurableOracle, DurableTuner
from kdl.tuning.wandb_trials import WandbTrials


class BayesianOptimizationOracle(
    DurableOracle, keras_tuner.oracles.BayesianOptimizationOracle
):
    """`keras_tuner.oracles.BayesianOptimizationOracle` that survives being killed.

    Args:
        objective: String or `keras_tuner.Objective`. Metric to optimize.
        max_trials: Integer in `[1, inf)`. Number of trials, failed ones among them.
            Defaults to `10`.
        seed: Optional integer in `[0, inf)`. Unlike in KerasTuner, `0` is a seed as
            any other, and near seeds have streams that do not overlap.
        **kwargs: Other arguments of the class in KerasTuner.

    Raises:
        ValueError: If `max_trials` or `seed` is outside its interval.

    Example:

    >>> oracle = kdl.tuning.BayesianOptimizationOracle("val_loss", seed=0)
    """

    def __init__(self, objective=None, max_trials=10, seed=None, **kwargs):
        check_integer("max_trials", max_trials, "[1, inf)")
        if seed is not None:
            check_integer("seed", seed, "[0, inf)")
            seed = int(np.random.SeedSequence(seed).generate_state(1)[0])
        super().__init__(
            objective=objective, max_trials=max_trials, seed=seed, **kwargs
        )


class BayesianOptimization(WandbTrials, DurableTuner, keras_tuner.Tuner):
    """`keras_tuner.BayesianOptimization` that survives being killed.

    The search is KerasTuner's. What differs is what becomes of it: the search can
    be killed at any moment and goes on where it was when the same lines run again;
    a trial that fails does not end it; a score that is not finite is a failure; a
    directory that holds a search over another space or for another objective is
    refused. With a `kdl.callbacks.WandbLogger` among the callbacks of `search`, each
    trial is one run, as `kdl.tuning.WandbTrials` has it.

    Args:
        hypermodel: `keras_tuner.HyperModel` or function of hyperparameters that
            returns a compiled model. `kdl.recipes` are such.
        objective: String or `keras_tuner.Objective`. Metric to optimize, for
            instance `recipe.objective`.
        max_trials: Integer in `[1, inf)`. Number of trials, failed ones among them.
            Defaults to `10`.
        num_initial_points: Optional integer in `[1, inf)`. Number of random trials
            before the model decides. Defaults to three per hyperparameter.
        alpha: Float in `(0, inf)`. Variance of the noise of a score, in units of the
            variance of the scores. Defaults to `1e-4`.
        beta: Float in `[0, inf)`. Standard deviations that the confidence bound adds
            to the mean: the larger, the more is explored. Defaults to `2.6`.
        seed: Optional integer in `[0, inf)`. Makes the trials' values, and for each
            trial the initial weights, reproducible on a given backend.
        hyperparameters: Optional `keras_tuner.HyperParameters`. Takes the place of
            hyperparameters of the space.
        tune_new_entries: Boolean. Whether what `hyperparameters` leaves out is
            searched. Defaults to `True`.
        allow_new_entries: Boolean. Whether `hyperparameters` may leave out any.
            Defaults to `True`.
        max_retries_per_trial: Integer in `[0, inf)`. How often a trial that failed
            is run again. Defaults to `0`.
        max_consecutive_failed_trials: Optional integer in `[1, inf)`. Number of
            failures in a row that end the search with a `RuntimeError`. Defaults to
            `None`, no number.
        directory: Path of a folder to keep the search in. Defaults to the current
            one.
        project_name: String. Name of the search's own folder there. Defaults to
            KerasTuner's, `"untitled_project"`.
        overwrite: Boolean. Whether to delete a search that is there and begin anew.
            Defaults to `False`.
        **kwargs: Other arguments of `keras_tuner.Tuner`, such as
            `executions_per_trial`.

    Raises:
        ValueError: If the directory holds a search over another space or for
            another objective, or if `max_trials` or `seed` is outside its interval.

    Example:

    >>> recipe = kdl.recipes.Digits()
    >>> tuner = kdl.tuning.BayesianOptimization(
    ...     recipe, recipe.objective, max_trials=2, directory=folder, seed=0
    ... )
    >>> tuner.search(**recipe.data(), epochs=1, verbose=0)

    References:
        - [Snoek et al., 2012](https://arxiv.org/abs/1206.2944)
    """

    def __init__(
        self,
        hypermodel=None,
        objective=None,
        max_trials=10,
        num_initial_points=None,
        alpha=1e-4,
        beta=2.6,
        seed=None,
        hyperparameters=None,
        tune_new_entries=True,
        allow_new_entries=True,
        max_retries_per_trial=0,
        max_consecutive_failed_trials=None,
        **kwargs,
    ):
        oracle = BayesianOptimizationOracle(
            objective=objective,
            max_trials=max_trials,
            num_initial_points=num_initial_points,
            alpha=alpha,
            beta=beta,
            seed=seed,
            hyperparameters=hyperparameters,
            tune_new_entries=tune_new_entries,
            allow_new_entries=allow_new_entries,
            max_retries_per_trial=max_retries_per_trial,
            max_consecutive_failed_trials=max_consecutive_failed_trials or sys.maxsize,
        )
        super().__init__(oracle, hypermodel, **kwargs)
