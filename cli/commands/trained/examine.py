"""`kdl examine`: where a trained model errs, and what may be wrong with the data."""

import time

from kdl.evaluation import learning_curve
from kdl.files import write_json
from kdl_cli.commands import arguments
from kdl_cli.commands.trained.derived import (
    check_replaceable,
    check_test_set,
    derived,
    locked,
)
from kdl_cli.examination import page
from kdl_cli.examination.advice import advice
from kdl_cli.examination.explained import explained
from kdl_cli.examination.findings import check_examined, examined
from kdl_cli.folder import reading, writing
from kdl_cli.terminal.text import short

SIZES = 0.125, 0.25, 0.5, 1.0  # Parts of the training set, for a learning curve.


class Examination:
    """An examination, which `begin` prepares and `perform` runs.

    Args:
        options: `ExamineOptions`.

    Raises:
        ValueError: If the folder or the data cannot be used.
    """

    def __init__(self, options):
        self.options = options
        if options.curve and options.data is not None:
            raise ValueError(
                "--curve trains on the data of the folder, and --data are others to "
                "test on. Leave one of them out."
            )
        self.path = options.out or options.folder / "examination"
        check_replaceable(self.path, options.overwrite, "examination")
        if options.curve and not (options.folder / reading.HYPERPARAMETERS).exists():
            raise ValueError(
                f"{options.folder} has no {reading.HYPERPARAMETERS} to train with: "
                "--curve needs the folder of a run or a search."
            )
        self.recipe, self.model = arguments.trained(options)
        settings = reading.read_settings(options.folder)
        self.settings = derived(
            "examination",
            settings,
            data=options.data or settings.get("data"),
            model=str(options.folder),
            curve=options.curve,
        )

    def begin(self):
        """Loads the data, then makes the folder and locks it.

        Raises:
            ValueError: If the predictions of the model cannot be examined.
        """
        with arguments.names_data():
            if self.options.data is not None:
                self.recipe.test_on(self.options.data)
            _, y = self.recipe.splits.test
        check_examined(self.recipe, self.model, y)
        check_test_set(self.recipe, self.model)
        self.folder, self.held = locked(self.path, self.settings, "examining")

    def perform(self, console):
        """Examines, writes the page and prints what matters."""
        hint = "Run the command again, with --overwrite."
        with self.held, writing.ending(self.folder, console, hint):
            begun = time.monotonic()
            is_new = self.options.data is not None
            findings = examined(self.recipe, self.model, is_new)
            console.print(
                f"Examined {len(findings.targets)} test examples in "
                f"{time.monotonic() - begun:.0f} s."
            )
            why = explained(self.recipe, self.model, findings)
            curve, falls = self._curve(console), None
            if curve:
                falls = curve["examples"], curve["test_loss"].mean(axis=1), "the loss"
            sentences = list(advice(findings, falls))
            if why.refused:
                console.print(f"Predictions are not explained. {why.refused}")
            if why.suspects:
                first = why.suspects[0]
                sentences.insert(
                    0,
                    f"Look at the {first['place']} of {first['class']}: its "
                    "predictions depend on it far more than those of other classes "
                    "do. It is part of the object, or a mark that gives it away.",
                )
            self._write(findings, sentences)
            written = page.write(
                self.path, self.settings, findings, sentences, why, curve
            )
            for row in findings.metrics:
                ends = f"{short(row['low'])} to {short(row['high'])}"
                console.print(f"{row['metric']}: {short(row['value'])} ({ends})")
            for sentence in sentences:
                console.print(sentence)
            console.print(self.folder.listing())
            console.print(f"As a page: {written}")

    def _write(self, findings, sentences):
        """Writes tables of what the page shows."""
        self.folder.write_rows("examples.csv", findings.rows())
        self.folder.write_rows("scores.csv", findings.metrics)
        slices = [
            {
                "rule": each.rule,
                "examples": each.count,
                "error": each.error,
                "elsewhere": each.rest,
                "low": each.low,
                "high": each.high,
            }
            for each in findings.slices
        ]
        if slices:
            self.folder.write_rows("slices.csv", slices)
        else:
            # Of an examination before.
            (self.path / "slices.csv").unlink(missing_ok=True)
        write_json(
            self.path / reading.RESULTS,
            {"test": {row["metric"]: row["value"] for row in findings.metrics}},
        )
        write_json(self.path / "advice.json", sentences)

    def _curve(self, console):
        """Trains on parts of the training set, if that is asked for."""
        if not self.options.curve:
            return None
        settings = reading.read_settings(self.options.folder)
        _, values = reading.read_hyperparameters(
            self.options.folder / reading.HYPERPARAMETERS
        )
        found = learning_curve(
            self.recipe,
            values,
            sizes=SIZES,
            epochs=settings.get("epochs"),
            on_training_end=lambda number, row: console.print(
                f"Training {number + 1} of {len(SIZES)} for the learning curve has "
                "ended."
            ),
        )
        names = [name for name in found if name.startswith("test_")]
        wanted = self.recipe.objective.name.replace("val_", "test_", 1)
        found["metric"] = wanted if wanted in names else names[0]
        return found
