"""Search over any `keras_tuner.HyperModel`."""

from kdl.tuning.bayesian_optimization import (
    BayesianOptimization,
    BayesianOptimizationOracle,
)
from kdl.tuning.wandb_trials import WandbTrials

__all__ = ["BayesianOptimization", "BayesianOptimizationOracle", "WandbTrials"]
