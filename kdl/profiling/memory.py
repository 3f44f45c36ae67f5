"""The memory of the host, as the operating system tells it."""

import os
import sys
from pathlib import Path

RESERVE = 2**30  # Bytes that are left to others.


def peak_of_process():
    """Returns the most bytes that this process has had in memory, or `None`."""
    try:
        import resource
    except ImportError:  # Windows.
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # In kilobytes, but for macOS.
    return peak if sys.platform == "darwin" else 1024 * peak


def resident(process):
    """Returns the bytes that a process of Linux has in memory, 0 after its end.

    Args:
        process: Integer. Number of the process.
    """
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def available():
    """Returns the bytes that processes of Linux can still have, or `None` elsewhere.

    A container may have less than its machine.
    """
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    (line,) = (line for line in lines if line.startswith("MemAvailable:"))
    free = [1024 * int(line.split()[1])]
    for most, used in _CONTAINERS:
        try:
            free.append(int(Path(most).read_text()) - int(Path(used).read_text()))
        except (OSError, ValueError):  # There is none, or "max".
            continue
    return min(free)


# The limits of control groups, of both versions.
_CONTAINERS = [
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    ),
]
