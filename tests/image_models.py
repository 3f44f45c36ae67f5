"""What families of image models promise."""

import keras
import numpy as np
import pytest
from contracts import array, called

from kdl.layers import Clock
from kdl.models import resnet
from kdl.schedules import Warmup
from kdl.schedules.number import find_numbers

SHAPE = (9, 8, 2)


def images(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def refusal(function, *arguments, **options):
    with pytest.raises(ValueError) as error:
        function(*arguments, **options)
    return str(error.value)


class ImageModelContract:
    """What a family of image models promises.

    Attributes:
        family: Static method that returns a model.
        small: Dict of arguments of a small one.
        stride: Integer. By which its last images are smaller.
        scheduled: Dict of further arguments that follow a schedule.
        is_of_pixels: Boolean. Whether there are logits of each pixel.
    """

    scheduled = {}
    is_of_pixels = False

    @property
    def least(self):
        """The least number of pixels of a side."""
        return self.stride

    def make(self, shape=SHAPE, classes=3, **arguments):
        return self.family(shape, classes, **{**self.small, **arguments})

    def test_returns_logits_or_the_last_images(self):
        model = self.make()
        expected = (None, 9, 8, 3) if self.is_of_pixels else (None, 3)
        assert model.output_shape == expected
        assert model.name == self.family.__name__
        assert model.layers[-1].activation is keras.activations.linear
        stride = self.stride
        size = (-(-9 // stride), -(-8 // stride))
        assert self.make(classes=None).output_shape[1:3] == size

    def test_takes_images_of_any_size(self):
        model = self.make((None, None, 2), classes=None)
        stride = self.stride
        for height, width in ((9, 8), (16, 5)):
            outputs = model(images(1, height, width, 2))
            size = (-(-height // stride), -(-width // stride))
            assert tuple(outputs.shape[1:3]) == size

    def test_fits_with_rates_that_follow_schedules_and_reloads(self, tmp_path):
        options = {"rate": Warmup(0.5, 4), **self.scheduled}
        model = self.make(**options)
        assert isinstance(model.layers[1], Clock)
        assert len(find_numbers(model)) == len(options)
        x = images(8, *SHAPE)
        y = np.arange(8) % 3
        if self.is_of_pixels:
            y = (x[..., 0] > 0).astype("int32")
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(0.1), loss)
        history = model.fit(x, y, batch_size=4, epochs=4, verbose=0).history["loss"]
        assert np.isfinite(history).all()
        assert min(history[1:]) < history[0]
        model.save(tmp_path / "model.keras")
        reloaded = keras.saving.load_model(tmp_path / "model.keras")
        np.testing.assert_array_equal(
            array(called(reloaded, x)), array(called(model, x))
        )

    @pytest.mark.one_backend
    def test_without_a_schedule_has_no_clock(self):
        assert not any(isinstance(layer, Clock) for layer in self.make().layers)
        penalty = keras.regularizers.L2(0.1)
        model = self.make(kernel_regularizer=penalty)
        assert not any(isinstance(layer, Clock) for layer in model.layers)
        # Each kernel has it, but for a depthwise one it is Keras's to say.
        kernels = [w for w in model.trainable_weights if w.path.endswith("kernel")]
        assert all(kernel.regularizer is not None for kernel in kernels)

    @pytest.mark.one_backend
    @pytest.mark.parametrize("normalization", ["layer", "instance", "group", None])
    def test_normalization_is_an_argument(self, normalization):
        model = self.make(normalization=normalization, activation="tanh")
        state = [w for w in model.non_trainable_weights if "seed" not in w.path]
        assert not state
        assert np.isfinite(array(model(images(2, *SHAPE)))).all()

    @pytest.mark.one_backend
    def test_logits_are_in_full_precision(self):
        keras.config.set_dtype_policy("mixed_bfloat16")
        try:
            outputs = self.make()(images(2, *SHAPE))
        finally:
            keras.config.set_dtype_policy("float32")
        assert keras.backend.standardize_dtype(outputs.dtype) == "float32"

    @pytest.mark.one_backend
    def test_refuses(self):
        message = (
            "`input_shape` must be (height, width, channels), of which height and "
        )
        message += "width may be None. Received: input_shape=(8, 8)"
        assert refusal(self.make, (8, 8)) == message
        assert refusal(self.make, (0, 8, 1)) == (
            "`input_shape` must be an integer in [1, inf). Received: input_shape=0"
        )
        assert refusal(self.make, classes=0) == (
            "`classes` must be an integer in [1, inf). Received: classes=0"
        )
        assert refusal(self.make, rate=1.0) == (
            "`rate` must be a number in [0, 1) or a LearningRateSchedule. Received: "
            "rate=1.0"
        )
        stride = self.least
        text = refusal(self.make, (9, stride - 1, 1))
        assert text.startswith(
            f"`input_shape` must have {stride} pixels a side or more"
        )
        assert text.endswith(
            f"Received: input_shape=(9, {stride - 1}, 1). Use fewer stages, or a "
            "smaller stem."
        )


class WithDenseLayers:
    """What a family of dense layers promises besides."""

    @pytest.mark.one_backend
    def test_dense_layers_need_a_size(self):
        assert refusal(self.make, (None, 8, 1), units=(4,)) == (
            "`input_shape` must have a height and a width for dense layers. Received: "
            "input_shape=(None, 8, 1)"
        )

    @pytest.mark.one_backend
    def test_units_are_of_dense_layers(self):
        assert refusal(self.make, units=5) == (
            "`units` must be a sequence of integers in [1, inf), one for each dense "
            "layer. Received: units=5"
        )


class WithOrder:
    """What a family promises of which blocks have an order."""

    @pytest.mark.one_backend
    def test_order_is_that_of_each_block(self):
        assert not self.make(order="CCC").non_trainable_weights
        assert refusal(self.make, order="BR") == (
            "`order` must be a string of 'C', 'B' and 'R' with one 'C' or more. "
            "Received: order='BR'"
        )


def small_resnet(shape=(8, 8, 1), classes=4, **options):
    """A small residual network, as if it had learned, the same on each backend."""
    options = {"filters": (4, 8), "depth": 1, "stem": "small", **options}
    model = resnet(shape, classes, **options)
    rng = np.random.default_rng(0)
    for weight in model.weights:
        if len(weight.shape) > 1:
            scale = np.sqrt(2 / np.prod(weight.shape[:-1]))
            weight.assign(rng.normal(scale=scale, size=weight.shape))
        elif weight.name in ("gamma", "moving_variance"):
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
        elif weight.shape:
            # All but the count of a clock.
            weight.assign(rng.normal(scale=0.2, size=weight.shape))
    return model
