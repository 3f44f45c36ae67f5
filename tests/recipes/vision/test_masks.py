import keras
import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, f1_score, jaccard_score

from kdl.recipes.vision.masks import class_table, confusion, predicted_masks

pytestmark = pytest.mark.one_backend

RNG = np.random.default_rng(0)


def test_confusion_and_scores_are_those_of_scikit_learn():
    masks, predicted = RNG.integers(0, 4, (2, 5, 9, 8))
    matrix = confusion(masks, predicted, 4)
    flat = masks.ravel(), predicted.ravel()
    np.testing.assert_array_equal(matrix, confusion_matrix(*flat))
    *rows, mean = class_table(matrix, ["a", "b", "c", "d"])
    for score, reference in (("iou", jaccard_score), ("dice", f1_score)):
        desired = reference(*flat, average=None)
        np.testing.assert_allclose([row[score] for row in rows], desired)
        np.testing.assert_allclose(mean[score], desired.mean())
    assert [row["pixels"] for row in rows] == np.bincount(flat[0]).tolist()
    assert mean["class"] == "mean" and mean["pixels"] == masks.size


def test_a_class_that_is_nowhere_has_no_score():
    matrix = confusion(np.array([0, 0, 2]), np.array([0, 2, 2]), 4)
    rows = class_table(matrix, ["a", "b", "c", "d"])
    assert [row["iou"] for row in rows] == [0.5, None, 0.5, None, 0.5]
    assert rows[1] == {"class": "b", "pixels": 0, "iou": None, "dice": None}


def test_predicted_masks_are_the_likeliest_classes():
    model = keras.Sequential([keras.Input((6, 5, 3)), keras.layers.Identity()])
    x = RNG.normal(size=(70, 6, 5, 3)).astype("float32")
    y = np.arange(70)
    images, numbers, masks = zip(*predicted_masks(model, x, y), strict=True)
    np.testing.assert_array_equal(np.concatenate(images), x)
    np.testing.assert_array_equal(np.concatenate(numbers), y)
    np.testing.assert_array_equal(np.concatenate(masks), x.argmax(-1))
