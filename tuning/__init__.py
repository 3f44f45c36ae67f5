"""Search over any `keras_tuner.HyperModel`."""

from kdl.tuning.bayesian_optimization import (
    BayesianOptimization,
    BayesianOptimizationOracle,
)
from kdl.tuning.cross_validation import CrossValidation
from kdl.tuning.grid_search import GridSearch, GridSearchOracle
from kdl.tuning.optuna_oracle import OptunaOracle, OptunaSearch
from kdl.tuning.optuna_study import to_optuna
from kdl.tuning.pruning import MedianStopping, SuccessiveHalving
from kdl.tuning.random_search import RandomSearch, RandomSearchOracle
from kdl.tuning.ray_search import search_on_ray
from kdl.tuning.records import read_search
from kdl.tuning.wandb_trials import WandbTrials

__all__ = [
    "BayesianOptimization",
    "BayesianOptimizationOracle",
    "CrossValidation",
    "GridSearch",
    "GridSearchOracle",
    "MedianStopping",
    "OptunaOracle",
    "OptunaSearch",
    "RandomSearch",
    "RandomSearchOracle",
    "SuccessiveHalving",
    "WandbTrials",
    "read_search",
    "search_on_ray",
    "to_optuna",
]
