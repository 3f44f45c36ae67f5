"""What metrics of sequences of tokens promise."""

import keras
import numpy as np
import pytest
from contracts import MetricContract

RNG = np.random.default_rng(0)
TOKENS = RNG.integers(0, 3, (10, 4))
# Right in all, in all but one, or in most.
SCORES = np.eye(3)[np.where(RNG.random((10, 4)) < 0.15, 0, TOKENS)].astype("float32")


class TokenMetricContract(MetricContract):
    """Promises of a metric of sequences of tokens, of which token 2 does not count."""

    y_true = TOKENS
    y_pred = SCORES
    refused = [
        (
            {"ignore_class": 0.5},
            "`ignore_class` must be an integer in (-inf, inf). Received: "
            "ignore_class=0.5",
        )
    ]
    # Keras takes the dtype for one of its own, and its configs hold policies.
    test_keeps_every_argument = test_config_holds_every_argument = None

    def desired(self, right, counts, weights=None):
        raise NotImplementedError

    def reference(self, y_true, y_pred, sample_weight=None):
        return self.desired(y_pred.argmax(-1) == y_true, y_true != 2, sample_weight)

    def test_counts_everything_unless_told_otherwise(self):
        metric = self.component()
        metric.update_state(TOKENS, SCORES)
        right = SCORES.argmax(-1) == TOKENS
        desired = self.desired(right, np.ones(right.shape, bool))
        np.testing.assert_allclose(float(metric.result()), desired, rtol=1e-6)

    def test_leaves_out_masked_steps_and_tokens_of_no_weight(self):
        y_true = np.array([[1, 2, 0], [2, 0, 0], [1, 1, 2]])
        y_pred = np.eye(3, dtype="float32")[[[1, 2, 1], [2, 1, 1], [1, 0, 2]]]
        desired = self.desired(y_pred.argmax(-1) == y_true, y_true > 0)
        masked = keras.layers.Masking()(y_pred * (y_true > 0)[..., None])
        for outputs, weights in ((masked, None), (y_pred, (y_true > 0) * 1.0)):
            metric = self.component()
            metric.update_state(y_true, outputs, sample_weight=weights)
            np.testing.assert_allclose(float(metric.result()), desired, rtol=1e-6)

    @pytest.mark.parametrize("shape", [(10, 5), (8, 4)])
    def test_refuses_tokens_of_another_shape(self, shape):
        with pytest.raises(ValueError) as error:
            self.component().update_state(np.zeros(shape), SCORES)
        assert str(error.value) == (
            f"`y_true` must be integer tokens of shape (10, 4). Received: shape={shape}"
        )
