"""Builds the documentation site into a folder, without a network.

The pages are those of docs/, the changelog, and a reference that is made from the
docstrings. A link that leads nowhere ends the build.

pip install -e ".[jax,site]"
python docs/site/build.py [--out site]
"""

import argparse
import importlib
import inspect
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
# As pyproject.toml has them.
INSIDE = ("callbacks", "recipes", "tuning")

PAGE = """---
title: {name}
---

::: {path}
    options:
      heading: kdl.{room}.{name}
      toc_label: {name}
"""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=Path("site"))
    out = parser.parse_args().out.resolve()
    with tempfile.TemporaryDirectory() as folder:
        stage = Path(folder)
        collect(stage)
        command = [sys.executable, "-m", "zensical", "build"]
        done = subprocess.run(command, cwd=stage)
        if done.returncode:
            sys.exit(done.returncode)
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(stage / "site", out)
    print(f"Built {out}")


def collect(stage):
    """Puts all that the site is made of into a folder."""
    shutil.copytree(
        ROOT / "docs", stage / "docs", ignore=shutil.ignore_patterns("site", "figures")
    )
    shutil.copy(ROOT / "CHANGELOG.md", stage / "docs" / "changelog.md")
    for name in ("mkdocs.yml", "docstrings.py"):
        shutil.copy(HERE / name, stage)
    # The package as it is installed, which the reference is read from.
    package = stage / "package" / "kdl"
    package.mkdir(parents=True)
    for path in (ROOT / "kdl").iterdir():
        os.symlink(path, package / path.name)
    for name in INSIDE:
        os.symlink(ROOT / name, package / name)
    reference(stage / "docs" / "reference")


def reference(folder):
    """Writes a page for each public name, and one for each room of them."""
    import kdl

    rooms = [name for name in kdl.__all__ if inspect.ismodule(getattr(kdl, name))]
    for room in rooms:
        module = importlib.import_module(f"kdl.{room}")
        (folder / room).mkdir(parents=True)
        rows = []
        for name in module.__all__:
            component = getattr(module, name)
            # By its file: a folder's public name may also be the name of the file.
            path = f"{component.__module__}.{component.__qualname__}"
            page = PAGE.format(name=name, room=room, path=path)
            (folder / room / f"{name}.md").write_text(page)
            first = inspect.getdoc(component).split("\n")[0]
            rows.append(f"| [`{name}`]({name}.md) | {first} |")
        text = "\n".join(
            [
                f"# kdl.{room}",
                "",
                inspect.getdoc(module),
                "",
                "| name | what it does |",
                "|---|---|",
                *rows,
            ]
        )
        (folder / room / "index.md").write_text(text + "\n")


if __name__ == "__main__":
    main()
