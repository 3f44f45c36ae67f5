"""Losses."""

from kdl.losses.bernoulli_nll import BernoulliNLL
from kdl.losses.gaussian_kl import GaussianKL
from kdl.losses.gaussian_nll import GaussianNLL
from kdl.losses.perceptual_loss import PerceptualLoss
from kdl.losses.sparse_categorical_crossentropy import SparseCategoricalCrossentropy
from kdl.losses.sparse_tversky import SparseTversky
from kdl.losses.triplet_loss import TripletLoss
from kdl.losses.weighted_loss import WeightedLoss

__all__ = [
    "BernoulliNLL",
    "GaussianKL",
    "GaussianNLL",
    "PerceptualLoss",
    "SparseCategoricalCrossentropy",
    "SparseTversky",
    "TripletLoss",
    "WeightedLoss",
]
