"""Folders with a folder of files for each class."""

import errno
import os

import numpy as np

from kdl.data.on_disk import take
from kdl.data.splits import Splits, all_parts, listed

# Names of the folders of each part.
PARTS = {
    "train": ("train",),
    "validation": ("validation", "val", "valid"),
    "test": ("test",),
}
# The class of files that lie in no folder of a class.
_ALL = "all"


def parts_of(root):
    """Returns the folder of each part, by its name; without any, `root` as `train`."""
    entries = _entries(root)
    above = (_identity(root),)
    names = [entry.name for entry in entries if _is_folder(entry, above)]
    known = {name for some in PARTS.values() for name in some}
    if "train" not in names or not known.issuperset(names):
        return {"train": root}
    folders = {}
    for part, synonyms in PARTS.items():
        there = [name for name in synonyms if name in names]
        if len(there) > 1:
            raise ValueError(
                f"{root} must have one folder for validation. Received: "
                f"{' and '.join(map(repr, there))}"
            )
        if there:
            folders[part] = root / there[0]
    return folders


def files_of_classes(folders, suffixes, none, least=1):
    """Returns the files of each class, and of each part.

    Without folders of classes, all files are of one class, `"all"`.

    Args:
        folders: Dict of `Path`s, as of `parts_of`. Each has a folder for each class.
        suffixes: Tuple of strings. Endings of the files.
        none: Function of the `Path` of a folder without files, which returns what to
            raise.
        least: Integer. How many classes there must be. Defaults to `1`.

    Returns:
        Tuple of the names of the classes, in order of code points; the paths of all
        files; the label of each, int32; and the number of its part in `folders`.

    Raises:
        ValueError: If there are fewer classes, or if one has no files.
        OSError: If a folder cannot be read.
    """
    parts = {part: _classes(folder, suffixes) for part, folder in folders.items()}
    classes = sorted(parts["train"])
    if len(classes) < least:
        raise ValueError(
            f"{folders['train']} must have a folder for each of {least} classes or "
            f"more. Received: {len(classes)}"
        )
    files, labels, starts = [], [], [0]
    for part, found in parts.items():
        for name in sorted(found):
            if name not in classes:
                raise ValueError(
                    f"{folders[part]} must have no other classes than "
                    f"{folders['train']}. Received: {name!r}"
                )
            if not found[name]:
                raise none(_folder_of(folders[part], name))
            files += found[name]
            labels += [classes.index(name)] * len(found[name])
        starts.append(len(files))
    part_of = np.repeat(np.arange(len(parts)), np.diff(starts))
    return classes, files, np.array(labels, "int32"), part_of


def splits_of(folders, classes, x, labels, rows, what, seed, to_test):
    """Returns files as `kdl.data.Splits`, with the parts that are missing drawn.

    Args:
        folders: Dict of `Path`s, as of `parts_of`.
        classes: List of strings.
        x: What the files hold, an array or a part on disk.
        labels: Integer array.
        rows: Dict of integer arrays, the files of each part.
        what: String. What a file holds, such as `"image"`.
        seed: Integer in `[0, 2**32)`. Draws the parts.
        to_test: Boolean. Whether each part is to be the test set, or all files where
            there is none.
    """
    if to_test:
        some = rows.get("test", np.sort(np.concatenate([*rows.values()])))
        part = take(x, some), labels[some]
        return Splits(part, part, part, classes)
    _check_counts(folders, classes, labels, rows, what)
    rows, missing = all_parts(rows, labels, seed)
    parts = {part: (take(x, rows[part]), labels[rows[part]]) for part in PARTS}
    return Splits(**parts, classes=classes, drawn="test" in missing)


def _check_counts(folders, classes, labels, rows, what):
    """Refuses classes of too few files to be in each part.

    Args:
        folders: Dict of `Path`s, as of `parts_of`.
        classes: List of strings.
        labels: Integer array.
        rows: Dict of integer arrays, the files of each part.
        what: String. What a file holds, such as `"image"`.
    """
    missing = [part for part in PARTS if part not in folders]
    for part, chosen in rows.items():
        counts = np.bincount(labels[chosen], minlength=len(classes))
        needed = 1 + len(missing) if part == "train" else 0
        for name, count in zip(classes, counts, strict=True):
            if count < needed:
                folder = _folder_of(folders[part], name)
                least = _counted(needed, what)
                raise ValueError(
                    f"{folder} must have {least} or more, one each for "
                    f"{listed(missing)}. Received: {_counted(count, what)}. Add some, "
                    "or delete the folder."
                )


def files_in(path, suffixes, above=()):
    """Returns the paths of the files in a folder, in order of their names.

    Args:
        path: Path of the folder. Folders within it are looked into, too.
        suffixes: Tuple of strings. Endings of the files.
        above: Tuple of what identifies the folders that it is in. Defaults to none.
    """
    above = (*above, _identity(path))
    found = []
    for entry in _entries(path):
        if _is_folder(entry, above):
            found += files_in(entry.path, suffixes, above)
        elif entry.name.lower().endswith(suffixes):
            found.append(entry.path)
    return found


def _classes(folder, suffixes):
    """The paths of the files of each class, by the name of its folder."""
    above = (_identity(folder),)
    found = {
        entry.name: files_in(entry.path, suffixes, above)
        for entry in _entries(folder)
        if _is_folder(entry, above)
    }
    return found or {_ALL: files_in(folder, suffixes)}


def _folder_of(folder, name):
    """The folder that holds the files of a class."""
    own = folder / name
    return own if name != _ALL or own.is_dir() else folder


def _entries(path):
    """What a folder holds and does not hide, in order of the names."""
    try:
        with os.scandir(path) as entries:
            seen = [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(f"Cannot read the folder {path}: {reason}") from None
    return sorted(seen, key=lambda entry: entry.name)


def _is_folder(entry, above):
    """Whether an entry is a folder; refuses links that lead to one that holds them."""
    if entry.is_symlink():
        try:
            loops = entry.is_dir() and _identity(entry.path) in above
            os.stat(entry.path)
        except OSError as error:
            # Other links without an end are damaged files.
            loops = error.errno == errno.ELOOP
        if loops:
            raise ValueError(
                f"{entry.path} is a link that leads in a circle. Delete it."
            )
    return entry.is_dir()


def _identity(path):
    status = os.stat(path)
    return status.st_dev, status.st_ino


def _counted(count, what):
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
