"""Callbacks for `model.fit`."""

from kdl.callbacks.adjust import Adjust
from kdl.callbacks.curriculum import Curriculum
from kdl.callbacks.early_stopping import EarlyStopping
from kdl.callbacks.gradual_unfreezing import GradualUnfreezing
from kdl.callbacks.learning_rate_finder import LearningRateFinder
from kdl.callbacks.log_numbers import LogNumbers
from kdl.callbacks.prediction_pictures import PredictionPictures
from kdl.callbacks.reduce_on_plateau import ReduceOnPlateau
from kdl.callbacks.resume import Resume
from kdl.callbacks.scheduled_sampling import ScheduledSampling
from kdl.callbacks.stochastic_weight_averaging import StochasticWeightAveraging
from kdl.callbacks.tensorboard_logger import TensorBoardLogger
from kdl.callbacks.training_doctor import TrainingDoctor
from kdl.callbacks.wandb_logger import WandbLogger

__all__ = [
    "Adjust",
    "Curriculum",
    "EarlyStopping",
    "GradualUnfreezing",
    "LearningRateFinder",
    "LogNumbers",
    "PredictionPictures",
    "ReduceOnPlateau",
    "Resume",
    "ScheduledSampling",
    "StochasticWeightAveraging",
    "TensorBoardLogger",
    "TrainingDoctor",
    "WandbLogger",
]
