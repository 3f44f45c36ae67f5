"""Images without labels, in the recipe `images`."""

import keras
import numpy as np
import pytest
from image_folders import make_folder
from scipy.special import softmax

from kdl.data import Splits
from kdl.recipes import Images, run
from kdl.recipes.vision.noisy_student import with_pseudo_labels

SMALL = {"filters": 8, "units": 32, "batch_size": 16}


def shades(count, seed, classes=2):
    """Images of noise, each class darker than the one before, and their labels."""
    rng = np.random.default_rng(seed)
    y = np.arange(count, dtype="int32") % classes
    x = rng.uniform(0, 1, (count, 8, 8, 1)) * (1 - y / classes)[:, None, None, None]
    return x.astype("float32"), y


def splits(count=32):
    return Splits(shades(count, 0), shades(16, 1), shades(16, 2))


class Known(keras.Model):
    """Takes logits for images."""

    def call(self, x):
        return x


@pytest.mark.one_backend
class TestPseudoLabels:
    def label(self, logits, confidence, weight=None):
        x, y = np.zeros((3, 4), "float32"), np.array([0, 1, 3])
        logits = np.asarray(logits, "float32")
        return with_pseudo_labels(Known(), x, y, weight, logits, 4, confidence)

    def test_are_those_of_which_the_teacher_is_sure_as_many_of_each_class(self):
        # Five of class 0, two of class 1 and one of class 2, and one that is unsure.
        sure = np.log([97, 1, 1, 1])
        logits = [np.roll(sure, label) + shift for label, shift in CLASSES]
        logits.append(np.zeros(4))
        logits = np.asarray(logits) * np.linspace(1, 2, len(logits))[:, None]
        x, targets, weight, counts = self.label(logits, 0.9)
        assert counts.tolist() == [5, 2, 1, 0] and weight is None
        # Eight of three classes are three of each, the surest first.
        found = np.argmax(targets[3:], axis=-1)
        assert found.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
        np.testing.assert_allclose(targets[3:6], softmax(logits[[4, 3, 2]], -1), 1e-5)
        np.testing.assert_array_equal(targets[:3], np.eye(4)[[0, 1, 3]])
        np.testing.assert_allclose(x[3:6], logits[[4, 3, 2]], 1e-5)
        # Those of few are there several times.
        assert len(np.unique(x[9:], axis=0)) == 1

    def test_are_none_where_the_teacher_is_not_sure(self):
        x, targets, weight, counts = self.label(np.zeros((5, 4)), 0.5, np.ones(3))
        assert len(x) == len(targets) == len(weight) == 3 and not counts.any()

    def test_count_as_one_beside_weights(self):
        given = np.array([0.5, 2, 3], "float32")
        *_, weight, counts = self.label(9 * np.eye(4), 0.9, given)
        assert weight.tolist() == [0.5, 2, 3, 1, 1, 1, 1] and counts.tolist() == [1] * 4


CLASSES = [(0, 0)] * 5 + [(1, 0)] * 2 + [(2, 0)]


class TestNoisyStudent:
    def test_learns_from_images_without_labels(self):
        recipe = Images(splits(), unlabelled=splits(64))
        values = {**SMALL, "confidence": 0.5}
        model, _ = run(recipe, **recipe.data(), hp=values, epochs=8, verbose=0, seed=1)
        assert recipe.evaluate(model)["accuracy"] == 1
        rows = recipe.examine(model)["pseudo_labels.csv"]
        assert [(row["student"], row["class"]) for row in rows] == [(1, "0"), (1, "1")]
        # Those of all parts, 64 and 16 and 16.
        assert 48 <= sum(row["labelled"] for row in rows) <= 96
        assert "confusion_matrix.png" in recipe.examine(model)

    @pytest.mark.one_backend
    def test_is_the_teacher_of_the_next_one(self):
        recipe = Images(splits(), unlabelled=splits())
        values = {**SMALL, "confidence": 0.5, "students": 2}
        model, _ = run(recipe, **recipe.data(), hp=values, epochs=2, verbose=0)
        rows = recipe.examine(model)["pseudo_labels.csv"]
        assert [row["student"] for row in rows] == [1, 1, 2, 2]

    @pytest.mark.one_backend
    def test_is_left_out_on_request(self):
        recipe = Images(splits(), unlabelled=splits())
        values = {**SMALL, "strategy": "supervised"}
        model, _ = run(recipe, **recipe.data(), hp=values, epochs=1, verbose=0)
        assert "pseudo_labels.csv" not in recipe.examine(model)

    @pytest.mark.one_backend
    def test_takes_files(self, tmp_path):
        make_folder(tmp_path, {"all/a": 6, "all/b": 6, "more/deep": 5}, (8, 8))
        splits_in_colour = Splits(*((np.repeat(x, 3, -1), y) for x, y in splits()))
        for source in (f"images:{tmp_path / 'all'}", splits_in_colour):
            recipe = Images(source, unlabelled=f"images:{tmp_path / 'more'}")
            values = {**SMALL, "confidence": 0.0}
            model, _ = run(recipe, **recipe.data(), hp=values, epochs=1, verbose=0)
            rows = recipe.examine(model)["pseudo_labels.csv"]
            assert sum(row["labelled"] for row in rows) == 5

    @pytest.mark.one_backend
    def test_refuses_what_does_not_fit(self, tmp_path):
        make_folder(tmp_path, {"all/a": 4, "all/b": 4})
        with pytest.raises(
            ValueError, match=r"^`unlabelled` must be .*unlabelled='x'$"
        ):
            Images(unlabelled="x")
        for recipe, message in (
            (
                Images(splits(), unlabelled="fashion"),
                r"^`unlabelled` must hold images of shape \(8, 8, 1\), as those with "
                r"labels\. Received: \(28, 28, 1\)$",
            ),
            (
                Images(f"images:{tmp_path / 'all'}", unlabelled="digits"),
                "^`unlabelled` must be a folder, as in 'images:more', where the images "
                "with labels are in a folder. Received: unlabelled='digits'$",
            ),
        ):
            with pytest.raises(ValueError, match=message):
                recipe.data()
