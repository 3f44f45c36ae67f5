"""Predictions that are means over variants of an input."""

import keras
import numpy as np
from scipy.special import log_softmax, logsumexp

from kdl.checks import check_choice, check_integer
from kdl.data import Batches


class Variants:
    """A model that predicts the mean over variants of each input.

    That is test-time augmentation. `predict` and `evaluate` take what those of the
    model take; the first variant is the input itself.

    Args:
        model: `keras.Model`.
        augment: Function of the number of a variant, from 1, that returns the functions
            of `kdl.data.Batches` which make it.
        count: Integer in `[2, 1000]`. Number of variants.
        prepare: Optional function that makes of variants what the model takes. Defaults
            to `None`, where they are so already.
        are_logits: Boolean. Whether outputs are logits of classes.
        merge: `"probabilities"`, to average the probabilities of classes, or
            `"logits"`, to average outputs as they are. Defaults to `"probabilities"`.
        seed: Integer in `[0, 2**32)`. Draws the variants. Defaults to `0`.

    Raises:
        ValueError: If an argument is not as described.
    """

    def __init__(
        self,
        model,
        augment,
        count,
        prepare=None,
        are_logits=True,
        merge="probabilities",
        seed=0,
    ):
        check_choice("merge", merge, ("probabilities", "logits"))
        self.model, self.augment, self.prepare = model, augment, prepare
        self.count = check_integer("count", count, "[2, 1000]")
        self.seed = seed
        self._adds_shares = are_logits and merge == "probabilities"

    @property
    def input_shape(self):
        """That of the model, `None` where its inputs are yet to be prepared."""
        return None if self.prepare else getattr(self.model, "input_shape", None)

    @property
    def output_shape(self):
        return self.model.output_shape

    def predict(self, x, verbose=0):
        """Returns the mean outputs for inputs, an array or `kdl.data.Batches`."""
        if isinstance(x, Batches):
            x = x.x
        outputs = []
        for number in range(self.count):
            augment = list(self.augment(number)) if number else []
            if self.prepare:
                augment.append(lambda x, y, rng: (self.prepare(x), y))
            batches = Batches(
                *(x, np.zeros(len(x))),
                shuffle=False,
                augment=augment,
                seed=self.seed + number,
            )
            outputs.append(self.model.predict(batches, verbose=verbose))
        if not self._adds_shares:
            return np.mean(outputs, axis=0)
        return logsumexp(log_softmax(outputs, axis=-1), axis=0) - np.log(self.count)

    def evaluate(self, x, y=None, verbose=0, return_dict=True):
        """Returns loss and metrics of the mean outputs, a dict of floats.

        Args:
            x: Inputs, or `kdl.data.Batches` of inputs and targets.
            y: Targets of the inputs.
            verbose: Integer, as of `model.evaluate`.
            return_dict: Always `True`.
        """
        if not self.model.compiled:
            raise ValueError("The model must be compiled: its loss is evaluated.")
        y = x.y if y is None else y
        outputs = self.predict(x, verbose)
        # Loss and metrics are those of the model, of outputs that are known already.
        judge = keras.Sequential(
            [keras.Input(outputs.shape[1:]), keras.layers.Identity()]
        )
        judge.compile_from_config(self.model.get_compile_config())
        judge.jit_compile = self.model.jit_compile
        return judge.evaluate(outputs, y, verbose=verbose, return_dict=True)
