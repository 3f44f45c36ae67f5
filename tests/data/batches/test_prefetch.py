import copy
import itertools
import subprocess
import sys
import threading

import pytest

from kdl.data.batches.prefetch import Prefetch

pytestmark = pytest.mark.one_backend


def threads_of_prefetch():
    return [t for t in threading.enumerate() if t.name == "kdl-prefetch"]


def join_all():
    """Waits until all threads have ended, which they do by themselves."""
    for thread in threads_of_prefetch():
        thread.join(60)
        assert not thread.is_alive()


class Squares:
    """Squares of integers, and which of them were made."""

    def __init__(self, wait_for=None):
        self.made, self.wait_for = [], wait_for or {}

    def since(self, first):
        for n in itertools.count(first):
            yield n, lambda n=n: self.make(n)

    def make(self, n):
        assert self.wait_for.get(n, READY).wait(60)
        self.made.append(n)
        return n**2


READY = threading.Event()
READY.set()


class TestPrefetch:
    def test_returns_the_first_and_makes_those_after_it(self):
        prefetch, squares = Prefetch(threads=2, ahead=3), Squares()
        assert prefetch.get(squares.since(5)) == 25
        join_all()
        assert sorted(squares.made) == [5, 6, 7, 8]
        assert prefetch.get(squares.since(6)) == 36
        join_all()
        assert sorted(squares.made) == [5, 6, 7, 8, 9]

    def test_makes_one_while_another_is_waited_for(self):
        """The second needs what the third brings about."""
        third = threading.Event()
        squares = Squares({1: third})
        prefetch = Prefetch(threads=2, ahead=2)

        def sequence(first):
            for n, make in squares.since(first):
                yield n, (lambda: third.set()) if n == 2 else make

        assert prefetch.get(sequence(0)) == 0
        assert prefetch.get(sequence(1)) == 1

    def test_forgets_what_is_no_longer_next(self):
        prefetch, squares = Prefetch(threads=1, ahead=2), Squares()
        prefetch.get(squares.since(0))
        join_all()
        prefetch.get(squares.since(2))
        prefetch.get(squares.since(0))
        join_all()
        assert squares.made.count(0) == 2 and squares.made.count(2) == 1
        prefetch.clear()
        prefetch.get(squares.since(2))
        assert squares.made.count(2) == 2

    def test_an_error_is_raised_where_its_thing_is_asked_for(self):
        prefetch = Prefetch(threads=1, ahead=2)
        tries = []

        def sequence(first):
            for n in itertools.count(first):
                yield n, lambda n=n: tries.append(n) or 1 // (n - 1)

        assert prefetch.get(sequence(0)) == -1
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                prefetch.get(sequence(1))
        # Another try each time.
        assert tries.count(1) == 2
        assert prefetch.get(sequence(2)) == 1

    def test_copies_make_theirs_anew(self):
        prefetch = Prefetch(threads=3, ahead=4)
        prefetch.get(Squares().since(0))
        copied = copy.deepcopy(prefetch)
        assert (copied.threads, copied.ahead) == (3, 4)
        assert copied.get(Squares().since(2)) == 4

    def test_the_interpreter_ends_without_making_the_rest(self):
        code = (
            "import itertools, threading\n"
            "from kdl.data.batches.prefetch import Prefetch\n"
            "def make(n):\n"
            "    if n: threading.main_thread().join()\n"
            "    print(n)\n"
            "sequence = ((n, lambda n=n: make(n)) for n in itertools.count())\n"
            "Prefetch(threads=1, ahead=100).get(sequence)\n"
        )
        output = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=120
        )
        assert output.stdout in ("0\n", "0\n1\n") and output.stderr == ""
