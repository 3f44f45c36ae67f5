"""Tries batch sizes, each in a process of its own that may run out of memory."""

import contextlib
import dataclasses
import json
import subprocess
import sys
import tempfile
import time

from kdl.profiling.batch_sizes import largest_batch
from kdl.profiling.memory import resident

_POLL = 0.02  # Seconds between two looks at the memory of a process.
STEPS = 5  # Steps that are measured with each size.
OUT_OF_MEMORY = "out of memory"  # What a process prints that has none left.


def try_sizes(options, start, most, memory, minutes):
    """Measures batch sizes until the largest that fits is known.

    Args:
        options: `ProfileOptions`.
        start: Integer. The size to begin with.
        most: Integer. The largest size there is.
        memory: Integer. Bytes of the host that a process may have.
        minutes: Float. After which no more is tried.

    Returns:
        As `kdl.profiling.batch_sizes.largest_batch`.

    Raises:
        ValueError: If a process fails for another reason than memory.
    """
    end = time.monotonic() + 60 * minutes

    def measure(size):
        alone = dataclasses.replace(
            options,
            batch_size=size,
            steps=STEPS,
            largest_batch=False,
            memory=None,
            minutes=None,
            trace=None,
            out=None,
        )
        return _measured(alone, memory, end)

    return largest_batch(measure, start, most)


def _measured(options, memory, end):
    """What a process measures, or `None` if it has too little memory.

    The process is watched from here, and ended before the machine is short of memory.

    Raises:
        TimeoutError: If the end comes first.
        ValueError: If the process fails for another reason.
    """
    given = json.dumps(dataclasses.asdict(options), default=str)
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "kdl_cli.commands.measuring.sized", given],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
        )
        try:
            while process.poll() is None:
                if resident(process.pid) > memory:
                    return None
                if time.monotonic() > end:
                    raise TimeoutError
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_POLL)
        finally:
            process.kill()
            process.wait()
        output.seek(0)
        errors.seek(0)
        lines = output.read().splitlines()[-1:]
        if process.returncode == 0 and lines:
            return None if lines == [OUT_OF_MEMORY] else json.loads(lines[0])
        if process.returncode < 0:
            # Linux has ended it, which it offers to be first.
            return None
        said = [line for line in errors.read().splitlines() if line.strip()][-1:]
    raise ValueError(
        f"Batches of {options.batch_size} cannot be trained"
        + (f": {said[0].strip()}" if said else ".")
    )
