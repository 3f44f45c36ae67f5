import numpy as np
import pytest
import torch
from contracts import LossContract, array, assert_close

from kdl.losses import BernoulliNLL

RNG = np.random.default_rng(0)
BITS = RNG.integers(0, 2, (6, 4)).astype("float32")
LOGITS = RNG.normal(size=(6, 4)).astype("float32")


def nll(y_true, **parameters):
    parameters = {name: torch.tensor(value) for name, value in parameters.items()}
    bernoulli = torch.distributions.Bernoulli(**parameters, validate_args=False)
    losses = -bernoulli.log_prob(torch.tensor(y_true))
    return losses.flatten(1).sum(1).numpy()


class TestBernoulliNLL(LossContract):
    component = BernoulliNLL
    arguments = {"from_logits": False}
    refused = [
        (
            {"from_logits": 1},
            "`from_logits` must be one of True, False. Received: from_logits=1",
        )
    ]
    y_true = BITS
    y_pred = 1 / (1 + np.exp(-LOGITS))
    minimum = BITS
    # Certain, and wrong.
    extreme = 1 - BITS

    def reference(self, y_true, y_pred):
        return nll(y_true, probs=y_pred)

    def test_takes_logits_of_any_shape(self):
        loss = BernoulliNLL(reduction=None)
        for shape in ((6,), (6, 1), (6, 2, 2), (2, 3, 2, 2)):
            size = np.prod(shape)
            y, logits = (a.ravel()[:size].reshape(shape) for a in (BITS, LOGITS))
            rows = y.reshape(shape[0], -1), logits.reshape(shape[0], -1)
            desired = nll(rows[0], logits=rows[1])
            assert_close(loss(y, logits), desired)
        # Keras may have added an axis to targets.
        assert_close(loss(BITS[..., None], LOGITS), nll(BITS, logits=LOGITS))

    def test_refuses_targets_of_another_shape(self):
        for shape in ((4, 6), (6, 2, 2), (1, 4), (3, 8)):
            with pytest.raises(ValueError) as error:
                BernoulliNLL()(BITS.ravel()[: np.prod(shape)].reshape(shape), LOGITS)
            assert str(error.value) == (
                f"`y_true` must be targets of shape (6, 4). Received: shape={shape}"
            )

    @pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
    def test_is_finite_at_the_ends_in_half_precision(self, dtype):
        loss = BernoulliNLL(from_logits=False, dtype=dtype, reduction=None)
        values = array(loss(BITS, 1 - BITS)).astype("float64")
        np.testing.assert_allclose(values, -4 * np.log(1e-7), rtol=2e-2)
        np.testing.assert_allclose(array(loss(BITS, BITS)), np.zeros(6), atol=1e-6)

    def test_takes_shades_of_grey(self):
        grey = np.random.default_rng(1).uniform(size=(6, 4)).astype("float32")
        actual = BernoulliNLL(reduction=None)(grey, LOGITS)
        assert_close(actual, nll(grey, logits=LOGITS))

    def test_keeps_small_and_large_terms(self):
        logits = np.array([[30.0], [-30.0], [30.0], [-30.0], [1e6]], "float32")
        y_true = np.array([[1.0], [0.0], [0.0], [1.0], [0.0]])
        small = np.exp(-30.0)
        actual = BernoulliNLL(reduction=None)(y_true, logits)
        np.testing.assert_allclose(actual, [small, small, 30, 30, 1e6], rtol=1e-5)

    def test_gradient_is_finite_at_extreme_logits(self, monkeypatch):
        monkeypatch.setitem(self.arguments, "from_logits", True)
        monkeypatch.setattr(type(self), "extreme", 1e6 * LOGITS)
        self.test_gradient_is_finite_at_extreme_predictions()
