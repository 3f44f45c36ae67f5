"""Time that a search has taken."""

import time


class Stopwatch:
    """Counts seconds, on from those that were counted before an interruption."""

    def __init__(self):
        self._before, self._since = 0.0, None

    def start(self):
        """Begins to count, unless it has begun."""
        if self._since is None:
            self._since = time.monotonic()

    def stop(self):
        """Ends the counting, until it is started again."""
        self._before, self._since = self.seconds, None

    @property
    def seconds(self):
        """Float. Seconds counted so far; those that are set are counted on from."""
        if self._since is None:
            return self._before
        return self._before + time.monotonic() - self._since

    @seconds.setter
    def seconds(self, seconds):
        self._before = seconds
        if self._since is not None:
            self._since = time.monotonic()
