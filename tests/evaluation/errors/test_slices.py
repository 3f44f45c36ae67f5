import numpy as np
import pytest

from kdl.evaluation import slices

pytestmark = pytest.mark.one_backend
RNG = np.random.default_rng(0)
COUNT = 1000


def test_finds_what_was_planted():
    size, town = RNG.uniform(size=COUNT), RNG.choice(["a", "b", "c"], COUNT)
    is_bad = (size > 0.7) & (town == "b")
    errors = (RNG.random(COUNT) < np.where(is_bad, 0.6, 0.05)).astype("float64")
    worst, *_ = slices(
        {"size": size, "town": town, "noise": RNG.normal(size=COUNT)}, errors
    )
    rules = dict(rule.split(" ", 1) for rule in worst.rule.split(" and "))
    assert rules["town"] == "is b"
    assert rules["size"].startswith("> 0.7")
    # The planted examples are there, and nearly no others.
    assert is_bad[worst.rows].mean() > 0.9
    assert np.isin(np.flatnonzero(is_bad), worst.rows).mean() > 0.9
    assert worst.low < worst.error - worst.rest < worst.high
    # Standard error of 50 of .6: .07.
    assert abs(worst.error - 0.6) < 4 * 0.07


def test_finds_nothing_in_noise():
    """Of a hundred tables without any slice, some five by chance."""
    found = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        features = {name: rng.normal(size=200) for name in "abc"}
        found += len(slices(features, (rng.random(200) < 0.2).astype("float64"))) > 0
    # Standard error 2.2.
    assert found <= 12


def test_missing_numbers_are_a_slice():
    age = np.where(np.arange(400) % 4 == 0, np.nan, RNG.uniform(20, 60, 400))
    (found,) = slices({"age": age}, np.isnan(age).astype("float64"), depth=1)
    assert found.rule == "age is missing"
    assert (found.error, found.rest) == (1.0, 0.0)
    np.testing.assert_array_equal(np.isnan(age[found.rows]), True)


def test_rules_say_where_missing_numbers_are():
    age = np.where(np.arange(400) % 4 == 0, np.nan, RNG.uniform(20, 60, 400))
    wrong = (~(age > 40)).astype("float64")
    (found,) = slices({"age": age}, wrong, depth=1)
    assert found.rule.startswith("age <= 40") or found.rule.startswith("age <= 39")
    assert found.rule.endswith(" or missing")
    infinite = np.where(np.isnan(age), np.inf, age)
    (found,) = slices({"age": infinite}, np.isinf(infinite).astype("float64"))
    assert found.rule.startswith("age > ") and found.error == 1


def test_few_examples_have_no_slices():
    assert slices({"x": np.arange(30)}, np.arange(30) > 20) == []


def test_refuses_errors_that_are_not_finite():
    with pytest.raises(ValueError) as error:
        slices({"x": np.zeros(40)}, np.r_[np.zeros(39), np.nan])
    assert str(error.value) == (
        "`errors` must be finite numbers. Received: nan in row 39"
    )


@pytest.mark.parametrize(
    ("features", "options", "message"),
    [
        ({}, {}, "`features` must be a dict of arrays, one or more."),
        (
            {"x": np.zeros(3)},
            {},
            "`features` must have a value for each of the 40 errors. Received: 'x' of "
            "shape (3,)",
        ),
        (
            {"x": np.zeros(40)},
            {"depth": 9},
            "`depth` must be an integer in [1, 5]. Received: depth=9",
        ),
    ],
)
def test_refuses(features, options, message):
    with pytest.raises(ValueError) as error:
        slices(features, np.zeros(40), **options)
    assert str(error.value) == message
