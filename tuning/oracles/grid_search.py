"""Grid search."""

from collections.abc import Iterator
from typing import Any

import keras_tuner
import numpy as np

from kdl.tuning.arguments import oracle_arguments
from kdl.tuning.encoding import Encoding
from kdl.tuning.oracle import DurableOracle
from kdl.tuning.tuner import DurableTuner
from kdl.tuning.wandb_trials import WandbTrials
from kdl.typing import ModelBuilder, Objectives

# Values that a number without steps has on the grid, its ends among them.
_STEPS = 10


class GridSearchOracle(DurableOracle):
    """Tries each combination of values once, the last hyperparameter varying fastest.

    A number without steps has ten values on the grid, its ends among them, by its
    `sampling`. Unlike KerasTuner's, which begins with the defaults and returns to them
    in every row, it goes in the order of the values; the defaults come first only if
    they were chosen. What trials add to the space joins the grid.

    Args:
        objective: String, `keras_tuner.Objective` or a list of them.
        max_trials: Optional integer in `[1, inf)`. Defaults to `None`, all there are.
        **kwargs: Other arguments of `keras_tuner.Oracle`, and `max_total_epochs`,
            `max_seconds`, `pruner`, `defaults_first` and `constraints`, as
            `kdl.tuning.BayesianOptimization` has them.

    Raises:
        ValueError: If an argument is outside its interval.

    Example:

    >>> oracle = kdl.tuning.GridSearchOracle("val_loss")
    """

    keeps_apart = False  # Each point has its turn.

    def suggestions(self, encoding: Encoding, number: int) -> Iterator[dict[str, Any]]:
        yield from encoding.points(_steps)


class GridSearch(WandbTrials, DurableTuner, keras_tuner.Tuner):
    """Searches a grid of hyperparameters.

    It takes the place of `keras_tuner.GridSearch`, with the guarantees of
    `kdl.tuning.BayesianOptimization`: it can be killed and goes on, a trial that fails
    does not end it, nothing is tried twice.

    Args:
        hypermodel: `keras_tuner.HyperModel` or function of hyperparameters that
            returns a compiled model.
        objective: String, `keras_tuner.Objective` or a list of them. Metric to
            optimize.
        max_trials: Optional integer in `[1, inf)`. Defaults to `None`: as many as the
            grid has points.
        **kwargs: Other arguments of `kdl.tuning.BayesianOptimization`, but for those
            of its model.

    Raises:
        ValueError: As `BayesianOptimization`.

    Example:

    >>> def build(hp):
    ...     model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(10)])
    ...     rate = hp.Choice("rate", [0.01, 0.1])
    ...     model.compile(keras.optimizers.SGD(rate), "mse")
    ...     return model
    >>> tuner = kdl.tuning.GridSearch(build, "val_loss", directory=folder)
    """

    def __init__(
        self,
        hypermodel: ModelBuilder | None = None,
        objective: Objectives | None = None,
        max_trials: int | None = None,
        **kwargs: Any,
    ) -> None:
        oracle = GridSearchOracle(objective, max_trials, **oracle_arguments(kwargs))
        super().__init__(oracle, hypermodel, **kwargs)


def _steps(parameter):
    places = np.linspace(0, 1, _STEPS)
    values = [parameter.prob_to_value(float(place)) for place in places]
    ends = parameter.min_value, parameter.max_value
    # Rounding may lead beyond the ends, and an integer twice to the same.
    return list(dict.fromkeys(min(max(value, ends[0]), ends[1]) for value in values))
