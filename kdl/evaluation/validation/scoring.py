"""Names of metrics of scikit-learn."""

from sklearn.metrics import get_scorer_names


def check_names(argument, scoring):
    """Refuses names of metrics that scikit-learn does not have.

    Args:
        argument: String. Name of the argument, as the user wrote it.
        scoring: List of names.

    Raises:
        ValueError: If one is no such name.
    """
    known = get_scorer_names()
    for name in scoring:
        if name not in known:
            raise ValueError(
                f"`{argument}` must be of sklearn.metrics.get_scorer_names(), such as "
                f"'f1_macro'. Received: {name!r}"
            )
