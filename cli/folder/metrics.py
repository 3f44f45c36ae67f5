"""Metrics on the test set: which direction is better, and their bounds."""

import math
import re

# Words in the names of metrics that say which direction is better.
_WORDS = {
    "min": ("loss", "error", "entropy", "perplexity"),
    "max": ("accuracy", "match", "precision", "recall", "auc", "f1"),
}
# Words in the names of metrics that imply bounds. A `loss` has none: the negative
# log-likelihood of a density may be negative.
_BOUNDS = {
    (0.0, 1.0): ("accuracy", "match", "precision", "recall", "auc", "f1", "iou"),
    (0.0, math.inf): (
        *("absolute_error", "squared_error", "logarithmic_error", "error_rate"),
        *("rmse", "crossentropy", "bits"),
    ),
    (1.0, math.inf): ("perplexity",),
}


def compared(text, objective):
    """Name and direction of the metric that values are compared by.

    Args:
        text: Optional string. `NAME`, `NAME:min` or `NAME:max`; defaults to what the
            objective is of the validation.
        objective: `keras_tuner.Objective`.

    Raises:
        ValueError: If the direction is not known.
    """
    if text is None:
        return objective.name.removeprefix("val_"), objective.direction
    return directed("--metric", text, lambda name: direction(name, objective))


def directed(option, text, guess):
    """Name and direction of `NAME`, `NAME:min` or `NAME:max`.

    Args:
        option: String. The option whose text it is.
        text: String.
        guess: Function from a name to its direction, or `None` where it is not known.

    Raises:
        ValueError: If the direction is not known.
    """
    name, _, given = text.partition(":")
    found = given or guess(name)
    if found not in ("min", "max"):
        raise ValueError(
            f"Say whether lower or higher `{name}` is better: {option} {name}:min or "
            f"{option} {name}:max."
        )
    return name, found


def direction(name, objective):
    """`"min"` or `"max"`, or `None` where the name of a metric does not say."""
    if objective.name in (name, f"val_{name}"):
        return objective.direction
    for found, words in _WORDS.items():
        if any(word in name.lower() for word in words):
            return found
    return None


def bounds(name):
    """The least and the greatest value of a metric, by its name; maybe infinite."""
    # Whole words: `previous` does not mean `iou`.
    parts = f"_{re.sub('[^a-z0-9]+', '_', name.lower())}_"
    for found, words in _BOUNDS.items():
        if any(f"_{word}_" in parts for word in words):
            return found
    return -math.inf, math.inf
