import numpy as np
import pytest

from kdl.data import penguins

pytestmark = pytest.mark.one_backend


class TestPenguins:
    def test_are_those_of_the_paper(self):
        splits = penguins()
        assert splits.classes == ["Adelie", "Chinstrap", "Gentoo"]
        counts = sum(np.bincount(y) for _, y in splits)
        assert counts.tolist() == [152, 68, 124]
        weights = np.concatenate([x["body_mass_g"] for x, _ in splits])
        # To the gram, as palmerpenguins gives it.
        assert round(np.nanmean(weights)) == 4202
        assert np.isnan(weights).sum() == 2
        sexes = np.concatenate([x["sex"] for x, _ in splits])
        assert (sexes == "").sum() == 11
