"""Words of texts that are changed one by one."""

import numpy as np


def texts_of(x):
    """Returns a batch of texts as a list.

    Raises:
        ValueError: If it is something else.
    """
    x = np.asarray(x)
    texts = x.tolist()
    if x.ndim != 1 or not all(isinstance(text, str) for text in texts):
        raise ValueError(
            "`x` must be an array of texts, of shape (batch,). Received: x of dtype "
            f"{x.dtype} and shape {x.shape}"
        )
    return texts


def changed(x, change):
    """Returns texts whose words, between spaces, were changed.

    A text whose words stay is as it was, with all of its spaces.

    Args:
        x: Array of strings of shape `(batch,)`.
        change: Function of the words of a text, a list of strings, that returns others.

    Returns:
        Array of strings of shape `(batch,)`.
    """
    texts = texts_of(x)
    for place, text in enumerate(texts):
        words = text.split()
        others = change(list(words))
        if others != words:
            texts[place] = " ".join(others)
    return np.array(texts, str)
