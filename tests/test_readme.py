"""The code of the README and of the pages in docs/ runs as it stands."""

import re
from pathlib import Path

import pytest

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
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        found = target.startswith("https://") or (page.parent / target).exists()
        assert found, target
