"""Signals that stop a search."""

import contextlib
import signal
import threading

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


def ignore_signals():
    """Ignores what would stop, while something stops already."""
    if threading.current_thread() is threading.main_thread():
        for name in _NAMES:
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), signal.SIG_IGN)


class StopSignals:
    """Stops a search on Ctrl-C, and likewise on SIGTERM and SIGHUP.

    Python raises `KeyboardInterrupt` wherever it is. In a callback of the garbage
    collector, such as JAX has, it is printed and lost; in code that takes any exception
    for a failure, it is booked as one. So it is noted as well, for `check`.
    """

    def __init__(self):
        self._received = False

    def check(self):
        """Raises `KeyboardInterrupt` if one was raised since `watched` began."""
        if self._received:
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def watched(self):
        """Takes the signals while the block runs, in the main thread alone."""
        self._received, before = False, {}

        def handle(number, frame):
            try:
                if not callable(before[number]):
                    raise KeyboardInterrupt
                before[number](number, frame)
            except BaseException:
                self._received = True
                raise

        if threading.current_thread() is threading.main_thread():
            for name in _NAMES:
                number = getattr(signal, name, None)
                # Not those that are to be ignored, such as by `nohup`, nor those of
                # somebody who is not Python.
                if number and signal.getsignal(number) not in (signal.SIG_IGN, None):
                    before[number] = signal.getsignal(number)
                    signal.signal(number, handle)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
