import keras
import numpy as np
import pytest
import torch
from contracts import LayerContract, array, assert_close

from kdl.layers import Clock, GaussianSampling
from kdl.losses import BernoulliNLL
from kdl.schedules import Warmup

INPUTS = np.random.default_rng(0).normal(size=(4, 6)).astype("float32")


def divergence(inputs):
    """From the standard normal, the mean over examples."""
    mean, log_variance = torch.tensor(inputs).chunk(2, dim=-1)
    code = torch.distributions.Normal(mean, torch.exp(log_variance / 2))
    kl = torch.distributions.kl_divergence(code, torch.distributions.Normal(0.0, 1.0))
    return float(kl.flatten(1).sum(1).mean())


class TestGaussianSampling(LayerContract):
    component = GaussianSampling
    arguments = {"beta": 0.25, "seed": 3}
    input_shape = (2, 6)
    refused = [
        (
            {"beta": -1},
            "`beta` must be a number in [0, inf) or a LearningRateSchedule. "
            "Received: beta=-1",
        )
    ]

    def test_inference_is_the_mean(self):
        assert_close(self.make()(INPUTS), INPUTS[:, :3])

    def test_draws_have_the_moments_of_the_inputs(self):
        draws, mean, log_variance = 4000, INPUTS[:1, :3], INPUTS[:1, 3:]
        codes = array(self.make()(np.repeat(INPUTS[:1], draws, 0), training=True))
        stddev = np.exp(log_variance / 2)
        # Five standard errors of a mean, and of a variance of normal values.
        error = stddev / np.sqrt(draws)
        assert (abs(codes.mean(axis=0) - mean) < 5 * error).all()
        error = stddev**2 * np.sqrt(2 / draws)
        assert (abs(codes.var(axis=0) - stddev**2) < 5 * error).all()
        # Dimensions and examples are drawn apart.
        noise = (codes - mean) / stddev
        assert abs(np.mean(noise[:, 0] * noise[:, 1])) < 5 / np.sqrt(draws)
        assert abs(np.mean(noise[1:, 0] * noise[:-1, 0])) < 5 / np.sqrt(draws)

    def test_seed_decides(self):
        draws = [
            array(self.make(seed=seed)(INPUTS, training=True)) for seed in (1, 1, 2)
        ]
        np.testing.assert_array_equal(draws[0], draws[1])
        assert (draws[0] != draws[2]).any()

    @pytest.mark.parametrize("shape", [(4, 6), (2, 2, 6)])
    def test_adds_the_divergence_to_the_loss(self, shape):
        inputs = INPUTS.reshape(shape)
        layer = self.make()
        for training in (False, True):
            layer(inputs, training=training)
            (loss,) = layer.losses
            assert_close(loss, 0.25 * divergence(inputs))

    def test_loss_of_a_model_is_the_negative_elbo(self):
        keras.utils.set_random_seed(0)
        x = (np.random.default_rng(0).uniform(size=(16, 5)) < 0.5).astype("float32")
        image = keras.Input((5,))
        code = keras.layers.Dense(4, name="encoder")(image)
        outputs = keras.layers.Dense(5)(GaussianSampling()(code))
        model = keras.Model(image, outputs)
        model.compile("adam", BernoulliNLL())
        encoded = array(keras.Model(image, code)(x))
        logits = torch.tensor(array(model(x)))
        bernoulli = torch.distributions.Bernoulli(logits=logits)
        nll = -float(bernoulli.log_prob(torch.tensor(x)).sum(1).mean())
        desired = nll + divergence(encoded)
        assert_close(model.evaluate(x, x, batch_size=16, verbose=0), desired)
        history = model.fit(x, x, epochs=30, verbose=0).history["loss"]
        assert np.mean(history[-5:]) < np.mean(history[:5])

    def test_beta_may_follow_a_schedule(self):
        x = np.random.default_rng(0).normal(size=(8, 6)).astype("float32")
        layers = [Clock(), self.make(beta=Warmup(1.0, 2))]
        model = keras.Sequential([keras.Input((6,)), *layers])
        model.compile("sgd", lambda y_true, y_pred: 0 * keras.ops.sum(y_pred, -1))
        options = {"batch_size": 8, "epochs": 3, "verbose": 0}
        history = model.fit(x, x[:, :3], **options).history["loss"]
        np.testing.assert_allclose(
            history, divergence(x) * np.array([0, 0.5, 1]), rtol=1e-4, atol=1e-6
        )

    def test_refuses_an_odd_number_of_values(self):
        with pytest.raises(ValueError) as error:
            self.make().build((None, 5))
        assert str(error.value) == (
            "GaussianSampling takes means and log variances, an even number of values "
            "on the last of two or more axes, such as those of "
            "`keras.layers.Concatenate()([mean, log_variance])`. "
            "Received: inputs of shape (None, 5)"
        )

    def test_refuses_means_and_log_variances_apart(self):
        parts = [keras.ops.ones((2, 4))] * 2
        with pytest.raises(ValueError) as error:
            self.make()(parts)
        assert "Received: inputs of shape ((2, 4), (2, 4))" in str(error.value)
