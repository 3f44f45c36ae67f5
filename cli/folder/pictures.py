"""Images about inputs, in a folder of their own."""

from pathlib import Path

from kdl.files import atomic
from kdl_cli.folder.writing import occupied


class Pictures:
    """A folder that gets a PNG for each input.

    Args:
        path: `Path` of the folder.
        option: String. The option that names it, such as `"--images"`.
        overwrite: Boolean. Whether it may hold something already.
        inputs: List of `Path`s. Files that are read, which are not overwritten.

    Raises:
        ValueError: If the folder cannot be used.
    """

    def __init__(self, path, option, overwrite, inputs):
        if path.exists() and not path.is_dir():
            raise ValueError(f"{path} is a file. Give {option} the name of a folder.")
        if occupied(path) and not overwrite:
            raise ValueError(
                f"{path} already exists. Give {option} a new name, or --overwrite."
            )
        if path.resolve() in {Path(file).resolve().parent for file in inputs}:
            raise ValueError(
                f"{path} holds inputs, which are not overwritten. Give {option} "
                "another folder."
            )
        self.path = path
        self._taken = set()

    def write(self, name, picture):
        """Writes the image of an input, and returns the path of its file.

        Args:
            name: String. Where the input stands, such as `"photos/a.jpg"` or
                `"x.npy[3]"`. A file is named after it, and numbered if it is not the
                first of its name.
            picture: `PIL.Image.Image`.
        """
        file, bracket, row = name.partition("[")
        stem = Path(file).stem + (f"-{row.rstrip(']')}" if bracket else "")
        free, number = stem, 1
        while free in self._taken:
            number += 1
            free = f"{stem}-{number}"
        self._taken.add(free)
        self.path.mkdir(parents=True, exist_ok=True)
        path = self.path / f"{free}.png"
        with atomic(path) as draft:
            picture.save(draft)
        return str(path)
