"""What of an input the output of a recipe's model depends on."""

import re
from typing import Any, NamedTuple

import numpy as np

from kdl import attribution
from kdl.checks import check_choice
from kdl.recipes.reading.from_disk import is_on_disk
from kdl.typing import Image

BY_GRADIENT = ("integrated_gradients", "saliency", "smooth_grad")
OF_IMAGES = (*BY_GRADIENT, "grad_cam", "grad_cam_plus_plus", "occlusion")
_WORD = re.compile(r"\w+|[^\w\s]")


class Explanation(NamedTuple):
    """Attributions of some inputs of a recipe.

    Attributes:
        rows: List of dicts. Of images one for each; of texts one for each word, and of
            tables one for each column, by `"part"` and `"attribution"`. `"input"` says
            of which input it is, counted from 0; then follow what is predicted and, of
            integrated gradients, the `"gap"`.
        pictures: List of a `PIL.Image.Image` for each input, if inputs are images, or
            else `None`.
    """

    rows: list[dict[str, Any]]
    pictures: list[Image] | None = None


def explained(recipe, model, raw, method):
    """Returns the `Explanation` of images, or of rows of numbers.

    Args:
        recipe: `kdl.recipes.Recipe`.
        model: `keras.Model` of it.
        raw: Inputs as the source has them.
        method: String, one of `OF_IMAGES`.
    """
    x = recipe.inputs_for(model, recipe.inputs(raw))
    if is_on_disk(x):
        x = x[np.arange(len(x))]
    is_array = isinstance(x, np.ndarray) and x.dtype.kind in "fiu"
    is_image = is_array and x.ndim == 4 and x.shape[-1] in (1, 3)
    outputs = predicted(recipe, model, raw)
    if not is_array or not (is_image or x.ndim == 2):
        raise refusal(recipe, "its inputs are no images, texts or rows of a table")
    x = x.astype("float32")
    attributions, gaps = attributed(
        model, x, outputs, method, OF_IMAGES if is_image else BY_GRADIENT
    )
    told = summaries(recipe, outputs, gaps)
    if not is_image:
        names = list(map(str, range(x.shape[1])))
        return Explanation(parts(told, [names] * len(x), attributions))
    pictures = [
        attribution.overlay(image, part)
        for image, part in zip(x, attributions, strict=True)
    ]
    return Explanation(told, pictures)


def refusal(recipe, why):
    """Returns the error about a recipe whose outputs are not explained."""
    return ValueError(f"The recipe {recipe.name!r} explains nothing: {why}.")


def predicted(recipe, model, raw):
    """Returns outputs of a model of shape `(inputs, classes)`.

    Raises:
        ValueError: If they are something else.
    """
    outputs = recipe.outputs(model, raw) if recipe.scores_classes else None
    if not isinstance(outputs, np.ndarray) or outputs.ndim != 2:
        raise refusal(recipe, "its outputs are not a score for each class, or a number")
    return outputs


def attributed(model, x, outputs, method, methods, baseline=None):
    """Returns attributions of the best class of each input, and gaps or `None`.

    Args:
        model: `keras.Model`.
        x: Inputs as the model takes them.
        outputs: Array of shape `(inputs, classes)`.
        method: String.
        methods: Sequence of those that these inputs allow.
        baseline: Of integrated gradients. Defaults to `None`.
    """
    method = check_choice("method", method, methods)
    options = {"score": np.argmax(outputs, axis=-1)}
    if method == "integrated_gradients":
        return attribution.integrated_gradients(model, x, **options, baseline=baseline)
    if method == "occlusion":
        # An eighth of the image.
        options["window"] = tuple(max(1, side // 8) for side in x.shape[1:3])
    return getattr(attribution, method)(model, x, **options), None


def summaries(recipe, outputs, gaps):
    """Returns what is predicted of each input, and how far attributions are to trust.

    Args:
        recipe: `kdl.recipes.Recipe`.
        outputs: Array of shape `(inputs, classes)`.
        gaps: Array of shape `(inputs,)`, or `None`.

    Returns:
        List of dicts.
    """
    classes = getattr(recipe, "classes", None)
    rows = []
    for number, row in enumerate(outputs):
        best = int(np.argmax(row))
        told = {"input": number}
        if len(row) > 1:
            told["class"] = classes[best] if classes else str(best)
        told["score"] = float(row[best])
        if gaps is not None:
            told["gap"] = float(gaps[number])
        rows.append(told)
    return rows


def parts(told, names, attributions):
    """Returns a row for each part of each input.

    Args:
        told: As `summaries` returns it.
        names: List of a list of strings for each input.
        attributions: Sequence of a sequence of numbers for each input.
    """
    return [
        {**row, "part": name, "attribution": float(value)}
        for row, some, values in zip(told, names, attributions, strict=True)
        for name, value in zip(some, values, strict=True)
    ]


def by_words(text, spans, attributions):
    """Returns the words of a text, and what their tokens add up to.

    A token of several words is divided among them.

    Args:
        text: String.
        spans: Sequence of tuples of the first character of a token and the one after
            its last.
        attributions: Sequence of a number for each token.

    Returns:
        Tuple of a list of strings, and an array of numbers.
    """
    words = list(_WORD.finditer(text))
    starts, ends = (
        np.array([getattr(word, name)() for word in words]) for name in ("start", "end")
    )
    sums = np.zeros(len(words))
    for (first, last), value in zip(spans, attributions, strict=True):
        within = (starts < last) & (ends > first)
        if within.any():
            sums[within] += value / within.sum()
    return [word.group() for word in words], sums
