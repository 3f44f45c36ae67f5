import numpy as np
import pytest
from contracts import same
from image_folders import make_folder

from kdl.data import Splits, load
from kdl.data.splits import hold_out, split_in_three

pytestmark = pytest.mark.one_backend


class TestSplits:
    def test_unpacks(self):
        train, validation, test = Splits("a", "b", "c")
        assert (train, validation, test) == ("a", "b", "c")

    def test_is_tested_whole_unless_it_came_with_a_test_set(self, tmp_path):
        x = {"a": np.arange(6), "b": np.arange(6.0)}
        parts = [
            ({name: x[name][n::3] for name in x}, np.arange(6)[n::3]) for n in range(3)
        ]
        assert Splits(*parts).tested_whole().test is parts[2]
        whole = Splits(*parts, classes="pqrstu", drawn=True).tested_whole()
        assert whole.classes == list("pqrstu") and whole.train is parts[0]
        tested, y = whole.test
        assert same(tested["b"], tested["a"].astype(float)) and same(tested["a"], y)
        assert sorted(y) == list(range(6))

    def test_of_a_folder_without_a_test_set_is_tested_whole(self, tmp_path):
        splits = load(f"images:{make_folder(tmp_path, {'a': 5, 'b': 4})}")
        x, y = splits.tested_whole().test
        assert len(x) == len(y) == 9 and len(set(x.names())) == 9
        assert same(x[np.arange(9)][-1:], splits.test[0][np.array([-1])])

    def test_hold_out_is_stratified_and_complete(self):
        x, y = np.arange(100), np.arange(100) % 5
        (x1, _), (x2, y2) = hold_out(x, y, 0.2, seed=0)
        assert sorted([*x1, *x2]) == list(x)
        np.testing.assert_array_equal(x2 % 5, y2)
        assert np.bincount(y2).tolist() == [4] * 5

    def three(self, groups, seed=0):
        x = np.arange(len(groups))
        splits = split_in_three(x, 2 * x, groups, np.random.default_rng(seed))
        assert all((y == 2 * x).all() for x, y in splits)
        parts = [x for x, _ in splits]
        assert sorted(np.concatenate(parts)) == list(x)
        return parts

    def test_three_parts_are_complete_and_of_80_10_and_10(self):
        for count in (10, 35, 110, 1000):
            lengths = [len(part) for part in self.three(np.arange(count))]
            assert sum(lengths) == count
            desired = [0.8 * count, 0.1 * count, 0.1 * count]
            np.testing.assert_allclose(lengths, desired, atol=1)

    def test_three_parts_keep_groups_together(self):
        groups = np.random.default_rng(1).integers(100, 150, 1000)
        parts = self.three(groups)
        train, validation, test = (set(groups[part]) for part in parts)
        assert not train & validation and not (train | validation) & test
        # Groups have 20 examples or so.
        lengths = [len(part) for part in parts]
        np.testing.assert_allclose(lengths, [800, 100, 100], atol=35)
        # Of one group, they do not follow one another.
        assert (np.diff(groups[parts[0]]) == 0).mean() < 0.1

    @pytest.mark.parametrize("sizes", [[1, 1, 1], [97, 1, 2], [1, 50, 1, 1], [5] * 4])
    def test_no_part_is_empty(self, sizes):
        groups = np.repeat(np.arange(len(sizes)), sizes)
        for seed in range(10):
            assert all(len(part) for part in self.three(groups, seed))

    def test_generator_draws_the_parts(self):
        first, again, other = (self.three(np.arange(50), seed) for seed in (0, 0, 1))
        assert same(first, again) and not same(first, other)
