import numpy as np
import pytest

from kdl.data import glosses, load

pytestmark = pytest.mark.one_backend


class TestGlosses:
    def test_are_12000_definitions_none_of_them_twice(self):
        splits = glosses()
        assert [len(x) for x, _ in splits] == [9600, 1200, 1200]
        texts = np.concatenate([x for x, _ in splits])
        assert len(set(texts)) == 12_000 and splits.drawn
        assert all(text == text.strip() and len(text) >= 15 for text in texts)
        assert 9 < np.mean([len(text.split()) for text in texts]) < 12

    def test_each_class_has_its_share_of_each_part(self):
        splits = glosses()
        assert splits.classes == [
            *("act", "animal", "artifact", "body", "communication"),
            *("food", "location", "person", "plant", "substance"),
        ]
        for (_, y), share in zip(splits, (960, 120, 120), strict=True):
            assert y.dtype == "int32" and np.bincount(y).tolist() == [share] * 10

    def test_labels_are_those_of_the_definitions(self):
        """By words that tell, which few definitions of other kinds have."""
        (x, y), *_ = splits = glosses()
        for word, name in (
            ("herb", "plant"),
            ("writer", "person"),
            ("city", "location"),
        ):
            has = np.array([word in text.split() for text in x])
            assert (y[has] == splits.classes.index(name)).mean() > 0.7

    def test_seed_decides(self):
        first, again = (load("glosses", seed=3).test[0] for _ in range(2))
        assert (first == again).all()
        assert set(first) != set(glosses(seed=4).test[0])

    def test_refuses_a_bad_seed(self):
        with pytest.raises(ValueError) as error:
            glosses(-1)
        assert str(error.value) == (
            "`seed` must be an integer in [0, 4294967296). Received: seed=-1"
        )
