"""`kdl evaluate`: a trained model on new data."""

from kdl.files import write_json
from kdl_cli.commands import arguments
from kdl_cli.commands.trained.derived import (
    check_replaceable,
    check_test_set,
    derived,
    locked,
)
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
        check_replaceable(self.path, options.overwrite, "evaluation")
        self.recipe, self.model = arguments.trained(options)
        self.settings = derived(
            "evaluation",
            reading.read_settings(options.folder),
            data=options.data,
            model=str(options.folder),
            **({"tta": options.tta} if options.tta else {}),
        )

    def begin(self):
        """Loads the data, then makes the folder and locks it.

        Raises:
            ValueError: If the model cannot be evaluated on the data.
        """
        with arguments.names_data():
            self.recipe.test_on(self.settings["data"])
        check_test_set(self.recipe, self.model)
        self.folder, self.held = locked(self.path, self.settings, "evaluating")

    def perform(self, console):
        """Evaluates, and writes and prints metrics and pictures."""
        hint = "Run the command again, with --overwrite."
        with self.held, writing.ending(self.folder, console, hint):
            scores = arguments.evaluate(self.recipe, self.model)
            write_json(self.path / reading.RESULTS, {"test": scores})
            tell(self.recipe, scores, console)
            examine(self.recipe, self.model, self.folder)
            console.print(self.folder.listing())
