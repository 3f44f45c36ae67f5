"""Training recipes: KerasTuner hypermodels whose defaults are good as they are."""

from kdl.recipes.digits import Digits
from kdl.recipes.hyperparameters import hyperparameters
from kdl.recipes.run import run

__all__ = ["Digits", "hyperparameters", "run"]
