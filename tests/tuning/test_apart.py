import keras_tuner
import pytest

from kdl.tuning.apart import first_apart
from kdl.tuning.encoding import Encoding

pytestmark = pytest.mark.one_backend


@pytest.fixture
def encoding():
    hp = keras_tuner.HyperParameters()
    hp.Float("x", 0.0, 1.0)
    return Encoding(hp.space)


def at(*places):
    return [{"x": x} for x in places]


def test_is_the_first_that_is_a_hundredth_away(encoding):
    # In one dimension the diagonal is 1.
    assert first_apart(at(0.505, 0.491, 0.489, 0.9), encoding, at(0.5)) == {"x": 0.489}


def test_keeps_apart_from_each_that_runs(encoding):
    assert first_apart(at(0.2, 0.5, 0.8), encoding, at(0.5, 0.2)) == {"x": 0.8}


def test_is_the_first_where_all_are_close(encoding):
    assert first_apart(at(0.504, 0.505), encoding, at(0.5)) == {"x": 0.504}


def test_is_the_first_where_nothing_runs(encoding):
    assert first_apart(at(0.3, 0.4), encoding, []) == {"x": 0.3}


def test_is_none_of_none(encoding):
    assert first_apart([], encoding, at(0.5)) is None


def test_asks_for_no_more_than_needed(encoding):
    asked = iter(at(0.5, 0.7, 0.9))
    first_apart(asked, encoding, at(0.5))
    assert list(asked) == at(0.9)
