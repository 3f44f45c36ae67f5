"""What hints say of calls, to who reads them: mypy."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.one_backend

ROOT = Path(__file__).parent.parent


def test_mypy_tells_right_calls_from_wrong_ones(tmp_path):
    """It reads kdl as it is installed, and `typed.py` as the code of a user."""
    pytest.importorskip("mypy")
    package = tmp_path / "kdl"
    package.mkdir()
    inside = [ROOT / name for name in ("callbacks", "recipes", "tuning")]
    for path in [*(ROOT / "kdl").iterdir(), *inside]:
        (package / path.name).symlink_to(path)
    options = ["--config-file", ROOT / "pyproject.toml", "--cache-dir", "cache"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, "kdl", ROOT / "tests" / "typed.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
