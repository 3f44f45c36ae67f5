import json

import numpy as np
import pytest
from image_folders import make_folder

from kdl.data import Splits, dates, digits, load, mackey_glass
from kdl.data import summary as module

pytestmark = pytest.mark.one_backend


def summary(splits):
    """A summary, which JSON holds as it is."""
    found = splits.summary()
    assert json.loads(json.dumps(found)) == found
    return found


class TestSummary:
    def test_counts_parts_and_classes(self):
        found = summary(digits())
        assert found["parts"]["test"]["examples"] == 180
        assert sum(found["parts"]["test"]["classes"].values()) == 180
        assert list(found["parts"]["train"]["classes"]) == [str(n) for n in range(10)]
        assert found["inputs"] == {"shape": [8, 8, 1], "dtype": "float32"}
        assert found["targets"] == {"shape": [], "dtype": "int32"}
        assert found["files"] is None and found["warnings"] == []

    def test_takes_series_and_texts(self):
        for splits in (mackey_glass(), dates()):
            found = summary(splits)
            assert found["parts"]["train"]["classes"] is None
            assert found["duplicates"]["train, test"] == 0

    def test_says_how_far_validation_is_from_training(self):
        train, validation, test = digits()
        alike = summary(Splits(train, validation, test))
        assert abs(alike["shift"]["auc"] - 0.5) < 4 * alike["shift"]["standard_error"]
        bright = validation[0] + np.float32(0.3), validation[1]
        found = summary(Splits(train, bright, test))
        assert found["shift"]["examples"] == [1000, 180]
        auc = found["shift"]["auc"]
        assert found["warnings"] == [
            "The validation set is not like the training set: a small classifier tells "
            f"their inputs apart with an AUC of {auc:.2f}, where 0.50 is not at all. "
            "Draw both from the same data, unless you mean to."
        ]
        few = tuple(part[:19] for part in bright)
        assert summary(Splits(train, few, test))["shift"] is None

    def test_takes_several_inputs(self):
        x = {"a": np.zeros((4, 3)), "b": np.arange(4)}
        part = x, (np.zeros(4), np.zeros((4, 2), "float32"))
        found = summary(Splits(part, part, part))
        assert found["inputs"]["b"] == {"shape": [], "dtype": "int64"}
        assert found["targets"][1] == {"shape": [2], "dtype": "float32"}
        assert found["duplicates"]["train, validation"] == 4

    def test_describes_images_on_disk(self, tmp_path):
        make_folder(tmp_path, {"a": 10}, size=(6, 5))
        make_folder(tmp_path, {"b": 20}, size=(8, 5))
        found = summary(load(f"images:{tmp_path}"))
        assert found["parts"]["train"]["classes"] == {"a": 8, "b": 16}
        assert found["inputs"] == {"shape": [8, 5, 3], "dtype": "float32"}
        assert found["files"] == {
            "folder": str(tmp_path),
            "files": 30,
            "examined": 30,
            "sizes": {"8x5": 20, "6x5": 10},
            "channels": {"3": 30},
            "damaged": {},
        }
        assert found["warnings"] == []


class TestDuplicates:
    x = np.random.default_rng(0).normal(size=(30, 2, 2, 1))
    y = np.arange(30) % 3

    def test_counts_inputs_that_are_in_two_parts(self):
        x, y = self.x.copy(), self.y
        x[20:22] = x[1]
        splits = Splits((x[:10], y[:10]), (x[10:20], y[10:20]), (x[20:], y[20:]))
        found = summary(splits)
        assert found["duplicates"] == {
            "train, validation": 0,
            "train, test": 2,
            "validation, test": 0,
        }
        assert found["warnings"] == [
            "2 of the test inputs are in the training set, too: scores on them show "
            "memory."
        ]

    def test_compares_files_by_what_they_hold(self, tmp_path):
        parts = ("train", "val", "test")
        make_folder(tmp_path, {f"{part}/{name}": 4 for part in parts for name in "ab"})
        contents = (tmp_path / "train/b/3.png").read_bytes()
        (tmp_path / "test/a/other name.png").write_bytes(contents)
        found = summary(load(f"images:{tmp_path}"))
        assert found["duplicates"] == {
            "train, validation": 0,
            "train, test": 1,
            "validation, test": 0,
        }
        assert found["warnings"] == [
            "1 of the test inputs is in the training set, too: scores on them show "
            "memory."
        ]

    def test_compares_no_more_than_it_says(self, tmp_path, monkeypatch):
        make_folder(tmp_path, {"a": 5, "b": 5})
        part = self.x, self.y
        for name in ("_MOST_FILES", "_MOST_READ", "_MOST_BYTES"):
            monkeypatch.setattr(module, name, 3)
            files = load(f"images:{tmp_path}").summary()["duplicates"]
            assert files is None
            arrays = Splits(part, part, part).summary()["duplicates"]
            assert (arrays is None) == (name == "_MOST_BYTES")


class TestWarnings:
    def warnings(self, counts, test=None):
        y = np.repeat(np.arange(len(counts)), counts)
        x = np.arange(len(y))[:, None]
        test = y if test is None else np.repeat(np.arange(len(test)), test)
        apart = -1 - np.arange(len(test))[:, None]
        parts = (x, y), (x - 10**6, y), (apart, test)
        return summary(Splits(*parts))["warnings"]

    def test_tells_of_classes_of_very_different_sizes(self):
        assert self.warnings([99, 10]) == []
        assert self.warnings([100, 10]) == [
            "The class '0' has 100 training examples, '1' has 10: the accuracy says "
            "little of small classes."
        ]

    def test_tells_of_classes_that_a_part_lacks(self):
        assert self.warnings([5] * 8, [1, 0, 0, 1, 0, 0, 0, 0]) == [
            "The test set has no example of '1', '2', '4', '5', '6' and 1 more."
        ]

    def test_tells_once_of_classes_that_training_never_sees(self):
        assert self.warnings([100, 90, 0, 0], [0, 0, 5, 5]) == [
            "The training set has none of the classes of the test set: an embedding "
            "may tell these apart, a classifier cannot."
        ]

    def test_tells_of_very_large_images(self, tmp_path):
        make_folder(tmp_path, {"a": 3, "b": 3}, size=(513, 4))
        assert load(f"images:{tmp_path}").summary()["warnings"] == [
            "The images have 513 x 4 pixels, which takes much memory and time: make "
            "them smaller by `size`, as in images:DIR?size=128."
        ]
        assert load(f"images:{tmp_path}?size=8").summary()["warnings"] == []
