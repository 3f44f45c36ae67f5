"""Training recipes: KerasTuner hypermodels whose defaults are good as they are."""

from kdl.recipes.distillation import Distillation
from kdl.recipes.generative.autoencoder import Autoencoder
from kdl.recipes.generative.diffusion import Diffusion
from kdl.recipes.generative.gan import GAN
from kdl.recipes.images import Images
from kdl.recipes.load import load
from kdl.recipes.metric_learning import MetricLearning
from kdl.recipes.recipe import Recipe
from kdl.recipes.segmentation import Segmentation
from kdl.recipes.sequences.arithmetic import Arithmetic
from kdl.recipes.sequences.forecast import Forecast
from kdl.recipes.sequences.language_model import LanguageModel
from kdl.recipes.sequences.seq2seq import Seq2Seq
from kdl.recipes.super_resolution import SuperResolution
from kdl.recipes.tabular import Tabular
from kdl.recipes.texts.text import Text
from kdl.recipes.training.hyperparameters import hyperparameters
from kdl.recipes.training.milestones import milestones
from kdl.recipes.training.run import run
from kdl.recipes.transfer import Transfer
from kdl.recipes.vision.backbones.backbone import backbone

__all__ = [
    "GAN",
    "Arithmetic",
    "Autoencoder",
    "Diffusion",
    "Distillation",
    "Forecast",
    "Images",
    "LanguageModel",
    "MetricLearning",
    "Recipe",
    "Segmentation",
    "Seq2Seq",
    "SuperResolution",
    "Tabular",
    "Text",
    "Transfer",
    "backbone",
    "hyperparameters",
    "load",
    "milestones",
    "run",
]
