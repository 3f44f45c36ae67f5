"""Search by the samplers of Optuna."""

import contextlib
import copy
import warnings
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import keras_tuner
from keras_tuner.engine import trial as trials

from kdl.checks import shown
from kdl.tuning.arguments import oracle_arguments
from kdl.tuning.encoding import Encoding
from kdl.tuning.engines.optuna_space import check_installed, suggest, suggested
from kdl.tuning.oracles.random_search import RandomSearchOracle
from kdl.tuning.tuner import DurableTuner
from kdl.tuning.wandb_trials import WandbTrials
from kdl.typing import BaseSampler, ModelBuilder, Objectives

# Classes of Optuna by name, and their arguments besides the seed.
SAMPLERS = {
    # With trials side by side, what runs counts as bad, so that others go elsewhere.
    "tpe": ("TPESampler", {"constant_liar": True}),
    "gp": ("GPSampler", {}),
    "cmaes": ("CmaEsSampler", {}),
    "random": ("RandomSampler", {}),
    # Without scrambling, the seed would say nothing.
    "qmc": ("QMCSampler", {"scramble": True}),
}
# What they import when they are first asked, as `check_installed` has it.
NEEDS = {"gp": ("torch", "PyTorch", "torch"), "cmaes": ("cmaes", "cmaes", "optuna")}
# How often a sampler is asked for a trial, if it repeats itself.
_ASKS = 20


class OptunaOracle(RandomSearchOracle):
    """Tries what a sampler of Optuna suggests.

    The sampler sees a study of Optuna in memory, which is asked for each trial and
    told how it ended: its score; that it was pruned, with what was known of it; that
    it failed; and what is running meanwhile. In a space without conditions it
    suggests what it does in a study that asks for the same parameters by itself.

    - Floats and integers are such, log-scaled or not; a choice, a boolean or a fixed
      value is categorical. What Optuna has not is drawn by its rank or place: an
      ordered choice, as all choices of numbers are unless they say otherwise; a
      number with steps, but for an integer with equal ones; `"reverse_log"`.
    - A hyperparameter that is declared several times, under different conditions, is
      as many of Optuna's.
    - What was tried already is told its score at once, and the sampler is asked again,
      20 times at most. Then a trial is drawn at random of those that are left. So it is
      with what is closer to a trial that runs than a hundredth of the space's diagonal.

    When the search goes on after an interruption, the sampler is asked and told all
    that it was before, so that it goes on as if there had been none, as far as it is
    reproducible: without a `seed`, an instance is not. With a Gaussian process, this
    takes some tenths of a second for each trial.

    Several objectives are several of Optuna's, which all samplers but `"cmaes"` take.
    Of constraints the samplers are not told: they are refused.

    Args:
        objective: String, `keras_tuner.Objective` or a list of them.
        sampler: `"tpe"`, `"gp"`, `"cmaes"`, `"random"`, `"qmc"` or an instance of
            `optuna.samplers.BaseSampler`, which is copied. A name gets the seed of
            the search; `"gp"` needs PyTorch. Defaults to `"tpe"`.
        max_trials: Integer in `[1, inf)`. Defaults to `10`.
        **kwargs: Other arguments of `keras_tuner.Oracle`, and `max_total_epochs`,
            `max_seconds`, `pruner` and `defaults_first`, as
            `kdl.tuning.BayesianOptimization` has them.

    Raises:
        ImportError: If Optuna is not installed, or PyTorch for `"gp"`.
        ValueError: If an argument is outside its interval, or if the sampler takes one
            objective and there are several.

    Example:

    >>> oracle = kdl.tuning.OptunaOracle("val_loss", "cmaes", seed=0)

    References:
        - [Akiba et al., 2019](https://arxiv.org/abs/1907.10902)
    """

    def __init__(
        self,
        objective: Objectives | None = None,
        sampler: Literal["tpe", "gp", "cmaes", "random", "qmc"] | BaseSampler = "tpe",
        max_trials: int = 10,
        **kwargs: Any,
    ) -> None:
        check_installed("OptunaOracle")
        constraints = kwargs.get("constraints")
        super().__init__(objective, max_trials, **kwargs)
        if constraints:
            raise ValueError(
                "`constraints` are for BayesianOptimization, RandomSearch and "
                "GridSearch, since samplers of Optuna are not told of them. Received: "
                f"constraints={shown(constraints)}"
            )
        if sampler == "cmaes" and len(self.goal.objectives) > 1:
            raise ValueError(
                "The sampler 'cmaes' goes by one objective. With several, take "
                "BayesianOptimization, or the sampler 'tpe' or 'gp'. Received: "
                f"objective={self.goal}"
            )
        self.sampler = sampler
        self._study = None
        # By number of a trial: how often the sampler was asked for it, and how many
        # trials had ended.
        self._asked = {}
        self._make_sampler()

    def suggestions(self, encoding: Encoding, number: int) -> Iterator[dict[str, Any]]:
        with _quiet():
            if self._study is None:
                self._replay()
            ended = len(self.end_order)
            self._catch_up(number, ended)
        for asks in range(1, _ASKS + 1):
            if self._is_exhausted:
                return
            with _quiet():
                asked, values = self._ask()
            self._optuna_trials[number] = asked
            # Before the trial is, so that none is there without it.
            self._asked[number] = (asks, ended)
            self.save()
            yield values
            # It has been tried.
            with _quiet():
                self._settle(self._optuna_trials.pop(number), values)
        yield from super().suggestions(encoding, number)

    def get_state(self) -> dict[str, Any]:
        return {**super().get_state(), "asked": list(self._asked.items())}

    def set_state(self, state: Mapping[str, Any]) -> None:
        super().set_state(state)
        self._asked = {
            number: tuple(counts) for number, counts in state.get("asked", ())
        }
        self._study = None

    def _begin(self):
        import optuna

        self._study = optuna.create_study(
            sampler=self._make_sampler(),
            directions=[f"{part.direction}imize" for part in self.goal.objectives],
        )
        # Some samplers stop a study when they have been everywhere.
        self._is_exhausted = False
        self._study.stop = self._stop
        # Trials of the study by number of ours, and how many of them have ended.
        self._optuna_trials, self._told = {}, 0

    def _stop(self):
        self._is_exhausted = True

    def _replay(self):
        """Asks and tells the study what it was asked and told before."""
        self._begin()
        for number, (asks, ended) in sorted(self._asked.items()):
            if number >= len(self.trials):
                break
            self._catch_up(number, ended)
            for ask in range(1, asks + 1):
                asked, values = self._ask()
                if ask == asks and _agree(values, self._trial(number)):
                    self._optuna_trials[number] = asked
                else:
                    self._settle(asked, values)

    def _catch_up(self, number, ended):
        """Tells the study of trials it was not asked for, and of those that ended."""
        for earlier in range(number):
            if earlier not in self._optuna_trials:
                values = self._trial(earlier).hyperparameters.values
                given = suggested(self.hyperparameters.space, values)
                self._study.enqueue_trial(given)
                self._optuna_trials[earlier], _ = self._ask()
        for trial_id in self.end_order[self._told : ended]:
            self._tell(self._optuna_trials[int(trial_id)], self.trials[trial_id])
        self._told = ended

    def _ask(self):
        asked = self._study.ask()
        return asked, suggest(self.hyperparameters.space, asked)

    def _settle(self, asked, values):
        """Tells the study how values fared that were tried before."""
        for trial_id in self.end_order[: self._told]:
            if _agree(values, self.trials[trial_id]):
                self._tell(asked, self.trials[trial_id])
                return
        self._study.tell(asked, state=_state("FAIL"))

    def _tell(self, asked, trial):
        entry = self.journal.entry(trial.trial_id)
        if trial.status == trials.TrialStatus.FAILED:
            self._study.tell(asked, state=_state("FAIL"))
        elif entry.pruned is None or len(self.goal.objectives) > 1:
            metrics = self.metrics_of(trial)
            values = [metrics[part.name] for part in self.goal.objectives]
            self._study.tell(asked, values)
        else:
            sign = -1.0 if self.objective.direction == "max" else 1.0
            for epoch, loss in enumerate(entry.losses(self.objective)):
                asked.report(sign * loss, epoch)
            self._study.tell(asked, state=_state("PRUNED"))

    def _trial(self, number):
        return self.trials[self.start_order[number]]

    def _make_sampler(self):
        import optuna

        if isinstance(self.sampler, optuna.samplers.BaseSampler):
            return copy.deepcopy(self.sampler)
        if not isinstance(self.sampler, str) or self.sampler not in SAMPLERS:
            raise ValueError(
                f"`sampler` must be one of {', '.join(map(repr, SAMPLERS))}, or an "
                "instance of optuna.samplers.BaseSampler. Received: "
                f"sampler={self.sampler!r}"
            )
        if self.sampler in NEEDS:
            check_installed(f"The sampler {self.sampler!r}", *NEEDS[self.sampler])
        name, options = SAMPLERS[self.sampler]
        with warnings.catch_warnings():
            # What Optuna takes for experimental, it has had for years.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return getattr(optuna.samplers, name)(seed=self.seed, **options)


def _agree(values, trial):
    # A trial may have met others since.
    found = trial.hyperparameters.values
    return all(found.get(name) == value for name, value in values.items())


def _state(name):
    import optuna

    return optuna.trial.TrialState[name]


@contextlib.contextmanager
def _quiet():
    """Keeps to itself what Optuna says of a study that nobody else sees."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


class OptunaSearch(WandbTrials, DurableTuner, keras_tuner.Tuner):
    """Searches hyperparameters by a sampler of Optuna.

    It has the guarantees of `kdl.tuning.BayesianOptimization`: it can be killed and
    goes on, a trial that fails does not end it, nothing is tried twice. What the
    sampler is told is said at `kdl.tuning.OptunaOracle`.

    Args:
        hypermodel: `keras_tuner.HyperModel` or function of hyperparameters that
            returns a compiled model.
        objective: String, `keras_tuner.Objective` or a list of them. Metric to
            optimize.
        sampler: `"tpe"`, `"gp"`, `"cmaes"`, `"random"`, `"qmc"` or an instance of
            `optuna.samplers.BaseSampler`. Defaults to `"tpe"`.
        max_trials: Integer in `[1, inf)`. Defaults to `10`.
        **kwargs: Other arguments of `kdl.tuning.BayesianOptimization`, but for those
            of its model and `constraints`.

    Raises:
        ImportError: As `OptunaOracle`.
        ValueError: As `BayesianOptimization`.

    Example:

    >>> def build(hp):
    ...     model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(10)])
    ...     rate = hp.Float("rate", 0.01, 0.1, sampling="log")
    ...     model.compile(keras.optimizers.SGD(rate), "mse")
    ...     return model
    >>> tuner = kdl.tuning.OptunaSearch(build, "val_loss", "qmc", directory=folder)
    """

    def __init__(
        self,
        hypermodel: ModelBuilder | None = None,
        objective: Objectives | None = None,
        sampler: Literal["tpe", "gp", "cmaes", "random", "qmc"] | BaseSampler = "tpe",
        max_trials: int = 10,
        **kwargs: Any,
    ) -> None:
        oracle = OptunaOracle(
            objective, sampler, max_trials, **oracle_arguments(kwargs)
        )
        super().__init__(oracle, hypermodel, **kwargs)
