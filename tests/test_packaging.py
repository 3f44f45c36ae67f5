"""What is installed is whole."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.one_backend

ROOT = Path(__file__).parent.parent


def test_wheel_holds_everything(tmp_path):
    """Builds a wheel, installs it into a folder of its own and uses it from there."""
    # A copy, since setuptools leaves `build/` beside what it builds.
    source = tmp_path / "source"
    files = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    for name in files:
        if (ROOT / name).exists():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    site = tmp_path / "site"
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    pip = [sys.executable, "-m", "pip", "install", *options]
    subprocess.run([*pip, "--target", site, source], check=True)
    code = (
        "import sys, kdl, kdl.evaluation, kdl.recipes, kdl.tuning, kdl_cli.main;"
        "from kdl.data.sources.sklearn_digits import sklearn_digits_dataset_builder;"
        "assert len(kdl.data.fashion().test[0]) == 1000;"
        "assert kdl.metrics.image_features().output_shape == (None, 64);"
        "assert len(kdl.data.photographs(patches=1).test[0]) == 3;"
        "assert len(kdl.data.glosses().test[0]) == 1200;"
        "print(kdl.__file__, kdl.callbacks.__file__, kdl_cli.__file__);"
        "print(*{'callbacks', 'recipes', 'tuning', 'cli'} & set(sys.modules))"
    )
    output = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    paths, stray = output.split("\n")[:2]
    assert all(path.startswith(str(site)) for path in paths.split())
    assert stray == ""
    assert (site / "kdl" / "py.typed").exists()
    (licenses,) = site.glob("keras_kdl-*.dist-info/licenses")
    assert {"LICENSE", "NOTICE"} <= {path.name for path in licenses.iterdir()}
    notice = (licenses / "NOTICE").read_text()
    data = {
        path.parent for path in licenses.rglob("LICENSE") if path.parent != licenses
    }
    assert len(data) >= 4
    for folder in data:
        assert f"{folder.relative_to(licenses)}/LICENSE" in notice


def test_versions_agree():
    versions = [
        re.search(pattern, (ROOT / name).read_text(), re.MULTILINE)[1]
        for name, pattern in (
            ("pyproject.toml", r'^version = "(.*)"$'),
            ("CITATION.cff", r"^version: (.*)$"),
            ("CHANGELOG.md", r"^## (\S+)"),
        )
    ]
    assert len(set(versions)) == 1, versions
