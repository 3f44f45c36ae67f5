"""What generated samples are worth, beside real examples."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike

from kdl.metrics.generated.arrays import check_array, check_features
from kdl.metrics.generated.density_coverage import density_coverage
from kdl.metrics.generated.frechet_distance import distance, warn_of_few
from kdl.metrics.generated.image_features import image_features
from kdl.metrics.generated.neighbours import check_neighbours, nearest
from kdl.metrics.generated.precision_recall import precision_recall

# Of the share that a class has among real examples, to be shown. Much less, and a class
# would be shown by samples of another, of which some are always taken for it.
_SHOWN = 0.5


class SampleQuality:
    """Compares generated samples with real examples, by several figures at once.

    Call it with samples. It returns a dict:

    - `"frechet_distance"`: how far the samples are from the real examples, all in all.
      Lower is better. See `kdl.metrics.frechet_distance`.
    - `"frechet_floor"`: the same figure of real examples beside real examples. Nothing
      is better than that but by chance.
    - `"precision"`, `"recall"`: the share of the samples that look real, and of what is
      real that the samples show. See `kdl.metrics.precision_recall`.
    - `"density"`, `"coverage"`: the same by measures that stray examples change less.
      See `kdl.metrics.density_coverage`.
    - `"classes"`, if there are `labels`: the share of the classes that the samples
      show. A sample is of the class of the nearest real example. A class is shown if
      its share of the samples is half or more of its share of the real examples. Very
      similar classes show each other: shirts alone are shirts, T-shirts, pullovers
      and coats. Take some twenty samples a class, so that none is missing by chance.
    - `"samples"`: how many there were. Figures of other numbers cannot be compared.

    No figure alone tells good samples from bad: one perfect image, made over and over,
    has a precision of 1, and copies of all real images among much noise have a coverage
    of 1.

    This is not a `keras.metrics.Metric`. These are updated batch by batch, while
    nearest neighbours need all samples at once. It runs in NumPy and SciPy on the CPU,
    in float64; the features of the real examples are computed once. Time grows with the
    number of samples times that of real examples: seconds for 5,000 of each.

    Args:
        data: Array of real examples of shape `(examples, ...)`.
        labels: Optional integers of shape `(examples,)`, the classes of `data`.
            Defaults to `None`.
        floor: Optional array of further real examples, from which the floor is
            measured: as many as there are samples, if there are so many, beside all of
            `data`. Defaults to `None`: a random half of `data`, or as many as there are
            samples, beside the rest of it. Such a floor is of fewer examples, and
            about twice as high.
        features: Optional `keras.Model`, or a function, from an array of examples to
            one of features, of shape `(examples, features)`. Defaults to `None`,
            `kdl.metrics.image_features()`. It takes images in `[0, 1]`, or `[0, 255]`
            if any number of `data` exceeds 1, which are divided by 255. Samples are
            scaled alike, and clipped to the interval, as an image file would be.
        neighbours: Integer in `[1, examples)`, less than the number of samples, too.
            Those of precision, recall, density and coverage. Defaults to `5`.

    Call arguments:
        generated: Array of samples of shape `(samples, ...)`, of the shape of `data`
            but for their number.

    Returns:
        Dict of floats, and of an integer, `"samples"`.

    Raises:
        ValueError: If an argument is not as described, if an array has fewer than two
            examples or numbers that are not finite, or if `features` returns such or
            another shape.

    Example:

    >>> quality = kdl.metrics.SampleQuality(x, y, features=lambda x: x.reshape(-1, 64))
    >>> noise = np.random.default_rng(0).uniform(size=x.shape)
    >>> figures = quality(noise)
    >>> figures["frechet_distance"] > figures["frechet_floor"]
    True
    >>> figures["precision"], figures["samples"]
    (0.0, 256)

    References:
        - [Heusel et al., 2017](https://arxiv.org/abs/1706.08500), Fréchet distance
        - [Kynkäänniemi et al., 2019](https://arxiv.org/abs/1904.06991), precision and
          recall
        - [Naeem et al., 2020](https://arxiv.org/abs/2002.09797), density and coverage
    """

    def __init__(
        self,
        data: ArrayLike,
        labels: ArrayLike | None = None,
        floor: ArrayLike | None = None,
        features: keras.Model | Callable[[Any], ArrayLike] | None = None,
        neighbours: int = 5,
    ) -> None:
        self.data = check_array("data", data)
        self.labels = _check_labels(labels, len(self.data))
        self.floor = None if floor is None else self._check("floor", floor)
        if self.floor is None and len(self.data) < 4:
            raise ValueError(
                "`data` must have four or more examples, whose halves are compared, if "
                f"there is no `floor`. Received: {len(self.data)}"
            )
        if features is not None and not callable(features):
            raise ValueError(
                "`features` must be a keras.Model, a function, or None. Received: "
                f"{features=}"
            )
        self.features = features
        self.neighbours = check_neighbours(neighbours, data=len(self.data))
        if features is None:
            self._white = _white(self.data)
            self._network = image_features()
        self._real = self._seen(self.data)
        self._others = None if floor is None else self._seen(self.floor)

    def __call__(self, generated: ArrayLike) -> dict[str, float]:
        generated = self._check("generated", generated)
        check_neighbours(self.neighbours, generated=len(generated))
        samples = self._seen(generated)
        floor = self._sides_of_floor(len(samples))
        fewest = min(map(len, (self._real, samples, *floor)))
        warn_of_few(fewest, samples.shape[1], stacklevel=3)
        sets = self._real, samples, self.neighbours
        figures = {
            "frechet_distance": distance(samples, self._real),
            "frechet_floor": distance(*floor),
            **dict(zip(("precision", "recall"), precision_recall(*sets), strict=True)),
            **dict(zip(("density", "coverage"), density_coverage(*sets), strict=True)),
        }
        if self.labels is not None:
            figures["classes"] = self._classes(samples)
        return {**figures, "samples": len(samples)}

    def _check(self, name, value):
        """Returns `value` as an array, provided it has the shape of the data."""
        array = check_array(name, value)
        if array.shape[1:] != self.data.shape[1:]:
            wanted = ", ".join(["examples", *map(str, self.data.shape[1:])])
            raise ValueError(
                f"`{name}` must have the shape of `data`, ({wanted}). Received: "
                f"shape={array.shape}"
            )
        return array

    def _seen(self, examples):
        """The features of examples, in float64."""
        see = self.features
        if see is None:
            examples = np.clip(examples / np.float32(self._white), 0, 1)
            see = self._network
        if isinstance(see, keras.Model):
            found = see.predict(examples, batch_size=256, verbose=0)
        else:
            found = see(examples)
        if keras.ops.is_tensor(found):
            found = keras.ops.convert_to_numpy(found)
        found = check_features("features", found)
        if len(found) != len(examples):
            raise ValueError(
                "`features` must return a row for each example. Received: "
                f"{len(found):,} rows for {len(examples):,} examples"
            )
        return found

    def _sides_of_floor(self, count):
        """Two sets of real features, of numbers as near as may be to those compared."""
        rng = np.random.default_rng(0)
        if self._others is not None:
            return rng.permutation(self._others)[:count], self._real
        count = min(count, len(self._real) // 2)
        mixed = rng.permutation(self._real)
        return mixed[:count], mixed[count:]

    def _classes(self, samples):
        """The share of the classes that samples show."""
        _, places, counts = np.unique(
            self.labels, return_inverse=True, return_counts=True
        )
        shown = np.bincount(places[nearest(samples, self._real)], minlength=len(counts))
        wanted = _SHOWN * counts / len(self.labels)
        return float(np.mean(shown / len(samples) >= wanted))


def _check_labels(labels, count):
    """Returns labels as an array of integers, one for each example, or `None`."""
    if labels is None:
        return None
    array = np.asarray(labels)
    if array.dtype.kind not in "iu" or array.shape != (count,):
        raise ValueError(
            f"`labels` must be integers of shape ({count},), one for each example. "
            f"Received: {labels=}"
        )
    return array


def _white(images):
    """The value of a white pixel, 255 or 1, provided that these are images."""
    low, high = float(images.min()), float(images.max())
    is_image = images.ndim == 4 and images.shape[-1] in (1, 3)
    if not is_image or low < 0 or high > 255:
        raise ValueError(
            "Without `features`, `data` must be images in [0, 1] or [0, 255] of shape "
            f"(examples, height, width, 1 or 3). Received: shape={images.shape}, from "
            f"{low:g} to {high:g}"
        )
    return 255 if high > 1 else 1
