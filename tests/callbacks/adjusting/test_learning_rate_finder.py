import keras
import numpy as np
import pytest
from contracts import CallbackContract, array, assert_close, same

import kdl
from kdl.callbacks import LearningRateFinder
from kdl.data import Batches
from kdl.schedules import Warmup

X = np.random.default_rng(0).normal(size=(40, 4)).astype("float32")
Y = X @ np.array([[1.0], [-2.0], [0.5], [0.0]], "float32")


class TestLearningRateFinder(CallbackContract):
    component = LearningRateFinder
    arguments = {
        "min_rate": 1e-5,
        "max_rate": 1.0,
        "steps": 20,
        "smoothing": 0.5,
        "divergence": 10.0,
    }
    refused = [
        (
            {"min_rate": 0},
            "`min_rate` must be a number in (0, 1e6]. Received: min_rate=0",
        ),
        (
            {"max_rate": 1e-5},
            "`max_rate` must be a number in (1e-05, inf). Received: max_rate=1e-05",
        ),
        (
            {"steps": 19},
            "`steps` must be an integer in [20, 1000000]. Received: steps=19",
        ),
        (
            {"smoothing": 0.95},
            "`steps` must be at least 30, since of smoothing=0.95 the first 20 are "
            "left out. Received: steps=20",
        ),
        (
            {"smoothing": 1},
            "`smoothing` must be a number in [0, 1). Received: smoothing=1",
        ),
        (
            {"divergence": 1},
            "`divergence` must be a number in (1, inf). Received: divergence=1",
        ),
    ]
    # All is as it was before, the record of the probe as well.
    seen = []

    def train(self, model, callbacks, epochs=3, **options):
        # A sweep needs its 20 batches.
        return super().train(model, callbacks, epochs=7, **options)

    def test_goes_on_where_it_was(self):
        """It remembers nothing from fit to fit."""

    @pytest.mark.parametrize("kind", ["rate", "schedule", "controlled", "momentum"])
    def test_leaves_everything_as_it_was(self, kind):
        model, other = network(kind), network(kind)
        for each in (model, other):
            # What a sweep finds need not be new.
            keras.utils.set_random_seed(0)
            fit(each, epochs=1)
        before = state(model)
        step = model.train_function
        fit(model, epochs=4, callbacks=[self.make()])
        assert same(state(model), before)
        assert not model.stop_training or model.train_function is not step
        # The next fit is that of a model that has never been swept.
        keras.utils.set_random_seed(0)
        fit(model, epochs=2)
        keras.utils.set_random_seed(0)
        fit(other, epochs=2)
        for actual, expected in zip(state(model), state(other), strict=True):
            np.testing.assert_array_equal(actual, expected)

    def test_leaves_everything_as_it_was_if_it_is_interrupted(self):
        class Interrupt(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                raise KeyboardInterrupt

        model = network("schedule")
        fit(model)
        before, rate = state(model), model.optimizer.learning_rate
        with pytest.raises(KeyboardInterrupt):
            self.make().find(model, X, Y, callbacks=[Interrupt()])
        assert same(state(model), before)
        assert_close(model.optimizer.learning_rate, rate)

    def test_losses_are_those_of_each_batch_at_its_rate(self):
        model, other = network("rate"), network("rate")
        finder = self.make(smoothing=0.0, divergence=1e9)
        finder.find(model, Batches(X, Y, 16), shuffle=False)
        np.testing.assert_allclose(finder.rates, np.logspace(-5, 0, 20), rtol=1e-6)
        assert same(finder.smoothed, finder.losses)
        # By hand, with batches of 16, 16 and 8.
        batches, losses = Batches(X, Y, 16), []
        for step, rate in enumerate(finder.rates):
            if step % 3 == 0:
                batches.on_epoch_end()
            other.optimizer.learning_rate = rate
            losses.append(other.train_on_batch(*batches[step % 3]))
            other.reset_metrics()
        np.testing.assert_allclose(finder.losses, losses, rtol=1e-4)

    def test_smooths_without_bias(self):
        finder = self.make(divergence=1e9)
        finder.find(network("rate"), X, Y, batch_size=8)
        weights = 0.5 ** np.arange(20)[::-1]
        for count, smoothed in enumerate(finder.smoothed, 1):
            mean = np.average(finder.losses[:count], weights=weights[-count:])
            np.testing.assert_allclose(smoothed, mean, rtol=1e-6)

    def test_sees_the_mean_where_keras_runs_several_at_once(self):
        if keras.backend.backend() == "torch":
            pytest.skip("Keras has no steps_per_execution on PyTorch")
        finder = self.make(steps=75)
        model = network("rate", steps_per_execution=5)
        finder.find(model, X, Y, batch_size=8)
        middles = np.logspace(-5, 0, 75)[2::5]
        np.testing.assert_allclose(finder.rates, middles[: len(finder.rates)])

    @pytest.mark.parametrize("negative", [False, True])
    def test_stops_where_the_loss_explodes(self, negative):
        model = network("rate")
        if negative:
            # Such as that of a density.
            model.compile("sgd", lambda y, z: keras.ops.mean((y - z) ** 2) - 100.0)
        # A quadratic of curvature 2 c diverges beyond a rate of 1 / c.
        finder = self.make(max_rate=1e5, steps=40)
        finder.find(model, X, Y, batch_size=40)
        largest = 1 / np.linalg.eigvalsh(X.T @ X / 40).max()
        assert len(finder.rates) < 40
        assert largest < finder.rates[-1] < 1000 * largest
        assert finder.smoothed[-1] > finder.smoothed.min()
        assert 1e-5 < finder.valley < largest
        assert 1e-5 < finder.steepest < largest

    def test_suggests_where_the_loss_falls(self):
        finder = self.make()
        finder.rates = np.logspace(-6, 0, 61)
        # Falls along a logistic curve around 1e-3, and rises from 1e-1 on.
        position = np.log10(finder.rates)
        finder.smoothed = 3 - 2 / (1 + np.exp(-4 * (position + 3)))
        finder.smoothed[51:] += 10.0
        assert finder.steepest == pytest.approx(1e-3)
        # It falls at 46 points after the first five: 23 before the last.
        assert finder.valley == pytest.approx(10**-3.3)

    def test_suggests_no_rate_of_the_noise_before_the_loss_falls(self):
        """16 sweeps of a loss that falls around 1e-2, under noise a third as large."""
        rng = np.random.default_rng(0)
        for _ in range(16):
            finder = LearningRateFinder()
            rates = np.logspace(-7, 1, 100)
            fall = 1 / (1 + np.exp(-3 * (np.log10(rates) + 2)))
            self.replay(finder, rates, 3 - 2 * fall + rng.normal(0, 0.7, 100))
            assert 1e-3 < finder.steepest < 3
            assert 1e-4 < finder.valley < 1
            assert 1 / 20 < finder.steepest / finder.valley < 100

    @pytest.mark.one_backend
    @pytest.mark.parametrize("steps", [100, 300])
    def test_suggests_nothing_where_there_is_noise_alone(self, steps):
        rng, suggested = np.random.default_rng(0), 0
        for _ in range(40):
            finder = LearningRateFinder(steps=steps)
            self.replay(finder, np.logspace(-7, 1, steps), rng.exponential(size=steps))
            try:
                assert finder.steepest and finder.valley
                suggested += 1
            except ValueError as error:
                assert "is least after" in str(error) or "noise" in str(error)
        # Of a share of 1 in 20, a deviation of 1.4.
        assert suggested <= 2 + 3 * 1.4

    def replay(self, finder, rates, losses):
        """Has a finder see the losses of batches, one after the other."""
        model = network("rate")
        finder.set_model(model)
        model.stop_training = False
        for loss in losses:
            finder._record({"loss": loss})
        finder.rates = rates[: len(finder.losses)]

    def test_suggests_no_rate_at_which_the_loss_was_not_finite(self):
        finder = LearningRateFinder()
        losses = np.linspace(3, 1, 100)
        losses[60:] = np.nan
        self.replay(finder, np.logspace(-7, 1, 100), losses)
        assert len(finder.losses) == 61
        for rate in (finder.steepest, finder.valley):
            assert rate < finder.rates[60]

    def test_first_losses_do_not_end_it(self):
        finder = LearningRateFinder()
        # Few, of which an average is soon five times as large.
        losses = np.r_[np.full(7, 0.1), np.ones(93)]
        self.replay(finder, np.logspace(-7, 1, 100), losses)
        assert len(finder.losses) == 100

    def test_draws_what_it_found(self, tmp_path):
        finder = self.make()
        finder.find(network("rate"), X, Y, batch_size=8)
        figure = finder.plot(tmp_path / "rates.png")
        (axes,) = figure.axes
        loss, smoothed, valley, steepest = axes.lines
        assert same(loss.get_ydata(), finder.losses)
        assert same(smoothed.get_xdata(), finder.rates)
        assert valley.get_xdata()[0] == finder.valley
        assert steepest.get_label() == f"steepest, {finder.steepest:.2g}"
        assert (tmp_path / "rates.png").read_bytes().startswith(b"\x89PNG")
        with pytest.raises(ValueError) as error:
            finder.plot("rates.pdf")
        assert (
            str(error.value) == "`path` must end in '.png'. Received: path='rates.pdf'"
        )

    def test_refuses_a_fit_that_is_too_short(self):
        with pytest.raises(ValueError) as error:
            network("rate").fit(X, Y, batch_size=8, callbacks=[self.make()], verbose=0)
        assert str(error.value) == (
            "`steps` must be at most 5, the batches of the fit: give it more epochs. "
            "Received: steps=20"
        )

    def test_a_low_first_loss_does_not_end_it(self):
        finder, model = self.make(steps=60), network("rate")
        x, y = X.copy(), Y.copy()
        # Nothing to learn from the first batch.
        x[:8], y[:8] = 0.0, 0.0
        finder.find(model, x, y, batch_size=8, shuffle=False)
        assert finder.losses[0] == 0
        assert len(finder.rates) > 30 and finder.valley > 1e-4

    def test_refuses_epochs(self):
        with pytest.raises(ValueError) as error:
            self.make().find(network("rate"), X, Y, epochs=2)
        assert str(error.value) == (
            "`find` ends the training by itself and takes no `epochs`. "
            "Received: epochs=2"
        )

    def test_refuses_several_rates(self):
        model = network("rate")
        rate = keras.optimizers.OptimizerMap(keras.optimizers.SGD(), {})
        model.compile(keras.optimizers.MultiOptimizer(rate), "mse")
        with pytest.raises(ValueError) as error:
            self.make().find(model, X, Y)
        assert str(error.value) == (
            "The model must have an optimizer with one learning rate. "
            "Received: MultiOptimizer"
        )

    def test_says_when_the_loss_never_fell(self):
        finder = self.make(min_rate=1e3, max_rate=1e9)
        with pytest.raises(ValueError, match="too early to suggest a rate"):
            finder.find(network("rate"), X, Y, batch_size=8)


def network(kind, **options):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            kdl.layers.Clock(),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.1),
            keras.layers.Dense(1),
        ]
        if kind != "rate"
        else [keras.Input((4,)), keras.layers.Dense(1, use_bias=False)]
    )
    schedule = Warmup(0.01, 5)
    optimizer = {
        "rate": lambda: keras.optimizers.SGD(0.01),
        "schedule": lambda: keras.optimizers.Adam(schedule),
        "controlled": lambda: kdl.optimizers.ControlledOptimizer(
            keras.optimizers.Adam(schedule, use_ema=True), watch=True
        ),
        "momentum": lambda: keras.optimizers.SGD(0.01, momentum=0.9),
    }
    model.compile(optimizer[kind](), "mse", **options)
    return model


def fit(model, **options):
    batches = Batches(X, Y, 8)
    return model.fit(batches, shuffle=False, verbose=0, **options)


def state(model):
    return [array(v) for v in model.variables + model.optimizer.variables]
