"""Random search."""

from collections.abc import Iterator
from typing import Any

import keras_tuner

from kdl.checks import check_integer
from kdl.seeds import POINTS, generator
from kdl.tuning.arguments import oracle_arguments
from kdl.tuning.encoding import Encoding
from kdl.tuning.oracle import DurableOracle
from kdl.tuning.tuner import DurableTuner
from kdl.tuning.wandb_trials import WandbTrials
from kdl.typing import ModelBuilder, Objectives

# Draws for a trial, all of which may have been tried in a small space; and the number
# of combinations up to which it then looks for one that has not.
_DRAWS, _MOST = 256, 5000


class RandomSearchOracle(DurableOracle):
    """Tries values drawn at random, each hyperparameter by its `sampling`.

    Args:
        objective: String, `keras_tuner.Objective` or a list of them.
        max_trials: Integer in `[1, inf)`. Defaults to `10`.
        **kwargs: Other arguments of `keras_tuner.Oracle`, and `max_total_epochs`,
            `max_seconds`, `pruner`, `defaults_first` and `constraints`, as
            `kdl.tuning.BayesianOptimization` has them.

    Raises:
        ValueError: If an argument is outside its interval.

    Example:

    >>> oracle = kdl.tuning.RandomSearchOracle("val_loss", seed=0)
    """

    def __init__(
        self, objective: Objectives | None = None, max_trials: int = 10, **kwargs: Any
    ) -> None:
        check_integer("max_trials", max_trials, "[1, inf)")
        super().__init__(objective, max_trials, **kwargs)

    def suggestions(self, encoding: Encoding, number: int) -> Iterator[dict[str, Any]]:
        rng = generator(self.seed, POINTS, number)
        for point in rng.random((_DRAWS, encoding.size)):
            yield encoding.decode(point)
        left = encoding.combinations(_MOST)
        if left is not None:
            for point in rng.permutation(left):
                yield encoding.decode(point)


class RandomSearch(WandbTrials, DurableTuner, keras_tuner.Tuner):
    """Searches hyperparameters at random.

    It takes the place of `keras_tuner.RandomSearch`, with the guarantees of
    `kdl.tuning.BayesianOptimization`: it can be killed and goes on, a trial that fails
    does not end it, nothing is tried twice, near seeds share nothing. With
    `SuccessiveHalving` as `pruner`, it is a method of its own.

    Args:
        hypermodel: `keras_tuner.HyperModel` or function of hyperparameters that
            returns a compiled model.
        objective: String, `keras_tuner.Objective` or a list of them. Metric to
            optimize.
        max_trials: Integer in `[1, inf)`. Defaults to `10`.
        **kwargs: Other arguments of `kdl.tuning.BayesianOptimization`, but for those
            of its model.

    Raises:
        ValueError: As `BayesianOptimization`.

    Example:

    >>> def build(hp):
    ...     model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(10)])
    ...     rate = hp.Float("rate", 0.01, 0.1, sampling="log")
    ...     model.compile(keras.optimizers.SGD(rate), "mse")
    ...     return model
    >>> tuner = kdl.tuning.RandomSearch(build, "val_loss", directory=folder)
    """

    def __init__(
        self,
        hypermodel: ModelBuilder | None = None,
        objective: Objectives | None = None,
        max_trials: int = 10,
        **kwargs: Any,
    ) -> None:
        oracle = RandomSearchOracle(objective, max_trials, **oracle_arguments(kwargs))
        super().__init__(oracle, hypermodel, **kwargs)
