"""What generated samples are worth."""

import warnings

import keras
import numpy as np

from kdl.checks import check_integer
from kdl.metrics.generated.distances import (
    density_coverage,
    frechet_distance,
    nearest,
    precision_recall,
)
from kdl.metrics.generated.image_features import image_features

_BATCH = 256
_COVERED = 0.1  # Share of its usual share from which on a class is covered.


class SampleQuality:
    """Measures how well generated samples agree with real examples.

    Samples and examples are compared by their features. Called with samples, an array
    of shape `(samples, ...)`, it returns floats by name:

    - `frechet_distance`: of the features, as normal distributions; 0 is best. See
      `frechet_distance`.
    - `frechet_floor`: the same between real examples and other real ones. No samples
      can be expected to come below it.
    - `precision`, `recall`: share of the samples among the real examples, and of the
      examples among the samples. See `precision_recall`.
    - `density`, `coverage`: see `density_coverage`.
    - `classes`: with `labels`, the share of the classes that are among the samples. A
      sample is of the class of the real example that is nearest to it. A class is
      covered if its share of the samples is a tenth of that of the real ones or more.
    - `samples`: how many there were.

    A Fréchet distance depends on the number of samples: compare those of equal numbers.
    It grows with noise and blur, but says little of which of two failures is worse.
    Where a model makes one class alone, precision stays high; recall, coverage and
    classes fall.

    It is a function rather than a metric of Keras: nearest neighbours need all samples
    at once.

    Args:
        data: Array of real examples, of shape `(examples, ...)`.
        labels: Optional integers of shape `(examples,)`. Defaults to `None`.
        floor: Optional array of other real examples, for `frechet_floor`. Defaults to
            `None`, for which two halves of `data` are compared; they have fewer
            examples, and so a higher floor.
        features: Optional `keras.Model`, or function of an array of data, that returns
            an array of shape `(examples, features)`. Defaults to `None`, which is
            `kdl.metrics.image_features()`. Images whose real examples exceed 1 are
            divided by 255 for it.
        neighbours: Integer in `[1, inf)`. Of precision, recall, density and coverage.
            Defaults to `5`.

    Raises:
        ValueError: If an argument is not as described.

    Example:

    >>> (x, y), _, (x_test, y_test) = kdl.data.digits()
    >>> quality = kdl.metrics.SampleQuality(x_test, y_test, floor=x[:180])
    >>> measures = quality(x[180:360])

    References:
        - [Heusel et al., 2017](https://arxiv.org/abs/1706.08500)
        - [Kynkäänniemi et al., 2019](https://arxiv.org/abs/1904.06991)
        - [Naeem et al., 2020](https://arxiv.org/abs/2002.09797)
    """

    def __init__(self, data, labels=None, floor=None, features=None, neighbours=5):
        self.data = data = _check_data("data", data, 4)
        self.neighbours = check_integer("neighbours", neighbours, "[1, inf)")
        self._shape, self._scale = data.shape[1:], 1.0
        if features is None:
            if data.ndim != 4 or data.shape[-1] not in (1, 3):
                raise ValueError(
                    "`features` must be given for data that are no images of shape "
                    "(examples, height, width, 1 or 3). Received: data of shape "
                    f"{data.shape}"
                )
            features = image_features(data.shape[-1])
            self._scale = 255.0 if data.max() > 1 else 1.0
        elif not callable(features):
            raise ValueError(
                "`features` must be a keras.Model or a function of an array of data. "
                f"Received: features={features!r}"
            )
        self.features = features
        self.labels = None if labels is None else _check_labels(labels, len(data))
        self._real = self._featured(data)
        half = len(data) // 2
        self._halves = self._real[:half], self._real[half:]
        if floor is not None:
            floor = _check_data("floor", floor, 2, self._shape)
            self._halves = self._real, self._featured(floor)
        self.floor = floor

    def __call__(self, samples):
        samples = _check_data("samples", samples, 2, self._shape)
        made, real = self._featured(samples), self._real
        least = min(len(made), len(real))
        if least <= real.shape[1]:
            warnings.warn(
                f"There are {least} samples or examples for {real.shape[1]} features, "
                "so that their covariance is singular and `frechet_distance` is far "
                f"too large. Compare {10 * real.shape[1]} or more.",
                stacklevel=2,
            )
        one, other = (part[: len(made)] for part in self._halves)
        measures = {
            "frechet_distance": frechet_distance(real, made),
            "frechet_floor": frechet_distance(one, other),
        }
        neighbours = min(self.neighbours, least - 1)
        pairs = ("precision", "recall"), ("density", "coverage")
        for names, measure in zip(
            pairs, (precision_recall, density_coverage), strict=True
        ):
            measures |= zip(names, measure(real, made, neighbours), strict=True)
        if self.labels is not None:
            measures["classes"] = self._classes(made)
        return {**measures, "samples": float(len(made))}

    def _classes(self, made):
        count = self.labels.max() + 1
        found = self.labels[nearest(self._real, made)]
        usual, shares = (
            np.bincount(labels, minlength=count) / len(labels)
            for labels in (self.labels, found)
        )
        there = usual > 0
        return float((shares[there] >= _COVERED * usual[there]).mean())

    def _featured(self, data):
        """Returns features of data in float64."""
        found = []
        for start in range(0, len(data), _BATCH):
            part = (data[start : start + _BATCH] / self._scale).astype("float32")
            if isinstance(self.features, keras.Model):
                found.append(self.features.predict_on_batch(part))
            else:
                found.append(keras.ops.convert_to_numpy(self.features(part)))
        found = np.concatenate(found).astype("float64")
        if found.ndim != 2 or len(found) != len(data):
            raise ValueError(
                "`features` must return an array of shape (examples, features). "
                f"Received: one of shape {found.shape} for {len(data)} examples"
            )
        return found


def _check_data(name, data, least, shape=None):
    """Returns an array of finite numbers, of at least so many rows of a shape."""
    data = np.asarray(data)
    is_number = data.dtype.kind in "fiub"
    if data.ndim < 2 or len(data) < least or not is_number:
        raise ValueError(
            f"`{name}` must be an array of numbers of shape (examples, ...), of "
            f"{least} examples or more. Received: {data.dtype} of shape {data.shape}"
        )
    if shape is not None and data.shape[1:] != shape:
        raise ValueError(
            f"`{name}` must be of shape {('examples', *shape)}, as the real examples. "
            f"Received: {data.shape}"
        )
    if not np.isfinite(data).all():
        raise ValueError(f"`{name}` must be finite numbers. Received: NaN or inf")
    return data


def _check_labels(labels, count):
    found = np.asarray(labels)
    if found.shape != (count,) or found.dtype.kind not in "iu" or found.min() < 0:
        raise ValueError(
            f"`labels` must be {count} integers from 0, one for each of `data`. "
            f"Received: {found.dtype} of shape {found.shape}"
        )
    return found
