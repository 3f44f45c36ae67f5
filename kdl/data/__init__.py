"""Sources of data, and batches that a seed reproduces."""

from kdl.data.augmentation.cutmix import CutMix
from kdl.data.augmentation.cutout import Cutout
from kdl.data.augmentation.mixup import MixUp
from kdl.data.augmentation.rand_augment import RandAugment
from kdl.data.augmentation.random_affine import RandomAffine
from kdl.data.augmentation.random_crop import RandomCrop
from kdl.data.augmentation.random_flip import RandomFlip
from kdl.data.augmentation.texts.keyboard_noise import KeyboardNoise
from kdl.data.augmentation.texts.random_deletion import RandomDeletion
from kdl.data.augmentation.texts.random_insertion import RandomInsertion
from kdl.data.augmentation.texts.random_swap import RandomSwap
from kdl.data.augmentation.texts.word_mixup import WordMixUp
from kdl.data.batches.batches import Batches
from kdl.data.batches.bucketed_batches import BucketedBatches
from kdl.data.boundary_weights import boundary_weights
from kdl.data.moments import moments
from kdl.data.sources.arithmetic import arithmetic
from kdl.data.sources.dates import dates
from kdl.data.sources.digits import digits
from kdl.data.sources.fashion import fashion
from kdl.data.sources.load import load
from kdl.data.sources.mackey_glass import mackey_glass
from kdl.data.sources.nuclei import nuclei
from kdl.data.sources.photographs import photographs
from kdl.data.sources.scenes import scenes
from kdl.data.sources.tables.penguins import penguins
from kdl.data.sources.tables.table import table
from kdl.data.sources.texts.glosses import glosses
from kdl.data.sources.texts.texts import texts
from kdl.data.sources.texts.topics import topics
from kdl.data.sources.tfds import tfds
from kdl.data.splits import Splits
from kdl.data.tokens.byte_tokens import Bytes
from kdl.data.tokens.characters import Characters
from kdl.data.tokens.hashed_ngrams import HashedNgrams
from kdl.data.tokens.subwords import Subwords
from kdl.data.two_sample_test import two_sample_test

__all__ = [
    "Batches",
    "BucketedBatches",
    "Bytes",
    "Characters",
    "CutMix",
    "Cutout",
    "HashedNgrams",
    "KeyboardNoise",
    "MixUp",
    "RandAugment",
    "RandomAffine",
    "RandomCrop",
    "RandomDeletion",
    "RandomFlip",
    "RandomInsertion",
    "RandomSwap",
    "Splits",
    "Subwords",
    "WordMixUp",
    "arithmetic",
    "boundary_weights",
    "dates",
    "digits",
    "fashion",
    "glosses",
    "load",
    "mackey_glass",
    "moments",
    "nuclei",
    "penguins",
    "photographs",
    "scenes",
    "table",
    "texts",
    "tfds",
    "topics",
    "two_sample_test",
]
