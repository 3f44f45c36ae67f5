"""Data by name."""

from collections.abc import Callable
from typing import NamedTuple

from kdl.data.sources.arithmetic import arithmetic
from kdl.data.sources.dates import dates
from kdl.data.sources.digits import digits
from kdl.data.sources.fashion import fashion
from kdl.data.sources.images.folder import read_folder
from kdl.data.sources.images.masks import read_masks
from kdl.data.sources.mackey_glass import mackey_glass
from kdl.data.sources.npz_files import read_npz
from kdl.data.sources.nuclei import nuclei
from kdl.data.sources.photographs import FACTORS, photographs, read_photographs
from kdl.data.sources.scenes import scenes
from kdl.data.sources.tables.penguins import penguins
from kdl.data.sources.tables.table import table, table_to_test
from kdl.data.sources.texts.glosses import glosses
from kdl.data.sources.texts.text_files import read_pairs, read_windows
from kdl.data.sources.texts.texts import texts, texts_to_test
from kdl.data.sources.texts.topics import topics
from kdl.data.sources.tfds import tfds
from kdl.data.splits import Splits


def load(source: str | Splits, seed: int = 0) -> Splits:
    """Loads data by the name that a command line can carry.

    Args:
        source: One of

            - `"digits"` or `"gallery"`, the two splits of `kdl.data.digits`;
            - `"fashion"`, `"scenes"`, `"nuclei"`, `"penguins"`, `"dates"`,
              `"arithmetic"`, `"topics"`, `"glosses"` or `"mackey_glass"`, after the
              functions of `kdl.data`;
            - `"images:DIR"`, a folder with a folder of images for each class, maybe
              within `train`, `validation` and `test`. Without folders of classes, all
              images are of one class, `"all"`. They stay on disk, and are read
              batch by batch. Options follow a question mark:
              `"images:pets?size=96"`, or with height and width `size=96x128`, to which
              the images are resized; `channels=1` for grey or `channels=3`; and
              `skip_damaged=true`, to leave out files that cannot be read. Several are
              joined by `&`. If a path has a question mark itself, put one more behind
              it;
            - `"photographs"`, those of `kdl.data.photographs`, small and large, or
              `"photographs:DIR"`, the images in a folder of yours, which need no
              classes. Options follow a question mark: `"photographs?factor=4"`, or 2, 3
              or 8, how many times larger the large images are; `patches=5000`, how
              many train; and `channels=1` for grey;
            - `"masks:DIR"`, a folder with a folder `images` and a folder `masks`, whose
              files have the same names. What masks show is 0 and 255, numbers of
              classes, or a colour for each class; a file `classes.txt`, a name a line,
              names them. Parts and options are as of `"images:DIR"`;
            - `"npz:FILE"`, arrays that `numpy.savez` wrote: `x` and `y`, or `x_train`,
              `y_train`, `x_test` and `y_test`, and maybe `x_validation` and
              `y_validation`;
            - `"csv:FILE"`, a table in CSV, TSV or Parquet. Options as of
              `kdl.data.table` follow a question mark:
              `"csv:houses.csv?target=price&drop=id,street"`; `group`, `test` and
              `task` likewise;
            - `"texts:FILE"`, texts and their classes in CSV, TSV, JSON lines or
              Parquet, or `"texts:DIR"`, a folder with a folder of texts for each
              class. Options as of `kdl.data.texts` follow a question mark:
              `"texts:reviews.csv?text=review&target=stars"`; `separator` and `test`
              likewise;
            - `"tfds:NAME"`, a data set of `kdl.data.tfds`, such as `"tfds:mnist"`;
            - `"text:PATH"`, the text in a file in UTF-8, in windows of 64 characters
              as those of `kdl.data.topics`;
            - `"pairs:PATH"`, the lines of a file in UTF-8, each of a text, a tab and
              what it is to become;
            - `kdl.data.Splits`, which are returned as they are.
        seed: Integer in `[0, 2**32)`. Draws what the source leaves to chance.
            Defaults to `0`.

    Returns:
        `kdl.data.Splits`.

    Raises:
        ValueError: If no source has this name, or if a file does not hold what it
            should.
        ImportError: If the source needs a package that is not installed.
        ConnectionError: If the source must be downloaded and cannot be.
        OSError: If a file cannot be read.

    Example:

    >>> (x, y), validation, test = kdl.data.load("gallery")
    """
    check_source(source)
    if isinstance(source, Splits):
        return source
    if source in _NAMED:
        return _NAMED[source](seed)
    kind, argument, options = _parsed(source)
    return kind.load(argument, seed, **options)


def load_to_test(source, seed, classes):
    """Loads data to test a model on that has learned from others.

    Args:
        source: As of `load`.
        seed: Likewise.
        classes: List of strings. Names of the classes that the model knows, by label;
            `None` if it predicts numbers.

    Returns:
        `kdl.data.Splits`, of which each part is the test set that the source came
        with, or all of its examples. Classes may be few, and have few examples.

    Raises:
        ValueError: As of `load`, or if a class is none of the model's.
    """
    check_source(source)
    if isinstance(source, str) and source not in _NAMED:
        kind, argument, options = _parsed(source)
        if kind.to_test is not None:
            return kind.to_test(argument, classes, **options)
    splits = load(source, seed).tested_whole()
    return Splits(splits.test, splits.test, splits.test, splits.classes)


def check_source(source, name="source"):
    """Returns `source`, provided `load` knows it, before anything is loaded.

    Args:
        source: As of `load`.
        name: String. What an error calls it. Defaults to `"source"`.

    Raises:
        ValueError: If no source has this name, or if it has no such options.
    """
    known = isinstance(source, Splits)
    if isinstance(source, str):
        prefix, argument = _prefix(source)
        known = source in _NAMED or bool(argument and prefix in _KINDS)
    if not known:
        forms = [*map(repr, _NAMED), *(f"'{kind.form}'" for kind in _KINDS.values())]
        raise ValueError(
            f"`{name}` must be {', '.join(forms)} or a `kdl.data.Splits`. "
            f"Received: {name}={source!r}"
        )
    if isinstance(source, str) and source not in _NAMED:
        _parsed(source, name)
    return source


def _prefix(source):
    """The name of a kind, and what follows it: an argument, options, or both.

    A source by name that takes options as well needs no argument before them.
    """
    prefix, colon, argument = source.partition(":")
    if not colon or "?" in prefix:
        prefix, mark, options = source.partition("?")
        if prefix in _NAMED:
            return prefix, mark + options
    return prefix, argument


class _Option(NamedTuple):
    """What follows the question mark in a source.

    Args:
        read: Function of the text, which returns the value, or raises a `ValueError`.
        form: String. What the text must be.
    """

    read: Callable
    form: str


class _Kind(NamedTuple):
    """A source with an argument after a colon.

    Args:
        form: String, such as `"images:DIR"`.
        load: Function of the argument, the seed and the options that were given.
        options: Dict of `_Option`s by name. Without any, a question mark is a part of
            the argument.
        to_test: Optional function of the argument, the classes of a model and the
            options, which returns what `load_to_test` does.
    """

    form: str
    load: Callable
    options: dict = {}
    to_test: Callable | None = None


def _parsed(source, called="source"):
    """Kind, argument and options of a source that has a colon."""
    prefix, argument = _prefix(source)
    kind = _KINDS[prefix]
    if not kind.options or "?" not in argument:
        return kind, argument, {}
    argument, _, query = argument.rpartition("?")
    options = {}
    for name, _, text in (part.partition("=") for part in query.split("&") if part):
        if name not in kind.options:
            raise ValueError(
                f"`{called}` of the form '{kind.form}' has the options "
                f"{', '.join(map(repr, kind.options))}. Received: {called}={source!r}"
            )
        option = kind.options[name]
        try:
            options[name] = option.read(text)
        except ValueError:
            raise ValueError(
                f"`{called}` must have {option.form} as its option {name!r}. "
                f"Received: {called}={source!r}"
            ) from None
    return kind, argument, options


def _text(text):
    if not text:
        raise ValueError
    return text


def _size(text):
    sides = [int(side) for side in text.split("x")]
    if len(sides) > 2 or not all(1 <= side <= 4096 for side in sides):
        raise ValueError
    return sides[0], sides[-1]


def _count(text):
    if int(text) < 1:
        raise ValueError
    return int(text)


def _one_of(**values):
    """Reads one of the texts that are given, with its value."""

    def read(text):
        if text not in values:
            raise ValueError
        return values[text]

    return read


_NAMED = {
    "digits": lambda seed: digits(seed=seed),
    "gallery": lambda seed: digits("gallery", seed),
    "fashion": lambda seed: fashion(),
    "scenes": lambda seed: scenes(seed),
    "nuclei": lambda seed: nuclei(),
    "dates": lambda seed: dates(seed=seed),
    "arithmetic": lambda seed: arithmetic(seed=seed),
    "topics": lambda seed: topics(),
    "glosses": glosses,
    "mackey_glass": lambda seed: mackey_glass(seed=seed),
    "penguins": penguins,
    "photographs": photographs,
}
_OF_IMAGES = {
    "size": _Option(_size, "pixels from 1 to 4096, one number or HEIGHTxWIDTH,"),
    "channels": _Option(_one_of(**{"1": 1, "3": 3}), "1 or 3"),
    "skip_damaged": _Option(_one_of(true=True, false=False), "true or false"),
}
_KINDS = {
    "images": _Kind(
        "images:DIR",
        read_folder,
        _OF_IMAGES,
        lambda path, classes, **options: read_folder(path, to_test=True, **options),
    ),
    "photographs": _Kind(
        "photographs:DIR",
        lambda path, seed, **options: (
            read_photographs(path, seed, **options)
            if path
            else photographs(seed, **options)
        ),
        {
            "factor": _Option(
                _one_of(**{str(factor): factor for factor in FACTORS}), "2, 3, 4 or 8"
            ),
            "patches": _Option(_count, "an integer of 1 or more"),
            "channels": _Option(_one_of(**{"1": 1, "3": 3}), "1 or 3"),
        },
        lambda path, classes, **options: (
            read_photographs(path, to_test=True, **options)
            if path
            else photographs(**options)
        ),
    ),
    "masks": _Kind(
        "masks:DIR",
        read_masks,
        _OF_IMAGES,
        lambda path, classes, **options: read_masks(path, to_test=True, **options),
    ),
    "npz": _Kind(
        "npz:FILE", read_npz, to_test=lambda path, classes: read_npz(path, to_test=True)
    ),
    "csv": _Kind(
        "csv:FILE",
        lambda path, seed, **options: table(path, seed=seed, **options),
        {
            "target": _Option(_text, "the name of a column"),
            "drop": _Option(lambda text: text.split(","), "names of columns"),
            "group": _Option(_text, "the name of a column"),
            "test": _Option(_text, "a path"),
            "task": _Option(
                _one_of(classification="classification", regression="regression"),
                "classification or regression",
            ),
        },
        table_to_test,
    ),
    "texts": _Kind(
        "texts:FILE",
        lambda path, seed, **options: texts(path, seed=seed, **options),
        {
            "text": _Option(_text, "the name of a column"),
            "target": _Option(_text, "the name of a column"),
            "separator": _Option(_text, "what stands between labels"),
            "test": _Option(_text, "a path"),
        },
        texts_to_test,
    ),
    "tfds": _Kind("tfds:NAME", lambda name, seed: tfds(name, seed=seed)),
    "text": _Kind("text:PATH", lambda path, seed: read_windows(path)),
    "pairs": _Kind("pairs:PATH", read_pairs),
}
