"""Sets of classes that hold the right one as often as is wanted."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from kdl.checks import check_choice, check_number
from kdl.evaluation.probabilities import check_labels, check_probabilities


class ConformalSets:
    """Returns sets of classes that hold the right one with a wanted probability.

    This is split conformal prediction. Each class of an example has a score, which says
    how little it fits.

    - `"lac"`: `1 - p`, of its probability `p`. The sets are the smallest on average,
      and may be empty.
    - `"aps"`: the sum of its probability and of those of all classes that are more
      likely; of equally likely ones, the first counts as more so. Sets grow where an
      example is hard, and are never empty. They hold the right class rather more often
      than wanted, since nothing is left to chance.

    With the scores of the right classes of `n` calibration examples, a set holds all
    classes whose score is at most the `ceil((n + 1) coverage)`-th smallest. If examples
    are exchangeable, it holds the right class with the wanted probability at least,
    however wrong the probabilities are; over all examples, not for each class.

    Args:
        coverage: Float in `(0, 1)`. Probability that a set holds the right class.
            Defaults to `0.9`.
        score: `"lac"` or `"aps"`. Defaults to `"lac"`.

    Attributes:
        threshold: Float. The greatest score of a class in a set; `None` before `fit`.
            It is infinite for fewer than `coverage / (1 - coverage)` examples: sets
            then hold all classes.

    Raises:
        ValueError: If an argument is not as described.

    Example:

    >>> logits = model.predict(validation[0], verbose=0)
    >>> probabilities = keras.ops.convert_to_numpy(keras.ops.softmax(logits))
    >>> conformal = kdl.evaluation.ConformalSets(0.95)
    >>> conformal.fit(probabilities[:90], validation[1][:90])
    >>> sets = conformal.predict(probabilities[90:])
    >>> sets.shape
    (90, 10)

    References:
        - [Sadinle, Lei and Wasserman, 2019](https://arxiv.org/abs/1609.00451), LAC
        - [Romano, Sesia and Candès, 2020](https://arxiv.org/abs/2006.02544), APS
    """

    def __init__(
        self, coverage: float = 0.9, score: Literal["lac", "aps"] = "lac"
    ) -> None:
        self.coverage = check_number("coverage", coverage, "(0, 1)")
        self.score = check_choice("score", score, ("lac", "aps"))
        self.threshold = None

    def fit(self, probabilities: ArrayLike, y: ArrayLike) -> None:
        """Finds the threshold by examples that the model has not learned from.

        Args:
            probabilities: Array of shape `(examples, classes)`.
            y: Integer array of shape `(examples,)`, their classes.

        Raises:
            ValueError: If an argument is not as described.
        """
        probabilities = check_probabilities("probabilities", probabilities)
        labels = check_labels("y", y, probabilities.shape)
        scores = np.sort(self._scores(probabilities)[np.arange(len(labels)), labels])
        # What is an integer but for rounding must not become the next one.
        rank = int(np.ceil((len(scores) + 1) * self.coverage * (1 - 1e-12)))
        self.threshold = float(scores[rank - 1]) if rank <= len(scores) else np.inf

    def predict(self, probabilities: ArrayLike) -> np.ndarray:
        """Returns which classes are in the set of each example.

        Args:
            probabilities: Array of shape `(examples, classes)`.

        Returns:
            Boolean array of shape `(examples, classes)`.

        Raises:
            ValueError: If `probabilities` are none, or before `fit`.
        """
        if self.threshold is None:
            raise ValueError("`fit` must come before `predict`. Received: no examples")
        probabilities = check_probabilities("probabilities", probabilities)
        sets = self._scores(probabilities) <= self.threshold
        if self.score == "aps":
            sets[np.arange(len(sets)), probabilities.argmax(axis=1)] = True
        return sets

    def measure(self, probabilities: ArrayLike, y: ArrayLike) -> dict[str, float]:
        """Returns coverage and mean size of the sets of test data.

        Args:
            probabilities: Array of shape `(examples, classes)`.
            y: Integer array of shape `(examples,)`, their classes.

        Returns:
            Dict of floats: `"coverage"`, the share of sets that hold the right class,
            and `"size"`, the mean number of classes in a set.

        Raises:
            ValueError: If an argument is not as described.
        """
        sets = self.predict(probabilities)
        labels = check_labels("y", y, sets.shape)
        right = sets[np.arange(len(labels)), labels]
        return {"coverage": float(right.mean()), "size": float(sets.sum(1).mean())}

    def _scores(self, probabilities):
        if self.score == "lac":
            return 1 - probabilities
        order = np.argsort(-probabilities, axis=1, kind="stable")
        sums = np.cumsum(np.take_along_axis(probabilities, order, 1), axis=1)
        scores = np.empty_like(probabilities)
        np.put_along_axis(scores, order, sums, axis=1)
        return scores
