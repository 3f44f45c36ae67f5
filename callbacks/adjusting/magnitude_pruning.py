"""Weights that are set to zero while a model learns."""

import re
from collections.abc import Mapping
from typing import Any, Literal

import keras
import numpy as np
from keras import ops
from keras.optimizers.schedules import PolynomialDecay

from kdl.callbacks.arguments import check_string
from kdl.checks import (
    check_choice,
    check_integer,
    check_number_or_schedule,
    check_optional,
)
from kdl.optimizers.arguments import matches
from kdl.typing import FloatOrSchedule


class MagnitudePruning(keras.callbacks.Callback):
    """Sets the smallest weights to zero while a model learns, and keeps them there.

    Of `n` weights, the `round(sparsity * n)` with the least magnitude are zero. The
    sparsity grows from batch to batch, so that the others learn to do without them:

        sparsity(t) = sparsity * (1 - (1 - (t - begin) / (end - begin)) ** 3)

    from batch `begin` to batch `end`, counted from zero through all epochs. Most
    weights go early, while there are many. A schedule of batches takes the place of
    this one.

    A weight that is zero stays so: it is set to zero before each training batch, before
    validation and after each epoch. Each batch sees the pruned model, in the
    compiled step of any backend and with any optimizer. On JAX, Keras then copies the
    state of the model to and fro for each batch, which takes 0.2 to 2 milliseconds, the
    more variables the longer. With `steps_per_execution`, Keras calls callbacks once in
    so many batches, between which pruned weights move.

    Zeros by themselves make neither a file smaller nor a model faster. A file that is
    compressed becomes smaller, as by zip; hardware and libraries for sparse
    matrices gain from 90 % on.

    If early stopping restores the weights of an early epoch, the last zeros count all
    the same. Have `end` come well before the epochs do.

    Args:
        sparsity: Float in `[0, 1)`, or a
            `keras.optimizers.schedules.LearningRateSchedule` of it by batches. Share of
            the weights that are zero in the end.
        begin: Integer in `[0, inf)`. The batch at which pruning begins. Defaults to
            `0`.
        end: Optional integer in `(begin, inf)`. The batch at which the sparsity is
            reached. Defaults to `None`: at once, at `begin`.
        every: Integer in `[1, inf)`. Batches from one time to the next that weights are
            chosen. Defaults to `50`.
        scope: `"global"`, where weights of all layers are compared, or `"layer"`, where
            each layer has the same share of zeros. Defaults to `"global"`.
        pattern: String. A regular expression for the `path` of the variables that are
            pruned, the whole of it or its end after a `/`. Defaults to `".*kernel"`,
            which leaves out biases, embeddings and normalization.

    Attributes:
        masks: List of boolean arrays, one for each variable that is pruned, in the
            order of `trainable_variables`: where weights are not zero. It is empty
            before the first are.

    Raises:
        ValueError: If an argument is not as described, or if the model has no variable
            of the pattern.

    Example:

    >>> pruning = kdl.callbacks.MagnitudePruning(0.8, end=12, every=4)
    >>> history = model.fit(x, y, epochs=2, callbacks=[pruning], verbose=0)
    >>> kernel = keras.ops.convert_to_numpy(model.layers[-1].kernel)
    >>> float((kernel == 0).mean())
    0.8

    References:
        - [Zhu and Gupta, 2017](https://arxiv.org/abs/1710.01878)
        - [Han et al., 2015](https://arxiv.org/abs/1506.02626)
    """

    def __init__(
        self,
        sparsity: FloatOrSchedule,
        begin: int = 0,
        end: int | None = None,
        every: int = 50,
        scope: Literal["global", "layer"] = "global",
        pattern: str = ".*kernel",
    ) -> None:
        super().__init__()
        self.sparsity = check_number_or_schedule("sparsity", sparsity, "[0, 1)")
        self.begin = check_integer("begin", begin, "[0, inf)")
        self.end = check_optional(check_integer, "end", end, f"({self.begin}, inf)")
        if not isinstance(self.sparsity, float) and (self.begin or self.end):
            raise ValueError(
                "`begin` and `end` must be left out where `sparsity` is a schedule. "
                f"Received: begin={begin}, end={end}"
            )
        self.every = check_integer("every", every, "[1, inf)")
        self.scope = check_choice("scope", scope, ("global", "layer"))
        self.pattern = _check_pattern(pattern)
        self.masks, self._tensors, self._batches = [], [], 0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.masks, self._tensors, self._batches = [], [], 0
        if not self._variables():
            paths = [variable.path for variable in self.model.trainable_variables]
            raise ValueError(
                f"`pattern` must be that of a variable of the model, such as "
                f"{paths[0]!r}. Received: pattern={self.pattern!r}"
                if paths
                else "The model must have weights that are trained."
            )

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        # A fit may go on where another one ended, without the state of that one.
        steps = (self.params or {}).get("steps")
        if epoch and steps and not self._batches:
            self._batches = epoch * steps

    def on_train_batch_begin(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        if self._batches % self.every == 0 or self._batches in (self.begin, self.end):
            self._choose()
        self._prune()
        self._batches += 1

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._prune()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._prune()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        # Early stopping may have restored weights of an epoch with fewer zeros.
        self._prune()
        self._tensors = []

    def get_state(self) -> dict[str, Any]:
        """Returns masks and the count of batches, for `kdl.callbacks.Resume`."""
        return {"masks": list(self.masks), "batches": self._batches}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Goes on from what `get_state` returned."""
        self.masks = [np.asarray(mask, "bool") for mask in state["masks"]]
        self._tensors, self._batches = [], state["batches"]

    def _variables(self):
        # On JAX, this writes the live state into the variables, and has Keras read it
        # from them again.
        variables = self.model.trainable_variables
        return [v for v in variables if matches(self.pattern, v.path)]

    def _target(self):
        """The sparsity at the batch that comes."""
        if not isinstance(self.sparsity, float):
            value = float(ops.convert_to_numpy(self.sparsity(self._batches)))
            if not 0 <= value < 1:
                raise ValueError(
                    "`sparsity` must be a schedule of numbers in [0, 1). Received: "
                    f"{value:g} at batch {self._batches}"
                )
            return value
        if self._batches < self.begin:
            return 0.0
        if self.end is None or self._batches >= self.end:
            return self.sparsity
        growth = PolynomialDecay(0.0, self.end - self.begin, self.sparsity, 3)
        return float(ops.convert_to_numpy(growth(self._batches - self.begin)))

    def _choose(self):
        """Chooses the weights that are zero from now on, beside those that are."""
        target = self._target()
        if not target:
            return
        found = [np.abs(ops.convert_to_numpy(v)) for v in self._variables()]
        known = self.masks or [np.ones(part.shape, "bool") for part in found]
        # What is zero already is the least.
        found = [
            np.where(mask, part, -1.0) for mask, part in zip(known, found, strict=True)
        ]
        if self.scope == "layer":
            masks = [_largest([part], target)[0] for part in found]
        else:
            masks = _largest(found, target)
        # A schedule may fall, but no weight comes back.
        self.masks = [new & old for new, old in zip(masks, known, strict=True)]
        self._tensors = []

    def _prune(self):
        if not self.masks:
            return
        variables = self._variables()
        if not self._tensors:
            self._tensors = [ops.convert_to_tensor(mask) for mask in self.masks]
        for variable, mask in zip(variables, self._tensors, strict=True):
            value = ops.convert_to_tensor(variable)
            # Not a product: what is not a number is pruned as well.
            variable.assign(ops.where(mask, value, ops.zeros_like(value)))


def _largest(parts, sparsity):
    """Where arrays have their largest numbers, but for a share of all of them."""
    flat = np.concatenate([np.ravel(part) for part in parts])
    mask = np.ones(len(flat), "bool")
    mask[np.argsort(flat, kind="stable")[: round(sparsity * len(flat))]] = False
    ends = np.cumsum([part.size for part in parts])[:-1]
    pieces = np.split(mask, ends)
    return [
        piece.reshape(part.shape) for piece, part in zip(pieces, parts, strict=True)
    ]


def _check_pattern(pattern):
    try:
        return re.compile(check_string("pattern", pattern)).pattern
    except (ValueError, re.error):
        raise ValueError(
            f"`pattern` must be a regular expression. Received: pattern={pattern!r}"
        ) from None
