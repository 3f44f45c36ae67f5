"""`kdl evaluate`: a trained model on new data."""

from kdl.files import hold, write_json
from kdl.recipes.training.training_data import check_set
from kdl_cli.commands import arguments
from kdl_cli.commands.training.run import examine, tell
from kdl_cli.folder import reading, writing


class Evaluation:
    """An evaluation, which `begin` prepares and `perform` runs.

    Args:
        options: `EvaluateOptions`.

    Raises:
        ValueError: If the folder or the data cannot be used.
    """

    def __init__(self, options):
        self.path = options.out or options.folder / "evaluation"
        if not options.overwrite:
            writing.check_free(self.path, ", or --overwrite")
        elif writing.occupied(self.path):
            reading.read_settings(self.path, "evaluation")
        self.recipe, self.model = arguments.trained(options)
        settings = reading.read_settings(options.folder)
        shared = {
            name: settings[name] for name in SHARED if settings.get(name) is not None
        }
        self.settings = {
            "kind": "evaluation",
            **shared,
            "backend": arguments.backend(),
            "data": options.data,
            "model": str(options.folder),
            **({"tta": options.tta} if options.tta else {}),
        }

    def begin(self):
        """Loads the data, then makes the folder and locks it.

        Raises:
            ValueError: If the model cannot be evaluated on the data.
        """
        recipe = self.recipe
        with arguments.names_data():
            recipe.test_on(self.settings["data"])
            x, y = recipe.pair_for(self.model, *recipe.encode(recipe.splits.test))
        check_set(
            "The test set", x, y, self.model, recipe.takes_nan, recipe.scores_classes
        )
        self.path.mkdir(parents=True, exist_ok=True)
        self.folder = writing.Folder(self.path, self.settings)
        self.held = hold(self.path, "evaluating")
        self.folder.begin()

    def perform(self, console):
        """Evaluates, and writes and prints metrics and pictures."""
        hint = "Run the command again, with --overwrite."
        with self.held, writing.ending(self.folder, console, hint):
            scores = arguments.evaluate(self.recipe, self.model)
            write_json(self.path / reading.RESULTS, {"test": scores})
            tell(self.recipe, scores, console)
            examine(self.recipe, self.model, self.folder)
            console.print(self.folder.listing())


# Settings that are those of the training.
SHARED = ("recipe", "recipe_sha256", "objective", "direction")
