import numpy as np
import pytest
from contracts import Contract, same

from kdl.data import Batches, WordMixUp

pytestmark = pytest.mark.one_backend

TOKENS = np.arange(1, 8001, dtype="int32").reshape(2000, 4)
LABELS = np.arange(2000) % 3


class TestWordMixUp(Contract):
    component = WordMixUp
    arguments = {"num_classes": 3, "alpha": 0.5}
    refused = [
        (
            {"num_classes": 1},
            "`num_classes` must be an integer in [2, inf). Received: num_classes=1",
        ),
        ({"alpha": 0}, "`alpha` must be a number in (0, inf). Received: alpha=0"),
    ]

    def mixed(self, y=LABELS, **options):
        return self.make()(TOKENS, y, np.random.default_rng(0), **options)

    def test_targets_are_blended_by_the_share(self):
        x, y = self.mixed()
        assert same(x["tokens"], TOKENS)
        other = (x["others"][:, 0] - 1) // 4
        assert same(x["others"], TOKENS[other])
        # Each is the other of one text.
        assert sorted(other.tolist()) == list(range(2000))
        onehot = np.eye(3)[LABELS]
        desired = x["share"] * onehot + (1 - x["share"]) * onehot[other]
        np.testing.assert_allclose(y, desired, atol=1e-6)
        assert x["share"].dtype == y.dtype == "float32" and x["share"].ndim == 2

    def test_shares_are_of_a_beta_distribution(self):
        share = self.mixed()[0]["share"]
        # Mean 1/2 and variance 1/8; the standard errors are 0.008 and 0.002.
        assert share.mean() == pytest.approx(0.5, abs=0.03)
        assert share.var() == pytest.approx(0.125, abs=0.01)

    def test_weights_are_blended_as_by_the_loss(self):
        """The cross-entropy of any scores is the blend of the two weighted ones."""
        weight = np.random.default_rng(1).uniform(0, 2, 2000).astype("float32")
        x, y, mixed = self.mixed(sample_weight=weight)
        other, share = (x["others"][:, 0] - 1) // 4, x["share"][:, 0]
        losses = np.random.default_rng(2).uniform(1, 3, (2000, 3))
        rows = np.arange(2000)
        desired = share * weight * losses[rows, LABELS]
        desired += (1 - share) * weight[other] * losses[rows, LABELS[other]]
        np.testing.assert_allclose(mixed * (y * losses).sum(1), desired, 1e-4)

    def test_takes_several_labels(self):
        y = np.random.default_rng(0).integers(0, 2, (2000, 3)).astype("float32")
        x, mixed = self.mixed(y)
        other = (x["others"][:, 0] - 1) // 4
        desired = x["share"] * y + (1 - x["share"]) * y[other]
        np.testing.assert_allclose(mixed, desired, atol=1e-6)

    def test_is_a_function_of_batches(self):
        batches = Batches(TOKENS, LABELS, 64, augment=[self.make()])
        x, y = batches[1]
        assert x["share"].shape == (64, 1) and y.shape == (64, 3)
        assert same(batches[1][0], x)

    def test_alone_counts_for_all(self):
        x = WordMixUp.alone(TOKENS)
        assert same(x["tokens"], TOKENS) and not x["others"].any()
        assert x["others"].dtype == "int32" and (x["share"] == 1).all()

    def test_refuses_what_are_no_tokens(self):
        with pytest.raises(ValueError) as error:
            self.make()(TOKENS.astype("float32"), LABELS, np.random.default_rng(0))
        assert str(error.value) == (
            "`x` must be integers of shape (batch, length). Received: x of dtype "
            "float32 and shape (2000, 4)"
        )
