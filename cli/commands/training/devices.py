"""Trains on several devices, and with the same numbers each time."""

import contextlib
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile

import keras

from kdl.parallel import DataParallel
from kdl.parallel.devices import (
    LostProcessError,
    check_cores,
    check_count,
    check_one_process,
)

# What a process that trains along says once it has its data, and whose argument it has.
READY = "ready"
_SECONDS = 10  # Until a process that has lost the others has ended.


def data_parallel(count):
    """Returns the `DataParallel` of the option `--devices`, or `None` for one device.

    Raises:
        ValueError: If there are not so many.
    """
    if count == 1:
        return None
    with _of_the_option():
        if keras.backend.backend() == "torch":
            _be_first(count)
        return DataParallel(count)


def check_trials(count):
    """Refuses trials on several devices where each would need a process."""
    with _of_the_option():
        check_one_process(count)


@contextlib.contextmanager
def _of_the_option():
    """Has errors speak of the option `--devices`."""
    try:
        yield
    except ValueError as error:
        text = str(error).replace("`devices`", "`--devices`")
        raise ValueError(text.replace("devices=", "--devices=")) from None


def _be_first(count):
    """Has this process be the first of several, unless one has started it."""
    import torch

    if "WORLD_SIZE" in os.environ:
        return
    if gpus := torch.cuda.device_count():
        check_count(count, gpus, "PyTorch", "cuda")
    else:
        check_cores(count)
    os.environ |= {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(_free_port()),
        "WORLD_SIZE": str(count),
        **_place(0),
    }


def _free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def _place(index):
    return {"RANK": str(index), "LOCAL_RANK": str(index)}


@contextlib.contextmanager
def training(parallel, options, hint):
    """A context to train in, on all devices.

    On PyTorch it starts the other processes, and ends them after it.

    Args:
        parallel: `DataParallel`, or `None`.
        options: `RunOptions`.
        hint: String. What the user can do where a process is lost.

    Raises:
        LostProcessError: If another process has ended.
    """
    if parallel is None:
        yield
        return
    try:
        with contextlib.ExitStack() as stack:
            if parallel.shard is not None and parallel.writes:
                stack.enter_context(_others(parallel.devices, options))
            with parallel:
                yield
    except LostProcessError as error:
        raise LostProcessError(f"{error} {hint}") from None


@contextlib.contextmanager
def _others(count, options):
    """Starts the processes that train along, and waits until they have their data.

    Args:
        count: Integer. Number of processes, with this one.
        options: `RunOptions`.

    Raises:
        LostProcessError: If one of them has ended.
    """
    given, others = json.dumps(dataclasses.asdict(options), default=str), []
    with contextlib.ExitStack() as stack:
        for index in range(1, count):
            errors = stack.enter_context(tempfile.TemporaryFile())
            process = subprocess.Popen(
                [sys.executable, "-m", "kdl_cli.commands.training.member", given],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=os.environ | _place(index),
                # Ctrl-C is for this process, which ends the others.
                start_new_session=True,
            )
            stack.callback(_end, process)
            others.append((process, errors))
        for process, _ in others:
            if process.stdout.readline().strip() != READY.encode():
                raise LostProcessError(_account(others))
        try:
            yield
        except LostProcessError:
            raise LostProcessError(_account(others)) from None


def _end(process):
    process.kill()
    process.wait()
    process.stdout.close()


def _account(others):
    """Says of processes which one has ended, and how."""
    for index, (process, errors) in enumerate(others, 1):
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = process.wait(_SECONDS if len(others) == 1 else 1)
            if not code:
                continue
            how = f"exit code {code}" if code > 0 else signal.Signals(-code).name
            errors.seek(0)
            lines = errors.read().decode(errors="replace").split("\n")
            last = [line for line in lines if line.strip()][-1:] if code > 0 else []
            said = f" ({last[0].strip()})" if last else ""
            return f"Process {index} of {len(others) + 1} ended by {how}{said}."
    return "A process of the training ended."


def be_deterministic():
    """Has the backend give the same numbers each time, or refuse an operation."""
    match keras.backend.backend():
        case "tensorflow":
            import tensorflow as tf

            tf.config.experimental.enable_op_determinism()
        case "torch":
            import torch

            torch.use_deterministic_algorithms(True)
