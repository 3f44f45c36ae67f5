"""Imports files of users, and tells their errors from ours."""

import contextlib
import hashlib
import importlib
import importlib.util
import linecache
import sys
import traceback
from pathlib import Path

# Modules of users by file, each as a tuple of its digest and the modules that it
# brought along.
_IMPORTED = {}
# Where a user's folder may hold code of others.
_OURS, _OTHERS = ("kdl", "kdl_cli"), {"site-packages", "dist-packages"}


class UserError(ValueError):
    """An error in the code of a user, told by their own lines."""


@contextlib.contextmanager
def told(heading):
    """Raises a `UserError` for an error that comes from code of a user.

    Args:
        heading: String. A line that says what failed.
    """
    try:
        yield
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        lines = own_lines(error)
        if lines is None:
            raise
        raise UserError(f"{heading}\n{lines}") from error


def own_lines(error):
    """Returns what a traceback has of a user's code, and the error itself.

    Returns:
        String of several lines; `None` if no code of a user took part.
    """
    walked = traceback.walk_tb(error.__traceback__)
    modules = [frame.f_globals.get("__name__") or "" for frame, _ in walked]
    frames = traceback.extract_tb(error.__traceback__)
    frames = [
        frame
        for frame, module in zip(frames, modules, strict=True)
        if _is_own(frame.filename, module)
    ]
    is_syntax = isinstance(error, SyntaxError) and _is_own(error.filename or "", "")
    if not frames and not is_syntax:
        return None
    lines = traceback.format_list(frames) + traceback.format_exception_only(error)
    return "".join(lines).rstrip()


def import_file(path):
    """Imports a file once, with its folder on the path as `python FILE` has it.

    The module is called as the file is, so that other files can import it.

    Args:
        path: `Path` of a file.

    Returns:
        Tuple of the module and the SHA-256 digest of the file.

    Raises:
        UserError: If it cannot be imported.
    """
    path = path.resolve()
    digest = _digest(path)
    if path in _IMPORTED and _IMPORTED[path][0] == digest:
        return _IMPORTED[path][1][0], digest
    folder = str(path.parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(_module_name(path), path)
    module = importlib.util.module_from_spec(spec)
    before = set(sys.modules)
    sys.modules[spec.name] = module
    _IMPORTED[path] = digest, [module]
    # A process may have imported an older version.
    linecache.checkcache(str(path))
    try:
        with told(f"{path.name} cannot be imported:"):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[spec.name], _IMPORTED[path]
        raise
    _IMPORTED[path] = digest, [module, *_brought(before, path.parent)]
    return module, digest


def import_module(name):
    """Imports a module by its name, with the current folder on the path.

    Returns:
        Tuple of the module, its file and the SHA-256 digest of that.

    Raises:
        ValueError: If there is no such module, or if it has no file.
        UserError: If it cannot be imported.
    """
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        spec = importlib.util.find_spec(name)
    except ImportError as error:
        # A package that it lies in may lack another one.
        if not f"{name}.".startswith(f"{error.name}."):
            raise
        spec = None
    except ValueError:
        spec = None
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        raise ValueError(
            f"There is no module {name!r}. Run the command where Python finds it, or "
            "name a file: my_recipe.py."
        )
    path = Path(spec.origin).resolve()
    before = set(sys.modules)
    # Its lines are the user's also while it is imported.
    _IMPORTED[path] = _digest(path), []
    try:
        with told(f"{name} cannot be imported:"):
            module = importlib.import_module(name)
    except BaseException:
        del _IMPORTED[path]
        raise
    folder = path.parents[min(name.count("."), len(path.parents) - 1)]
    _IMPORTED[path] = _digest(path), [module, *_brought(before, folder)]
    return module, path, _IMPORTED[path][0]


def imported():
    """Returns the modules of users that were imported."""
    return [module for _, modules in _IMPORTED.values() for module in modules]


def _digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _module_name(path):
    """The name of the file, unless a module of another file has it."""
    there = sys.modules.get(path.stem)
    ours = any(there in modules[:1] for _, modules in _IMPORTED.values())
    return path.stem if there is None or ours else f"recipe_{path.stem}"


def _brought(before, folder):
    """The modules that came with an import from its folder."""
    return [
        module
        for name, module in list(sys.modules.items())
        if name not in before
        and name.partition(".")[0] not in _OURS
        and (file := getattr(module, "__file__", None))
        and folder in Path(file).parents
        and not _OTHERS.intersection(Path(file).parts)
    ]


def _is_own(file, module):
    """Whether a file is one that a user named, or lies in its folder."""
    if file.startswith("<"):
        return False  # Of Python itself.
    file = Path(file).resolve()
    return file in _IMPORTED or (
        not _OTHERS.intersection(file.parts)
        and module.partition(".")[0] not in _OURS
        and any(path.parent in file.parents for path in _IMPORTED)
    )
