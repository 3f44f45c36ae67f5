"""Executes the notebooks, and saves each with what it shows.

pip install -e ".[test]"
python docs/notebooks/run.py [NAME.ipynb ...]

Each runs in an empty folder, on the backend that its first cell chooses.
"""

import argparse
import os
import re
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent
# Where an object lies in memory differs from run to run.
ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]+")
# What libraries of C++ say of the machine, past Python.
MACHINE = re.compile(
    r"(WARNING: All log messages before absl|[IWE]\d{4} |INFO: |fully_quantize: ).*\n"
)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("notebooks", nargs="*", type=Path)
    chosen = parser.parse_args().notebooks or sorted(HERE.glob("*.ipynb"))
    for path in chosen:
        print(path.name, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            notebook = executed(path, folder)
        text = nbformat.writes(notebook) + "\n"
        draft = path.with_suffix(".draft")
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)


def executed(path, folder):
    """Returns a notebook with the outputs of a run.

    Args:
        path: `Path` of the notebook.
        folder: Where it runs.

    Raises:
        nbclient.exceptions.CellExecutionError: If a cell fails.
    """
    notebook = nbformat.read(path, as_version=4)
    # The first cell chooses the backend.
    environment = {k: v for k, v in os.environ.items() if k != "KERAS_BACKEND"}
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute(env=environment)
    notebook.metadata = {
        "kernelspec": {
            "display_name": "Python 3",
            "language": "python",
            "name": "python3",
        },
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = list(cleaned(cell.outputs))
    return notebook


def cleaned(outputs):
    """Yields outputs without what is of the machine that they were made on.

    What is printed bit by bit becomes one piece.
    """
    before = None
    for output in outputs:
        if output.output_type == "stream":
            if output.name == "stderr":
                output.text = MACHINE.sub("", output.text)
            if not output.text.strip():
                continue
            if before is not None and output.name == before.get("name"):
                before.text += output.text
                continue
        elif "text/plain" in output.get("data", {}):
            output.data["text/plain"] = ADDRESS.sub("", output.data["text/plain"])
        before = output
        yield output


if __name__ == "__main__":
    main()
