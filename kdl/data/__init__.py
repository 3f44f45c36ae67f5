"""Sources of data, and batches that a seed reproduces."""

from kdl.data.augmentation.cutmix import CutMix
from kdl.data.augmentation.cutout import Cutout
from kdl.data.augmentation.mixup import MixUp
from kdl.data.augmentation.rand_augment import RandAugment
from kdl.data.augmentation.random_affine import RandomAffine
from kdl.data.augmentation.random_crop import RandomCrop
from kdl.data.augmentation.random_flip import RandomFlip
from kdl.data.batches.batches import Batches
from kdl.data.batches.bucketed_batches import BucketedBatches
from kdl.data.boundary_weights import boundary_weights
from kdl.data.characters import Characters
from kdl.data.moments import moments
from kdl.data.sources.arithmetic import arithmetic
from kdl.data.sources.dates import dates
from kdl.data.sources.digits import digits
from kdl.data.sources.fashion import fashion
from kdl.data.sources.load import load
from kdl.data.sources.mackey_glass import mackey_glass
from kdl.data.sources.photographs import photographs
from kdl.data.sources.scenes import scenes
from kdl.data.sources.tables.penguins import penguins
from kdl.data.sources.tables.table import table
from kdl.data.sources.texts import texts
from kdl.data.sources.tfds import tfds
from kdl.data.sources.topics import topics
from kdl.data.splits import Splits
from kdl.data.two_sample_test import two_sample_test

__all__ = [
    "Batches",
    "BucketedBatches",
    "Characters",
    "CutMix",
    "Cutout",
    "MixUp",
    "RandAugment",
    "RandomAffine",
    "RandomCrop",
    "RandomFlip",
    "Splits",
    "arithmetic",
    "boundary_weights",
    "dates",
    "digits",
    "fashion",
    "load",
    "mackey_glass",
    "moments",
    "penguins",
    "photographs",
    "scenes",
    "table",
    "texts",
    "tfds",
    "topics",
    "two_sample_test",
]
