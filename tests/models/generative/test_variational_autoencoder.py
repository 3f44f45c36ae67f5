import keras
import numpy as np
import pytest
from contracts import Contract, array, assert_close, same
from scipy import integrate, stats

from kdl.models import VariationalAutoencoder

RNG = np.random.default_rng(0)
X = RNG.uniform(size=(32, 6)).astype("float32")


def encoder(size=2, data=6):
    layers = [keras.Input((data,)), keras.layers.Dense(2 * size)]
    return keras.Sequential(layers, name="encoder")


def decoder(size=2, data=6):
    layers = [keras.Input((size,)), keras.layers.Dense(data)]
    return keras.Sequential(layers, name="decoder")


def of_one(likelihood, code, data):
    """A model of codes of one number, with weights that are given.

    Args:
        likelihood: String.
        code: List of kernel and bias of the encoder.
        data: List of kernel and bias of the decoder.
    """
    count = np.shape(data[0])[1]
    model = VariationalAutoencoder(
        encoder(1, count), decoder(1, count), likelihood=likelihood
    )
    model.encoder.set_weights([np.asarray(part, "float32") for part in code])
    model.decoder.set_weights([np.asarray(part, "float32") for part in data])
    model.compile("adam")
    return model


class TestVariationalAutoencoder(Contract):
    component = VariationalAutoencoder
    arguments = {
        "encoder": encoder(),
        "decoder": decoder(),
        "beta": 2.0,
        "likelihood": "gaussian",
        "free_bits": 0.1,
        "seed": 3,
    }
    refused = [
        (
            {"beta": -1},
            "`beta` must be a number in [0, inf) or a LearningRateSchedule. "
            "Received: beta=-1",
        ),
        (
            {"likelihood": "poisson"},
            "`likelihood` must be one of 'bernoulli', 'gaussian'. Received: "
            "likelihood='poisson'",
        ),
        (
            {"decoder": decoder(3)},
            "`encoder` must return codes of the shape that `decoder` takes, 2 times on "
            "the last axis, (6,). Received: an encoder that returns (4,)",
        ),
    ]

    def test_bound_is_the_likelihood_of_a_normal_model(self):
        """Of x = a z + b + s e, p(x) is normal, and so is p(z | x)."""
        a, b, s = 1.5, 0.3, 1.0
        variance = 1 / (1 + a**2 / s**2)
        slope = variance * a / s**2
        exact = of_one(
            "gaussian",
            [[[slope, 0.0]], [-slope * b, np.log(variance)]],
            [[[a]], [b]],
        )
        x = np.linspace(-2, 2, 7)[:, np.newaxis].astype("float32")
        expected = stats.norm(b, np.hypot(a, s)).logpdf(x[:, 0])
        # With the true posterior, each weight is p(x).
        np.testing.assert_allclose(exact.log_likelihoods(x, 3), expected, 1e-5)
        scores = exact.evaluate(x, verbose=0, return_dict=True)
        # The code of an evaluation is the mean, whose likelihood is known.
        mean = slope * (x[:, 0] - b)
        nll = -stats.norm(a * mean + b, s).logpdf(x[:, 0])
        kl = (variance + mean**2 - 1 - np.log(variance)) / 2
        assert_close(scores["kl"], kl.mean())
        assert_close(scores["log_likelihood"], -nll.mean())
        assert_close(scores["elbo"], -(nll + kl).mean())
        assert_close(exact.elbos(x), -(nll + kl))
        assert_close(scores["loss"], (nll + kl).mean())

    def test_bound_comes_near_to_the_integral(self):
        data = [[[1.0, -2.0]], [0.5, 0.0]]
        model = of_one("bernoulli", [np.zeros((2, 2)), [0.1, -0.2]], data)
        x = np.array([[1.0, 0.0], [0.0, 0.0]], "float32")

        def joint(z, row):
            logits = z * np.array(data[0][0]) + data[1]
            p = 1 / (1 + np.exp(-logits))
            return stats.norm.pdf(z) * np.prod(np.where(row == 1, p, 1 - p))

        expected = [np.log(integrate.quad(joint, -9, 9, args=(row,))[0]) for row in x]
        # Standard error, from the spread of the weights: below 0.02.
        many = model.log_likelihoods(x, 4000, seed=1)
        np.testing.assert_allclose(many, expected, atol=0.06)
        single = model.log_likelihoods(np.repeat(x, 200, axis=0), 1)
        assert np.all(single.reshape(2, 200).mean(1) < expected)

    def test_free_bits_and_beta_weigh_the_divergence(self):
        losses = {}
        for beta, free in ((0.0, 0.0), (1.0, 0.0), (3.0, 0.0), (1.0, 0.5)):
            keras.utils.set_random_seed(0)
            model = VariationalAutoencoder(
                encoder(), decoder(), beta=beta, free_bits=free
            )
            model.compile("adam")
            losses[beta, free] = model.test_on_batch(X, return_dict=True)
        plain = losses[0.0, 0.0]["loss"]
        code = np.asarray(model.encoder.predict(X, verbose=0), "float64")
        mean, log_variance = np.split(code, 2, -1)
        kl = (np.exp(log_variance) - 1 - log_variance + mean**2) / 2
        assert_close(losses[1.0, 0.0]["loss"], plain + kl.sum(1).mean())
        assert_close(losses[3.0, 0.0]["loss"], plain + 3 * kl.sum(1).mean())
        floored = np.maximum(kl.mean(0), 0.5).sum()
        assert_close(losses[1.0, 0.5]["loss"], plain + floored)
        assert_close(losses[3.0, 0.0]["kl"], kl.sum(1).mean())

    def test_weights_of_examples_count(self):
        model = VariationalAutoencoder(encoder(), decoder())
        model.compile("adam")
        weights = np.arange(32, dtype="float32") % 2
        some = model.test_on_batch(X, X, sample_weight=weights, return_dict=True)
        half = model.test_on_batch(X[1::2], return_dict=True)
        assert_close(some["elbo"], half["elbo"])
        # Keras divides by the number of examples.
        assert_close(some["loss"], half["loss"] / 2)

    def test_learns_saves_and_goes_on(self, tmp_path):
        model = self.make()
        model.compile(keras.optimizers.Adam(0.05))
        history = model.fit(X, batch_size=16, epochs=5, verbose=0).history
        assert set(history) == {"elbo", "log_likelihood", "kl", "loss"}
        assert history["loss"][-1] < history["loss"][0]
        # The deviation is learned.
        assert float(array(model._log_stddev)) != 0
        model.save(tmp_path / "model.keras")
        again = keras.saving.load_model(tmp_path / "model.keras")
        assert same(again.get_config(), model.get_config())
        for name, part in again.predict(X, verbose=0).items():
            assert_close(part, model.predict(X, verbose=0)[name])
        assert_close(again.generate(3), model.generate(3))
        again.train_on_batch(X)

    def test_beta_follows_a_schedule(self):
        rising = keras.optimizers.schedules.PolynomialDecay(0.0, 2, 1.0)
        layers = [keras.Input((6,)), keras.layers.Dense(4)]
        model = VariationalAutoencoder(keras.Sequential(layers), decoder(), beta=rising)
        model.compile(keras.optimizers.SGD(0.0))
        for beta in (0.0, 0.5, 1.0, 1.0):
            logs = model.train_on_batch(X, return_dict=True)
            model.reset_metrics()
            assert_close(logs["loss"], beta * logs["kl"] - logs["log_likelihood"])

    def test_same_seed_makes_the_same_data(self):
        model = VariationalAutoencoder(encoder(), decoder())
        made = model.generate(4, seed=1)
        assert made.shape == (4, 6) and np.all((made > 0) & (made < 1))
        assert same(made, model.generate(4, seed=1))
        assert not same(made, model.generate(4, seed=2))
        codes = np.random.default_rng(1).normal(size=(4, 2)).astype("float32")
        kernel, bias = model.decoder.get_weights()
        assert_close(made, 1 / (1 + np.exp(-(codes @ kernel + bias))))

    @pytest.mark.one_backend
    def test_codes_go_both_ways(self):
        model = VariationalAutoencoder(encoder(), decoder())
        assert model.encode(X).shape == (32, 2)
        assert_close(model.reconstruct(X), model.decode(model.encode(X)))
        assert model.interpolate(X[:2], X[2:4], 3).shape == (2, 3, 6)

    @pytest.mark.one_backend
    def test_refuses_what_it_cannot_do(self):
        model = self.make()
        model.compile("adam", "mse")
        for call, message in (
            (lambda: model.train_on_batch(X), "`loss` must be None"),
            (lambda: model.generate(0), "`count` must be an integer in"),
            (lambda: model.generate(1, seed=-1), "`seed` must be an integer in"),
            (lambda: model.log_likelihoods(X, 0), "`samples` must be an integer in"),
        ):
            with pytest.raises(ValueError, match=f"^{message}"):
                call()
