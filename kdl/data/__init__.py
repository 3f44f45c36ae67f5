"""Sources of data, and batches that a seed reproduces."""

from kdl.data.batches import Batches
from kdl.data.digits import digits
from kdl.data.load import load
from kdl.data.mixup import MixUp
from kdl.data.random_affine import RandomAffine
from kdl.data.splits import Splits
from kdl.data.tfds import tfds

__all__ = ["Batches", "MixUp", "RandomAffine", "Splits", "digits", "load", "tfds"]
