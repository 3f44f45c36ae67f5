import keras
import numpy as np
import pytest
from contracts import Contract, array, assert_close, same
from keras import ops
from scipy import stats

from kdl.models import Diffusion
from kdl.models.generative.diffusion import SCHEDULES, blend, spread_times

MEAN, DEVIATION = np.array([1.0, -0.5]), np.array([0.3, 0.8])
X = np.random.default_rng(0).normal(MEAN, DEVIATION, (64, 2)).astype("float32")
Y = np.arange(64, dtype="int32") % 3
KINDS = [
    (schedule, target) for schedule, targets in SCHEDULES.items() for target in targets
]


def network(classes=None, size=2):
    """A small network of data, time and maybe a label."""
    data, time = keras.Input((size,)), keras.Input((1,))
    inputs, parts = [data, time], [data, time]
    if classes is not None:
        inputs.append(keras.Input((1,), dtype="int32"))
        embedding = keras.layers.Embedding(classes + 1, 4)(inputs[-1])
        parts.append(keras.layers.Flatten()(embedding))
    hidden = keras.layers.Dense(16, "relu")(keras.layers.Concatenate()(parts))
    return keras.Model(inputs, keras.layers.Dense(size)(hidden))


@keras.saving.register_keras_serializable(package="kdl_tests")
class Exact(keras.layers.Layer):
    """What there is to learn of normal data, by the means of a joint distribution."""

    def __init__(self, schedule, target, **kwargs):
        super().__init__(**kwargs)
        self.schedule, self.target = schedule, target

    def call(self, inputs):
        x, time = inputs
        a, s = blend(self.schedule, time)
        mean, variance = (
            ops.cast(part, "float32") for part in (MEAN, np.square(DEVIATION))
        )
        excess = (x - a * mean) / (a**2 * variance + s**2)
        data, noise = mean + a * variance * excess, s * excess
        return {
            "noise": noise,
            "velocity": noise - data,
            "v": a * noise - s * data,
        }[self.target]

    def get_config(self):
        return {
            **super().get_config(),
            "schedule": self.schedule,
            "target": self.target,
        }


def exact(schedule, target):
    inputs = [keras.Input((2,)), keras.Input((1,))]
    network = keras.Model(inputs, Exact(schedule, target)(inputs))
    return Diffusion(network, schedule, target)


class TestDiffusion(Contract):
    component = Diffusion
    arguments = {
        "network": network(3),
        "noise_schedule": "cosine",
        "target": "noise",
        "classes": 3,
        "data_range": (0.0, 2.0),
        "decay": 0.5,
        "seed": 3,
    }
    refused = [
        (
            {"noise_schedule": "straight"},
            "`noise_schedule` must be one of 'flow', 'cosine', 'linear'. Received: "
            "noise_schedule='straight'",
        ),
        (
            {"target": "velocity"},
            "`target` must be one of 'v', 'noise'. Received: target='velocity'",
        ),
        (
            {"network": network()},
            "`network` must be a keras.Model of a list of 3 inputs, data, time and "
            "label, of which all but the data have the shape (1,), that returns what "
            "has the shape of the data. Received: [(None, 2), (None, 1)] to (None, 2)",
        ),
        (
            {"data_range": (1, 1)},
            "`data_range` must be two numbers, the lower one first. Received: "
            "data_range=(1, 1)",
        ),
        (
            {"decay": 1.0},
            "`decay` must be a number in [0, 1) or a LearningRateSchedule. Received: "
            "decay=1.0",
        ),
    ]

    def test_times_of_a_batch_are_spread_and_each_is_uniform(self):
        drawn = np.array([array(spread_times(8, seed))[:, 0] for seed in range(200)])
        assert drawn.min() >= 0 and drawn.max() < 1
        gaps = np.diff(np.sort(drawn), axis=1)
        np.testing.assert_allclose(gaps, 1 / 8, atol=1e-5)
        for column in drawn.T:
            assert stats.kstest(column, "uniform").pvalue > 1e-4

    @pytest.mark.one_backend
    @pytest.mark.parametrize("schedule", SCHEDULES)
    def test_goes_from_data_to_noise(self, schedule):
        time = ops.linspace(0.0, 1.0, 11)
        a, s = (array(part) for part in blend(schedule, time))
        np.testing.assert_allclose([a[0], s[0]], [1, 0], atol=1e-6)
        np.testing.assert_allclose([a[-1], s[-1]], [0, 1], atol=0.01)
        if schedule != "flow":
            np.testing.assert_allclose(a**2 + s**2, 1, rtol=1e-5)
        if schedule == "linear":
            # The rate of noise from 0.1 to 20, summed up over small steps.
            fine = np.linspace(0, 0.5, 10001)
            rate = 0.1 + 19.9 * fine
            kept = np.exp(-np.trapezoid(rate, fine))
            np.testing.assert_allclose(a[5] ** 2, kept, rtol=1e-4)

    @pytest.mark.parametrize("sampler", ["ddim", "ddpm"])
    @pytest.mark.parametrize(
        ("schedule", "target"),
        [
            KINDS[0],
            *(pytest.param(*kind, marks=pytest.mark.one_backend) for kind in KINDS[1:]),
        ],
    )
    def test_exact_networks_make_the_data_that_there_are(
        self, schedule, target, sampler
    ):
        # Of DDPM, the steps themselves err more.
        steps = {"ddim": 60, "ddpm": 200}[sampler]
        made = exact(schedule, target).generate(1000, steps=steps, sampler=sampler)
        # Standard errors of a mean and a deviation: 0.032 and 0.022 of it,
        # and some hundredths for the steps.
        errors = (made.mean(0) - MEAN) / DEVIATION
        assert np.abs(errors).max() < 4 * 0.032 + 0.03
        assert np.abs(made.std(0) / DEVIATION - 1).max() < 4 * 0.022 + 0.03
        assert abs(np.corrcoef(made.T)[0, 1]) < 4 * 0.032

    def test_loss_of_an_exact_network_is_what_cannot_be_known(self):
        model = exact("flow", "velocity")
        model.compile("adam")
        x = np.random.default_rng(1).normal(MEAN, DEVIATION, (4096, 2))
        loss = model.evaluate(x.astype("float32"), batch_size=4096, verbose=0)
        # Var(e - x | x_t) is the variance of e - x that x_t does not explain.
        time = np.linspace(0, 1, 2001)[:, np.newaxis]
        variance = DEVIATION**2
        joint = time - (1 - time) * variance
        left = 1 + variance - joint**2 / ((1 - time) ** 2 * variance + time**2)
        # Standard error of the mean of squares of 4,096 examples: about 0.02.
        assert abs(loss / left.mean() - 1) < 4 * 0.02
        assert model.evaluate(x.astype("float32"), batch_size=4096, verbose=0) == loss

    def test_learns_saves_and_goes_on(self, tmp_path):
        model = Diffusion(network(3), classes=3, seed=0)
        model.compile(keras.optimizers.Adam(0.01))
        before = array(model.network.weights[0])
        history = model.fit([X, Y], batch_size=64, epochs=30, verbose=0).history
        assert history["loss"][-1] < history["loss"][0]
        # The average follows the weights.
        weight, average = (
            array(part.weights[0]) for part in (model.network, model.averaged)
        )
        moved = np.abs(weight - before).mean()
        assert 0 < np.abs(average - weight).mean() < moved
        assert not model.averaged.trainable_variables
        model.save(tmp_path / "model.keras")
        again = keras.saving.load_model(tmp_path / "model.keras")
        assert same(again.get_config(), model.get_config())
        options = {"steps": 4, "labels": [0, 1, 2], "guidance": 1.5}
        made = model.generate(3, **options)
        assert made.shape == (3, 2)
        assert_close(again.generate(3, **options), made)
        again.train_on_batch([X, Y])

    def test_average_is_that_of_its_formula(self):
        model = Diffusion(network(), decay=0.3, seed=0)
        model.compile(keras.optimizers.SGD(0.5))
        average = array(model.averaged.weights[0])
        for count in (1, 2, 3, 4, 5):
            weight = array(model.network.weights[0])
            model.train_on_batch(X)
            decay = min(0.3, count / (count + 9))
            average = decay * average + (1 - decay) * weight
            assert_close(model.averaged.weights[0], average)

    @pytest.mark.one_backend
    def test_guidance_goes_beyond_the_label(self):
        model = Diffusion(network(3), classes=3)
        labels = np.array([0, 1, 2])
        made = [
            model.generate(3, steps=1, labels=labels, guidance=g)
            for g in (0.0, 1.0, 3.0)
        ]
        without = model.generate(3, steps=1)
        # One step of a flow is linear in what is predicted.
        for g, found in zip((1.0, 3.0), made[1:], strict=True):
            np.testing.assert_allclose(
                found, made[0] + g * (made[0] - without), atol=1e-5
            )

    def test_same_seed_makes_the_same_data(self):
        model = Diffusion(network())
        for sampler in ("ddim", "ddpm"):
            made = [model.generate(3, seed, 4, sampler) for seed in (1, 1, 2)]
            assert same(made[0], made[1]) and not same(made[0], made[2])
        # One step of Euler, by hand.
        noise = np.random.default_rng(5).normal(size=(3, 2)).astype("float32")
        velocity = array(model.averaged([noise, np.ones((3, 1), "float32")]))
        assert_close(model.generate(3, 5, steps=1), noise - velocity)

    def test_scales_data_from_their_range_and_back(self):
        plain = Diffusion(network(), seed=0)
        scaled = Diffusion(plain.network, data_range=(10.0, 14.0), seed=0)
        losses = []
        for model, x in ((plain, X / 4), (scaled, 12 + X / 2)):
            model.compile("adam")
            losses.append(model.evaluate(x, verbose=0))
        np.testing.assert_allclose(*losses, rtol=1e-4)
        made = np.clip(plain.generate(50, steps=3), -1, 1)
        assert_close(scaled.generate(50, steps=3), 12 + 2 * made)

    @pytest.mark.one_backend
    def test_refuses_what_it_cannot_do(self):
        model, plain = Diffusion(network(3), classes=3), Diffusion(network())
        plain.compile("adam", "mse")
        for call, message in (
            (lambda: plain.train_on_batch(X), "`loss` must be None"),
            (lambda: plain.generate(0), "`count` must be an integer in"),
            (lambda: plain.generate(2, steps=0), "`steps` must be an integer in"),
            (lambda: plain.generate(2, sampler="euler"), "`sampler` must be one of"),
            (lambda: plain.generate(2, labels=[0, 1]), "`labels` must be None"),
            (lambda: model.generate(2, labels=[0, 3]), "`labels` must be 2 integers"),
            (lambda: model.generate(2, labels=[0]), "`labels` must be 2 integers"),
            (lambda: model.generate(2, guidance=-1), "`guidance` must be a number in"),
        ):
            with pytest.raises(ValueError, match=f"^{message}"):
                call()
