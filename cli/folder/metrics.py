"""Metrics on the test set, and which way each is better."""

# Words in the names of metrics that say so.
_WORDS = {
    "min": ("loss", "error", "entropy", "perplexity"),
    "max": ("accuracy", "match", "precision", "recall", "auc", "f1"),
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
    name, _, given = text.partition(":")
    found = given or direction(name, objective)
    if found not in ("min", "max"):
        raise ValueError(
            f"Say whether less or more of `{name}` is better: --metric {name}:min or "
            f"--metric {name}:max."
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
