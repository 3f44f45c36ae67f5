import warnings

import pytest

from kdl.callbacks.monitoring import LoggedMetric

pytestmark = pytest.mark.one_backend


def test_tells_once_that_a_metric_is_missing():
    metric = LoggedMetric("val_score", "stop by")
    with pytest.warns(UserWarning, match=r"^The logs have no metric 'val_score' to"):
        assert metric.value({"loss": 1.0}) is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert metric.value({"loss": 1.0}) is None


def test_misses_nothing_in_epochs_that_are_not_validated():
    metric = LoggedMetric("val_score", "stop by")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert metric.value({"loss": 1.0, "val_score": 2.0}) == 2
        assert metric.value({"loss": 1.0}) is None
