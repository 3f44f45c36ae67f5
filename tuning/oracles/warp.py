"""Scores made to look normal."""

import numpy as np
from scipy.stats import yeojohnson, yeojohnson_normmax


class Warp:
    """A monotone map to scores of mean 0 and variance 1 that look normal.

    It is that of Yeo and Johnson, after the median and the standard deviation; of fewer
    than five scores, or of equal ones, it is linear.

    Args:
        scores: Array `(n,)`, not finite where a trial failed; some are finite.

    Attributes:
        targets: Array `(n,)` of the warped scores, of failures the greatest.
        slopes: Array `(n,)`. Slopes of the map, by which errors grow, of failures 0.

    References:
        - [Yeo and Johnson, 2000](https://doi.org/10.1093/biomet/87.4.954)
    """

    def __init__(self, scores):
        succeeded = np.isfinite(scores)
        known = scores[succeeded]
        self._median, self._scale = np.median(known), np.std(known) or 1.0
        values = (known - self._median) / self._scale
        self._power = 1.0  # Of the linear map.
        if len(known) >= 5 and np.ptp(values) > 0:
            power = yeojohnson_normmax(values)
            warped = yeojohnson(values, power)
            if np.isfinite(warped).all() and np.ptp(warped) > 0:
                self._power, values = power, warped
        self._mean, self._spread = values.mean(), np.std(values) or 1.0
        warped, slopes = self(known)
        self.targets = np.full(len(scores), warped.max())
        self.targets[succeeded] = warped
        self.slopes = np.zeros(len(scores))
        self.slopes[succeeded] = slopes

    def __call__(self, scores):
        """Returns warped scores, and the slopes of the map, by which errors grow."""
        values = (scores - self._median) / self._scale
        exponents = np.where(values < 0, 1 - self._power, self._power - 1)
        slopes = (1 + np.abs(values)) ** exponents / (self._scale * self._spread)
        warped = values if self._power == 1 else yeojohnson(values, self._power)
        return (warped - self._mean) / self._spread, slopes

    def inverse(self, warped):
        """Returns the scores of warped ones within the range of the map."""
        values = np.asarray(warped * self._spread + self._mean)
        low = values < 0
        # The negative half is the positive one, mirrored, with another power.
        power = np.where(low, 2 - self._power, self._power)
        safe = np.where(power == 0, 1.0, power)
        size = np.where(
            power == 0,
            np.expm1(np.abs(values)),
            np.maximum(1 + safe * np.abs(values), 0) ** (1 / safe) - 1,
        )
        return np.where(low, -size, size) * self._scale + self._median
