"""Runs the linter, and the suite on each backend; ends with one line of counts.

python tests/run.py [--backend jax] [arguments of pytest]

As many processes run side by side as there are cores, and are shown one after the
other. Each backend's suite is two of them, so that no core waits for the last one; but
for a backend alone, or with arguments of pytest.
"""

import argparse
import concurrent.futures
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).parent.parent
BACKENDS = ("jax", "tensorflow", "torch")
# Halves of about the same time.
_ONE_HALF = ("tests/callbacks", "tests/layers")
HALVES = (_ONE_HALF, ("tests", *(f"--ignore={folder}" for folder in _ONE_HALF)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--backend", choices=BACKENDS, help="this one alone")
    arguments, rest = parser.parse_known_args()
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for command in (["check"], ["format", "--check"]):
        print(f"== ruff {' '.join(command)}", flush=True)
        ruff = [sys.executable, "-m", "ruff", *command, "--no-cache", "."]
        counts["failed"] += subprocess.run(ruff, cwd=ROOT).returncode != 0
    backends = [arguments.backend] if arguments.backend else BACKENDS
    # One alone is shown as it goes.
    where = None if arguments.backend else subprocess.PIPE
    parts = [rest] if rest or arguments.backend else HALVES
    jobs = [(backend, part) for backend in backends for part in parts]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        suites = [pool.submit(suite, *job, where) for job in jobs]
        for (backend, part), result in zip(jobs, suites, strict=True):
            output, outcomes = result.result()
            what = " ".join(("pytest", *part))
            print(f"== {what} on {backend}\n{output or ''}", flush=True)
            for outcome, count in outcomes.items():
                counts[outcome] += count
    print("{passed} passed, {failed} failed, {skipped} skipped".format(**counts))
    return counts["failed"] > 0 or counts["passed"] == 0


def suite(backend, arguments, where):
    """Runs the suite on a backend.

    Args:
        backend: String.
        arguments: List of strings. Further arguments of pytest.
        where: What `subprocess` is to do with the output.

    Returns:
        Tuple of the output, if it was piped, and of counts by outcome.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        process = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
                *(f"--basetemp={folder}/tests", f"--junitxml={report}", *arguments),
            ],
            cwd=ROOT,
            env={**os.environ, **environment(backend, folder)},
            stdout=where,
            stderr=where and subprocess.STDOUT,
            text=True,
        )
        if not report.exists():
            return process.stdout, {"failed": 1}
        (totals,) = ElementTree.parse(report).getroot().iter("testsuite")
        failed = int(totals.get("failures")) + int(totals.get("errors"))
        skipped = int(totals.get("skipped"))
        passed = int(totals.get("tests")) - failed - skipped
        # A crash may come after the last test.
        failed += process.returncode != 0 and failed == 0
        outcomes = {"passed": passed, "failed": failed, "skipped": skipped}
        return process.stdout, outcomes


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
