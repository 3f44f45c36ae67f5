"""Handwritten digits."""

from typing import Literal

import numpy as np

from kdl.checks import check_choice, check_integer
from kdl.data.splits import Splits, hold_out


def digits(
    split: Literal["stratified", "gallery"] = "stratified", seed: int = 0
) -> Splits:
    """Loads the 1,797 handwritten digits that come with scikit-learn.

    They need no network. `split` says what the test set measures:

    - `"stratified"` tests on a random tenth, 180 images, and validates on another.
      Writers occur in training and test, so that scores are high.
    - `"gallery"` keeps the order of the file, in which writers follow one another.
      The first half trains and validates, the second half, 899 images by other
      writers, tests. Scores are lower and closer to those of use.

    Args:
        split: `"stratified"` or `"gallery"`. Defaults to `"stratified"`.
        seed: Integer in `[0, 2**32)`. Draws the validation set, and the test set
            of `"stratified"`. Defaults to `0`.

    Returns:
        `kdl.data.Splits` of tuples `(x, y)`: images, float32 in `[0, 1]`, of shape
        `(examples, 8, 8, 1)`, and labels, int32 in `[0, 9]`, of shape
        `(examples,)`.

    Raises:
        ValueError: If an argument is outside its interval.

    Example:

    >>> (x, y), validation, test = kdl.data.digits()

    References:
        - [Alpaydin and Kaynak, 1998](https://doi.org/10.24432/C50P49), the test
          set of which scikit-learn ships
        - scikit-learn's example "Recognizing hand-written digits", the second split
    """
    check_choice("split", split, ("stratified", "gallery"))
    check_integer("seed", seed, "[0, 4294967296)")
    x, y = images_and_labels()
    if split == "stratified":
        rest, test = hold_out(x, y, 0.1, seed)
        # A ninth of the rest is another tenth of the whole.
        train, validation = hold_out(*rest, 1 / 9, seed)
    else:
        half = len(x) // 2
        test = x[half:], y[half:]
        train, validation = hold_out(x[:half], y[:half], 0.1, seed)
    return Splits(train, validation, test)


def images_and_labels():
    """Returns all the digits in the order of the file, as `digits` gives them."""
    # Here, since it takes longer to import than all of kdl.
    from sklearn.datasets import load_digits

    data = load_digits()
    # A pixel counts the dark dots of a 4x4 square, 0 to 16.
    x = (data.images[..., np.newaxis] / 16).astype("float32")
    return x, data.target.astype("int32")
