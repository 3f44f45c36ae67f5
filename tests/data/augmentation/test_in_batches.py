"""What all augmentations of images promise within `Batches`."""

import inspect
from pathlib import Path

import numpy as np
import pytest

import kdl
from kdl.data import (
    Batches,
    CutMix,
    Cutout,
    MixUp,
    RandAugment,
    RandomAffine,
    RandomCrop,
    RandomFlip,
)

pytestmark = pytest.mark.one_backend

AUGMENTATIONS = [
    CutMix(3),
    CutMix(masks=True),
    Cutout(3),
    MixUp(3),
    MixUp(3, confine=True),
    RandAugment(),
    RandAugment(masks=True),
    RandomAffine(1.0, 10.0),
    RandomAffine(1.0, 10.0, masks=True),
    RandomCrop(8, 8, padding=1),
    RandomCrop(6, 8, masks=True),
    RandomFlip(),
    RandomFlip(masks=True),
]
X = np.random.default_rng(1).uniform(size=(20, 8, 8, 1)).astype("float32")
MASKS = np.random.default_rng(2).integers(0, 3, (20, 8, 8))
LABELS = np.arange(20) % 3
parametrized = pytest.mark.parametrize(
    "augment", AUGMENTATIONS, ids=lambda augment: type(augment).__name__
)


def batches(augment, **options):
    y = MASKS if getattr(augment, "masks", False) else LABELS
    options = {"sample_weight": np.linspace(0, 1, 20), "seed": 3, **options}
    return Batches(X, y, 6, augment=[augment], **options)


def test_all_are_here():
    folder = Path(inspect.getfile(MixUp)).parent
    parts = [getattr(kdl.data, name) for name in kdl.data.__all__]
    public = {part for part in parts if Path(inspect.getfile(part)).parent == folder}
    assert public == set(map(type, AUGMENTATIONS))


@parametrized
def test_seed_epoch_and_index_decide(augment):
    first, other = batches(augment), batches(augment)
    later = batches(augment, epoch=1)
    made = [first[i] for i in (2, 0, 1)]
    for index, batch in zip((2, 0, 1), made, strict=True):
        again = other[index]
        for a, b in zip(batch, again, strict=True):
            np.testing.assert_array_equal(a, b)
    # A second epoch of the one is the first of another that begins there.
    for _ in range(2):
        first.on_epoch_end()
    for a, b in zip(first[1], later[1], strict=True):
        np.testing.assert_array_equal(a, b)


@parametrized
def test_other_seeds_epochs_and_indices_are_others(augment):
    """Of the same examples in the same order."""
    x, y = np.repeat(X[:6], 2, axis=0), np.repeat(LABELS[:6], 2)
    x[6:], y[6:] = x[:6], y[:6]
    masks = np.repeat(MASKS[:6], 2, axis=0)
    masks[6:] = masks[:6]
    y = masks if getattr(augment, "masks", False) else y

    def made(index, **options):
        return Batches(x, y, 6, shuffle=False, augment=[augment], **options)[index][0]

    base = made(0)
    for other in (made(1), made(0, seed=1), made(0, epoch=1)):
        assert (base != other).any()


@parametrized
def test_leaves_what_it_was_given(augment):
    x, y = X.copy(), (MASKS if getattr(augment, "masks", False) else LABELS).copy()
    before = x.copy(), y.copy()
    augment(x, y, np.random.default_rng(0))
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(y, before[1])


@parametrized
def test_keeps_the_number_of_examples(augment):
    x, y, weight = batches(augment)[3]
    assert len(x) == len(y) == len(weight) == 2
    assert x.dtype == "float32"


def test_one_follows_the_other():
    """Soft targets go through what mixes and through what does not."""
    chain = [RandomFlip(), RandomCrop(8, 8, padding=1), RandAugment(), Cutout(2)]
    chain += [MixUp(3), CutMix(3)]
    x, y = Batches(X, LABELS, 20, augment=chain)[0]
    assert x.shape == X.shape and y.shape == (20, 3)
    np.testing.assert_allclose(y.sum(1), 1, rtol=1e-5)
