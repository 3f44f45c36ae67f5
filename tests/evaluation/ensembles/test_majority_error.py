import numpy as np
import pytest

from kdl.evaluation import majority_error

pytestmark = pytest.mark.one_backend


def test_of_three_is_as_the_notes_have_it():
    """That form, 1 - (1-e)^M - C(M,2)(1-e)^(M-1) e, holds for one and three alone."""
    e = 0.2
    assert majority_error(3, e) == pytest.approx(
        1 - (1 - e) ** 3 - 3 * (1 - e) ** 2 * e
    )
    assert majority_error(3, 0.1) == pytest.approx(0.028)
    assert majority_error(1, e) == pytest.approx(e)
    assert majority_error(5, e) != pytest.approx(
        1 - (1 - e) ** 5 - 10 * (1 - e) ** 4 * e, rel=0.1
    )


@pytest.mark.parametrize("members", [2, 4, 5, 9])
@pytest.mark.parametrize("error", [0.1, 0.4])
def test_is_that_of_voters_who_are_drawn(members, error):
    count = 200_000
    wrong = np.random.default_rng(0).binomial(members, error, count)
    lost = np.where(2 * wrong == members, 0.5, 2.0 * wrong > members)
    standard_error = lost.std() / np.sqrt(count)
    # Four of them: one in 16,000 by chance, of eight cases, with this seed none.
    assert abs(majority_error(members, error) - lost.mean()) < 4 * standard_error


def test_of_two_is_that_of_one_and_of_many_tends_to_0_or_1():
    assert majority_error(2, 0.3) == pytest.approx(0.3)
    assert majority_error(1001, 0.4) < 1e-9
    assert majority_error(1001, 0.6) > 1 - 1e-9
    assert majority_error(10, 0) == 0 and majority_error(10, 1) == 1


def test_refuses_bad_arguments():
    with pytest.raises(ValueError) as error:
        majority_error(0, 0.1)
    assert str(error.value) == (
        "`members` must be an integer in [1, inf). Received: members=0"
    )
    with pytest.raises(ValueError) as error:
        majority_error(3, 1.5)
    assert str(error.value) == "`error` must be a number in [0, 1]. Received: error=1.5"
