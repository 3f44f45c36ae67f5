"""Writes the folders of runs, searches and so on."""

import contextlib
import csv
import importlib.metadata
import itertools
import platform
import time
from datetime import UTC, datetime
from pathlib import Path

import typer

from kdl.files import WriteError, atomic, write_json, write_png
from kdl.tuning.stop_signals import StopSignals, ignore_signals
from kdl_cli.folder.reading import (
    HYPERPARAMETERS,
    SETTINGS,
    basename,
    read_settings,
)

_FRAME, _LAST_FRAME = 0.4, 2.0  # Seconds that a frame of an animation is shown.


class Folder:
    """Folder of a run, a search and so on that this process writes.

    Args:
        path: `Path`.
        settings: Dict of plain values, with the key `kind`.
        before: Dict. Settings that the folder holds, if it is resumed. Their
            `started` stays, and their `seconds` are added to.
        file: Optional `Path`. The file of a user that defines the recipe, of which a
            copy is kept.
    """

    def __init__(self, path, settings, before=None, file=None):
        self.path, self._file = path, file
        before = before or {}
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self.settings = {
            **settings,
            "status": "running",
            "started": before.get("started", now),
            "seconds": before.get("seconds") or 0,
            "versions": versions(settings["backend"]),
        }
        self._start = time.monotonic() - self.settings["seconds"]

    def begin(self):
        """Makes the folder, if needed, and writes the settings."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_json(self.path / SETTINGS, self.settings)
        if self._file is not None:
            with atomic(self.path / self._file.name) as draft:
                draft.write_bytes(self._file.read_bytes())

    def ended(self, status):
        """Returns the settings of a command that ends now with this status."""
        seconds = round(time.monotonic() - self._start, 1)
        return self.settings | {"status": status, "seconds": seconds}

    def end(self, status):
        """Records the status: `finished`, `interrupted` or `failed`."""
        self.settings = self.ended(status)
        write_json(self.path / SETTINGS, self.settings)

    def write_hyperparameters(self, recipe, values):
        write_json(self.path / HYPERPARAMETERS, {"recipe": recipe, "values": values})

    def write_rows(self, name, rows):
        """Writes dicts as CSV, with a column for each key of any of them."""
        columns = list(dict.fromkeys(key for row in rows for key in row))
        with (
            atomic(self.path / name) as draft,
            draft.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)

    def write_figure(self, name, figure):
        write_png(self.path / name, figure, dpi=150)

    def write_animation(self, name, frames):
        """Writes images one after the other, for ever, the last one for longer."""
        first, *others = frames
        seconds = [*[_FRAME] * len(others), _LAST_FRAME]
        with atomic(self.path / name) as draft:
            first.save(
                draft,
                format="GIF",
                save_all=True,
                append_images=others,
                duration=[round(1000 * each) for each in seconds],
                loop=0,
            )

    def write_model(self, model):
        with atomic(self.path / "model.keras") as draft:
            model.save(draft)

    def listing(self):
        """A line that names its files."""
        # Without hidden files, such as the lock.
        files = sorted(file.name for file in self.path.glob("[!.]*") if file.is_file())
        return f"In {self.path}: {', '.join(files)}"


@contextlib.contextmanager
def ending(folder, console, hint):
    """Records how the block ends, and exits with code 130 on signals.

    The signals are Ctrl-C, SIGTERM and SIGHUP.

    Args:
        folder: `Folder`.
        console: `rich.console.Console`.
        hint: String. What the user can do after an interruption.

    Yields:
        `kdl.tuning.stop_signals.StopSignals`, for code that may swallow a
        `KeyboardInterrupt`.
    """
    signals = StopSignals()
    with signals.watched():
        try:
            try:
                yield signals
            except Exception:
                # Code that catches the interruption may raise another error.
                signals.check()
                raise
        except KeyboardInterrupt:
            # Further signals change nothing now.
            ignore_signals()
            folder.end("interrupted")
            # After SIGHUP the terminal may be gone.
            with contextlib.suppress(OSError):
                console.print(f"Interrupted. {hint}")
            raise typer.Exit(130) from None
        except BaseException:
            with contextlib.suppress(WriteError):
                folder.end("failed")
            raise
        folder.end("finished")


def to_resume(path, settings, identity):
    """Returns the settings in a folder as `check_same` does, or `None` of a new one."""
    return check_same(path, settings, identity) if occupied(path) else None


def check_same(path, settings, identity):
    """Returns the settings in a folder, provided that these can resume it.

    Args:
        path: `Path` of the folder.
        settings: Dict of the settings now.
        identity: Function from settings to a dict of those that have to agree.

    Raises:
        ValueError: If the folder holds something else.
    """
    kind = settings["kind"]
    before = read_settings(path, kind)
    check_same_file(path, before, settings)
    there, here = identity(before), identity(settings)
    other = [name for name in here | there if there.get(name) != here.get(name)]
    if other:
        there, here = (
            ", ".join(f"{name} {side.get(name)}" for name in other)
            for side in (there, here)
        )
        raise ValueError(
            f"{path} holds another {kind}: {there}, not {here}. "
            "Give --out a new name, or use the same options."
        )
    return before


def check_same_file(path, before, settings):
    """Raises a `ValueError` if the file of a user's recipe has changed."""
    name = basename(settings["recipe"])
    if name == basename(before["recipe"]):
        digests = before.get("recipe_sha256"), settings.get("recipe_sha256")
        file = f"{name.rpartition(':')[0]}"
        if digests[0] != digests[1]:
            raise ValueError(
                f"{file} has changed since the {settings['kind']} in {path} began with "
                "it. Give --out a new name, or undo the change: a copy of what it was "
                "is in that folder."
            )


def check_free(out, otherwise=""):
    """Raises a `ValueError` if `out`, which may be `None`, is not free.

    Args:
        out: Optional `Path`.
        otherwise: String. What else one can do, in the end of the sentence.
    """
    if out is not None and occupied(out):
        raise ValueError(
            f"{out} already exists, and nothing is overwritten. Give --out a new name"
            f"{otherwise}."
        )


def create(out, default):
    """Makes a new folder.

    Args:
        out: Optional `Path`. A folder that does not exist, or is empty.
        default: String. Where `out` is `None`, the name, within `runs`, that is
            followed by the first free number.
    """
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        return out
    Path("runs").mkdir(exist_ok=True)
    for number in itertools.count(1):
        path = Path("runs") / f"{default}-{number}"
        with contextlib.suppress(FileExistsError):
            path.mkdir()
            return path


def check_file(path, overwrite):
    """Raises a `ValueError` if a file for --out cannot be written, or is not to be.

    Args:
        path: `Path`.
        overwrite: Boolean. Whether it may be there.
    """
    if path.is_dir():
        raise ValueError(f"{path} is a folder. Give --out the name of a file.")
    check_overwrite(path, overwrite)


def check_overwrite(path, overwrite):
    """Raises a `ValueError` if a file or folder is there and not to be overwritten."""
    if occupied(path) and not overwrite:
        raise ValueError(
            f"{path} already exists. Give --out a new name, or --overwrite."
        )


def occupied(path):
    """Whether `path` exists and is not an empty folder."""
    return path.exists() and not (path.is_dir() and not any(path.iterdir()))


def versions(backend):
    packages = ["keras", "keras-tuner", "numpy", "scikit-learn", "scipy"]
    known = {name: importlib.metadata.version(name) for name in packages}
    known["kdl"] = importlib.metadata.version("keras-kdl")
    # By module: TensorFlow's package may be called tensorflow-cpu.
    known[backend] = __import__(backend).__version__
    return {"python": platform.python_version(), **known}
