"""Runs the linter, and the suite on each backend; ends with one line of counts.

python tests/run.py [--backend jax] [arguments of pytest]

As many processes run side by side as there are cores, and are shown one after the
other. Each backend's suite is several of them, so that no core waits for the last one
and none grows large, and those marked `one_backend` run on PyTorch only, which is the
quickest; but for a backend alone, or with arguments of pytest. Before the counts stand
the minutes by folder and backend, and the most memory of a process.
"""

import argparse
import collections
import concurrent.futures
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).parent.parent
BACKENDS = ("jax", "tensorflow", "torch")
QUICKEST = "torch"
_FOLDERS = (
    ("tests/recipes",),
    ("tests/cli", "tests/tuning"),
    ("tests/callbacks", "tests/models"),
    ("tests/layers",),
)
_REST = [f"--ignore={folder}" for part in _FOLDERS for folder in part]
# The longest first, so that at the end no core waits long for the other.
PARTS = (("tests", *_REST), *_FOLDERS)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--backend", choices=BACKENDS, help="this one alone")
    arguments, rest = parser.parse_known_args()
    counts = collections.Counter(passed=0, failed=0, skipped=0)
    for command in (["check"], ["format", "--check"]):
        print(f"== ruff {' '.join(command)}", flush=True)
        ruff = [sys.executable, "-m", "ruff", *command, "--no-cache", "."]
        counts["failed"] += subprocess.run(ruff, cwd=ROOT).returncode != 0
    minutes, memory = collections.defaultdict(collections.Counter), {}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = list(jobs_of(arguments.backend, rest))
        suites = [pool.submit(suite, *job, shown=len(jobs) == 1) for job in jobs]
        for (backend, part), result in zip(jobs, suites, strict=True):
            output, outcomes, seconds, most = result.result()
            print(f"== pytest {' '.join(part)} on {backend}\n{output}", flush=True)
            counts.update(outcomes)
            for folder, value in seconds.items():
                minutes[folder][backend] += value / 60
            memory[backend] = max(most, memory.get(backend, 0))
    print_minutes(minutes, memory)
    print("{passed} passed, {failed} failed, {skipped} skipped".format(**counts))
    return counts["failed"] > 0 or counts["passed"] == 0


def jobs_of(backend, rest):
    """Yields backends and arguments of pytest, those first that take long."""
    if backend or rest:
        for name in [backend] if backend else BACKENDS:
            yield name, rest
        return
    for part in PARTS:
        for name in BACKENDS:
            chosen = [] if name == QUICKEST else ["-m", "not one_backend"]
            yield name, [*part, *chosen]


def suite(backend, arguments, shown):
    """Runs the suite on a backend.

    Args:
        backend: String.
        arguments: List of strings. Further arguments of pytest.
        shown: Boolean. Whether it is shown as it goes.

    Returns:
        Tuple of the output, counts by outcome, seconds by folder of tests, and the most
        memory that a process took, in GB.
    """
    with tempfile.TemporaryDirectory() as folder:
        report, output = Path(folder) / "report.xml", Path(folder) / "output.txt"
        begun = time.monotonic()
        with output.open("w") as file:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
                    *(f"--basetemp={folder}/tests", f"--junitxml={report}"),
                    *arguments,
                ],
                cwd=ROOT,
                env={**os.environ, **environment(backend, folder)},
                stdout=None if shown else file,
                stderr=None if shown else subprocess.STDOUT,
            )
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        # In kB, but in bytes on macOS.
        memory = usage.ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6)
        seconds = {"imports": time.monotonic() - begun}
        if not report.exists():
            return output.read_text(), {"failed": 1}, seconds, memory
        (totals,) = ElementTree.parse(report).getroot().iter("testsuite")
        for test in totals.iter("testcase"):
            # tests.layers.test_dropout.TestDropout, or tests.test_house.
            _, room, *_ = [*test.get("classname").split("."), "tests"]
            room = room.removeprefix("test_")
            taken = float(test.get("time"))
            seconds[room] = seconds.get(room, 0) + taken
            seconds["imports"] -= taken
        failed = int(totals.get("failures")) + int(totals.get("errors"))
        skipped = int(totals.get("skipped"))
        passed = int(totals.get("tests")) - failed - skipped
        # A crash may come after the last test.
        failed += process.returncode != 0 and failed == 0
        outcomes = {"passed": passed, "failed": failed, "skipped": skipped}
        return output.read_text(), outcomes, seconds, memory


def print_minutes(minutes, memory):
    """Prints a table of minutes by folder and backend, the longest first."""
    folders = sorted(minutes, key=lambda name: -minutes[name].total())
    rows = {name: minutes[name] for name in folders}
    rows["together"] = sum(minutes.values(), collections.Counter())
    print("== minutes  " + "".join(f"{name:>12}" for name in [*memory, "together"]))
    for name, row in rows.items():
        values = [*(row[backend] for backend in memory), row.total()]
        print(f"{name:12}" + "".join(f"{value:12.1f}" for value in values))
    print("GB at most  " + "".join(f"{value:12.1f}" for value in memory.values()))


def environment(backend, folder):
    """Has Keras use a backend, and everything write to `folder` that writes to home."""
    places = [
        *("KERAS_HOME", "MPLCONFIGDIR", "TFDS_DATA_DIR", "TORCHINDUCTOR_CACHE_DIR"),
        *("WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR", "XDG_CACHE_HOME"),
    ]
    return {
        "KERAS_BACKEND": backend,
        # Beside other suites.
        "OMP_NUM_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "PYTHONDONTWRITEBYTECODE": "1",
        **{place: str(Path(folder) / place.lower()) for place in places},
    }


if __name__ == "__main__":
    sys.exit(main())
