import numpy as np
import pytest

import kdl
from kdl.data import Splits
from kdl.evaluation.resampling.bootstrap import resampled

pytestmark = pytest.mark.one_backend


class TestResampled:
    def test_draws_with_replacement(self):
        x = np.arange(2000.0)[:, None].astype("float32")
        splits = Splits(
            ({"x": x[:, 0]}, x), ({"x": x[:5, 0]}, x[:5]), ({"x": x[5:, 0]}, x[5:])
        )
        recipe = kdl.recipes.Tabular(splits)
        drawn, again, other = (resampled(recipe, seed).splits for seed in (0, 0, 1))
        np.testing.assert_array_equal(drawn.train[0]["x"], drawn.train[1][:, 0])
        np.testing.assert_array_equal(drawn.train[1], again.train[1])
        assert (drawn.train[1] != other.train[1]).any()
        share = len(np.unique(drawn.train[1])) / 2000
        # 1 - 1 / e, with a standard error of .007.
        assert abs(share - 0.632) < 4 * 0.007
        for ours, theirs in zip(drawn[1:], splits[1:], strict=True):
            np.testing.assert_array_equal(ours[1], theirs[1])

    def test_has_all_classes(self):
        images, labels = np.zeros((60, 4, 4, 1), "float32"), np.zeros(60, "int32")
        labels[0] = 1
        recipe = kdl.recipes.Images(Splits(*[(images, labels)] * 3))
        for seed in range(20):
            assert set(resampled(recipe, seed).splits.train[1]) == {0, 1}
