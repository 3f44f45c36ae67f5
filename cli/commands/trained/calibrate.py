"""`kdl calibrate`: a classifier as sure as it is right, and the folder it leaves."""

import keras
import numpy as np
from sklearn.metrics import brier_score_loss, log_loss

from kdl.checks import check_choice
from kdl.evaluation import (
    calibrated,
    expected_calibration_error,
    fit_scaling,
    reliability_figure,
)
from kdl.evaluation.calibration.scaling import METHODS
from kdl.models.interface import LOGITS, scores_of
from kdl.recipes.estimator import probabilities
from kdl.recipes.reading.from_disk import predicted
from kdl_cli.commands import arguments
from kdl_cli.commands.members import are_classes, check_combines, part_for
from kdl_cli.commands.trained.derived import derived, opened
from kdl_cli.commands.training.run import test
from kdl_cli.folder import reading, writing
from kdl_cli.terminal.text import columns_table, short


class Calibration:
    """A calibration, which `begin` prepares and `perform` does.

    Args:
        options: `CalibrateOptions`.

    Raises:
        ValueError: If the folder has no classifier to calibrate.
    """

    def __init__(self, options):
        self.options = options
        check_choice("--method", options.method, METHODS)
        writing.check_free(options.out)
        self.recipe, self.model = arguments.trained(options)
        check_combines(self.recipe)
        settings = reading.read_settings(options.folder)
        self.settings = derived(
            "calibration",
            settings,
            model=str(options.folder),
            method=options.method,
        )

    def begin(self):
        """Loads the data and fits the scaling, then makes the folder and locks it.

        Raises:
            ValueError: If the data or the folder cannot be used.
        """
        recipe, model = self.recipe, self.model
        # The validation set decides, and the test set judges.
        with arguments.names_data():
            x, y = part_for(recipe, model, "validation")
        scores = predicted(model, x)
        if not are_classes(model, scores, y) or np.ndim(scores) != 2:
            raise ValueError(
                f"The model in {self.options.folder} must tell one class of each "
                "example, and be compiled with a cross-entropy, to be calibrated. "
                f"Received: outputs of shape {np.shape(scores)} for targets of shape "
                f"{np.shape(y)}"
            )
        self.is_logits = scores_of(model) == LOGITS
        self.count, y = len(y), np.ravel(y)
        try:
            self.scaling = fit_scaling(scores, y, self.options.method, self.is_logits)
        except ValueError as error:
            text = str(error).replace("`scores`", "its scores")
            text = text.replace("`y`", "the targets of the validation set")
            raise ValueError(
                f"The model in {self.options.folder} cannot be calibrated: {text}"
            ) from None
        self.folder, self.held = opened(
            self.options, recipe, self.settings, "-calibrated", "calibrating"
        )

    def perform(self, console):
        """Writes the calibrated model, and what it does on the test set."""
        hint = "Run the command again, with a new --out."
        keras.utils.set_random_seed(0)
        with self.held, writing.ending(self.folder, console, hint):
            console.print(f"Calibrated into {self.folder.path}: {self._told()}")
            x, y = part_for(self.recipe, self.model, "test")
            scores, y = predicted(self.model, x), np.ravel(y)
            model = calibrated(self.model, self.scaling, self.is_logits)
            both = {
                "before": probabilities(self.model, scores),
                "after": probabilities(model, predicted(model, x)),
            }
            rows = [
                {"test set": name, **calibration(part, y)}
                for name, part in both.items()
            ]
            self.folder.write_rows(reading.CALIBRATION, rows)
            figure = reliability_figure(both, y, title="Test set")
            self.folder.write_figure("reliability.png", figure)
            console.print(columns_table(rows))
            if rows[1]["nll"] >= rows[0]["nll"]:
                console.print(
                    "That has not helped: on the test set, the model as it was has the "
                    "lower negative log-likelihood."
                )
            test(self.recipe, model, self.folder, console)
            console.print(self.folder.listing())

    def _told(self):
        """The scaling in a sentence."""
        by = f"by {self.count} examples of the validation set."
        scaling = self.scaling
        if scaling.temperature is not None:
            return f"temperature {short(scaling.temperature)}, {by}"
        ends = [short(end(scaling.scale)) for end in (np.min, np.max)]
        return f"factors from {ends[0]} to {ends[1]}, {by}"


def calibration(p, y):
    """Returns how good probabilities are, a dict of floats by name."""
    labels = np.arange(p.shape[1])
    # Those of a softmax in float32 sum to one but for rounding.
    p = p / p.sum(axis=1, keepdims=True)
    return {
        "nll": float(log_loss(y, p, labels=labels)),
        "ece_width": expected_calibration_error(p, y),
        "ece_mass": expected_calibration_error(p, y, strategy="mass"),
        "brier": float(brier_score_loss(y, p, labels=labels, scale_by_half=False)),
    }
