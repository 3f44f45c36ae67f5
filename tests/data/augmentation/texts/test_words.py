"""What all augmentations of texts promise."""

import inspect
from pathlib import Path

import numpy as np
import pytest

import kdl
from kdl.data import (
    Batches,
    KeyboardNoise,
    RandomDeletion,
    RandomInsertion,
    RandomSwap,
    WordMixUp,
)

pytestmark = pytest.mark.one_backend

AUGMENTATIONS = [
    KeyboardNoise(0.3),
    RandomDeletion(0.3),
    RandomInsertion(0.3),
    RandomSwap(0.3),
]
TEXTS = np.array([f"text  number {n} of   a few more words" for n in range(20)])
LABELS = np.arange(20) % 3
parametrized = pytest.mark.parametrize(
    "augment", AUGMENTATIONS, ids=lambda augment: type(augment).__name__
)


def test_all_are_here():
    folder = Path(inspect.getfile(WordMixUp)).parent
    parts = [getattr(kdl.data, name) for name in kdl.data.__all__]
    public = {part for part in parts if Path(inspect.getfile(part)).parent == folder}
    assert public == {*map(type, AUGMENTATIONS), WordMixUp}


@parametrized
def test_seed_epoch_and_index_decide(augment):
    def made(index, **options):
        options = {"shuffle": False, **options}
        twice = np.concatenate([TEXTS, TEXTS])
        labels = np.concatenate([LABELS, LABELS])
        return Batches(twice, labels, 20, augment=[augment], **options)[index]

    (x, y), (again, _) = made(0), made(0)
    assert (x == again).all() and (y == LABELS).all()
    for other in (made(1), made(0, seed=1), made(0, epoch=1)):
        assert (other[0] != x).any()


@parametrized
def test_leaves_what_it_was_given_and_changes_some(augment):
    texts = TEXTS.copy()
    x, _ = augment(texts, LABELS, np.random.default_rng(0))
    assert (texts == TEXTS).all() and len(x) == 20
    assert (x != TEXTS).mean() > 0.5


@parametrized
def test_nothing_at_a_rate_of_0(augment):
    """Spaces stay, too."""
    x, _ = type(augment)(0.0)(TEXTS, LABELS, np.random.default_rng(0))
    assert (x == TEXTS).all()


@parametrized
def test_takes_objects_and_any_length(augment):
    texts = np.array(["a", "some longer text than the first"], object)
    x, _ = augment(texts, LABELS[:2], np.random.default_rng(0))
    assert x.dtype.kind == "U" and len(x) == 2


@parametrized
@pytest.mark.parametrize("x", [np.zeros((2, 3)), np.array([["a"]]), np.array([1, 2])])
def test_refuses_what_are_no_texts(augment, x):
    with pytest.raises(ValueError) as error:
        augment(x, LABELS[:2], np.random.default_rng(0))
    assert str(error.value) == (
        "`x` must be an array of texts, of shape (batch,). Received: x of dtype "
        f"{x.dtype} and shape {x.shape}"
    )
