import numpy as np
import pytest

from kdl.data import fashion

pytestmark = pytest.mark.one_backend


class TestFashion:
    def test_is_balanced_and_scaled(self):
        splits = fashion()
        for (x, y), count in zip(splits, (4000, 1000, 1000), strict=True):
            assert x.shape == (count, 28, 28, 1) and x.dtype == "float32"
            assert x.min() == 0 and x.max() == 1
            assert y.dtype == "int32"
            assert np.bincount(y).tolist() == [count // 10] * 10

    def test_names_its_classes(self):
        classes = fashion().classes
        assert len(classes) == 10 and classes[-1] == "ankle boot"

    def test_no_test_image_is_in_training(self):
        duplicates = fashion().summary()["duplicates"]
        assert duplicates["train, test"] == duplicates["validation, test"] == 0
