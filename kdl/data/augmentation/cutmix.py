"""CutMix."""

from typing import Any

import numpy as np

from kdl.checks import check_boolean, check_integer, check_number, check_optional
from kdl.data.augmentation.boxes import random_boxes
from kdl.data.augmentation.moving import check_images, check_masks
from kdl.data.augmentation.targets import blended_targets, soft_targets


class CutMix:
    """Replaces a box of each image of a batch by the same box of another image.

    The other image is drawn without replacement from the same batch, `lam` from
    `Beta(alpha, alpha)`, and the centre of the box uniformly from the pixels, all for
    each example. The box has the shape of the image and a share `1 - lam` of its area,

        box_height = height * sqrt(1 - lam)
        box_width = width * sqrt(1 - lam)

    rounded to pixels; what would lie outside the image is cut off. Then `lam` becomes
    the share of the image that is left of the first, and the target

        lam * label_i + (1 - lam) * label_j

    of the one-hot labels, with weights as in `kdl.data.MixUp`. Masks are cut as their
    images are.

    `keras.layers.CutMix` runs in the input pipeline of TensorFlow alone; this runs in
    NumPy on every backend, inside `kdl.data.Batches`, whose seed repeats it. The paper
    draws one box per batch; here each example has its own, which varies less from batch
    to batch.

    Args:
        num_classes: Integer in `[2, inf)`. Labels are integers below it. Needed unless
            `masks`, and not used then. Defaults to `None`.
        alpha: Float in `(0, inf)`. The larger, the nearer `lam` is to one half.
            Defaults to `1.0`, the paper's: `lam` is uniform.
        masks: Boolean. Whether `y` holds masks. Defaults to `False`.

    Call arguments:
        x: Array of shape `(batch, height, width, channels)`.
        y: Integer array of labels of shape `(batch,)`, or float array of shares of
            shape `(batch, num_classes)`; with `masks` an array of shape `(batch,
            height, width)` or `(batch, height, width, channels)`.
        rng: `numpy.random.Generator`.
        sample_weight: Optional array of shape `(batch,)`, of numbers in `[0, inf)`.
            With `masks` also one of shape `(batch, 1, 1)`, or of pixels, `(batch,
            height, width)`.

    Returns:
        Tuple `(x, y)`; `x` has the shape and dtype it had. `y` has the dtype float32
        and the shape `(batch, num_classes)`, or is as it was with `masks`. With weights
        a tuple of these and of the new weights, of shape `(batch,)`, or with `masks`
        `(batch, height, width)`: each pixel has the weight of the image it is from.

    Raises:
        ValueError: If an argument is outside its interval, if `x` does not hold images,
            or if `y` does not hold a label or, with `masks`, a mask for each.

    Example:

    >>> batches = kdl.data.Batches(x, y, augment=[kdl.data.CutMix(num_classes=10)])

    References:
        - [Yun et al., 2019](https://arxiv.org/abs/1905.04899)
    """

    def __init__(
        self, num_classes: int | None = None, alpha: float = 1.0, masks: bool = False
    ) -> None:
        self.masks = check_boolean("masks", masks)
        arguments = "num_classes", num_classes, "[2, inf)"
        if masks:
            self.num_classes = check_optional(check_integer, *arguments)
        else:
            self.num_classes = check_integer(*arguments)
        self.alpha = check_number("alpha", alpha, "(0, inf)")

    def __call__(
        self,
        x: np.ndarray,
        y: np.ndarray,
        rng: np.random.Generator,
        sample_weight: np.ndarray | None = None,
    ) -> tuple[Any, ...]:
        x = check_images(x)
        y = check_masks(y, x) if self.masks else soft_targets(y, self.num_classes)
        lam = rng.beta(self.alpha, self.alpha, len(x))
        other = rng.permutation(len(x))
        sides = [
            np.rint(length * np.sqrt(1 - lam)).astype(int) for length in x.shape[1:3]
        ]
        is_other, share = random_boxes(*sides, x.shape[1:3], rng)

        def cut(array):
            box = is_other.reshape(*is_other.shape, *[1] * (array.ndim - 3))
            return np.where(box, array[other], array)

        if not self.masks:
            lam = (1 - share).astype("float32")
            return cut(x), *blended_targets(y, other, lam, sample_weight)
        if sample_weight is None:
            return cut(x), cut(y)
        weight = np.asarray(sample_weight, "float32")
        if weight.shape[:3] != x.shape[:3]:
            weight = np.broadcast_to(weight.reshape(-1, 1, 1), x.shape[:3])
        return cut(x), cut(y), cut(weight)
