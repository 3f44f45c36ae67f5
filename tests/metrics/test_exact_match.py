import numpy as np
from token_metrics import TokenMetricContract

from kdl.metrics import ExactMatch


class TestExactMatch(TokenMetricContract):
    component = ExactMatch
    arguments = {"ignore_class": 2, "name": "match", "dtype": "float32"}

    def desired(self, right, counts, weights=None):
        is_there = counts.any(1)
        matches = (right | ~counts).all(1)[is_there]
        weights = None if weights is None else weights[is_there]
        assert 0 < matches.mean() < 1
        return np.average(matches, weights=weights)
