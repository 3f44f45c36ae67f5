"""Failures that a training outlives."""

import contextlib
import warnings

from kdl.files import WriteError


class Outlive:
    """Makes of the first failure of a service a warning, so that training goes on.

    Args:
        logger: String. Name of the logger.
        service: String. What the training goes on without.

    Attributes:
        failed: Boolean. Whether there was a failure, after which the logger is to
            write nothing more.
    """

    def __init__(self, logger, service):
        self._logger = logger
        self._service = service
        self.failed = False

    @contextlib.contextmanager
    def __call__(self, action):
        try:
            yield
        except Exception as error:
            first, self.failed = not self.failed, True
            if first:
                reason = " ".join(f"{type(error).__name__}: {error}".split())
                warnings.warn(
                    f"{self._logger} failed to {action}; training goes on without "
                    f"{self._service}. {reason}",
                    stacklevel=3,  # The hook, beyond `contextlib`.
                )


class Unwritten:
    """Makes of the first file that cannot be written a warning, and training goes on.

    Unlike with `Outlive`, the next file may be written again, once there is room.

    Args:
        callback: String. Name of the callback.
    """

    def __init__(self, callback):
        self._callback = callback
        self._warned = False

    @contextlib.contextmanager
    def __call__(self):
        try:
            yield
        except WriteError as error:
            if not self._warned:
                self._warned = True
                warnings.warn(
                    f"{error}. The training goes on, and {self._callback} tries again "
                    "the next time.",
                    stacklevel=3,  # The hook, beyond `contextlib`.
                )
