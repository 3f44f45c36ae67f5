import keras
import numpy as np
from contracts import MetricContract

from kdl.metrics import BitsPerToken

RNG = np.random.default_rng(0)


class TestBitsPerToken(MetricContract):
    # Of a label that is none, Keras's cross-entropy is what the backend makes of it.
    test_takes_a_label_that_32_bits_would_make_another_for_none = None
    component = BitsPerToken
    arguments = {"name": "bits", "dtype": "float32", "from_logits": True}
    y_true = RNG.integers(0, 3, 10)
    y_pred = RNG.normal(size=(10, 3)).astype("float32")
    refused = [
        (
            {"dtype": "float31"},
            "`dtype` must be a dtype. Cannot convert 'float31' to a mixed precision "
            "DTypePolicy. Valid policies include 'mixed_float16', 'mixed_bfloat16', "
            "and the name of any float dtype such as 'float32'.",
        )
    ]

    test_keeps_every_argument = test_config_holds_every_argument = None

    def reference(self, y_true, y_pred, sample_weight=None):
        shares = np.exp(y_pred) / np.exp(y_pred).sum(-1, keepdims=True)
        bits = -np.log2(shares[np.arange(len(y_true)), y_true])
        return np.average(bits, weights=sample_weight)

    def test_is_the_logarithm_of_what_it_knows_nothing_of(self):
        metric = BitsPerToken(from_logits=False)
        metric.update_state(np.array([0, 5]), np.full((2, 8), 1 / 8))
        np.testing.assert_allclose(float(metric.result()), 3, rtol=1e-6)
        assert keras.metrics.deserialize(keras.metrics.serialize(metric)).name == (
            "bits_per_token"
        )
