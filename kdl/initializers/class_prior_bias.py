"""Bias of the output layer, by the frequency of the classes."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import DTypeLike

from kdl.checks import check_number
from kdl.typing import Tensor


@keras.saving.register_keras_serializable(package="kdl")
class ClassPriorBias(keras.initializers.Initializer):
    """Has a classifier start from the frequency of the classes.

    With inputs near zero, or a small kernel, its first predictions are the `prior`:

        sigmoid   bias = log(prior / (1 - prior))   of each unit
        softmax   bias = log(prior[i])              of unit i

    and its first cross-entropy is the entropy of the labels. From a bias of zero, a
    classifier of rare events first spends its large early steps on learning that they
    are rare, which in the paper made training diverge.

    Args:
        prior: Float in `(0, 1)`, the frequency of the positive class for a sigmoid; or
            a sequence of two or more of them that sum to 1, the frequencies of the
            classes for a softmax. `0.01` is usual for detectors, which meet mostly
            background.

    Call arguments:
        shape: Tuple of integers. For a sequence, `(len(prior),)`.
        dtype: Optional dtype. Defaults to `None`, that of Keras.

    Returns:
        Tensor of that shape and dtype.

    Raises:
        ValueError: If a frequency is outside its interval, if the frequencies do not
            sum to 1 within 1e-6, or if there are not as many as the layer has units.

    Example:

    >>> prior = kdl.initializers.ClassPriorBias([0.9, 0.09, 0.01])
    >>> layer = keras.layers.Dense(3, "softmax", bias_initializer=prior)

    References:
        - [Lin et al., 2017](https://arxiv.org/abs/1708.02002), section 4.1, for a
          sigmoid
    """

    def __init__(self, prior: float | Sequence[float] | np.ndarray) -> None:
        if np.ndim(prior) == 0:
            self.prior = check_number("prior", prior, "(0, 1)")
            return
        self.prior = [check_number("prior", p, "(0, 1)") for p in prior]
        total = math.fsum(self.prior)
        if len(self.prior) < 2 or abs(total - 1) > 1e-6:
            raise ValueError(
                "`prior` must be a number, or two or more of them that sum to 1. "
                f"Received: prior={prior!r}, whose sum is {total}"
            )

    def __call__(self, shape: Sequence[int], dtype: DTypeLike | None = None) -> Tensor:
        dtype = dtype or keras.config.floatx()
        if isinstance(self.prior, float):
            bias = math.log(self.prior) - math.log1p(-self.prior)
            return ops.full(shape, bias, dtype=dtype)
        if tuple(shape) != (len(self.prior),):
            raise ValueError(
                f"`shape` must be {(len(self.prior),)}, that of the bias of a layer "
                f"with one unit for each frequency. Received: shape={tuple(shape)}"
            )
        return ops.convert_to_tensor(np.log(self.prior), dtype)

    def get_config(self) -> dict[str, Any]:
        return {"prior": self.prior}
