"""`kdl init`: a recipe file to begin with. It needs no Keras."""

import keyword
from importlib import resources
from pathlib import Path

from kdl_cli.terminal.text import command

LIKE = ("images", "tabular", "forecast", "seq2seq", "language_model")


def write(name, like):
    """Writes a recipe file, and yields lines that say what one can do with it.

    Args:
        name: String. Path of the file, with or without `.py`.
        like: String. One of `LIKE`.

    Raises:
        ValueError: If the name or the task cannot be used, or if the file exists.
        OSError: If the file cannot be written.
    """
    if like not in LIKE:
        raise ValueError(
            f"`--like` must be one of {', '.join(map(repr, LIKE))}. "
            f"Received: --like={like!r}"
        )
    path = Path(name if name.endswith(".py") else f"{name}.py")
    if not path.stem.isidentifier() or keyword.iskeyword(path.stem):
        raise ValueError(
            "`NAME` must be a name in Python, of letters, digits and underscores, as "
            f"in my_recipe. Received: {name!r}"
        )
    if not path.parent.is_dir():
        raise ValueError(f"There is no folder {path.parent}. Make it first.")
    kind = "".join(word[:1].upper() + word[1:] for word in path.stem.split("_"))
    text = (
        resources.files("kdl_cli.templates").joinpath(f"{like}.py").read_text("utf-8")
    )
    for old, new in (
        ("class Template(", f"class {kind or 'Mine'}("),
        ("FILE.py", path.name),
        ("runs/NAME", f"runs/{path.stem}"),
    ):
        text = text.replace(old, new)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ValueError(
            f"{path} already exists, and nothing is overwritten. Give another name."
        ) from None
    yield f"{path} is a recipe that runs as it is: {command('run', path)}"
    yield f"What can be tuned: {command('describe', path)}"
