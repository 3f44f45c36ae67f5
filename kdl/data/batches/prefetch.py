"""Making what is asked for next before it is asked for."""

import itertools
import threading
from concurrent.futures import Future

# Few threads suffice, as a training is slower than what they decode.
THREADS = 4
# How many are made ahead at most: they take memory.
AHEAD = 6


class Prefetch:
    """Makes things side by side, those that are needed first and some after them.

    The threads end when there is nothing to be made, so that none outlives its use by
    more than what it is making. At the end of the main thread they begin nothing new.

    Args:
        threads: Integer in `[1, inf)`. Number of threads at most.
        ahead: Integer in `[0, inf)`. How many things to make ahead at most.
    """

    def __init__(self, threads=THREADS, ahead=AHEAD):
        self.threads, self.ahead = threads, ahead
        self._lock = threading.Lock()
        self._tasks = {}  # By key, in the order in which they are needed.
        self._running = 0

    def get(self, sequence):
        """Returns the first thing of a sequence, and begins with those after it.

        Args:
            sequence: Iterator of tuples `(key, make)`: what tells a thing from others,
                and a function that makes it. Those made under keys that are no longer
                among the next are forgotten.
        """
        with self._lock:
            wanted = list(itertools.islice(sequence, 1 + self.ahead))
            known = self._tasks
            self._tasks = {key: known.get(key) or _Task(make) for key, make in wanted}
            key = wanted[0][0]
            first = self._tasks[key]
            # One that no thread has begun with is made here, without a wait.
            is_mine = first.begin()
            waiting = sum(not task.begun for task in self._tasks.values())
            begun = min(self.threads - self._running, waiting)
            self._running += max(0, begun)
        for _ in range(begun):
            threading.Thread(target=self._work, name="kdl-prefetch").start()
        if is_mine:
            first.run()
        try:
            return first.future.result()
        except BaseException:
            with self._lock:
                # The next call makes it again: the error may have been Ctrl-C.
                self._tasks.pop(key, None)
            raise

    def clear(self):
        """Forgets what has been made, and makes no more of it."""
        with self._lock:
            self._tasks = {}

    def _work(self):
        while True:
            with self._lock:
                tasks = (
                    self._tasks.values() if threading.main_thread().is_alive() else ()
                )
                task = next((task for task in tasks if task.begin()), None)
                if task is None:
                    self._running -= 1
                    return
            task.run()

    def __reduce__(self):
        # Copies, in other processes too, make theirs anew.
        return type(self), (self.threads, self.ahead)


class _Task:
    """A thing that is to be made once."""

    def __init__(self, make):
        self.make, self.future, self.begun = make, Future(), False

    def begin(self):
        """Whether the caller, who holds the lock, is to run it."""
        begun, self.begun = self.begun, True
        return not begun

    def run(self):
        try:
            self.future.set_result(self.make())
        except BaseException as error:
            self.future.set_exception(error)
