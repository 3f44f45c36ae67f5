"""Random affine maps."""

import numpy as np
from scipy.ndimage import map_coordinates

from kdl.checks import check_number


class RandomAffine:
    """Shifts, rotates, zooms and shears each image of a batch a little.

    Each image is resampled under a map of its own about its centre,

        rotation(a) @ shear(s) @ zoom(z) + shift

    whose parameters are uniform in the intervals below. Pixels between others are
    interpolated bilinearly; those from outside the image are 0.

    `keras.layers.RandomAffine` and its like run inside the model, where they slow
    training down on JAX and PyTorch; this runs in NumPy, alike on every backend,
    inside `kdl.data.Batches`, whose seed repeats it. In small images a whole pixel
    is much: shifts here are fractions of one, too.

    Args:
        shift: Float in `[0, inf)`. Largest shift in pixels, along each axis.
            Defaults to `1.0`.
        rotation: Float in `[0, 180]`. Largest angle in degrees, either way.
            Defaults to `0.0`.
        zoom: Float in `[0, 1)`. Largest change of scale: factors lie in
            `[1 - zoom, 1 + zoom]`, one factor for both axes. Defaults to `0.0`.
        shear: Float in `[0, 1]`. Largest horizontal shift of a row, either way, per
            pixel that it lies above the centre. Defaults to `0.0`.

    Call arguments:
        x: Float array of shape `(batch, height, width, channels)`.
        y: Targets, which stay as they are.
        rng: `numpy.random.Generator`.

    Returns:
        Tuple `(x, y)`; `x` has the shape and dtype it had.

    Raises:
        ValueError: If an argument is outside its interval.

    Example:

    >>> warp = kdl.data.RandomAffine(shift=1.0, rotation=10.0)
    >>> batches = kdl.data.Batches(x, y, augment=[warp])

    References:
        - [Simard et al., 2003](https://doi.org/10.1109/ICDAR.2003.1227801)
    """

    def __init__(self, shift=1.0, rotation=0.0, zoom=0.0, shear=0.0):
        self.shift = check_number("shift", shift, "[0, inf)")
        self.rotation = check_number("rotation", rotation, "[0, 180]")
        self.zoom = check_number("zoom", zoom, "[0, 1)")
        self.shear = check_number("shear", shear, "[0, 1]")

    def __call__(self, x, y, rng):
        matrices, shifts = self._maps(len(x), rng)
        height, width = x.shape[1:3]
        centre = np.array([(height - 1) / 2, (width - 1) / 2])
        grid = np.indices((height, width)) - centre[:, None, None]
        # Where each pixel of the result comes from: the inverse of the map.
        inverses = np.linalg.inv(matrices)
        offsets = centre - np.einsum("nij,nj->ni", inverses, shifts)
        sources = np.tensordot(inverses, grid, 1) + offsets[..., None, None]
        images = np.broadcast_to(np.arange(len(x))[:, None, None], x.shape[:3])
        points = [images, sources[:, 0], sources[:, 1]]
        channels = [
            # Without `grid-constant`, what is outside would begin at the last pixel.
            map_coordinates(x[..., i], points, order=1, mode="grid-constant")
            for i in range(x.shape[-1])
        ]
        return np.stack(channels, axis=-1), y

    def _maps(self, count, rng):
        """Matrices of shape `(count, 2, 2)` and shifts of shape `(count, 2)`."""
        angle, shear, zoom = rng.uniform(-1, 1, (3, count))
        angle = np.deg2rad(self.rotation) * angle
        cos, sin = np.cos(angle), np.sin(angle)
        rotation = np.array([[cos, -sin], [sin, cos]]).transpose(2, 0, 1)
        matrices = np.broadcast_to(np.eye(2), (count, 2, 2)).copy()
        matrices[:, 1, 0] = self.shear * shear
        matrices *= (1 + self.zoom * zoom)[:, np.newaxis, np.newaxis]
        return rotation @ matrices, rng.uniform(-self.shift, self.shift, (count, 2))
