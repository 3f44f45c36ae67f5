"""Add long numbers."""

import keras_tuner

from kdl.recipes.sequences.seq2seq import Seq2Seq


class Arithmetic(Seq2Seq):
    """Encoder and decoder with attention that add long numbers, digit by digit.

    It is the recipe `Seq2Seq` on `kdl.data.arithmetic`: a sum is a text that is
    rewritten. An early mistake does not lead to others, so that it helps little to feed
    the decoder its own digits, and more to begin with short sums.

    Args:
        source: What to learn, as of `Seq2Seq`. Defaults to `None`, which is
            `"arithmetic"`.
        seed: Integer in `[0, 2**32)`. Draws the source. Defaults to `0`.

    Example:

    >>> recipe = kdl.recipes.Arithmetic()
    >>> data = recipe.data()
    >>> x = {name: part[:64] for name, part in data["x"].items()}
    >>> model, history = kdl.recipes.run(recipe, x=x, y=data["y"][:64], epochs=1)
    """

    default_source = "arithmetic"
    # Of long sums, none is right for many epochs, which tells a search nothing.
    objective = keras_tuner.Objective("val_token_error_rate", "min")
    strategy = "curriculum"
