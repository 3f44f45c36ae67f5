"""`kdl generate`: images or texts that a trained model makes."""

import numpy as np

from kdl.callbacks.image_grid import grid
from kdl.files import atomic
from kdl.recipes import LanguageModel
from kdl.recipes.generative.image_generator import ImageGenerator
from kdl.recipes.generative.samples import picture
from kdl_cli.commands import arguments
from kdl_cli.folder.writing import check_file, check_overwrite

_GRID, _SHOWN = "grid.png", 64  # Images in the grid.
_IMAGES, _TEXTS = ("class_",), ("prompt", "length", "temperature", "top_p")


class Generation:
    """Images or texts, which `perform` makes.

    Args:
        options: `GenerateOptions`.

    Raises:
        ValueError: If the folder is of another recipe, if an option is not for it, if
            it has no such class, or if what is made cannot be written.
    """

    def __init__(self, options):
        self.recipe, self.model = arguments.trained(options)
        forms = (ImageGenerator, _Images), (LanguageModel, _Texts)
        found = (form for kind, form in forms if isinstance(self.recipe, kind))
        form = next(found, None)
        if form is None:
            raise ValueError(
                f"{options.folder} is of the recipe {self.recipe.name!r}, which makes "
                "nothing new. Recipes that do are gan, diffusion and language_model."
            )
        for name in form.others:
            if getattr(options, name) is not None:
                option = f"--{name.strip('_').replace('_', '-')}"
                raise ValueError(
                    f"{options.folder} is of the recipe {self.recipe.name!r}, which "
                    f"makes {form.what}. Leave {option} out."
                )
        self.form = form(options, self.recipe, self.model)

    def perform(self, console):
        """Makes and writes what was asked for.

        Args:
            console: `rich.console.Console`.
        """
        self.form.perform(console)


class _Images:
    """Images, each in a file, and all in a grid."""

    what, others = "images", _TEXTS

    def __init__(self, options, recipe, model):
        self.options, self.recipe, self.model = options, recipe, model
        self.folder = options.out or options.folder / "generated"
        if self.folder.exists() and not self.folder.is_dir():
            raise ValueError(
                f"{self.folder} is a file. Give --out the name of a folder."
            )
        check_overwrite(self.folder, options.overwrite)
        self.count = _SHOWN if options.count is None else options.count
        self.labels, names = None, recipe.classes
        if options.class_ is not None:
            if options.class_ not in names:
                raise ValueError(
                    f"--class must be one of {', '.join(map(repr, names))}. Received: "
                    f"{options.class_!r}"
                )
            self.labels = np.full(self.count, names.index(options.class_))

    def perform(self, console):
        recipe = self.recipe
        images = recipe.generate(self.model, self.count, self.options.seed, self.labels)
        self.folder.mkdir(parents=True, exist_ok=True)
        digits = len(str(self.count))
        for number, image in enumerate(images, 1):
            self._write(
                f"{number:0{digits}}.png", grid(image[np.newaxis], recipe.white)
            )
        self._write(_GRID, grid(images[:_SHOWN], recipe.white))
        console.print(
            f"In {self.folder}: {self.count} images, and a grid of the first ones."
        )

    def _write(self, name, pixels):
        with atomic(self.folder / name) as draft:
            picture(pixels).save(draft, format="PNG")


class _Texts:
    """Texts, on standard output or in a file, with an empty line between."""

    what, others = "texts", _IMAGES

    def __init__(self, options, recipe, model):
        self.options, self.recipe, self.model = options, recipe, model
        if not options.prompt:
            raise ValueError("Give --prompt the beginning of the text.")
        if options.out is not None:
            check_file(options.out, options.overwrite)
        given = {"temperature": options.temperature, "top_p": options.top_p}
        self.numbers = {
            name: value for name, value in given.items() if value is not None
        }
        # What cannot be encoded is said before anything is made.
        recipe.inputs_for(model, [options.prompt])

    def perform(self, console):
        options = self.options
        rows = self.recipe.predict(
            self.model,
            [options.prompt] * (options.count or 1),
            seed=options.seed,
            length=options.length,
            **self.numbers,
        )
        texts = "\n\n".join(row["text"] + row["written"] for row in rows)
        if options.out is None:
            console.print(texts, markup=False, highlight=False, soft_wrap=True)
            return
        options.out.parent.mkdir(parents=True, exist_ok=True)
        with atomic(options.out) as draft:
            draft.write_text(f"{texts}\n", encoding="utf-8")
        console.print(f"In {options.out}: {len(rows)} texts.")
