import numpy as np
from token_metrics import TokenMetricContract

from kdl.metrics import TokenErrorRate


class TestTokenErrorRate(TokenMetricContract):
    component = TokenErrorRate
    arguments = {"ignore_class": 2, "name": "error", "dtype": "float32"}

    def desired(self, right, counts, weights=None):
        weights = np.ones(len(right)) if weights is None else weights
        weights = weights[:, np.newaxis] * counts
        return np.average(~right, weights=weights)
