from types import SimpleNamespace

import keras_tuner
import pytest

from kdl.tuning.store.initial_space import check_same, described, label, of_trials

pytestmark = pytest.mark.one_backend


def space(highest=1.0):
    hp = keras_tuner.HyperParameters()
    hp.Choice("drop", ["units", "none"])
    with hp.conditional_scope("drop", ["units"]):
        hp.Float("rate", 0.0, highest)
    return hp


def test_a_label_tells_the_conditions():
    *_, rate = space().space
    assert label(rate.get_config()) == "rate (drop in ['units'])"
    assert list(described(space())) == ["drop", "rate (drop in ['units'])"]


def test_refuses_another_space_by_the_names_that_differ():
    now = described(space())
    check_same(described(space()), now, "here")
    for before in (described(space(2.0)), {"drop": now["drop"]}):
        with pytest.raises(ValueError) as error:
            check_same(before, now, "here")
        assert str(error.value) == (
            "The search in here has another space: it differs in rate (drop in "
            "['units']). Choose another directory."
        )


def test_trials_tell_of_no_more_than_the_initial_space():
    grown, initial = space(2.0), described(space())
    grown.Int("units", 1, 3)
    trials = [SimpleNamespace(hyperparameters=grown)]
    assert of_trials(trials, initial) == described(space(2.0))
    assert of_trials([], initial) == initial
    # Of quite another search.
    other = keras_tuner.HyperParameters()
    other.Int("units", 1, 3)
    assert of_trials([SimpleNamespace(hyperparameters=other)], initial) == {}
