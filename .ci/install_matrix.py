"""Builds the wheel and the sdist, and installs each where nothing else is installed.

For each version of Python and each backend alone: a virtual environment, the
distribution with that backend, `pip check`, every public name, and commands from a
training to a prediction. In the first one, mypy reads the hints that are installed. It
needs a package index. Prints a table.

python .ci/install_matrix.py --pythons python3.11 python3.12 python3.13
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
BACKENDS = "jax", "torch", "tensorflow"
TABLE = """\
island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g,sex,year
Torgersen,39.1,18.7,181,3750,male,2007
Biscoe,50.0,15.2,218,5700,male,2007
"""
NAMES = """
import importlib, pathlib, pkgutil, kdl, kdl_cli.main
rooms = [m.name for m in pkgutil.iter_modules(kdl.__path__, "kdl.") if m.ispkg]
count = 0
for room in sorted(rooms):
    module = importlib.import_module(room)
    for name in getattr(module, "__all__", ()):
        getattr(module, name)
        count += 1
assert count > 200, count
assert "site-packages" in kdl.__file__, kdl.__file__
assert pathlib.Path(kdl.__file__).with_name("py.typed").exists()
print(count)
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pythons", nargs="+", default=[sys.executable])
    parser.add_argument("--backends", nargs="+", default=BACKENDS, choices=BACKENDS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        built = build(Path(folder))
        print("| Python | backend | from | names | seconds | |\n" + "|---" * 6 + "|")
        failed, is_first = 0, True
        for python in given.pythons:
            for backend in given.backends:
                for distribution in built:
                    options = python, backend, distribution, Path(folder)
                    row, is_well = tried(*options, hints=is_first)
                    is_first = False
                    print(f"| {' | '.join(row)} |", flush=True)
                    failed += not is_well
    return failed > 0


def build(folder):
    """Returns the paths of a wheel and an sdist of what git knows."""
    source, out = folder / "source", folder / "dist"
    archive = run("git", "archive", "HEAD", cwd=ROOT, text=False)
    source.mkdir()
    subprocess.run(["tar", "x"], input=archive, cwd=source, check=True)
    builder = folder / "builder"
    run(sys.executable, "-m", "venv", builder)
    run(builder / "bin" / "pip", "install", "-q", "build")
    run(builder / "bin" / "python", "-m", "build", "--outdir", out, source)
    (wheel,), (sdist,) = out.glob("*.whl"), out.glob("*.tar.gz")
    return wheel, sdist


def tried(python, backend, distribution, folder, hints):
    """Returns the cells of a row, and whether all went well.

    Args:
        python: String. The interpreter.
        backend: String.
        distribution: `Path` of a wheel or an sdist.
        folder: `Path` of a folder for what is installed.
        hints: Boolean. Whether mypy reads the hints, by the calls of `tests/typed.py`.
    """
    version = run(python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
    kind = "wheel" if distribution.suffix == ".whl" else "sdist"
    row, begun = [version.strip(), backend, kind], time.monotonic()
    with tempfile.TemporaryDirectory(dir=folder) as place:
        venv, work = Path(place) / "venv", Path(place) / "work"
        work.mkdir()
        bin_folder = venv / "bin"

        def kdl(command):
            return run(bin_folder / "kdl", *command.split(), cwd=work)

        try:
            run(python, "-m", "venv", venv)
            run(bin_folder / "pip", "install", "-q", f"{distribution}[{backend}]")
            run(bin_folder / "pip", "check")
            # The command line finds the backend by itself.
            code = f"import os; os.environ['KERAS_BACKEND'] = {backend!r}\n{NAMES}"
            names = run(bin_folder / "python", "-c", code, cwd=work).split()[-1]
            kdl("run images --epochs 1 --out digits")
            kdl("run tabular --data penguins --epochs 1 --out birds")
            (work / "new.csv").write_text(TABLE)
            kdl("predict birds new.csv --out found.csv")
            assert len((work / "found.csv").read_text().splitlines()) == 3
            settings = json.loads((work / "birds" / "settings.json").read_text())
            assert settings["backend"] == backend, settings["backend"]
            kdl("tune tabular --data penguins --trials 2 --epochs 1")
            if hints:
                run(bin_folder / "pip", "install", "-q", "mypy")
                mypy = bin_folder / "python", "-m", "mypy", "--python-version"
                config = "--config-file", ROOT / "pyproject.toml"
                calls = ROOT / "tests" / "typed.py"
                run(*mypy, version.strip(), *config, calls, cwd=work)
        except subprocess.CalledProcessError as error:
            lines = (error.stderr or error.stdout or "").strip().splitlines()
            said = lines[-1] if lines else f"exit code {error.returncode}"
            return [
                *row,
                "",
                f"{time.monotonic() - begun:.0f}",
                f"failed: {said}",
            ], False
    result = "works, as do its hints" if hints else "works"
    return [*row, names, f"{time.monotonic() - begun:.0f}", result], True


def run(*command, cwd=None, text=True):
    """Returns what a command prints."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "KERAS_BACKEND", "VIRTUAL_ENV")
    }
    command = [str(part) for part in command]
    options = {"capture_output": True, "check": True, "env": environment}
    return subprocess.run(command, cwd=cwd, text=text, **options).stdout


if __name__ == "__main__":
    sys.exit(main())
