"""Families of models that recipes build."""

from kdl.models.generative.autoencoder import Autoencoder
from kdl.models.generative.diffusion import Diffusion
from kdl.models.generative.generative_adversarial_network import (
    GenerativeAdversarialNetwork,
)
from kdl.models.generative.variational_autoencoder import VariationalAutoencoder
from kdl.models.images.average_flips import average_flips
from kdl.models.images.cnn import cnn
from kdl.models.images.efficientnet import efficientnet
from kdl.models.images.features import features
from kdl.models.images.inception import inception
from kdl.models.images.published import published
from kdl.models.images.resnet import resnet
from kdl.models.images.super_resolution import super_resolution
from kdl.models.images.unet import unet
from kdl.models.images.vgg import vgg
from kdl.models.sequences.feeding import Feeding
from kdl.models.sequences.professor_forcing import ProfessorForcing
from kdl.models.sequences.recurrent_decoder import RecurrentDecoder
from kdl.models.sequences.recurrent_forecaster import RecurrentForecaster
from kdl.models.sequences.transformer_decoder import TransformerDecoder
from kdl.models.sequences.writing.generation import Generated
from kdl.models.sequences.writing.ways import BeamSearch, Sampling
from kdl.models.student import Student

__all__ = [
    "Autoencoder",
    "BeamSearch",
    "Diffusion",
    "Feeding",
    "Generated",
    "GenerativeAdversarialNetwork",
    "ProfessorForcing",
    "RecurrentDecoder",
    "RecurrentForecaster",
    "Sampling",
    "Student",
    "TransformerDecoder",
    "VariationalAutoencoder",
    "average_flips",
    "cnn",
    "efficientnet",
    "features",
    "inception",
    "published",
    "resnet",
    "super_resolution",
    "unet",
    "vgg",
]
