import keras
import numpy as np
import pytest
from contracts import MetricContract

from kdl.metrics import ExactMatch

RNG = np.random.default_rng(0)
TOKENS = RNG.integers(0, 3, (10, 4))
# Right in all, in all but one, or in most.
SCORES = np.eye(3)[np.where(RNG.random((10, 4)) < 0.15, 0, TOKENS)].astype("float32")


class TestExactMatch(MetricContract):
    component = ExactMatch
    arguments = {"name": "match", "dtype": "float32"}
    y_true = TOKENS
    y_pred = SCORES
    refused = [
        (
            {"dtype": "float31"},
            "Cannot convert 'float31' to a mixed precision DTypePolicy. Valid policies "
            "include 'mixed_float16', 'mixed_bfloat16', and the name of any float dtype "
            "such as 'float32'.",
        )
    ]

    # Keras takes the dtype for one of its own, and its configs hold policies.
    test_keeps_every_argument = test_config_holds_every_argument = None

    def reference(self, y_true, y_pred, sample_weight=None):
        right = (y_pred.argmax(-1) == y_true).all(1)
        assert 0 < right.mean() < 1
        return np.average(right, weights=sample_weight)

    def test_leaves_out_masked_steps_and_tokens_of_no_weight(self):
        y_true = np.array([[1, 2, 0], [2, 0, 0], [1, 1, 2]])
        y_pred = np.eye(3, dtype="float32")[[[1, 2, 1], [2, 1, 1], [1, 0, 2]]]
        masked = keras.layers.Masking(mask_value=0.0)(y_pred * (y_true > 0)[..., None])
        metric = ExactMatch()
        metric.update_state(y_true, masked)
        np.testing.assert_allclose(float(metric.result()), 2 / 3)
        metric.reset_state()
        metric.update_state(y_true, y_pred, sample_weight=(y_true > 0) * 1.0)
        np.testing.assert_allclose(float(metric.result()), 2 / 3)

    @pytest.mark.parametrize("shape", [(10, 5), (8, 4)])
    def test_refuses_tokens_of_another_shape(self, shape):
        with pytest.raises(ValueError) as error:
            ExactMatch().update_state(np.zeros(shape), SCORES)
        assert str(error.value) == (
            f"`y_true` must be integer tokens of shape (10, 4). Received: shape={shape}"
        )
