import time

import pytest

from kdl.tuning.stopwatch import Stopwatch

pytestmark = pytest.mark.one_backend


@pytest.fixture
def now(monkeypatch):
    """A list of the time, which a test sets."""
    now = [50.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_counts_from_its_first_start(now):
    watch = Stopwatch()
    now[0] += 10.0
    assert watch.seconds == 0.0
    watch.start()
    now[0] += 3.0
    watch.start()
    now[0] += 4.0
    assert watch.seconds == 7.0


def test_does_not_count_a_pause(now):
    watch = Stopwatch()
    watch.start()
    now[0] += 3.0
    watch.stop()
    now[0] += 100.0
    assert watch.seconds == 3.0
    watch.start()
    now[0] += 1.0
    watch.stop()
    watch.stop()
    assert watch.seconds == 4.0


def test_counts_on_from_seconds_that_are_set(now):
    watch = Stopwatch()
    watch.seconds = 5.0
    now[0] += 10.0
    assert watch.seconds == 5.0
    watch.start()
    now[0] += 2.0
    assert watch.seconds == 7.0


def test_does_not_count_twice_what_it_is_set_to(now):
    watch = Stopwatch()
    watch.start()
    now[0] += 3.0
    watch.seconds = watch.seconds
    assert watch.seconds == 3.0
