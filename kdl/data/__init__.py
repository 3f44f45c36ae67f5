"""Sources of data, and batches that a seed reproduces."""

from kdl.data.arithmetic import arithmetic
from kdl.data.batches import Batches
from kdl.data.bucketed_batches import BucketedBatches
from kdl.data.characters import Characters
from kdl.data.dates import dates
from kdl.data.digits import digits
from kdl.data.load import load
from kdl.data.mackey_glass import mackey_glass
from kdl.data.mixup import MixUp
from kdl.data.random_affine import RandomAffine
from kdl.data.splits import Splits
from kdl.data.tfds import tfds
from kdl.data.topics import topics

__all__ = [
    "Batches",
    "BucketedBatches",
    "Characters",
    "MixUp",
    "RandomAffine",
    "Splits",
    "arithmetic",
    "dates",
    "digits",
    "load",
    "mackey_glass",
    "tfds",
    "topics",
]
