"""The code of the README and of the pages in docs/ runs as it stands."""

import operator
import re
from pathlib import Path
from types import SimpleNamespace

import keras
import pytest

import kdl

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEXT = PAGES[0].read_text(encoding="utf-8")


def scripts(page):
    """The blocks of a page; one that imports nothing goes on after the one before."""
    found = []
    text = page.read_text(encoding="utf-8")
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        if re.search(r"^(import|from) ", block, re.MULTILINE):
            found.append(block)
        else:
            found[-1] += block
    return found


SCRIPTS = [
    pytest.param(script, id=f"{page.name}-{count}")
    for page in PAGES
    for count, script in enumerate(scripts(page))
]


def test_there_are_scripts():
    assert len(SCRIPTS) >= 10


@pytest.mark.one_backend
@pytest.mark.parametrize("script", SCRIPTS)
def test_script_runs(script, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_SILENT", "true")
    exec(compile(script, "a page", "exec"), {})


def test_ci_runs_the_second_command():
    command = re.search(r"pip install (-q -e \"\.\[test\]\") && \S+ (\S+)\n", TEXT)
    script = (ROOT / ".ci" / "run").read_text()
    assert f'install {command[1]} && "$venv/bin/python" {command[2]}' in script


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_are_there(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"(?:\]\(|src=\")([^)#\"]+)", text):
        found = target.startswith("https://") or (page.parent / target).exists()
        assert found, target


@pytest.mark.one_backend
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_names_are_there(page):
    """Those of kdl and Keras that a page mentions."""
    text = page.read_text(encoding="utf-8")
    for name in sorted(set(re.findall(r"(?<![\w./])((?:kdl|keras)(?:\.\w+)+)", text))):
        assert operator.attrgetter(name)(SimpleNamespace(kdl=kdl, keras=keras)), name
