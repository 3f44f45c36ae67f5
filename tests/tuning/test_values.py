import keras_tuner
import numpy as np
import pytest

from kdl.tuning.values import check_values, completed, states_a_default

pytestmark = pytest.mark.one_backend


@pytest.fixture
def space():
    hp = keras_tuner.HyperParameters()
    hp.Choice("optimizer", ["adam", "sgd"])
    with hp.conditional_scope("optimizer", ["sgd"]):
        hp.Float("momentum", 0.0, 1.0, default=0.9)
    hp.Int("units", 16, 64, step=16)
    return hp.space


def test_completes_active_values_with_defaults(space):
    assert completed(space, {}) == {"optimizer": "adam", "units": 16}
    values = {"optimizer": "sgd", "units": 32}
    assert completed(space, values) == {**values, "momentum": 0.9}
    # Of another trial, say.
    assert "momentum" not in completed(space, {"momentum": 0.5})


def test_checked_values_are_plain(space):
    values = {"optimizer": np.str_("sgd"), "units": np.int64(48)}
    checked = check_values(space, values)
    assert checked == {"optimizer": "sgd", "units": 48}
    assert [type(value) for value in checked.values()] == [str, int]


def test_refuses_what_the_space_cannot_have(space):
    for values, message in (
        (
            {"width": 3},
            "The space has no hyperparameter 'width'. It has: momentum, optimizer, "
            "units.",
        ),
        (
            {"units": 40},
            "The hyperparameter 'units' must be an integer in [16, 64] in steps of 16. "
            "Received: units=40",
        ),
        (
            {"optimizer": "lion"},
            "The hyperparameter 'optimizer' must be one of 'adam', 'sgd'. "
            "Received: optimizer='lion'",
        ),
        (
            {"momentum": 0.5},
            "The hyperparameter 'momentum' has no effect beside the other values. "
            "Leave it out, or give those on which it depends. "
            "Received: {'momentum': 0.5}",
        ),
    ):
        with pytest.raises(ValueError) as error:
            check_values(space, values)
        assert str(error.value) == message


def test_a_default_is_stated_that_is_not_the_least_or_first():
    for declare, desired in (
        (lambda hp: hp.Float("x", 0.1, 1.0), False),
        (lambda hp: hp.Float("x", 0.1, 1.0, default=0.5), True),
        (lambda hp: hp.Choice("x", ["a", "b"]), False),
        (lambda hp: hp.Choice("x", ["a", "b"], default="b"), True),
        (lambda hp: hp.Boolean("x"), False),
        (lambda hp: hp.Boolean("x", default=True), True),
    ):
        hp = keras_tuner.HyperParameters()
        declare(hp)
        assert states_a_default(hp.space) == desired
