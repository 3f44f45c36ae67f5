"""The largest batch that fits."""

import pytest

from kdl.profiling.batch_sizes import largest_batch

pytestmark = pytest.mark.one_backend


@pytest.mark.parametrize("limit", [1, 3, 31, 32, 33, 100, 999, 1000, 5000])
@pytest.mark.parametrize("start", [1, 32, 700])
def test_is_found_to_an_eighth(start, limit):
    most = 1000
    tried = largest_batch(lambda size: size if size <= limit else None, start, most)
    largest = max(size for size, found in tried.items() if found)
    assert largest <= min(limit, most)
    assert largest * 1.25 + 1 >= min(limit, most)
    assert len(tried) <= 16 and list(tried) == sorted(tried)
    if limit >= most:
        assert largest == most and None not in tried.values()


def test_nothing_fits():
    assert largest_batch(lambda size: None, 5, 10) == {1: None, 2: None, 5: None}


def test_ends_where_time_is_up():
    def measure(size):
        if size > 4:
            raise TimeoutError
        return size

    assert largest_batch(measure, 1, 100) == {1: 1, 2: 2, 4: 4}
