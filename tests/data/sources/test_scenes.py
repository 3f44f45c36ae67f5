import numpy as np
import pytest
from contracts import same

from kdl.data import fashion, load, scenes

pytestmark = pytest.mark.one_backend


@pytest.fixture(scope="module")
def splits():
    return scenes()


class TestScenes:
    def test_has_a_class_for_each_pixel(self, splits):
        assert splits.classes == ["background", *fashion().classes]
        for (x, y), (_, labels), count in zip(
            splits, fashion(), (4000, 1000, 1000), strict=True
        ):
            assert x.shape == (count, 48, 48, 1) and x.dtype == "float32"
            assert x.min() >= 0 and x.max() <= 1
            assert y.shape == (count, 48, 48) and y.dtype == "int32"
            assert same(y.max((1, 2)), labels + 1)
            for mask, label in zip(y[:50], labels, strict=False):
                assert set(np.unique(mask)) == {0, label + 1}
        # Between a tenth and a third of a scene.
        assert 0.1 < np.mean(splits.train[1] > 0) < 0.35

    def test_clothes_are_what_they_were(self, splits):
        """Of the same brightness, though their edges blend when they are zoomed."""
        (x, y), (items, _) = splits.train, fashion().train
        for scene, mask, item in zip(x[:200], y, items, strict=False):
            within, before = scene[mask > 0, 0], item[item > 0.1]
            assert within.mean() == pytest.approx(before.mean(), abs=0.2)

    def test_parts_share_no_place_of_a_photograph(self, splits):
        """The corners of scenes, where few clothes are, differ between the parts."""
        corners = [
            {
                scene[:4, :4].tobytes()
                for scene, mask in zip(x, y, strict=True)
                if not mask[:4, :4].any()
            }
            for x, y in splits
        ]
        assert not corners[0] & corners[1] and not corners[0] & corners[2]

    def test_seed_decides(self, splits):
        assert same(load("scenes").test[0], splits.test[0])
        assert not same(scenes(seed=1).test[0], splits.test[0])

    def test_refuses_sizes_that_hold_no_clothes(self):
        with pytest.raises(ValueError) as error:
            scenes(size=39)
        assert str(error.value) == (
            "`size` must be an integer in [40, 80]. Received: size=39"
        )
