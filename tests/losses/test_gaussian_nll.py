import numpy as np
import torch
from contracts import LossContract, assert_close

from kdl.losses import GaussianNLL

RNG = np.random.default_rng(0)


class TestGaussianNLL(LossContract):
    component = GaussianNLL
    arguments = {"stddev": 0.3}
    refused = [
        (
            {"stddev": 0},
            "`stddev` must be a number in (0, inf) or a LearningRateSchedule. "
            "Received: stddev=0",
        )
    ]
    y_true = RNG.normal(size=(6, 4)).astype("float32")
    y_pred = RNG.normal(size=(6, 4)).astype("float32")
    extreme = 1e10 * y_pred

    def reference(self, y_true, y_pred):
        normal = torch.distributions.Normal(torch.tensor(y_pred), 0.3)
        return -normal.log_prob(torch.tensor(y_true)).flatten(1).sum(1).numpy()

    def test_is_zero_at_its_minimum(self):
        """It is not: of a density, the minimum is a constant of either sign."""
        for stddev in (0.1, 1.0):
            loss = GaussianNLL(stddev)
            lowest = 4 * np.log(stddev * np.sqrt(2 * np.pi))
            assert_close(loss(self.y_true, self.y_true), lowest)
            assert float(loss(self.y_true, self.y_true + 0.01)) > lowest

    def test_takes_any_shape(self):
        for shape in ((6, 2, 2), (2, 3, 2, 2)):
            y_true, y_pred = self.y_true.reshape(shape), self.y_pred.reshape(shape)
            desired = self.reference(y_true, y_pred)
            loss = self.make(reduction=None)
            assert_close(loss(y_true, y_pred), desired)
