"""The notebooks of docs/ run, and are stored with what a run shows."""

import importlib.util
import json
import re
from pathlib import Path

import keras
import pytest

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
BACKEND = re.compile(r'setdefault\("KERAS_BACKEND", "(\w+)"\)')
MOST = 400_000  # Bytes of a file.
# Folders of a machine, codes of a terminal, and what Python prints of an error.
UNWANTED = re.compile(
    r"/(home|root|tmp|work|usr|private|Users|content)/|site-packages|\x1b|\x08|\r"
    r"|Traceback|Warning: "
)


def cells(path):
    """The code cells of a notebook, dicts."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def backend_of(path):
    """The backend that the first cell of a notebook chooses."""
    (name,) = BACKEND.findall("".join(cells(path)[0]["source"]))
    return name


def kinds(cell):
    """What the outputs of a cell are."""
    return [sorted(output.get("data", [output["output_type"]])) for output in cell]


HERE = [path for path in NOTEBOOKS if backend_of(path) == keras.backend.backend()]
stored = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@pytest.mark.parametrize("path", HERE, ids=lambda path: path.stem)
def test_shows_what_is_stored(path, tmp_path):
    """Numbers may differ with the processor; what is shown does not."""
    file = FOLDER / "run.py"
    spec = importlib.util.spec_from_file_location("run_notebooks", file)
    run = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(run)
    notebook = run.executed(path, tmp_path)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell, known in zip(code, cells(path), strict=True):
        assert kinds(cell.outputs) == kinds(known["outputs"]), cell.source


@pytest.mark.one_backend
def test_each_backend_has_some():
    assert {*map(backend_of, NOTEBOOKS)} == {"jax", "tensorflow", "torch"}


@pytest.mark.one_backend
@stored
def test_was_executed_in_order(path):
    counts = [cell["execution_count"] for cell in cells(path)]
    assert counts == list(range(1, len(counts) + 1))


@pytest.mark.one_backend
@stored
def test_is_clean(path):
    """No output tells of a machine or of a terminal, or is an error or a warning."""
    assert path.stat().st_size < MOST
    for cell in cells(path):
        for output in cell["outputs"]:
            assert output["output_type"] != "error"
            assert output.get("name") != "stderr", output
            shown = {**output.get("data", {}), "text": output.get("text", "")}
            for kind, text in shown.items():
                if not kind.startswith("image/"):
                    assert not UNWANTED.search("".join(text)), text


@pytest.mark.one_backend
@stored
def test_pictures_have_a_description(path):
    for cell in cells(path):
        has_picture = any("image/png" in kind for kind in kinds(cell["outputs"]))
        assert bool(cell["metadata"].get("alt")) == has_picture, cell["source"]


@pytest.mark.one_backend
def test_are_listed():
    page = (FOLDER / "index.md").read_text(encoding="utf-8")
    assert re.findall(r"\]\(([\w-]+\.ipynb)\)", page) != []
    listed = set(re.findall(r"\]\(([\w-]+\.ipynb)\)", page))
    assert listed == {path.name for path in NOTEBOOKS}


@pytest.mark.one_backend
@stored
def test_links_are_there(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            for target in re.findall(r"\]\(([^)#]+)", "".join(cell["source"])):
                assert (FOLDER / target).exists(), target
