"""Builds the documentation site into a folder, without a network.

The pages are the README, those of docs/, the changelog, the notebooks as stored, and a
reference that is made of the docstrings. Tables of hyperparameters are made of the
recipes. A link that leads nowhere, or a page that nothing leads to, ends the build.

pip install -e ".[jax,site]"
python docs/site/build.py [--out site]
"""

import argparse
import inspect
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import yaml
from nbconvert import MarkdownExporter

from kdl_cli import backends

# One that is installed, as the command line does. Keras reads it as it is imported.
backends.choose()

import kdl  # noqa: E402
from kdl_cli.commands import catalogue  # noqa: E402

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
# Folders that are installed inside kdl, as pyproject.toml has them.
INSIDE = ("callbacks", "recipes", "tuning")
# Pages that do not stand in docs/.
OUTSIDE = {"README.md": "index.md", "CHANGELOG.md": "changelog.md"}
ROOMS = [name for name in kdl.__all__ if inspect.ismodule(getattr(kdl, name))]
PAGE = """---
title: {name}
---

::: {path}
    options:
      heading: kdl.{room}.{name}
      toc_label: {name}
"""
BACKENDS = """Each name is for TensorFlow, JAX and PyTorch alike. Where one of them
lacks something, the page of the name says so."""
SPACE = re.compile(r"<!-- space of (\w+) -->")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=Path("site"))
    out = parser.parse_args().out.resolve()
    with tempfile.TemporaryDirectory() as folder:
        stage = Path(folder)
        collect(stage)
        command = [sys.executable, "-m", "zensical", "build", "--strict"]
        done = subprocess.run(command, cwd=stage)
        if done.returncode:
            sys.exit(done.returncode)
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(stage / "site", out)
    print(f"Built {out}")


def collect(stage):
    """Puts all that the site is made of into a folder."""
    pages = stage / "docs"
    unwanted = shutil.ignore_patterns("site", "figures", "*.py")
    shutil.copytree(ROOT / "docs", pages, ignore=unwanted)
    for path in pages.rglob("*.ipynb"):
        write_notebook(path)
    for path in pages.rglob("*.md"):
        text = path.read_text(encoding="utf-8")
        text = SPACE.sub(lambda match: space_table(match[1]), text)
        text = text.replace(".ipynb)", ".md)")
        path.write_text(text, encoding="utf-8")
    for source, page in OUTSIDE.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        text = re.sub(r"(\]\(|src=\")docs/", r"\1", text).replace(".ipynb)", ".md)")
        (pages / page).write_text(text, encoding="utf-8")
    write_reference(pages / "reference")
    shutil.copy(HERE / "docstrings.py", stage)
    settings = yaml.safe_load((HERE / "mkdocs.yml").read_text(encoding="utf-8"))
    add_reference(settings["nav"])
    check_nav(settings["nav"], pages)
    (stage / "mkdocs.yml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    # The package as it is installed, from which the reference is read.
    package = stage / "package" / "kdl"
    package.mkdir(parents=True)
    for path in (ROOT / "kdl").iterdir():
        os.symlink(path, package / path.name)
    for name in INSIDE:
        os.symlink(ROOT / name, package / name)


def write_notebook(path):
    """Writes the page of a notebook beside it, in its place, and the pictures."""
    notebook = nbformat.read(path, as_version=4)
    text, resources = MarkdownExporter().from_notebook_node(
        notebook, {"unique_key": path.stem, "output_files_dir": f"{path.stem}_files"}
    )
    for name, data in resources["outputs"].items():
        file = path.parent / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(data)
    # Pictures have the description that stands in the metadata of their cells.
    alts = (
        cell.metadata.get("alt", "")
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if "image/png" in output.get("data", ())
    )
    text = re.sub(r"!\[png\]", lambda match: f"![{next(alts)}]", text)
    # Tables of pandas look as the others do.
    text = text.replace('<table border="1" class="dataframe">', "<table>")
    path.with_suffix(".md").write_text(text, encoding="utf-8")
    path.unlink()


def space_table(recipe):
    """The hyperparameters of a recipe, as a table of Markdown."""
    hp, meanings, _ = catalogue.declared(recipe)
    rows = ["| name | default | range | what it is |", "|---|---|---|---|"]
    for parameter in hp.space:
        meaning = meanings.get(parameter.name, "")
        for condition in parameter.conditions:
            values = " or ".join(map(str, condition.values))
            meaning += f"; only if `{condition.name}` is {values}"
        extent = catalogue.extent(parameter)
        name = f"`{parameter.name}`"
        rows.append(f"| {name} | {parameter.default} | {extent} | {meaning} |")
    return "\n".join(rows)


def write_reference(folder):
    """Writes a page for each public name, and one for each room of them."""
    for room in ROOMS:
        module = getattr(kdl, room)
        (folder / room).mkdir(parents=True)
        rows = []
        for name in module.__all__:
            component = getattr(module, name)
            # By its file: a folder's public name may also be the name of the file.
            path = f"{component.__module__}.{component.__qualname__}"
            page = PAGE.format(name=name, room=room, path=path)
            (folder / room / f"{name}.md").write_text(page, encoding="utf-8")
            first = inspect.getdoc(component).split("\n")[0]
            # On a phone, a long name is broken between its words.
            words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=_)", "<wbr>", name)
            rows.append(f"| [<code>{words}</code>]({name}.md) | {first} |")
        head = [f"# kdl.{room}", "", inspect.getdoc(module), "", BACKENDS, ""]
        text = "\n".join([*head, "| name | what it is |", "|---|---|", *rows, ""])
        (folder / room / "index.md").write_text(text, encoding="utf-8")


def add_reference(nav):
    """Puts the pages of the reference where the navigation says "Reference"."""
    (section,) = (part for part in nav if "Reference" in part)
    section["Reference"] = [
        {
            f"kdl.{room}": [
                f"reference/{room}/index.md",
                *(
                    {name: f"reference/{room}/{name}.md"}
                    for name in getattr(kdl, room).__all__
                ),
            ]
        }
        for room in ROOMS
    ]


def check_nav(nav, pages):
    """Refuses a page that is not in the navigation."""
    there = {path.relative_to(pages).as_posix() for path in pages.rglob("*.md")}
    missing = sorted(there - set(targets(nav)))
    if missing:
        sys.exit(f"Not in the navigation of docs/site/mkdocs.yml: {', '.join(missing)}")


def targets(nav):
    """All pages that a part of the navigation leads to."""
    match nav:
        case str():
            yield nav
        case dict():
            yield from targets(list(nav.values()))
        case list():
            for part in nav:
                yield from targets(part)


if __name__ == "__main__":
    main()
