"""Warnings of a search, at the line of the user that it goes back to."""

import sys
import warnings


def warn(message):
    """Warns where kdl and KerasTuner were called, so that it is said once there."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and _is_ours(frame.f_globals.get("__name__", "")):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, stacklevel=level)


def _is_ours(module):
    return module.partition(".")[0] in ("kdl", "kdl_cli", "keras_tuner", "contextlib")
