import numpy as np
import pytest
from contracts import same

from kdl.data import arithmetic

pytestmark = pytest.mark.one_backend


def numbers(part):
    """The two numbers of each addition, of any length."""
    return [tuple(map(int, text.split("+"))) for text in part[0]]


class TestArithmetic:
    @pytest.mark.parametrize("digits", [1, 5, 15])
    def test_sums_are_those_of_python(self, digits):
        for part in arithmetic(2000, digits):
            for (a, b), total in zip(numbers(part), part[1], strict=True):
                assert total == str(a + b)
                assert max(a, b) < 10**digits

    def test_numbers_are_written_as_python_writes_them(self):
        for x, _ in arithmetic(2000, 2):
            for text in x:
                a, b = text.split("+")
                assert (a, b) == (str(int(a)), str(int(b)))

    def test_each_length_is_as_often(self):
        lengths = [
            [len(number) for number in text.split("+")]
            for part in arithmetic()
            for text in part[0]
        ]
        shares = np.bincount(np.ravel(lengths))[1:] / 40000
        # Of 40,000 numbers: the standard error is 0.002.
        np.testing.assert_allclose(shares, 0.2, atol=0.008)

    @pytest.mark.parametrize(("examples", "digits"), [(20000, 5), (20000, 2)])
    def test_no_addition_is_in_two_parts(self, examples, digits):
        parts = arithmetic(examples, digits)
        sums = [{tuple(sorted(pair)) for pair in numbers(part)} for part in parts]
        assert not sums[0] & sums[1]
        assert not (sums[0] | sums[1]) & sums[2]
        # The largest groups are of 0 to 9, 400 of the 20,000 by a few pairs.
        shares = [len(part[0]) / examples for part in parts]
        np.testing.assert_allclose(shares, [0.8, 0.1, 0.1], atol=0.01)

    def test_seed_draws_them(self):
        assert same(arithmetic(100, seed=1), arithmetic(100, seed=1))
        assert not same(arithmetic(100, seed=1), arithmetic(100, seed=2))

    def test_few_are_in_three_parts_too(self):
        for seed in range(30):
            parts = arithmetic(10, 1, seed)
            assert sum(len(x) for x, _ in parts) == 10
            assert all(len(x) for x, _ in parts)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (
                {"examples": 9},
                "`examples` must be an integer in [10, inf). Received: examples=9",
            ),
            (
                {"digits": 16},
                "`digits` must be an integer in [1, 15]. Received: digits=16",
            ),
            (
                {"seed": -1},
                "`seed` must be an integer in [0, 4294967296). Received: seed=-1",
            ),
        ],
    )
    def test_refuses_bad_arguments(self, arguments, message):
        with pytest.raises(ValueError) as error:
            arithmetic(**arguments)
        assert str(error.value) == message
