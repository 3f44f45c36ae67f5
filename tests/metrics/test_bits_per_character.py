import numpy as np
import pytest
from contracts import MetricContract

from kdl.metrics import BitsPerCharacter, BitsPerToken

RNG = np.random.default_rng(0)


class TestBitsPerCharacter(MetricContract):
    # Of a label that is none, Keras's cross-entropy is what the backend makes of it.
    test_takes_a_label_that_32_bits_would_make_another_for_none = None
    component = BitsPerCharacter
    arguments = {
        "characters": [1, 0, 4],
        "name": "bits",
        "dtype": "float32",
        "from_logits": True,
    }
    y_true = np.array([0, 1, 2, 2, 1, 0, 2, 0, 1, 2])
    y_pred = RNG.normal(size=(10, 3)).astype("float32")
    refused = [
        (
            {"characters": value},
            "`characters` must be numbers of 0 or more, one for each token and not all "
            f"of them 0. Received: {received}",
        )
        for value, received in [
            ([0, 0], "int64 (2,)"),
            ([1.0, -1.0], "float64 (2,)"),
            ([np.nan], "float64 (1,)"),
            ([[1]], "int64 (1, 1)"),
            ("ab", "<U2 ()"),
        ]
    ]

    test_keeps_every_argument = test_config_holds_every_argument = None

    def reference(self, y_true, y_pred, sample_weight=None):
        weights = np.ones(len(y_true)) if sample_weight is None else sample_weight
        shares = np.exp(y_pred) / np.exp(y_pred).sum(-1, keepdims=True)
        bits = -np.log2(shares[np.arange(len(y_true)), y_true])
        characters = np.array(self.arguments["characters"])[y_true]
        return (weights * bits).sum() / (weights * characters).sum()

    def test_of_characters_is_bits_per_token(self):
        one, other = BitsPerCharacter([1, 1, 1]), BitsPerToken()
        for metric in (one, other):
            metric.update_state(self.y_true, self.y_pred)
        assert float(one.result()) == pytest.approx(float(other.result()), rel=1e-6)
