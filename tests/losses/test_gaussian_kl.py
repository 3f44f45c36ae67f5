import keras
import numpy as np
import pytest
import torch
from contracts import LossContract, array, assert_close

from kdl.losses import BernoulliNLL, GaussianKL, WeightedLoss

RNG = np.random.default_rng(0)


def normal(parameters):
    mean, log_variance = torch.tensor(parameters).chunk(2, -1)
    return torch.distributions.Normal(mean, (log_variance / 2).exp())


class TestGaussianKL(LossContract):
    component = GaussianKL
    y_true = RNG.normal(size=(6, 4)).astype("float32")
    y_pred = RNG.normal(size=(6, 4)).astype("float32")
    minimum = y_true
    # Not beyond: the gradient of the contract's kernel is this, times e**60, times 1e6.
    extreme = np.tile(np.array([[1e6, -1e6, 60.0, -1e6]]), (6, 1))

    def reference(self, y_true, y_pred):
        kl = torch.distributions.kl_divergence(normal(y_pred), normal(y_true))
        return kl.flatten(1).sum(1).numpy()

    def test_refuses_bad_arguments(self):
        # It has none of its own, but may be called on what is no mean and variance.
        for shape in ((2, 3), (4,)):
            with pytest.raises(ValueError) as error:
                GaussianKL()(np.zeros(shape), np.zeros(shape))
            assert str(error.value) == (
                "`y_pred` must hold means and log variances, an even number of values "
                f"on the last of two or more axes. Received: shape={shape}"
            )

    def test_is_never_negative(self):
        # Also next to its minimum, where the terms cancel.
        near = self.y_true + np.geomspace(1e-7, 1, 24, dtype="float32").reshape(6, 4)
        kl = array(GaussianKL(reduction=None)(self.y_true, near))
        assert (kl >= -1e-12).all()
        assert_close(kl, self.reference(self.y_true, near))

    def test_takes_any_shape(self):
        shape = (2, 3, 4)
        y_true, y_pred = self.y_true.reshape(shape), self.y_pred.reshape(shape)
        actual = GaussianKL(reduction=None)(y_true, y_pred)
        assert_close(actual, self.reference(y_true, y_pred))

    def test_completes_the_elbo(self):
        """With the reconstruction, as losses of a model of two outputs."""
        keras.utils.set_random_seed(0)
        inputs = keras.Input((5,))
        code = keras.layers.Dense(4, name="code")(inputs)
        # Decoded from the mean, without the noise that would hide an error.
        image = keras.layers.Dense(5, name="image")(code[:, :2])
        model = keras.Model(inputs, {"image": image, "code": code})
        loss = {"image": BernoulliNLL(), "code": WeightedLoss(GaussianKL(), 0.5)}
        model.compile("sgd", loss)
        x = np.random.default_rng(1).integers(0, 2, (8, 5)).astype("float32")
        targets = {"image": x, "code": np.zeros((8, 4), "float32")}
        actual = model.evaluate(x, targets, verbose=0, return_dict=True)["loss"]
        outputs = {name: array(output) for name, output in model(x).items()}
        bernoulli = torch.distributions.Bernoulli(logits=torch.tensor(outputs["image"]))
        log_likelihood = bernoulli.log_prob(torch.tensor(x)).sum(1).mean()
        kl = self.reference(targets["code"], outputs["code"]).mean()
        assert_close(actual, 0.5 * kl - log_likelihood.item())
