"""Runs the linter, and the suite on each backend; ends with one line of counts.

python tests/run.py [--backend jax] [arguments of pytest]
"""

import argparse
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).parent.parent
BACKENDS = ("jax", "tensorflow", "torch")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--backend", choices=BACKENDS, help="this one alone")
    arguments, rest = parser.parse_known_args()
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for command in (["check"], ["format", "--check"]):
        print(f"== ruff {' '.join(command)}", flush=True)
        ruff = [sys.executable, "-m", "ruff", *command, "--no-cache", "."]
        counts["failed"] += subprocess.run(ruff, cwd=ROOT).returncode != 0
    for backend in [arguments.backend] if arguments.backend else BACKENDS:
        print(f"== pytest on {backend}", flush=True)
        for outcome, count in suite(backend, rest).items():
            counts[outcome] += count
    print("{passed} passed, {failed} failed, {skipped} skipped".format(**counts))
    return counts["failed"] > 0 or counts["passed"] == 0


def suite(backend, arguments):
    """Runs the suite on a backend and returns how many tests had which outcome."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        process = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
                *(f"--basetemp={folder}/tests", f"--junitxml={report}", *arguments),
            ],
            cwd=ROOT,
            env={**os.environ, **environment(backend, folder)},
        )
        if not report.exists():
            return {"failed": 1}
        (totals,) = ElementTree.parse(report).getroot().iter("testsuite")
        failed = int(totals.get("failures")) + int(totals.get("errors"))
        skipped = int(totals.get("skipped"))
        passed = int(totals.get("tests")) - failed - skipped
        # A crash may come after the last test.
        failed += process.returncode != 0 and failed == 0
        return {"passed": passed, "failed": failed, "skipped": skipped}


def environment(backend, folder):
    """Has Keras use a backend, and everything write to `folder` that writes to home."""
    places = [
        *("KERAS_HOME", "MPLCONFIGDIR", "TFDS_DATA_DIR", "TORCHINDUCTOR_CACHE_DIR"),
        *("WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR", "XDG_CACHE_HOME"),
    ]
    return {
        "KERAS_BACKEND": backend,
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "PYTHONDONTWRITEBYTECODE": "1",
        **{place: str(Path(folder) / place.lower()) for place in places},
    }


if __name__ == "__main__":
    sys.exit(main())
