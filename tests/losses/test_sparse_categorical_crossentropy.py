import keras
import numpy as np
import pytest
import torch
from contracts import LossContract, array, assert_close

from kdl.losses import SparseCategoricalCrossentropy

LOGITS = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")
LABELS = np.array([0, 1, 2, 3, 0, 1])


class TestSparseCategoricalCrossentropy(LossContract):
    component = SparseCategoricalCrossentropy
    arguments = {
        "from_logits": True,
        "label_smoothing": 0.25,
        "axis": 1,
        "ignore_class": -100,
    }
    refused = [
        (
            {"from_logits": 1},
            "`from_logits` must be one of True, False. Received: from_logits=1",
        ),
        (
            {"label_smoothing": 1},
            "`label_smoothing` must be a number in [0, 1) or a LearningRateSchedule. "
            "Received: label_smoothing=1",
        ),
        (
            {"axis": 0.5},
            "`axis` must be an integer in (-inf, inf). Received: axis=0.5",
        ),
        (
            {"ignore_class": "void"},
            "`ignore_class` must be an integer in (-inf, inf). "
            "Received: ignore_class='void'",
        ),
    ]
    y_true = LABELS
    y_pred = LOGITS
    extreme = 1e6 * LOGITS

    def reference(self, y_true, y_pred):
        loss = torch.nn.functional.cross_entropy(
            torch.tensor(y_pred),
            torch.tensor(y_true),
            label_smoothing=0.25,
            reduction="none",
        )
        return loss.numpy()

    def test_is_zero_at_its_minimum(self):
        logits = 1000 * np.eye(4)[LABELS]
        assert_close(SparseCategoricalCrossentropy(True)(LABELS, logits), 0)

    @pytest.mark.parametrize("axis", [-1, 1])
    def test_takes_labels_of_any_shape(self, axis):
        logits = np.random.default_rng(1).normal(size=(2, 4, 3)).astype("float32")
        labels = np.array([[0, 1, 2], [3, 0, 1]])
        if axis == -1:
            logits, labels = logits.transpose(0, 2, 1), labels
        loss = SparseCategoricalCrossentropy(True, 0.25, axis, reduction=None)
        classes_second = logits if axis == 1 else logits.transpose(0, 2, 1)
        desired = self.reference(labels, np.ascontiguousarray(classes_second))
        assert_close(loss(labels, logits), desired)
        assert_close(loss(np.expand_dims(labels, axis), logits), desired)

    @pytest.mark.parametrize("label", [-1, 4])
    def test_label_that_is_no_class_shows(self, label):
        """As NaN, rather than as the loss of another class."""
        losses = array(self.make(reduction=None)(np.array([0, label]), LOGITS[:2]))
        assert np.isfinite(losses[0]) and np.isnan(losses[1])

    @pytest.mark.parametrize("ignored", [-100, 2])
    @pytest.mark.parametrize("smoothing", [0.0, 0.25])
    @pytest.mark.parametrize("reduction", [None, "sum", "sum_over_batch_size"])
    def test_ignores_a_class_as_pytorch_does(self, ignored, smoothing, reduction):
        labels = np.array([0, ignored, 2, 3, ignored, 1])
        names = {None: "none", "sum": "sum", "sum_over_batch_size": "mean"}
        desired = torch.nn.functional.cross_entropy(
            torch.tensor(LOGITS),
            torch.tensor(labels),
            ignore_index=ignored,
            label_smoothing=smoothing,
            reduction=names[reduction],
        )
        options = {"ignore_class": ignored, "reduction": reduction}
        loss = SparseCategoricalCrossentropy(True, smoothing, **options)
        assert_close(loss(labels, LOGITS), desired.numpy())
        assert_close(loss(labels[:, None], LOGITS), desired.numpy())

    def test_ignores_a_class_as_keras_does_with_masks_and_weights(self):
        rng = np.random.default_rng(0)
        logits = rng.normal(size=(3, 5, 4)).astype("float32")
        labels = rng.integers(-1, 4, (3, 5))
        logits[0, :2] = 0
        masked = keras.layers.Masking()(logits)
        options = {"from_logits": True, "ignore_class": -1}
        for weights in (None, rng.uniform(size=3), rng.uniform(size=(3, 5))):
            for reduction in (None, "sum", "sum_over_batch_size"):
                ours, theirs = (
                    kind(**options, reduction=reduction)
                    for kind in (
                        SparseCategoricalCrossentropy,
                        keras.losses.SparseCategoricalCrossentropy,
                    )
                )
                # With a mask, Keras takes weights of labels only.
                spread = weights
                if weights is not None:
                    spread = np.broadcast_to(weights.reshape(3, -1), (3, 5))
                desired = theirs(labels, masked, spread)
                assert_close(ours(labels, masked, weights), desired)

    def test_is_zero_where_all_is_ignored(self):
        loss = SparseCategoricalCrossentropy(True, ignore_class=-1)
        assert_close(loss(np.full(6, -1), LOGITS), 0)

    def test_refuses_targets_of_another_shape(self):
        with pytest.raises(ValueError) as error:
            self.make()(np.eye(5)[LABELS], LOGITS)
        assert str(error.value) == (
            "`y_true` must be integer labels of shape (6,), or shares of shape (6, 4). "
            "Received: shape=(6, 5)"
        )

    def test_takes_probabilities(self):
        p = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
        loss = self.make(from_logits=False)
        assert_close(loss(LABELS, p), self.reference(LABELS, LOGITS).mean())
        assert np.isfinite(array(loss(LABELS, np.eye(4)[LABELS][::-1])))

    @pytest.mark.parametrize("axis", [-1, 1])
    def test_takes_shares_of_the_classes_as_pytorch_does(self, axis):
        rng = np.random.default_rng(0)
        logits = rng.normal(size=(2, 4, 3)).astype("float32")
        shares = rng.dirichlet([0.5] * 4, (2, 3)).astype("float32").transpose(0, 2, 1)
        desired = torch.nn.functional.cross_entropy(
            torch.tensor(logits),
            torch.tensor(shares),
            label_smoothing=0.25,
            reduction="none",
        )
        options = {"axis": axis, "ignore_class": 2, "reduction": None}
        loss = SparseCategoricalCrossentropy(True, 0.25, **options)
        if axis == -1:
            shares, logits = shares.transpose(0, 2, 1), logits.transpose(0, 2, 1)
        assert_close(loss(shares, logits), desired.numpy())
        weights = rng.uniform(size=(2, 3)).astype("float32")
        assert_close(loss(shares, logits, weights), desired.numpy() * weights)
