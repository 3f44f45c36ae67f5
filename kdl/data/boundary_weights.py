"""Weights of the pixels of a mask."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from kdl.checks import check_number


def boundary_weights(
    masks: ArrayLike, strength: float = 10.0, width: float = 5.0
) -> np.ndarray:
    """Returns the weight map of U-Net: how much each pixel counts in the loss.

    The weight of a pixel `x` of class `y(x)` is

        w(x) = b(y(x)) + strength * exp(-(d1(x) + d2(x))**2 / (2 * width**2))

    `d1` and `d2` are the distances to the nearest and to the second nearest object, in
    pixels. The second term is that of the background, class 0, alone: it is large in
    the gaps between objects, which a network has to learn so that they do not grow
    together. It is 0 where there are fewer than two objects. An object is what hangs
    together, edge to edge, of a class other than 0.

    `b` balances the classes: all that a mask has count alike, and the mean of `b` over
    its pixels is 1,

        b(c) = pixels / (classes of the mask * pixels of c)

    The paper balances over the training set, and does not say whether objects have
    the second term as well; its figure 3 shows it in the gaps.

    Args:
        masks: Integer array of shape `(batch, height, width)`. Classes.
        strength: Float in `[0, inf)`. The weight of a gap of no width. Defaults to
            `10.0`, that of the paper.
        width: Float in `(0, inf)`. Pixels over which it falls. Defaults to `5.0`, that
            of the paper.

    Returns:
        Float32 array of the shape of `masks`.

    Raises:
        ValueError: If `masks` are not as described, or a number is outside its
            interval.

    Example:

    >>> weights = kdl.data.boundary_weights(np.eye(8, dtype=int)[None], width=2.0)

    References:
        - [Ronneberger et al., 2015](https://arxiv.org/abs/1505.04597), equation 2
    """
    masks = np.asarray(masks)
    if masks.ndim != 3 or masks.dtype.kind not in "iu":
        raise ValueError(
            "`masks` must be integers of shape (batch, height, width). "
            f"Received: {masks.dtype} {masks.shape}"
        )
    check_number("strength", strength, "[0, inf)")
    check_number("width", width, "(0, inf)")
    weights = np.empty(masks.shape, "float32")
    for weight, mask in zip(weights, masks, strict=True):
        found, index, counts = np.unique(mask, return_inverse=True, return_counts=True)
        weight[:] = (mask.size / (len(found) * counts))[index].reshape(mask.shape)
        weight += strength * np.exp(-(_gaps(mask) ** 2) / (2 * width**2))
    return weights


def _gaps(mask):
    """`d1 + d2` of each pixel of the background, and infinity elsewhere."""
    nearest = np.full((2, *mask.shape), np.inf)
    for value in np.unique(mask[mask != 0]):
        objects, count = ndimage.label(mask == value)
        for number in range(1, count + 1):
            distance = ndimage.distance_transform_edt(objects != number)
            nearest = np.sort([*nearest, distance], axis=0)[:2]
    return np.where(mask == 0, nearest.sum(axis=0), np.inf)
