import numpy as np
import pytest
from image_folders import make_folder

import kdl
from kdl.evaluation import near_duplicates
from kdl.evaluation.errors import near_duplicates as module

pytestmark = pytest.mark.one_backend
RNG = np.random.default_rng(0)


def test_finds_images_that_are_brighter_larger_or_grainy():
    images = RNG.uniform(size=(50, 32, 32, 3)).astype("float32")
    # Large patches, as photographs have them.
    images = np.kron(images[:, :8, :8], np.ones((1, 4, 4, 1)))
    changed = [
        0.7 * images[4] + 0.2,
        images[9] + RNG.normal(0, 0.02, images[9].shape),
        RNG.uniform(size=(32, 32, 3)),
    ]
    found = near_duplicates(images, np.array(changed))
    assert {pair[:2] for pair in found} == {(0, 4), (1, 9)}
    assert found[0][2] >= found[1][2] > 0.99
    large = np.kron(images[7:8], np.ones((1, 2, 2, 1)))
    ((row, place, likeness),) = near_duplicates(images, large)
    assert (row, place) == (0, 7) and likeness == pytest.approx(1, abs=1e-3)


def test_small_images_find_large_ones():
    small = RNG.uniform(size=(9, 8, 8, 1))
    large = np.kron(small[4:5], np.ones((1, 4, 4, 1)))
    ((row, place, likeness),) = near_duplicates(small, large)
    assert (row, place) == (0, 4) and likeness == pytest.approx(1, abs=1e-6)
    assert [pair[:2] for pair in near_duplicates(large, small)] == [(4, 0)]


def test_images_on_disk_are_read_in_portions(tmp_path, monkeypatch):
    folder = make_folder(tmp_path, {"a": 6, "b": 6})
    splits = kdl.data.load(f"images:{folder}")
    x, read = splits.train[0], []
    kind = type(x)
    original = kind.__getitem__
    monkeypatch.setattr(
        kind,
        "__getitem__",
        lambda part, rows: read.append(np.size(rows)) or original(part, rows),
    )
    monkeypatch.setattr(module, "_AT_ONCE", 2)
    found = near_duplicates(x, x)
    assert [pair[:2] for pair in sorted(found)] == [(n, n) for n in range(len(x))]
    assert max(read) == 2


def test_empty_texts_are_like_none():
    assert near_duplicates(["", ""], ["", "a word"]) == []


def test_similarity_is_the_cosine():
    images = RNG.uniform(size=(2, 4, 4, 1))
    a, b = (image.ravel() - image.mean() for image in images)
    cosine = a @ b / np.sqrt((a @ a) * (b @ b))
    if cosine < 0:
        images[1] *= -1
    ((_, _, likeness),) = near_duplicates(images[:1], images[1:], threshold=1e-9)
    assert likeness == pytest.approx(abs(cosine), rel=1e-4)


def test_flat_images_are_like_none():
    images = np.ones((3, 8, 8, 1))
    assert near_duplicates(images, images) == []


def test_finds_texts_that_differ_in_a_letter():
    (texts, _), *_ = kdl.data.glosses()
    texts = [text for text in texts[:400] if len(text) > 60]
    changed = texts[5].replace("e", "E").upper() + "."
    found = near_duplicates(texts, [changed, "quite another text"], threshold=0.9)
    assert [pair[:2] for pair in found] == [(0, 5)]


def test_refuses_what_is_neither():
    with pytest.raises(ValueError) as error:
        near_duplicates(np.zeros((3, 2)), np.zeros((1, 2)))
    assert str(error.value) == (
        "`first` and `second` must be images of shape (examples, height, width, "
        "channels), or texts. Received: float64 of shape (3, 2) and float64 of shape "
        "(1, 2)"
    )
    with pytest.raises(ValueError) as error:
        near_duplicates(["a"], ["b"], threshold=2.0)
    assert str(error.value) == (
        "`threshold` must be a number in (0, 1]. Received: threshold=2.0"
    )
