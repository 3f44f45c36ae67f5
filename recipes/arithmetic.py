"""Add long numbers."""

import keras_tuner

from kdl.checks import check_integer
from kdl.data.load import check_source
from kdl.recipes.dates import Dates


class Arithmetic(Dates):
    """Encoder and decoder with attention that add long numbers, digit by digit.

    It is the recipe `Dates` on `kdl.data.arithmetic`: a sum is a text that is
    rewritten. An early mistake does not lead to others, so that it helps little to feed
    the decoder its own digits, and more to begin with short sums.

    Args:
        source: What to learn, as of `Dates`. Defaults to `"arithmetic"`.
        seed: Integer in `[0, 2**32)`. Draws the source. Defaults to `0`.

    Example:

    >>> recipe = kdl.recipes.Arithmetic()
    >>> data = recipe.data()
    >>> x = {name: part[:64] for name, part in data["x"].items()}
    >>> model, history = kdl.recipes.run(recipe, x=x, y=data["y"][:64], epochs=1)
    """

    # Of long sums, none is right for many epochs, which tells a search nothing.
    objective = keras_tuner.Objective("val_token_error_rate", "min")
    strategy = "curriculum"

    def __init__(self, source="arithmetic", seed=0):
        keras_tuner.HyperModel.__init__(self, name="arithmetic")
        self.source = check_source(source)
        self.seed = check_integer("seed", seed, "[0, 4294967296)")
