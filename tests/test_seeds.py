import itertools

import pytest

from kdl import seeds

pytestmark = pytest.mark.one_backend


class TestSeeds:
    def test_each_purpose_and_place_has_a_stream_of_its_own(self):
        """Where NumPy's seeds of several numbers are filled up with zeros."""
        purposes = range(seeds.ATTRIBUTION + 1)
        places = [
            place
            for length in range(3)
            for place in itertools.product((0, 1, 2), repeat=length)
        ]
        # Also one that NumPy takes for two numbers.
        wholes = 0, 1, 2**32
        drawn = {
            seeds.integer(seed, purpose, *place)
            for seed, purpose, place in itertools.product(wholes, purposes, places)
        }
        assert len(drawn) == len(wholes) * len(purposes) * len(places)

    def test_is_reproducible_and_without_a_seed_is_not(self):
        assert seeds.integer(3, seeds.FIT, 1) == seeds.integer(3, seeds.FIT, 1)
        assert seeds.integer(None, seeds.FIT) != seeds.integer(None, seeds.FIT)
