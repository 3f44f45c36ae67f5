"""Search over any `keras_tuner.HyperModel`."""

from kdl.tuning.bayesian_optimization import (
    BayesianOptimization,
    BayesianOptimizationOracle,
)

__all__ = ["BayesianOptimization", "BayesianOptimizationOracle"]
