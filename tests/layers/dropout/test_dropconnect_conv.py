import keras
import numpy as np
import pytest
import torch
from contracts import LayerContract, array, assert_close, normal

from kdl.layers import Clock, DropConnectConv2D


class TestDropConnectConv2D(LayerContract):
    component = DropConnectConv2D
    arguments = {"filters": 5, "kernel_size": (3, 2), "rate": 0.25, "seed": 1}
    input_shape = (2, 6, 7, 3)
    refused = [
        (
            {"rate": -0.1},
            "`rate` must be a number in [0, 1) or a LearningRateSchedule. "
            "Received: rate=-0.1",
        ),
    ]

    def kernels(self, layer, channels):
        """The kernel of a training call, read off by an image for each channel."""
        height, width = layer.kernel_size
        # Of one pixel in the middle, around which the kernel appears turned by half.
        images = np.zeros((channels, 2 * height - 1, 2 * width - 1, channels))
        images[range(channels), height - 1, width - 1, range(channels)] = 1
        outputs = array(layer(images, training=True))
        return outputs[:, ::-1, ::-1].transpose(1, 2, 0, 3)

    def masks(self, calls, seed=1):
        layer = DropConnectConv2D(20, 3, 0.25, seed, kernel_initializer="ones")
        return [self.kernels(layer, 30) for _ in range(calls)]

    def test_inference_is_that_of_keras(self):
        options = {"strides": 2, "padding": "same", "activation": "tanh"}
        layer, inputs = self.make(**options), self.inputs()
        plain = keras.layers.Conv2D(5, (3, 2), **options)
        outputs = layer(inputs)
        plain.build(inputs.shape)
        plain.set_weights(layer.get_weights())
        assert_close(outputs, plain(inputs))

    def test_drops_at_the_given_rate_and_rescales(self):
        (mask,) = self.masks(1)
        kept = mask > 0.5
        assert_close(mask, kept / 0.75)
        # Five standard errors of a share, of 5,400 draws.
        assert abs(kept.mean() - 0.75) < 5 * np.sqrt(0.75 * 0.25 / mask.size)

    def test_draws_a_new_mask_at_each_call(self):
        first, second = self.masks(2)
        assert (first != second).any()

    def test_seed_fixes_the_masks(self):
        np.testing.assert_array_equal(self.masks(2, seed=1), self.masks(2, seed=1))
        assert (self.masks(1, seed=1)[0] != self.masks(1, seed=2)[0]).any()

    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"strides": 2, "activation": "relu"},
            {"dilation_rate": 2, "use_bias": False},
            {"groups": 3, "filters": 6},
            {"data_format": "channels_first"},
        ],
    )
    def test_training_is_that_of_torch_with_the_kernel_dropped(self, options):
        images = array(normal((2, 3, 6, 7)))
        first = options.get("data_format") == "channels_first"
        layer = self.make(bias_initializer="ones", **options)
        layer.build((None, 3, 6, 7) if first else (None, 6, 7, 3))
        # A layer of the same seed and kernel has the same mask.
        channels = layer.kernel.shape[2]
        reader = self.make(filters=layer.filters, use_bias=False)
        reader.build((None, 6, 7, channels))
        reader.set_weights([layer.kernel])
        kernel = self.kernels(reader, channels)
        desired = torch.nn.functional.conv2d(
            torch.tensor(images),
            torch.tensor(kernel.transpose(3, 2, 0, 1).copy()),
            torch.ones(layer.filters) if layer.use_bias else None,
            stride=layer.strides,
            dilation=layer.dilation_rate,
            groups=layer.groups,
        ).numpy()
        if options.get("activation") == "relu":
            desired = np.maximum(desired, 0)
        if first and keras.backend.backend() == "tensorflow":
            # It has them on a GPU, and with oneDNN, which is not on every machine.
            try:
                keras.ops.conv(images, kernel, data_format="channels_first")
            except Exception as error:
                pytest.skip(f"TensorFlow has no channels first here: {error}")
        if not first:
            images, desired = (x.transpose(0, 2, 3, 1) for x in (images, desired))
        assert_close(layer(images, training=True), desired)

    def test_never_drops_the_bias(self):
        layer = self.make(rate=0.9, bias_initializer="ones")
        outputs = array(layer(np.zeros(self.input_shape), training=True))
        assert_close(outputs, np.ones_like(outputs))

    def test_zero_rate_is_that_of_inference(self):
        layer, inputs = self.make(rate=0, activation="tanh"), self.inputs()
        assert_close(layer(inputs, training=True), layer(inputs))

    def test_regularizer_sees_the_whole_kernel(self):
        layer = self.make(kernel_regularizer=keras.regularizers.L1(1.0))
        layer(self.inputs(), training=True)
        assert_close(sum(layer.losses), np.abs(array(layer.kernel)).sum())

    def test_rate_follows_a_schedule(self):
        """From none to almost one, at which nothing is left."""
        rate = keras.optimizers.schedules.PiecewiseConstantDecay([0], [0.0, 0.999999])
        layers = [Clock(), self.make(rate=rate)]
        model = keras.Sequential([keras.Input(self.input_shape[1:]), *layers])
        model.compile(keras.optimizers.SGD(0.0), "mse")
        inputs = array(self.inputs())
        targets = np.zeros_like(array(model(inputs)))
        losses = [float(model.train_on_batch(inputs, targets)) for _ in range(2)]
        assert losses[0] > 1e-6 and losses[1] == 0
