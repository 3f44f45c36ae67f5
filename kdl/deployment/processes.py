"""Converters, which are noisy and may be processes of their own."""

import contextlib
import io
import logging
import os
import subprocess
import sys
import warnings

_SECONDS = 1800  # After which a conversion has hung.


class NotWritten(Exception):
    """A format could not be made of a model. Its text is what the converter said."""


def run_module(name, arguments, backend=None):
    """Runs a module in another process.

    Args:
        name: String. Name of the module.
        arguments: List of arguments.
        backend: Optional string. That of Keras.

    Raises:
        NotWritten: If the process fails.
    """
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    if backend is not None:
        environment["KERAS_BACKEND"] = backend
    # `-P`, or the working directory would come first among the modules.
    command = [sys.executable, "-P", "-m", name, *map(str, arguments)]
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise NotWritten(f"it took more than {_SECONDS} seconds") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise NotWritten(brief(lines[-1]))


@contextlib.contextmanager
def hushed():
    """Drops what converters print, log and warn of."""
    # In a notebook, TensorFlow's logger holds the output that it began with.
    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def import_openvino():
    """Returns OpenVINO without its telemetry.

    That would tell who converts what, and fork this process for it.
    """
    sys.modules.setdefault("openvino_telemetry", None)
    import openvino

    return openvino


def brief(error, most=300):
    """Returns the first words of what a converter says, on one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= most else f"{text[:most]}…"
