"""Callbacks for `model.fit`."""

from kdl.callbacks.adjusting.adjust import Adjust
from kdl.callbacks.adjusting.curriculum import Curriculum
from kdl.callbacks.adjusting.gradual_unfreezing import GradualUnfreezing
from kdl.callbacks.adjusting.learning_rate_finder import LearningRateFinder
from kdl.callbacks.adjusting.magnitude_pruning import MagnitudePruning
from kdl.callbacks.adjusting.reduce_on_plateau import ReduceOnPlateau
from kdl.callbacks.adjusting.scheduled_sampling import ScheduledSampling
from kdl.callbacks.adjusting.stochastic_weight_averaging import (
    StochasticWeightAveraging,
)
from kdl.callbacks.doctor.training_doctor import TrainingDoctor
from kdl.callbacks.log_numbers import LogNumbers
from kdl.callbacks.logging.prediction_pictures import PredictionPictures
from kdl.callbacks.logging.tensorboard_logger import TensorBoardLogger
from kdl.callbacks.logging.wandb_logger import WandbLogger
from kdl.callbacks.resuming.resume import Resume
from kdl.callbacks.stopping.criteria import (
    GeneralizationLoss,
    Patience,
    ProgressQuotient,
    SuccessiveRises,
)
from kdl.callbacks.stopping.early_stopping import EarlyStopping

__all__ = [
    "Adjust",
    "Curriculum",
    "EarlyStopping",
    "GeneralizationLoss",
    "GradualUnfreezing",
    "LearningRateFinder",
    "LogNumbers",
    "MagnitudePruning",
    "Patience",
    "PredictionPictures",
    "ProgressQuotient",
    "ReduceOnPlateau",
    "Resume",
    "ScheduledSampling",
    "StochasticWeightAveraging",
    "SuccessiveRises",
    "TensorBoardLogger",
    "TrainingDoctor",
    "WandbLogger",
]
