"""The error of a majority of voters."""

from scipy.stats import binom

from kdl.checks import check_integer, check_number


def majority_error(members: int, error: float) -> float:
    """Returns the probability that most of some independent voters are wrong.

    With M voters, each wrong with probability e, it is

        sum over k > M / 2 of C(M, k) e^k (1 - e)^(M - k)

    Of an even number of voters, half may be right and half wrong: that is a tie, and
    counts as half an error, as if a coin decided. So two voters do as well as one.

    Errors of models that have learned the same data are not independent, so that an
    ensemble of them gains less than this says.

    Args:
        members: Integer in `[1, inf)`. Number of voters, M.
        error: Float in `[0, 1]`. Probability that one is wrong, e.

    Returns:
        Float in `[0, 1]`.

    Raises:
        ValueError: If an argument is outside its interval.

    Example:

    >>> round(kdl.evaluation.majority_error(3, 0.1), 6)
    0.028

    References:
        - [Hansen and Salamon, 1990](https://doi.org/10.1109/34.58871)
    """
    members = check_integer("members", members, "[1, inf)")
    error = check_number("error", error, "[0, 1]")
    half = members // 2
    wrong = binom.sf(half, members, error)
    if members % 2 == 0:
        wrong += binom.pmf(half, members, error) / 2
    return float(wrong)
