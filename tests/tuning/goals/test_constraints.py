import math

import pytest

from kdl.tuning.goals.constraints import (
    broken,
    check_constraints,
    feasible,
    parse,
    unmet,
)

pytestmark = pytest.mark.one_backend


def constraints(*texts):
    return check_constraints("`constraints`", list(texts))


class TestParse:
    @pytest.mark.parametrize(
        ("text", "parts", "written"),
        [
            ("params<=100000", ("params", "<=", 1e5), "params<=100000"),
            ("val_loss < 1e-2", ("val_loss", "<", 0.01), "val_loss<0.01"),
            (" a/b >= -3", ("a/b", ">=", -3.0), "a/b>=-3"),
            ("x>0.125", ("x", ">", 0.125), "x>0.125"),
        ],
    )
    def test_reads_a_metric_a_sign_and_a_number(self, text, parts, written):
        found = parse("one", text)
        assert (found.name, found.sign, found.bound) == parts
        assert str(found) == written and parse("one", written) == found

    @pytest.mark.parametrize(
        "text",
        [
            *("", "params", "params<=", "<=3", "params=3", "params==3", "a<=b"),
            *("a<=nan", "a<=inf", "a<=3<=5", "a<=3 b", 3, None),
        ],
    )
    def test_refuses_all_else(self, text):
        with pytest.raises(ValueError) as error:
            parse("`constraints`", text)
        assert str(error.value) == (
            "`constraints` must be a metric, one of <=, <, >= and >, and a number, as "
            f"in 'params<=100000'. Received: {text!r}"
        )

    def test_refuses_what_is_no_list(self):
        with pytest.raises(ValueError) as error:
            check_constraints("`constraints`", "a<=3")
        assert str(error.value) == (
            "`constraints` must be a list of strings such as 'params<=100000', or "
            "None. Received: 'a<=3'"
        )

    @pytest.mark.parametrize(
        ("one", "other", "exclude"),
        [
            ("a<=1", "a>=2", True),
            ("a<=1", "a>=1", False),
            ("a<1", "a>=1", True),
            ("a>0.5", "a<1", False),
            ("a<=1", "b>=2", False),
        ],
    )
    def test_refuses_bounds_that_exclude_each_other(self, one, other, exclude):
        for texts in ((one, other), (other, one)):
            if not exclude:
                assert len(constraints(*texts)) == 2
                continue
            with pytest.raises(ValueError) as error:
                constraints(*texts)
            assert str(error.value) == f"No value meets both {other} and {one}."


class TestJudgement:
    def test_is_by_the_sign(self):
        for sign, met in (("<=", [1, 1, 0]), ("<", [1, 0, 0]), (">=", [0, 1, 1])):
            (one,) = constraints(f"a{sign}2")
            assert [one.is_met(value) for value in (1.0, 2.0, 3.0)] == met
            assert not one.is_met(math.nan)

    def test_of_what_is_not_known_is_against_it(self):
        both = constraints("a<=2", "b>=0")
        assert feasible(both, {"a": 1.0, "b": 0.0})
        assert not feasible(both, {"a": 1.0})

    def test_says_what_is_broken(self):
        both = constraints("a<=2", "b>=0")
        assert broken(both, {"a": 2.0}) is None
        assert broken(both, {"a": 3.0}) == "a is 3, and a<=2 is asked for."

    def test_says_why_no_trial_meets_them(self):
        both = constraints("a<=2", "b>=0")
        assert unmet(both, [{"a": 1.0, "b": 1.0}, {"a": 5.0}]) is None
        assert unmet([], []) is None
        assert unmet(both, [{"a": 3.0}, {"a": 4.5, "b": 1.0}]) == (
            "No trial meets a<=2: the least a is 3."
        )
        assert unmet(both, [{"a": 1.0, "b": -1.0}, {"a": 2.0, "b": -2.5}]) == (
            "No trial meets b>=0: the greatest b is -1."
        )
        assert unmet(both, [{"a": 1.0, "b": -1.0}, {"a": 3.0, "b": 1.0}]) == (
            "No trial meets all of a<=2, b>=0."
        )
