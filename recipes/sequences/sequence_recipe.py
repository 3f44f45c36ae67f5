"""What the recipes of sequences share: strategies to train a decoder by."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import keras
import numpy as np
from keras.optimizers import schedules
from scipy.special import lambertw

from kdl.callbacks import Curriculum, ScheduledSampling
from kdl.data import Batches, BucketedBatches
from kdl.data.splits import Splits
from kdl.models import Feeding, ProfessorForcing
from kdl.recipes.reading import files
from kdl.recipes.recipe import Recipe
from kdl.schedules import Adjustable, InverseSigmoidDecay
from kdl.typing import Arrays, HyperParameters

STRATEGIES = [
    "teacher_forcing",
    "scheduled_sampling",
    "always_own",
    "professor_forcing",
    "curriculum",
]
TEXTS = (".txt", ".csv", ".tsv", ".jsonl")  # Endings of files of texts.
_DECAYS = ["linear", "exponential", "inverse_sigmoid"]


class SequenceRecipe(Recipe):
    """A recipe of a decoder, named `"decoder"`, and of strategies to train it by.

    Attributes:
        strategy: One of `STRATEGIES`, the default.
        difficulty: What a curriculum goes by: `"length"` of the targets, or `"loss"`.
    """

    combines = False
    strategy = "scheduled_sampling"
    difficulty = "loss"
    meanings = {
        "strategy": "what the decoder is fed in training, or in which order it learns",
        "decay": "how the probability of feeding true tokens falls, epoch by epoch",
        "final_epsilon": "that probability in the last epoch",
        "professor_weight": "weight of the loss of professor forcing",
        "first_share": "share of the examples, the easiest, to begin with",
        "pace": "share of the epochs after which all examples are used",
    }

    def strategies(self, hp: HyperParameters) -> SimpleNamespace:
        """Declares the strategies, and what belongs to each.

        Args:
            hp: `keras_tuner.HyperParameters`.

        Returns:
            `types.SimpleNamespace` of values.
        """
        strategy = hp.Choice("strategy", STRATEGIES, default=self.strategy)
        p = SimpleNamespace(strategy=strategy)
        with hp.conditional_scope("strategy", ["scheduled_sampling"]):
            p.decay = hp.Choice("decay", _DECAYS, default="exponential")
            with hp.conditional_scope("decay", ["linear", "exponential"]):
                p.final_epsilon = hp.Float("final_epsilon", 0.01, 0.9, default=0.1)
        with hp.conditional_scope("strategy", ["professor_forcing"]):
            p.professor_weight = hp.Float(
                "professor_weight", 0.01, 1.0, sampling="log", default=0.1
            )
        with hp.conditional_scope("strategy", ["curriculum"]):
            p.first_share = hp.Float("first_share", 0.1, 0.9, default=0.3)
            p.pace = hp.Float("pace", 0.1, 0.9, default=0.5)
        return p

    def batches(
        self, p: SimpleNamespace, x: Arrays, y: Arrays, **options: Any
    ) -> Batches:
        if p.strategy == "curriculum" and self.difficulty == "length":
            return BucketedBatches(x, y, p.batch_size, **options)
        return super().batches(p, x, y, **options)

    def callbacks(
        self, p: SimpleNamespace, batches: Batches, epochs: int
    ) -> Iterable[keras.callbacks.Callback]:
        if p.strategy == "scheduled_sampling":
            yield ScheduledSampling(decay(p, epochs))
        if p.strategy == "curriculum":
            grown = max(1, round(p.pace * epochs))
            share = schedules.PolynomialDecay(p.first_share, grown, 1.0)
            by_length = self.difficulty == "length"
            yield Curriculum(batches, batches.lengths if by_length else "loss", share)


def feeding(p, evaluation):
    """Returns what a decoder is fed, as a `kdl.models.Feeding`."""
    epsilon = {"always_own": 0.0, "scheduled_sampling": Adjustable(1.0)}
    professor = None
    if p.strategy == "professor_forcing":
        professor = ProfessorForcing(weight=p.professor_weight)
    return Feeding(
        epsilon.get(p.strategy, 1.0), evaluation=evaluation, professor=professor
    )


def decay(p, epochs):
    """Returns the schedule of epsilon by epoch.

    The inverse sigmoid is half in the middle of the training.

    Args:
        p: Namespace of `strategy_space`.
        epochs: Integer in `[1, inf)`.
    """
    last = max(1, epochs - 1)
    if p.decay == "linear":
        return schedules.PolynomialDecay(1.0, last, p.final_epsilon)
    if p.decay == "exponential":
        return schedules.ExponentialDecay(1.0, last, p.final_epsilon)
    # Half is at k log k.
    half = max(2.0, epochs / 2)
    return InverseSigmoidDecay(half / float(lambertw(half).real))


def texts(splits: Splits) -> Splits:
    """Returns `splits`, provided they hold pairs of texts.

    Raises:
        ValueError: If they hold something else.
    """
    for part in splits:
        x, y = map(np.asarray, part)
        is_text = all(array.dtype.kind in "UO" and array.ndim == 1 for array in (x, y))
        if not is_text or len(x) != len(y) or not len(x):
            raise ValueError(
                "`source` must hold texts, and one text for each. Received: "
                f"{x.dtype} {x.shape} and {y.dtype} {y.shape}"
            )
    return splits


def read_texts(recipe: Recipe, path: Path | Literal["-"]) -> Iterator[tuple[str, Any]]:
    """Yields name and text of each line of a file; `Recipe.read` of a recipe of texts.

    Raises:
        ValueError: If the file is of a kind that the recipe does not read, or does not
            hold texts.
    """
    if path != files.STDIN:
        files.check_suffix(path, recipe.reads)
    return files.texts(path)


def predictions(model, evaluation, x):
    """Returns what a model predicts, if its decoder is fed in one way or the other.

    Args:
        model: `keras.Model` with a decoder named `"decoder"`.
        evaluation: `"teacher_forcing"` or `"free_running"`.
        x: Inputs.
    """
    with model.get_layer("decoder").evaluated(evaluation):
        # Another model of the same layers, which Keras compiles anew.
        again = type(model)(model.inputs, model.outputs)
        inputs = [x] if not isinstance(x, dict) else [x[i.name] for i in model.inputs]
        return again.predict(inputs, verbose=0)


def errors_figure(errors, what, step):
    """Draws errors by step, under teacher forcing and free-running.

    Args:
        errors: Dict of arrays `(steps,)` by evaluation.
        what: String. What the errors are, for the axis.
        step: String. What the steps are.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots()
    # Dashed, one is seen where the other is the same.
    for style, (evaluation, values) in zip(("-", "--"), errors.items(), strict=True):
        steps = np.arange(1, len(values) + 1)
        name = evaluation.replace("_", " ")
        # Not clipped and above the axis, so that one of no errors is seen.
        axes.plot(steps, values, style, label=name, clip_on=False, zorder=3)
    axes.set_xlabel(step)
    axes.set_ylabel(what)
    axes.set_ylim(bottom=0)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    axes.legend()
    return figure
