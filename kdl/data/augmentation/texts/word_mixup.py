"""MixUp of embedded words."""

from typing import Any

import numpy as np

from kdl.checks import check_integer, check_number
from kdl.data.augmentation.targets import blended_targets, soft_targets


class WordMixUp:
    """Pairs each text of a batch, and its label, with another one to be blended with.

    Tokens cannot be blended, but their embeddings can: token by token, the model
    computes `share * embedding(tokens) + (1 - share) * embedding(others)`, where the
    shorter text is padded with zeros. `others` are the tokens of another text, drawn
    without replacement from the same batch, and `share` is drawn from
    `Beta(alpha, alpha)`, for each text. Targets are the blend of the one-hot labels.

    A model takes the three as its inputs. To predict, the share is 1 and the others
    count for nothing, as `alone` returns them. The recipe `text` has such models where
    its `mixup` is not 0. `kdl.data.MixUp` blends inputs that are numbers themselves.

    The paper draws one share for a batch; here each text has its own. Weights of
    examples are blended as by `kdl.data.MixUp`.

    Args:
        num_classes: Integer in `[2, inf)`. Labels are integers below it.
        alpha: Float in `(0, inf)`. The larger, the nearer `share` is to one half.
            Defaults to `0.2`.

    Call arguments:
        x: Integer array of tokens, of shape `(batch, length)`.
        y: Integer array of labels of shape `(batch,)`, or float array of shares of
            shape `(batch, num_classes)`.
        rng: `numpy.random.Generator`.
        sample_weight: Optional array of shape `(batch,)`, of numbers in `[0, inf)`.

    Returns:
        Tuple `(x, y)`, where `x` is a dict of `"tokens"`, `"others"`, both of shape
        `(batch, length)`, and `"share"`, float32 of shape `(batch, 1)`, and `y` has the
        dtype float32 and the shape `(batch, num_classes)`; with weights a tuple of
        these and of the new weights.

    Raises:
        ValueError: If an argument is outside its interval, or if a batch is not of
            tokens with a label each.

    Example:

    >>> mix = kdl.data.WordMixUp(num_classes=2)
    >>> tokens, labels = np.array([[3, 1, 0], [2, 2, 5]]), np.array([0, 1])
    >>> x, y = mix(tokens, labels, np.random.default_rng(0))
    >>> sorted(x)
    ['others', 'share', 'tokens']

    References:
        - [Guo et al., 2019](https://arxiv.org/abs/1905.08941), wordMixup
    """

    def __init__(self, num_classes: int, alpha: float = 0.2) -> None:
        self.num_classes = check_integer("num_classes", num_classes, "[2, inf)")
        self.alpha = check_number("alpha", alpha, "(0, inf)")

    def __call__(
        self,
        x: np.ndarray,
        y: np.ndarray,
        rng: np.random.Generator,
        sample_weight: np.ndarray | None = None,
    ) -> tuple[Any, ...]:
        x, y = np.asarray(x), soft_targets(y, self.num_classes)
        if x.ndim != 2 or x.dtype.kind not in "iu":
            raise ValueError(
                "`x` must be integers of shape (batch, length). Received: x of dtype "
                f"{x.dtype} and shape {x.shape}"
            )
        share = rng.beta(self.alpha, self.alpha, len(x)).astype("float32")
        other = rng.permutation(len(x))
        mixed = {"tokens": x, "others": x[other], "share": share[:, None]}
        return mixed, *blended_targets(y, other, share, sample_weight)

    @staticmethod
    def alone(x: np.ndarray) -> dict[str, np.ndarray]:
        """Returns tokens as a model takes them, blended with nothing.

        Args:
            x: Integer array of tokens, of shape `(batch, length)`.
        """
        return {
            "tokens": x,
            "others": np.zeros_like(x),
            "share": np.ones((len(x), 1), "float32"),
        }
