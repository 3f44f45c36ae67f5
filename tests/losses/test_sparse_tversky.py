import keras
import numpy as np
import pytest
import scipy.special
from contracts import LossContract, assert_close

from kdl.losses import SparseTversky
from kdl.schedules import Adjustable

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(6, 4)).astype("float32")
LABELS = np.array([0, 1, 2, 3, 0, 1])
MASKS = RNG.integers(0, 3, (2, 5, 4))
PIXELS = RNG.normal(size=(2, 5, 4, 3)).astype("float32")
Constant = keras.optimizers.schedules.PiecewiseConstantDecay


def tversky(y_true, logits, alpha, beta, smooth):
    """By the formula, one example and one class at a time."""
    p = scipy.special.softmax(logits.astype("float64"), axis=-1)
    losses = []
    for mask, probabilities in zip(y_true, p, strict=True):
        each = []
        for label in range(logits.shape[-1]):
            found, true = probabilities[..., label], mask == label
            hits = np.sum(found * true)
            missed = alpha * np.sum(found * ~true) + beta * np.sum((1 - found) * true)
            each.append(1 - (hits + smooth) / (hits + missed + smooth))
        losses.append(np.mean(each))
    return np.array(losses)


class TestSparseTversky(LossContract):
    component = SparseTversky
    arguments = {"from_logits": True, "alpha": 0.3, "beta": 0.7, "smooth": 0.5}
    refused = [
        (
            {"from_logits": 1},
            "`from_logits` must be one of True, False. Received: from_logits=1",
        ),
        (
            {"alpha": -1},
            "`alpha` must be a number in [0, inf) or a LearningRateSchedule. "
            "Received: alpha=-1",
        ),
        (
            {"beta": "x"},
            "`beta` must be a number in [0, inf) or a LearningRateSchedule. "
            "Received: beta='x'",
        ),
        ({"smooth": 0}, "`smooth` must be a number in (0, inf). Received: smooth=0"),
    ]
    y_true = LABELS
    y_pred = LOGITS
    minimum = 1000 * np.eye(4)[LABELS]
    extreme = 1e6 * LOGITS

    def reference(self, y_true, y_pred):
        return tversky(y_true, y_pred, 0.3, 0.7, 0.5)

    def scheduled(self):
        return self.make(
            alpha=Constant([1], [0.3, 0.3]), beta=Constant([1], [0.7, 0.7])
        )

    def adjustable(self):
        yield self.make(alpha=Adjustable(0.3))
        yield self.make(beta=Adjustable(0.7))

    @pytest.mark.parametrize("axes", [(), (1,)])
    def test_sums_over_the_pixels_of_an_image(self, axes):
        loss = self.make(reduction=None)
        masks = MASKS.reshape(*MASKS.shape, *axes)
        assert_close(loss(masks, PIXELS), tversky(MASKS, PIXELS, 0.3, 0.7, 0.5))

    def test_is_dice_of_two_masks_by_default(self):
        """1 - 2 |A and B| / (|A| + |B|), of each of two classes."""
        a, b = RNG.integers(0, 2, (2, 1, 6, 6))
        loss = SparseTversky(smooth=1e-6)(a, np.eye(2, dtype="float32")[b])
        dice = [
            2 * np.sum((a == c) & (b == c)) / (np.sum(a == c) + np.sum(b == c))
            for c in (0, 1)
        ]
        assert_close(loss, 1 - np.mean(dice))
