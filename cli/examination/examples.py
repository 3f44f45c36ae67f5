"""Examples as a page shows them, and what is known of each."""

import base64
import io

import numpy as np
from PIL import Image

from kdl.data.on_disk import OnDisk
from kdl_cli.page.markup import Html, element
from kdl_cli.terminal.text import short

_LARGE = 96  # Pixels of the longer side of a picture.
_LONGEST = 300  # Characters of a text.
_AT_ONCE = 256  # Images that are read at once.


class Examples:
    """Inputs of a part of the data, which are images, texts or rows of a table.

    Args:
        x: Inputs, as the source has them.
        white: Number that is white in images.
    """

    def __init__(self, x, white=1.0):
        self.x, self.white = x, white
        self.is_table = isinstance(x, dict)
        self.are_images = not self.is_table and len(np.shape(x)) == 4
        self.are_texts = (
            not self.is_table
            and not self.are_images
            and np.ndim(x) == 1
            and np.asarray(x).dtype.kind in "UO"
        )

    def __len__(self):
        return len(next(iter(self.x.values()))) if self.is_table else len(self.x)

    def raw(self, rows):
        """Returns some inputs, as `Recipe.predict` takes them."""
        rows = np.asarray(rows)
        if self.is_table:
            return {name: np.asarray(values)[rows] for name, values in self.x.items()}
        return self.x[rows] if isinstance(self.x, OnDisk) else np.asarray(self.x)[rows]

    def shown(self, row, picture=None):
        """Returns an input as `Html`.

        Args:
            row: Integer.
            picture: Optional `PIL.Image.Image` in its place.
        """
        if picture is not None:
            return _image(picture)
        if self.is_table:
            cells = ", ".join(f"{n} {short(v[row])}" for n, v in self.x.items())
            return element("span", cells, class_="text")
        if self.are_texts:
            text = str(self.x[row])
            cut = f"{text[:_LONGEST]}…" if len(text) > _LONGEST else text
            return element("span", cut, class_="text")
        if self.are_images:
            return _image(as_picture(self.raw([row])[0], self.white))
        return element("span", f"example {row}", class_="text")

    def features(self):
        """Returns what is known of each, a dict of arrays by name; maybe empty."""
        if self.is_table:
            return {name: np.asarray(values) for name, values in self.x.items()}
        if self.are_texts:
            texts = [str(text) for text in self.x]
            letters = [max(1, sum(map(str.isalpha, text))) for text in texts]
            return {
                "words": np.array([len(text.split()) for text in texts]),
                "characters": np.array([len(text) for text in texts]),
                "share of capitals": np.array(
                    [
                        sum(map(str.isupper, text)) / count
                        for text, count in zip(texts, letters, strict=True)
                    ]
                ),
                "digits": np.array([sum(map(str.isdigit, text)) for text in texts]),
            }
        if self.are_images:
            return self._of_images()
        return {}

    def _of_images(self):
        found = {"brightness": [], "contrast": [], "edges": []}
        for start in range(0, len(self), _AT_ONCE):
            some = self.raw(range(start, min(len(self), start + _AT_ONCE)))
            grey = np.asarray(some, "float32").mean(axis=-1) / self.white
            found["brightness"] += list(grey.mean(axis=(1, 2)))
            found["contrast"] += list(grey.std(axis=(1, 2)))
            steps = [np.abs(np.diff(grey, axis=axis)).mean((1, 2)) for axis in (1, 2)]
            found["edges"] += list(np.add(*steps) / 2)
        if isinstance(self.x, OnDisk):
            found |= self.x.details()
        return {name: np.array(values) for name, values in found.items()}


def as_picture(image, white):
    """Returns an image as a `PIL.Image.Image`.

    Args:
        image: Array of shape `(height, width, channels)`.
        white: Number that is white.
    """
    pixels = np.clip(np.asarray(image, "float32") / white, 0, 1)
    pixels = (255 * pixels).astype("uint8")
    if pixels.shape[-1] == 3:
        return Image.fromarray(pixels)
    return Image.fromarray(pixels[..., 0])


def _image(picture):
    """A picture as an element that holds it, small pixels enlarged."""
    longest = max(picture.size)
    if longest > _LARGE:
        ratio = _LARGE / longest
        sides = [max(1, round(side * ratio)) for side in picture.size]
        picture = picture.resize(sides, Image.Resampling.LANCZOS)
    file = io.BytesIO()
    picture.save(file, format="PNG", optimize=True)
    data = base64.b64encode(file.getvalue()).decode()
    scale = max(1, round(_LARGE / max(picture.size)))
    width, height = (scale * side for side in picture.size)
    return Html(
        f'<img src="data:image/png;base64,{data}" width="{width}" height="{height}" '
        'alt="" loading="lazy">'
    )
