"""Search over any `keras_tuner.HyperModel`."""

from kdl.tuning.cross_validation import CrossValidation
from kdl.tuning.engines.optuna_oracle import OptunaOracle, OptunaSearch
from kdl.tuning.engines.optuna_study import to_optuna
from kdl.tuning.engines.ray_search import search_on_ray
from kdl.tuning.expected_scores import expected_scores
from kdl.tuning.oracles.bayesian_optimization import (
    BayesianOptimization,
    BayesianOptimizationOracle,
)
from kdl.tuning.oracles.grid_search import GridSearch, GridSearchOracle
from kdl.tuning.oracles.pruning import Hyperband, MedianStopping, SuccessiveHalving
from kdl.tuning.oracles.random_search import RandomSearch, RandomSearchOracle
from kdl.tuning.store.records import read_search
from kdl.tuning.wandb_trials import WandbTrials

__all__ = [
    "BayesianOptimization",
    "BayesianOptimizationOracle",
    "CrossValidation",
    "GridSearch",
    "GridSearchOracle",
    "Hyperband",
    "MedianStopping",
    "OptunaOracle",
    "OptunaSearch",
    "RandomSearch",
    "RandomSearchOracle",
    "SuccessiveHalving",
    "WandbTrials",
    "expected_scores",
    "read_search",
    "search_on_ray",
    "to_optuna",
]
