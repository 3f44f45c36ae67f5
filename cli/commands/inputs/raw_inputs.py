"""Inputs of a trained model, from files and from the command line."""

import itertools
from pathlib import Path

import numpy as np

from kdl.data.sources.images.decoding import DamagedError
from kdl.recipes.reading.files import STDIN, files


class RawInputs:
    """Inputs that are read one after the other.

    Args:
        recipe: `kdl.recipes.Recipe` that reads them.
        inputs: List of strings: names of files and folders, or texts themselves.
        skip_damaged: Boolean. Whether images that cannot be read are left out.

    Attributes:
        files: List of `Path`s.
        skipped: Integer. How many have been left out.

    Raises:
        ValueError: If there is no such file.
    """

    def __init__(self, recipe, inputs, skip_damaged=False):
        self.recipe, self.skip_damaged, self.skipped = recipe, skip_damaged, 0
        # Texts that stand on the command line themselves, and files.
        self.texts = [text for text in inputs if self._is_text(text)]
        paths = [path for path in inputs if path not in self.texts]
        self.files = [file for path in paths for file in files(path, recipe.reads)]

    def examples(self):
        """Yields tuples of the name of an input, and the input.

        Raises:
            ValueError: If a file cannot be read, or is empty.
        """
        yield from zip(self.texts, self.texts, strict=True)
        for path in self.files:
            read = self.recipe.read(path)
            try:
                first = next(read, None)
            except DamagedError as error:
                if not self.skip_damaged:
                    raise ValueError(
                        f"{path} cannot be read as an image: {error.reason}. Repair or "
                        "delete it, or leave such files out by --skip-damaged."
                    ) from None
                self.skipped += 1
                continue
            if first is None:
                name = "Standard input" if path == STDIN else path
                raise ValueError(f"{name} holds no inputs: it is empty.")
            yield first
            yield from read

    def _is_text(self, text):
        """Whether an input is a text, rather than the name of a file that has some.

        What ends as such a file does is none, so that a slip in its name is found.
        """
        if not self.recipe.reads_texts or text == STDIN:
            return False
        if text.lower().endswith(tuple(self.recipe.reads)):
            return False
        try:
            return not Path(text).exists()
        except (OSError, ValueError):
            # It is too long for a name, or has characters that no name has.
            return True


def batches(examples, size):
    """Yields names and inputs of up to `size` examples, of one shape each.

    Args:
        examples: Iterable of tuples of a name and an input, an array, a text, or the
            row of a table.
        size: Integer.

    Yields:
        Tuple of a list of names, and an array or a list of texts or rows.
    """
    for _, group in itertools.groupby(examples, lambda example: _shape(example[1])):
        while some := list(itertools.islice(group, size)):
            names, raw = zip(*some, strict=True)
            is_array = _shape(raw[0]) is not None
            yield list(names), np.stack(raw) if is_array else list(raw)


def refused(names, error, what):
    """Returns the error about some inputs that a recipe refuses.

    Args:
        names: List of strings, their names.
        error: `ValueError` of the recipe.
        what: String. What cannot be done, such as `"predicted"`.
    """
    among = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
    text = str(error).replace("`raw`", "they")
    return ValueError(f"{among} cannot be {what}: {text}")


def _shape(raw):
    return None if isinstance(raw, (str, dict)) else np.shape(raw)
