"""Examples from easy to hard."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, Self

import keras
import numpy as np
from numpy.typing import ArrayLike

from kdl.callbacks.adjusting.example_losses import ExampleLosses
from kdl.callbacks.deep_copies import copy_sharing
from kdl.checks import check_boolean, check_choice, check_integer, check_number
from kdl.seeds import CURRICULUM, generator


class Curriculum(keras.callbacks.Callback):
    """Trains on easy examples first, within an epoch, over the epochs, or both.

    Before each epoch, the examples are ranked by difficulty, and the easiest

        max(1, round(share(epoch) * examples))

    of them make up the epoch. It has as many batches as before: those few come several
    times, each equally often but for one. Their order is random, or from the easiest
    to the hardest.

    Keras has no way to choose examples while a fit runs, but takes what a data set
    gives: here the batches are a `kdl.data.Batches`, whose rows are set epoch by epoch.
    `fit` has to be told `shuffle=False`, since it would shuffle the batches again.
    Under the same seed, the rows are the same on every backend.

    Args:
        batches: `kdl.data.Batches` that `fit` trains on.
        difficulty: Array of shape `(examples,)`, larger for harder ones; a function of
            the model, `batches.x` and `batches.y` that returns one; or `"loss"`, for
            the loss of each example under the model as it is, the mean over the steps
            of a sequence that are not masked. Defaults to `"loss"`. Lengths of
            sentences, such as `kdl.data.BucketedBatches.lengths`, or losses of a model
            that has been trained, are usual for the first two.
        share: Float in `(0, 1]`, or a function of the epoch, counted from zero, that
            returns one, such as a schedule: `PiecewiseConstantDecay([1], [0.5, 1.0])`
            of Keras begins with two epochs of the easier half. Defaults to `1.0`.
        order: `"random"` or `"ascending"`. Defaults to `"random"`.
        reverse: Boolean. Whether to begin with the hardest instead. Defaults to
            `False`.
        every: Integer in `[1, inf)`. After how many epochs a function, or the loss, is
            asked for again, for which the model sees all examples once. Defaults to
            `1`.

    Attributes:
        rows: Integer array of shape `(examples_per_epoch,)`. Those of the current
            epoch.

    Raises:
        ValueError: If an argument is not as described, if there is no difficulty for
            each example or it is not finite, if `fit` trains on other batches or
            shuffles them, or, with difficulty="loss", if the model has several losses.

    Example:

    >>> batches = kdl.data.Batches(x, y)
    >>> stages = keras.optimizers.schedules.PiecewiseConstantDecay([1], [0.5, 1.0])
    >>> curriculum = kdl.callbacks.Curriculum(batches, share=stages)
    >>> history = model.fit(batches, shuffle=False, epochs=3, callbacks=[curriculum])

    References:
        - [Bengio et al., 2009](https://doi.org/10.1145/1553374.1553380)
        - [Hacohen and Weinshall, 2019](https://arxiv.org/abs/1904.03626), pacing
    """

    def __init__(
        self,
        batches: keras.utils.PyDataset,
        difficulty: ArrayLike
        | Callable[[keras.Model, Any, Any], ArrayLike]
        | Literal["loss"] = "loss",
        share: float | Callable[[int], Any] = 1.0,
        order: Literal["random", "ascending"] = "random",
        reverse: bool = False,
        every: int = 1,
    ) -> None:
        super().__init__()
        if not callable(getattr(batches, "use_rows", None)):
            raise ValueError(
                "`batches` must be the kdl.data.Batches that are trained on. "
                f"Received: batches={batches!r}"
            )
        self.batches = batches
        self.difficulty = _check_difficulty(difficulty, batches.examples)
        self.share = share
        if not callable(share):
            self.share = check_number("share", share, "(0, 1]")
        self.order = check_choice("order", order, ("random", "ascending"))
        self.reverse = check_boolean("reverse", reverse)
        self.every = check_integer("every", every, "[1, inf)")
        self.rows = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.rows = self._scores = self._epoch = self._indices = self._losses = None
        self._asked = 0  # Epochs since the model was asked.

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        # The rows of an epoch that was interrupted have been drawn.
        if epoch != self._epoch:
            self._rank()
            self.rows, self._epoch = self._draw(epoch), epoch
        self._indices = self.batches.use_rows(self.rows)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        indices, self._indices = self._indices, None
        if not indices:
            raise ValueError(
                "`batches` must be those that `fit` trains on, but no batch was asked "
                f"for in epoch {epoch + 1}. Received: batches={self.batches!r}"
            )
        if indices != sorted(indices):
            raise ValueError(
                "`fit` must get `shuffle=False`: it has shuffled the batches, of which "
                "a Curriculum decides the order."
            )

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return copy_sharing(self, self.batches, memo)

    def get_state(self) -> dict[str, Any]:
        """Returns ranks and rows, for `kdl.callbacks.Resume`."""
        return {
            "rows": self.rows,
            "scores": self._scores,
            "epoch": self._epoch,
            "asked": self._asked,
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Goes on from what `get_state` returned."""
        self.rows, self._scores = state["rows"], state["scores"]
        self._epoch, self._asked = state["epoch"], state["asked"]

    def _rank(self):
        """Scores the examples, unless that was done lately."""
        batches, difficulty = self.batches, self.difficulty
        if self._scores is not None and self._asked < self.every:
            self._asked += 1
            return
        if isinstance(difficulty, str):
            self._losses = self._losses or ExampleLosses(self.model, batches.y)
            pairs = batches.pairs_in_order()
            scores = self._losses.predict(pairs, verbose=0)
            pairs.release()
        elif callable(difficulty):
            scores = difficulty(self.model, batches.x, batches.y)
        else:
            scores = difficulty
        scores = _check_scores(scores, batches.examples)
        self._scores, self._asked = -scores if self.reverse else scores, 1

    def _draw(self, epoch):
        share = self.share
        if callable(share):
            share = check_number("share", float(share(epoch)), "(0, 1]")
        # Of equal scores, those that come first are the easier.
        chosen = np.argsort(self._scores, kind="stable")
        chosen = chosen[: max(1, round(share * self.batches.examples))]
        rng = generator(self.batches.seed, CURRICULUM, epoch)
        count = self.batches.examples_per_epoch
        rounds = -(-count // len(chosen))
        rows = np.concatenate([rng.permutation(chosen) for _ in range(rounds)])[:count]
        if self.order == "ascending":
            # What the batches leave out is not the hardest but a random part.
            kept = self.batches.kept
            trained = rows[:kept]
            order = np.argsort(self._scores[trained], kind="stable")
            rows[:kept] = trained[order]
        return rows


def _check_difficulty(difficulty, examples):
    if callable(difficulty) or (isinstance(difficulty, str) and difficulty == "loss"):
        return difficulty
    return _check_scores(difficulty, examples)


def _check_scores(scores, examples):
    try:
        array = np.asarray(scores, "float64")
    except (TypeError, ValueError):
        array = np.zeros(())
    if array.shape != (examples,) or not np.isfinite(array).all():
        raise ValueError(
            f"`difficulty` must be 'loss', a function, or {examples} finite numbers, "
            f"one for each example. Received: difficulty={scores!r}"
        )
    return array
