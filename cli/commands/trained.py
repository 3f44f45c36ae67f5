"""The recipe and the model in a folder, for `kdl predict` and `kdl evaluate`."""

from kdl import recipes
from kdl_cli.commands import arguments


def load(options, source=None):
    """Returns the recipe and the model in the folder of some options.

    Args:
        options: Options with `folder` and `recipe`.
        source: Optional string. Other data.

    Raises:
        ValueError: If the folder is of something else, or its recipe is the user's
            and not named.
    """
    with arguments.names_data():
        try:
            return recipes.load(options.folder, options.recipe, source)
        except ValueError as error:
            text = str(error).replace("give `recipe`, as in recipe=", "give --recipe ")
            if text == str(error):
                raise
            raise ValueError(text) from None
