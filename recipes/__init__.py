"""Training recipes: KerasTuner hypermodels whose defaults are good as they are."""

from kdl.recipes.arithmetic import Arithmetic
from kdl.recipes.dates import Dates
from kdl.recipes.digits import Digits
from kdl.recipes.forecast import Forecast
from kdl.recipes.hyperparameters import hyperparameters
from kdl.recipes.language_model import LanguageModel
from kdl.recipes.run import run

__all__ = [
    "Arithmetic",
    "Dates",
    "Digits",
    "Forecast",
    "LanguageModel",
    "hyperparameters",
    "run",
]
