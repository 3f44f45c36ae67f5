import keras
import numpy as np
import pytest
from contracts import Contract, array, assert_close, same

from kdl.callbacks import Resume
from kdl.data import Batches
from kdl.layers import SpectralNormalization
from kdl.models import GenerativeAdversarialNetwork
from kdl.models.generative.generative_adversarial_network import LOSSES

X = np.random.default_rng(0).normal([1, -0.5], [0.3, 0.8], (64, 2)).astype("float32")
Y = np.arange(64, dtype="int32") % 3


def network(inputs, outputs, classes=None):
    """A small network of numbers and maybe a label."""
    data = keras.Input((inputs,))
    parts, taken = [data], [data]
    if classes is not None:
        taken.append(keras.Input((1,), dtype="int32"))
        embedding = keras.layers.Embedding(classes, 4)(taken[-1])
        parts.append(keras.layers.Flatten()(embedding))
    x = keras.layers.Concatenate()(parts) if classes else data
    x = keras.layers.Dense(8, "tanh")(x)
    return keras.Model(taken if classes else data, keras.layers.Dense(outputs)(x))


def gan(classes=None, **options):
    made = network(3, 2, classes), network(2, 1, classes)
    return GenerativeAdversarialNetwork(*made, classes=classes, **options)


def weights(network):
    return [array(weight) for weight in network.trainable_variables]


class TestGenerativeAdversarialNetwork(Contract):
    component = GenerativeAdversarialNetwork
    arguments = {
        "generator": network(3, 2, 3),
        "discriminator": network(2, 1, 3),
        "adversarial_loss": "hinge",
        "classes": 3,
        "noise": 0.1,
        "decay": 0.5,
        "seed": 3,
    }
    refused = [
        (
            {"adversarial_loss": "minimax"},
            "`adversarial_loss` must be one of 'non_saturating', 'hinge', "
            "'wasserstein'. Received: adversarial_loss='minimax'",
        ),
        (
            {"generator": network(3, 2)},
            "`generator` must be a keras.Model of a list of two inputs, of which the "
            "second is a label of shape (1,) and of one output. Received: inputs of "
            "(None, 3)",
        ),
        (
            {"generator": network(3, 5, 3)},
            "`generator` must return data of the shape that `discriminator` takes, "
            "(2,). Received: a generator that returns (5,)",
        ),
        (
            {"discriminator": network(2, 2, 3)},
            "`discriminator` must return logits of shape (1,). Received: a "
            "discriminator that returns (2,)",
        ),
        (
            {"noise": -1.0},
            "`noise` must be a number in [0, inf) or a LearningRateSchedule. Received: "
            "noise=-1.0",
        ),
    ]

    @pytest.mark.parametrize("loss", LOSSES)
    def test_each_loss_reaches_its_own_network(self, loss):
        """A step by hand, of each network beside constants of the other."""
        torch = pytest.importorskip("torch")
        model = gan(adversarial_loss=loss, seed=0)
        rates = 0.5, 0.25
        model.compile(*map(keras.optimizers.SGD, rates))
        before = weights(model.generator), weights(model.discriminator)
        # What training draws first.
        again = GenerativeAdversarialNetwork.from_config(model.get_config())
        codes = again._draw(0, (64, 3), True)
        logs = model.train_on_batch(X, return_dict=True)
        (g0, b0, g1, b1), (d0, c0, d1, c1) = (
            [torch.tensor(weight, requires_grad=True) for weight in part]
            for part in before
        )

        def judge(x):
            return torch.tanh(x @ d0 + c0) @ d1 + c1

        made = torch.tanh(torch.tensor(array(codes)) @ g0 + b0) @ g1 + b1
        real, fake = judge(torch.tensor(X)), judge(made.detach())
        softplus, relu = torch.nn.functional.softplus, torch.relu
        told, fooled = {
            "non_saturating": (
                softplus(-real) + softplus(fake),
                lambda x: softplus(-x),
            ),
            "hinge": (relu(1 - real) + relu(1 + fake), lambda x: -x),
            "wasserstein": (fake - real, lambda x: -x),
        }[loss]
        told = told.mean()
        of_discriminator = torch.autograd.grad(told, [d0, c0, d1, c1])
        fooled = fooled(judge(made)).mean()
        of_generator = torch.autograd.grad(fooled, [g0, b0, g1, b1])
        for network, rate, start, gradients in (
            (model.generator, rates[0], before[0], of_generator),
            (model.discriminator, rates[1], before[1], of_discriminator),
        ):
            for new, old, gradient in zip(
                weights(network), start, gradients, strict=True
            ):
                expected = old - rate * gradient.numpy()
                np.testing.assert_allclose(new, expected, atol=2e-5)
        assert_close(logs["generator_loss"], fooled.item())
        assert_close(logs["discriminator_loss"], told.item())
        right = ((real > 0).float().mean() + (fake < 0).float().mean()) / 2
        assert_close(logs["discriminator_accuracy"], right.item())

    def test_a_frozen_network_stays(self):
        for name, other in (
            ("generator", "discriminator"),
            ("discriminator", "generator"),
        ):
            model = gan(seed=0)
            getattr(model, name).trainable = False
            model.compile("sgd")
            before = weights(model.generator) + weights(model.discriminator)
            model.train_on_batch(X)
            changed = weights(model.generator) + weights(model.discriminator)
            assert len(before) == 4 == len(weights(getattr(model, other)))
            assert all((a != b).any() for a, b in zip(before, changed, strict=True))

    def test_generator_may_learn_from_the_mean_of_several_batches(self):
        model = gan(seed=0)
        model.compile(
            keras.optimizers.SGD(0.1, gradient_accumulation_steps=3),
            keras.optimizers.SGD(0.1),
        )
        steps = []
        for _ in range(6):
            before = weights(model.generator), weights(model.discriminator)
            model.train_on_batch(X)
            after = weights(model.generator), weights(model.discriminator)
            steps.append(
                tuple(not same(*pair) for pair in zip(before, after, strict=True))
            )
        assert [g for g, _ in steps] == [False, False, True] * 2
        assert all(d for _, d in steps)

    def test_rates_keep_their_ratio(self, tmp_path):
        model = gan(seed=0)
        model.compile(*map(keras.optimizers.SGD, (0.1, 0.3)))
        both = model.optimizer
        both.learning_rate = 0.2
        assert_close(both.second.learning_rate, 0.6)
        both.learning_rate = keras.optimizers.schedules.PolynomialDecay(1.0, 10, 0.0)
        for optimizer in (both.first, both.second):
            optimizer.iterations.assign(5)
        assert_close(both.learning_rate, 0.5)
        assert_close(both.second.learning_rate, 1.5)
        model.save(tmp_path / "model.keras")
        again = keras.saving.load_model(tmp_path / "model.keras")
        assert_close(again.optimizer.second.learning_rate, 1.5)

    def test_learns_saves_and_goes_on(self, tmp_path):
        layers = [keras.Input((2,)), keras.layers.Dense(16, "leaky_relu")]
        judge = keras.Sequential([*layers, keras.layers.Dense(1)])
        model = GenerativeAdversarialNetwork(
            network(3, 2), judge, noise=0.1, decay=0.9, seed=0
        )
        model.compile(
            keras.optimizers.Adam(0.005, beta_1=0.5),
            keras.optimizers.Adam(0.01, beta_1=0.5),
        )
        before = np.abs(model.generate(500).mean(0) - X.mean(0)).sum()
        model.fit(X, batch_size=64, epochs=150, shuffle=False, verbose=0)
        after = np.abs(model.generate(500).mean(0) - X.mean(0)).sum()
        assert after < before / 2
        model.save(tmp_path / "model.keras")
        again = keras.saving.load_model(tmp_path / "model.keras")
        assert same(again.get_config(), model.get_config())
        both = again.optimizer
        assert float(both.first.learning_rate) == pytest.approx(0.005)
        assert float(both.second.learning_rate) == pytest.approx(0.01)
        assert same(
            [array(part) for part in both.variables],
            [array(part) for part in model.optimizer.variables],
        )
        assert_close(again.generate(3), model.generate(3))
        again.train_on_batch(X)

    def test_a_killed_fit_goes_on_exactly(self, tmp_path):
        class Stop(keras.callbacks.Callback):
            def on_train_batch_begin(self, batch, logs=None):
                if self.stops and self.model.clock.batches == 5:
                    raise KeyboardInterrupt

        def fit(folder, stops=False):
            keras.utils.set_random_seed(0)
            model = gan(3, noise=0.1, seed=0)
            model.compile(keras.optimizers.Adam(0.01))
            batches = Batches((X, Y), Y, 16)
            resume, stop = Resume(folder, batches, save_freq=1), Stop()
            stop.stops = stops
            model.fit(
                batches, epochs=2, shuffle=False, verbose=0, callbacks=[resume, stop]
            )
            return [array(weight) for weight in model.weights]

        with pytest.raises(KeyboardInterrupt):
            fit(tmp_path / "killed", stops=True)
        assert same(fit(tmp_path / "killed"), fit(tmp_path / "whole"))

    def test_evaluations_are_alike_and_draw_no_noise(self):
        model = gan(noise=5.0)
        model.compile("sgd")
        state = array(model.seed_generator.state)
        first, again = (model.evaluate(X, verbose=0) for _ in range(2))
        assert first == again
        assert same(array(model.seed_generator.state), state)
        quiet = GenerativeAdversarialNetwork(model.generator, model.discriminator)
        quiet.compile("sgd")
        assert quiet.evaluate(X, verbose=0) == first

    def test_noise_follows_a_schedule(self):
        schedule = keras.optimizers.schedules.PolynomialDecay(2.0, 4, 0.0)
        layers = [keras.Input((2,)), keras.layers.Dense(1)]
        model = GenerativeAdversarialNetwork(
            network(3, 2), keras.Sequential(layers), noise=schedule, seed=0
        )
        model.compile("sgd")
        losses = [model.train_on_batch(X) for _ in range(6)]
        assert np.isfinite(losses).all()
        assert float(model.noise.now(training=False)) == 0

    def test_mixed_precision_trains(self):
        with_policy = {"dtype": "mixed_bfloat16"}
        layers = [
            keras.Input((3,)),
            keras.layers.Dense(8, "relu", **with_policy),
            keras.layers.BatchNormalization(**with_policy),
            keras.layers.Dense(2, dtype="float32"),
        ]
        judge = [
            keras.Input((2,)),
            SpectralNormalization(keras.layers.Dense(8, **with_policy), **with_policy),
            keras.layers.LeakyReLU(**with_policy),
            keras.layers.Dense(1, dtype="float32"),
        ]
        model = GenerativeAdversarialNetwork(
            *map(keras.Sequential, (layers, judge)), seed=0, **with_policy
        )
        model.compile("adam")
        before = weights(model.generator) + weights(model.discriminator)
        assert np.isfinite(model.train_on_batch(X)).all()
        after = weights(model.generator) + weights(model.discriminator)
        assert all((a != b).any() for a, b in zip(before[:2], after[:2], strict=True))
        assert np.isfinite(model.generate(3)).all()

    def test_same_seed_makes_the_same_data(self):
        model = gan(3)
        made = [model.generate(4, seed) for seed in (1, 1, 2)]
        assert same(made[0], made[1]) and not same(made[0], made[2])
        codes = np.random.default_rng(5).normal(size=(2, 3)).astype("float32")
        expected = model.generator([codes, np.array([[1], [2]])])
        assert_close(model.generate(2, 5, labels=[1, 2]), expected)

    @pytest.mark.one_backend
    def test_refuses_what_it_cannot_do(self):
        model, plain = gan(3), gan()
        plain.compile("adam", loss="mse")
        scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam())
        for call, message in (
            (lambda: plain.train_on_batch(X), "`loss` must be None"),
            (lambda: plain.generate(0), "`count` must be an integer in"),
            (lambda: plain.generate(2, labels=[0, 1]), "`labels` must be None"),
            (lambda: model.generate(2, labels=[0, 3]), "`labels` must be 2 integers"),
            (lambda: model.compile(scaled), "`optimizer` must not be a LossScale"),
        ):
            with pytest.raises(ValueError, match=f"^{message}"):
                call()
