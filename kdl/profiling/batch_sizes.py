"""Finds the largest batch that fits, by doubling and halving."""


def largest_batch(measure, start, most):
    """Measures batch sizes until the largest one that fits is known.

    The size doubles as long as it fits, then the gap between the largest that fits
    and the smallest that does not is halved, until it is an eighth of the former.

    Args:
        measure: Function of a batch size. Returns what was measured, or `None` if the
            batch does not fit. It raises a `TimeoutError` where time is up, which ends
            the search with what is known.
        start: Integer in `[1, most]`. The size to begin with.
        most: Integer. The largest size there is.

    Returns:
        Dict of what was measured by batch size, in order, `None` for sizes that do not
        fit.
    """
    tried = {}
    try:
        size = start
        while size is not None:
            tried[size] = measure(size)
            size = _following(tried, most)
    except TimeoutError:
        pass
    return dict(sorted(tried.items()))


def _following(tried, most):
    """The size to try after others, or `None` at the end."""
    fitting = [size for size, found in tried.items() if found is not None]
    others = [size for size, found in tried.items() if found is None]
    if not fitting:
        smallest = min(others)
        return smallest // 2 if smallest > 1 else None
    largest = max(fitting)
    if not others:
        return min(2 * largest, most) if largest < most else None
    middle = (largest + min(others)) // 2
    return middle if 8 * (middle - largest) > largest else None
