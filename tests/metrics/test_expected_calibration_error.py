import numpy as np
import pytest
from contracts import MetricContract, assert_close
from scipy.special import softmax

from kdl.evaluation import expected_calibration_error
from kdl.metrics import ExpectedCalibrationError

RNG = np.random.default_rng(0)
# Three are no class.
LABELS = np.array([0, 1, 2, 0, -1, 2, 4, 0, 2, 9])
SCORES = RNG.normal(size=(10, 4)).astype("float32")


class TestExpectedCalibrationError(MetricContract):
    component = ExpectedCalibrationError
    arguments = {"bins": 5, "from_logits": True}
    refused = [
        ({"bins": 0}, "`bins` must be an integer in [1, inf). Received: bins=0"),
        (
            {"from_logits": 1},
            "`from_logits` must be one of True, False. Received: from_logits=1",
        ),
    ]
    y_true = LABELS
    y_pred = SCORES

    def reference(self, y_true, y_pred, sample_weight=None):
        weights = np.ones(len(y_true)) if sample_weight is None else sample_weight
        weights = weights * ((y_true >= 0) & (y_true < 4))
        p = softmax(y_pred, 1)
        sure, right = p.max(1), p.argmax(1) == y_true
        total = 0
        for n in range(5):
            inside = (sure > n / 5) & (sure <= (n + 1) / 5)
            total += abs((weights * (right - sure))[inside].sum())
        return total / weights.sum()

    def test_is_that_of_all_examples_at_once(self):
        labels, p = RNG.integers(0, 3, 200), RNG.dirichlet(np.ones(3), 200)
        metric = ExpectedCalibrationError()
        for part in np.array_split(np.arange(200), 7):
            metric.update_state(labels[part], p[part])
        assert_close(metric.result(), expected_calibration_error(p, labels))

    def test_takes_pixels(self):
        labels, p = RNG.integers(0, 3, (2, 4, 5)), RNG.dirichlet(np.ones(3), (2, 4, 5))
        metric = ExpectedCalibrationError(4)
        metric.update_state(labels[..., None], p)
        desired = expected_calibration_error(p.reshape(-1, 3), labels.ravel(), 4)
        assert_close(metric.result(), desired)

    def test_takes_probabilities_of_0_and_1(self):
        metric = ExpectedCalibrationError()
        metric.update_state([0, 1, 1, 1], np.eye(2)[[0, 1, 0, 1]])
        assert_close(metric.result(), 0.25)

    @pytest.mark.one_backend
    @pytest.mark.parametrize("shape", [(5, 1), (5,)])
    def test_refuses_other_scores(self, shape):
        with pytest.raises(ValueError) as error:
            ExpectedCalibrationError().update_state(np.zeros(5), np.ones(shape))
        assert str(error.value) == (
            "`y_pred` must have the scores of two classes or more on the last of two "
            f"or more axes. Received: {shape=}"
        )
