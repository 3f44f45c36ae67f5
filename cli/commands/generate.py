"""`kdl generate`: images that a trained model makes."""

import numpy as np

from kdl.callbacks.image_grid import grid
from kdl.files import atomic
from kdl.recipes.generative.image_generator import ImageGenerator
from kdl.recipes.generative.samples import picture
from kdl_cli.commands import arguments
from kdl_cli.folder.writing import occupied

_GRID, _SHOWN = "grid.png", 64  # Images in the grid.


class Generation:
    """Images, which `perform` makes.

    Args:
        options: `GenerateOptions`.

    Raises:
        ValueError: If the folder is of another recipe, if it has no such class, or if
            the images cannot be written.
    """

    def __init__(self, options):
        self.options = options
        self.folder = options.out or options.folder / "generated"
        if self.folder.exists() and not self.folder.is_dir():
            raise ValueError(
                f"{self.folder} is a file. Give --out the name of a folder."
            )
        if occupied(self.folder) and not options.overwrite:
            raise ValueError(
                f"{self.folder} already exists. Give --out a new name, or --overwrite."
            )
        self.recipe, self.model = arguments.trained(options)
        if not isinstance(self.recipe, ImageGenerator):
            raise ValueError(
                f"{options.folder} is of the recipe {self.recipe.name!r}, which makes "
                "no images. Recipes that do are gan and diffusion."
            )
        self.labels, names = None, self.recipe.classes
        if options.class_ is not None:
            if options.class_ not in names:
                raise ValueError(
                    f"--class must be one of {', '.join(map(repr, names))}. Received: "
                    f"{options.class_!r}"
                )
            self.labels = np.full(options.count, names.index(options.class_))

    def perform(self, console):
        """Makes and writes the images, each by itself and all in a grid.

        Args:
            console: `rich.console.Console`.
        """
        count, recipe = self.options.count, self.recipe
        images = recipe.generate(self.model, count, self.options.seed, self.labels)
        self.folder.mkdir(parents=True, exist_ok=True)
        digits = len(str(count))
        for number, image in enumerate(images, 1):
            self._write(
                f"{number:0{digits}}.png", grid(image[np.newaxis], recipe.white)
            )
        self._write(_GRID, grid(images[:_SHOWN], recipe.white))
        console.print(
            f"In {self.folder}: {count} images, and a grid of the first ones."
        )

    def _write(self, name, pixels):
        with atomic(self.folder / name) as draft:
            picture(pixels).save(draft, format="PNG")
