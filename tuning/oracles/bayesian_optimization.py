"""Bayesian optimization."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import keras_tuner
import numpy as np
from scipy.stats import qmc

from kdl.checks import check_choice, check_integer, check_number, check_optional
from kdl.seeds import POINTS, SOBOL, generator
from kdl.tuning.arguments import oracle_arguments
from kdl.tuning.encoding import Encoding
from kdl.tuning.oracle import DurableOracle
from kdl.tuning.oracles.earlier import EarlierSearches
from kdl.tuning.oracles.fronts import LEAST, FrontSurrogate
from kdl.tuning.oracles.proposals import proposals
from kdl.tuning.oracles.surrogate import FUNCTIONS, Surrogate
from kdl.tuning.store import files
from kdl.tuning.store.journal import standard_error
from kdl.tuning.store.records import SearchRecord, read_search
from kdl.tuning.tuner import DurableTuner
from kdl.tuning.wandb_trials import WandbTrials
from kdl.typing import ModelBuilder, Objectives, StrPath

# Combinations of values up to which all of them are looked at.
_MOST = 5000
# Trials of a branch before it may be left: one says little, untuned as it is. Those of
# earlier searches, which may have missed its best or be of other data, count for one.
_FAIR, _TOLD = 3, 1


class BayesianOptimizationOracle(DurableOracle):
    """Tries what a model of the trials so far expects most of.

    The first trials spread over the space, on a scrambled Sobol sequence. Then a
    Gaussian process is fitted to all trials, and the next one is where its prediction
    is the best by an acquisition function, one of

    - `"log_ei"`: the logarithm of the improvement to be expected of it over the best;
    - `"ei"`: the same without the logarithm, which is flat far from the best;
    - `"pi"`: the probability of an improvement;
    - `"ucb"`: the optimistic end of a confidence interval, `beta` standard deviations
      above the mean.

    Where scores are noisy, the best is not known either: from 20 trials on, an
    improvement is then the mean over samples of what the trials would score without
    noise. Where a choice has hyperparameters of its own for its values, every second
    trial goes to the value with the fewest trials until each has three: one try,
    untuned, says little.

    Several objectives have a process each, and what is expected is by how much the
    hypervolume grows that the front dominates. So it is with constraints, of which each
    has a process that tells how probably a trial meets it.

    It takes the place of KerasTuner's oracle of the same name, whose arguments it
    has. That one spends three trials a hyperparameter at random, drops failed trials
    from its model, takes an infinite loss for the best, has one length scale for all
    hyperparameters and takes unordered choices for numbers, and repeats itself.

    Args:
        objective: String, `keras_tuner.Objective` or a list of them.
        max_trials: Integer in `[1, inf)`. Number of trials, failed ones among them.
            Defaults to `10`.
        num_initial_points: Optional integer in `[1, inf)`. Number of trials before the
            model decides. Defaults to one more than there are hyperparameters, but at
            least 3 and at most 6.
        alpha: Optional float in `(0, inf)`. Variance of the noise of a score, in units
            of the variance of the scores. Defaults to `None`, estimated.
        beta: Float in `[0, inf)`. Of `"ucb"`: the larger, the more is explored.
            Defaults to `2.6`.
        seed: Optional integer in `[0, inf)`. Unlike in KerasTuner, `0` is a seed as
            any other, and near seeds have streams that do not overlap.
        acquisition: `"log_ei"`, `"ei"`, `"pi"` or `"ucb"`. Defaults to `"log_ei"`.
        **kwargs: Other arguments of `keras_tuner.Oracle`, and `max_total_epochs`,
            `max_seconds`, `pruner`, `defaults_first` and `constraints`, as
            `BayesianOptimization` has them.

    Raises:
        ValueError: If an argument is outside its interval.

    Example:

    >>> oracle = kdl.tuning.BayesianOptimizationOracle("val_loss", seed=0)
    """

    def __init__(
        self,
        objective: Objectives | None = None,
        max_trials: int = 10,
        num_initial_points: int | None = None,
        alpha: float | None = None,
        beta: float = 2.6,
        seed: int | None = None,
        acquisition: Literal["log_ei", "ei", "pi", "ucb"] = "log_ei",
        **kwargs: Any,
    ) -> None:
        check_integer("max_trials", max_trials, "[1, inf)")
        self.num_initial_points = check_optional(
            check_integer, "num_initial_points", num_initial_points, "[1, inf)"
        )
        self.alpha = check_optional(check_number, "alpha", alpha, "(0, inf)")
        self.beta = check_number("beta", beta, "[0, inf)")
        self.acquisition = check_choice("acquisition", acquisition, FUNCTIONS)
        self._earlier = EarlierSearches()
        super().__init__(
            objective=objective, max_trials=max_trials, seed=seed, **kwargs
        )
        if not (self.goal.is_plain or acquisition == "log_ei"):
            raise ValueError(
                "`acquisition` must be 'log_ei' with constraints or several "
                f"objectives. Received: acquisition={acquisition!r}"
            )

    def learn_from(self, search: SearchRecord | StrPath) -> None:
        """Begins with what an earlier search has found.

        The earlier search may be of other data, of more or fewer epochs, of another
        metric, or over a space that is the same in part. Hyperparameters that it did
        not have count with their defaults, and trials with values that this space does
        not allow are left out.

        The first three trials, but for one of the defaults, take the values of which
        most is expected. After them, the model of this search begins with what the
        earlier one leads to expect. How much of that is taken over is learned from the
        scores of this search, and halved when it has ten trials, so that an earlier
        search that misleads costs a few.

        Call it before the first trial, once for each earlier search. A script that
        runs again may say it again.

        Args:
            search: What `kdl.tuning.read_search` returns, or the folder of a search, a
                string or `Path`.

        Raises:
            ValueError: If the spaces have nothing in common, if fewer than three
                trials with a score have values of this space, if trials have begun, or
                if there are several objectives or constraints.

        References:
            - [Feurer et al., 2018](https://arxiv.org/abs/1802.02219), weights of
              earlier searches
        """
        if not self.goal.is_plain:
            raise ValueError(
                "An earlier search helps one with one objective and no constraints. "
                f"Received: {self.goal}"
            )
        if not isinstance(search, SearchRecord):
            search = read_search(search)
        with self.held():
            earlier = EarlierSearches(list(self._earlier.searches))
            if not earlier.add(search, self.hyperparameters.space):
                return
            if self.trials:
                raise ValueError(
                    f"The search in {self._project_dir} has begun without the trials "
                    f"of {search.directory}. Choose another directory."
                )
            self._earlier = earlier
            self.save()

    def get_state(self) -> dict[str, Any]:
        return {**super().get_state(), "earlier": self._earlier.searches}

    def set_state(self, state: Mapping[str, Any]) -> None:
        super().set_state(state)
        self._earlier = EarlierSearches(state.get("earlier"))

    def suggestions(self, encoding: Encoding, number: int) -> Iterator[dict[str, Any]]:
        if not encoding.size:
            yield encoding.decode(np.empty(0))
            return
        rng = generator(self.seed, POINTS, number)
        earlier = self._earlier.seen_by(encoding)
        most = 6 if earlier is None else 3
        first = self.num_initial_points or min(max(3, encoding.size + 1), most)
        finite = encoding.combinations(_MOST)
        make = self._model if self.goal.is_plain else self._front_model
        model = make(encoding, rng) if len(self.trials) >= first else None
        if model is None:
            if earlier is not None:
                yield from earlier.promising()
            found = np.vstack(
                [
                    _sobol(encoding.size, self.seed, number)[None],
                    rng.random((256, encoding.size)) if finite is None else finite,
                ]
            )
        else:
            branch = self._neglected(encoding) if number % 2 else None
            found = self._best_of(encoding, *model, finite, rng, branch)
        for point in found:
            yield encoding.decode(point)

    def _model(self, encoding, rng):
        """A model of the trials so far, and points of the best; `None` of too few."""
        ended, cube, pending = self._history(encoding)
        sign = -1.0 if self.objective.direction == "max" else 1.0
        scores = np.array(
            [np.inf if self.is_failure(t) else sign * t.score for t in ended]
        )
        if np.isfinite(scores).sum() < 3:
            return None
        surrogate = Surrogate(
            encoding.features(cube)[0],
            encoding.groups,
            scores,
            self._variances(ended, [self.objective.name])[:, 0],
            encoding.features(pending)[0],
            rng,
            self.acquisition,
            self.beta,
            self.alpha,
            self._earlier.seen_by(encoding),
        )
        return surrogate, cube[np.argsort(surrogate.targets, kind="stable")[:5]]

    def _front_model(self, encoding, rng):
        """As `_model`, of several objectives, or with constraints."""
        ended, cube, pending = self._history(encoding)
        if not ended:
            return None
        goal, metrics = self.goal, [self.metrics_of(trial) for trial in ended]
        limited = [constraint.name for constraint in goal.constraints]
        losses = np.array([goal.losses(found) for found in metrics], float)
        # Some are whole numbers, such as a number of weights.
        values = np.array(
            [[found.get(name, np.nan) for name in limited] for found in metrics], float
        )
        failed = [self.is_failure(trial) for trial in ended]
        losses[failed], values[failed] = np.inf, np.nan
        known = np.isfinite(np.hstack([losses, values]))
        if known.any(1).sum() < LEAST:
            return None
        surrogate = FrontSurrogate(
            encoding.features(cube)[0],
            encoding.groups,
            losses,
            self._variances(ended, [part.name for part in goal.objectives]),
            goal.constraints,
            values,
            self._variances(ended, limited),
            encoding.features(pending)[0],
            rng,
            self.alpha,
        )
        best = cube[surrogate.incumbents]
        finite = encoding.combinations(_MOST)
        found = [
            self._best_of(encoding, extreme, best, finite, rng)[:1]
            for extreme in surrogate.extremes()
        ]
        if found:
            surrogate.reach(encoding.features(np.vstack(found))[0])
        return surrogate, best

    def _best_of(self, encoding, model, incumbents, finite, rng, branch=None):
        """Points of the cube, the best first, by what a model expects of them.

        Those of a branch, if one is given, come before the others.
        """
        if finite is None:
            return proposals(encoding, model, incumbents, rng, branch)
        values = model.values(encoding.features(finite)[0])
        if branch is not None:
            values[~encoding.is_in(branch, finite)] = -np.inf
        return finite[np.argsort(-values, kind="stable")]

    def _neglected(self, encoding):
        """The branch of the space with the fewest trials, `None` where none has few."""
        branches = encoding.branches
        if not branches:
            return None
        own = [encoding.encode(t.hyperparameters.values) for t in self._in_order()]
        own, earlier = np.array(own), self._earlier.points(encoding)
        counts = [
            encoding.is_in(branch, own).sum()
            + min(encoding.is_in(branch, earlier).sum(), _TOLD)
            for branch in branches
        ]
        return branches[int(np.argmin(counts))] if min(counts) < _FAIR else None

    def _in_order(self):
        """The trials by their numbers."""
        return [self.trials[name] for name in sorted(self.trials, key=int)]

    def _history(self, encoding):
        """Trials that ended, their points, and the points of those that run."""
        ended, running = [], []
        for trial in self._in_order():
            (ended if trial.status in files.ENDED else running).append(trial)
        points = (
            [encoding.encode(trial.hyperparameters.values) for trial in some]
            for some in (ended, running)
        )
        return ended, *(np.reshape(some, (-1, encoding.size)) for some in points)

    def _variances(self, ended, names):
        """Squared standard errors of metrics `(n, names)`; 0 of a single execution."""
        found = np.zeros((len(ended), len(names)))
        for row, trial in enumerate(ended):
            if not self.is_failure(trial):
                entry = self.journal.entry(trial.trial_id)
                errors = [standard_error(entry.scores(name)) for name in names]
                found[row] = [(error or 0.0) ** 2 for error in errors]
        return found


def _sobol(size, seed, number):
    """Point `number` of a scrambled Sobol sequence."""
    sequence = qmc.Sobol(size, scramble=True, rng=generator(seed, SOBOL))
    # A power of two, of which the sequence makes sense, and SciPy does not warn.
    return sequence.random_base2(math.ceil(math.log2(number + 2)))[number]


class BayesianOptimization(WandbTrials, DurableTuner, keras_tuner.Tuner):
    """Searches hyperparameters by a model of the trials so far.

    It takes the place of `keras_tuner.BayesianOptimization`, whose arguments it has,
    with the model of `kdl.tuning.BayesianOptimizationOracle`. The search can be killed
    at any moment and goes on where it was when the same lines run again, in the middle
    of a trial too; a trial that fails does not end it, and tells the model where not
    to go; a score that is not finite is a failure; no values are tried twice. A
    directory that holds a search over another space or for another objective is
    refused. With a `kdl.callbacks.WandbLogger` among the callbacks of `search`, each
    trial is one run, as `kdl.tuning.WandbTrials` has it.

    A trial goes on after its last epoch, exactly if its `fit` is a function of model,
    epoch and callbacks: see `kdl.callbacks.Resume`, which does it.

    Args:
        hypermodel: `keras_tuner.HyperModel` or function of hyperparameters that
            returns a compiled model. `kdl.recipes` are such.
        objective: String, `keras_tuner.Objective` or a list of them. Metric to
            optimize, for instance `recipe.objective`. `"params"`, `"flops"` and
            `"latency_ms"` are those of the model: its number of weights, the operations
            of a prediction for one example, and the median milliseconds of
            `predict_on_batch` for one example. Several are searched for the trials
            that no other beats in one without losing in another. The first that
            training changes leads: its best epoch in a trial counts for all, and its
            value is the score.
        max_trials: Integer in `[1, inf)`. Number of trials, failed ones among them.
            Defaults to `10`.
        num_initial_points: Optional integer in `[1, inf)`. Number of trials before
            the model decides. Defaults to one more than there are hyperparameters, but
            at least 3 and at most 6.
        alpha: Optional float in `(0, inf)`. Variance of the noise of a score, in units
            of the variance of the scores. Defaults to `None`, estimated.
        beta: Float in `[0, inf)`. Standard deviations that `"ucb"` adds to the mean:
            the larger, the more is explored. Defaults to `2.6`.
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
        acquisition: `"log_ei"`, `"ei"`, `"pi"` or `"ucb"`. What to go by. With several
            objectives or constraints it is `"log_ei"`, of the hypervolume. Defaults to
            `"log_ei"`.
        max_total_epochs: Optional integer in `[1, inf)`. Epochs of all trials
            together. The trial in which it is reached ends there, and is marked as
            pruned. Defaults to `None`, no limit.
        max_seconds: Optional number in `(0, inf)`. Time of the search, likewise.
            Defaults to `None`, no limit.
        pruner: Optional `kdl.tuning.MedianStopping` or `SuccessiveHalving`. Ends
            trials that are not worth going on with. It takes one objective. Defaults
            to `None`.
        defaults_first: Boolean. Whether the first trial takes the default values of
            the hyperparameters, provided that one at least has a default of its own.
            Defaults to `True`.
        constraints: Optional list of strings such as `"params<=100000"`: a metric, one
            of `<=`, `<`, `>=` and `>`, and a number. What breaks one is never the best,
            and a model that breaks one on `params`, `flops` or `latency_ms` is not
            trained. Defaults to `None`, none.
        resume_trials: Boolean. Whether each epoch is saved, so that a trial that was
            killed goes on after it. Defaults to `True`.
        directory: Path of a folder to keep the search in. Defaults to the current
            one.
        project_name: String. Name of the search's own folder there. Defaults to
            KerasTuner's, `"untitled_project"`.
        overwrite: Boolean. Whether to delete a search that is there and begin anew.
            Defaults to `False`.
        **kwargs: Other arguments of `keras_tuner.Tuner`, such as
            `executions_per_trial`. The score is then the mean, whose standard error
            the model takes for noise.

    Raises:
        ValueError: If the directory holds a search over another space or for
            another objective, if an argument is outside its interval, or if
            objectives or constraints exclude each other.

    Example:

    >>> recipe = kdl.recipes.Images()
    >>> tuner = kdl.tuning.BayesianOptimization(
    ...     recipe, recipe.objective, max_trials=2, directory=folder, seed=0
    ... )
    >>> tuner.search(**recipe.data(), epochs=1, verbose=0)

    References:
        - [Snoek et al., 2012](https://arxiv.org/abs/1206.2944)
        - [Yang et al., 2019](https://doi.org/10.1007/s10898-019-00798-7), of several
          objectives
        - [Gardner et al., 2014](https://proceedings.mlr.press/v32/gardner14.html), of
          constraints
    """

    def __init__(
        self,
        hypermodel: ModelBuilder | None = None,
        objective: Objectives | None = None,
        max_trials: int = 10,
        num_initial_points: int | None = None,
        alpha: float | None = None,
        beta: float = 2.6,
        seed: int | None = None,
        acquisition: Literal["log_ei", "ei", "pi", "ucb"] = "log_ei",
        **kwargs: Any,
    ) -> None:
        oracle = BayesianOptimizationOracle(
            objective=objective,
            max_trials=max_trials,
            num_initial_points=num_initial_points,
            alpha=alpha,
            beta=beta,
            seed=seed,
            acquisition=acquisition,
            **oracle_arguments(kwargs),
        )
        super().__init__(oracle, hypermodel, **kwargs)
