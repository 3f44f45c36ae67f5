import keras
import numpy as np
import pytest
import torch
from contracts import LayerContract, array, assert_close
from torch_images import conv_block, images_of, randomize, to_format

from kdl.layers import Clock, ConvBlock
from kdl.regularizers import ElasticNet
from kdl.schedules import Warmup

FORMATS = ["channels_first", "channels_last"]


class TestConvBlock(LayerContract):
    component = ConvBlock
    arguments = {
        "filters": 5,
        "kernel_size": 2,
        "strides": 2,
        "dilation_rate": 1,
        "order": "CRB",
    }
    input_shape = (2, 7, 6, 3)
    refused = [
        (
            {"filters": 0},
            "`filters` must be an integer in [1, inf). Received: filters=0",
        ),
        (
            {"kernel_size": (3, 3)},
            "`kernel_size` must be an integer in [1, inf). "
            "Received: kernel_size=(3, 3)",
        ),
        (
            {"dilation_rate": 2},
            "`strides` and `dilation_rate` must not both be above 1. Received: "
            "strides=2, dilation_rate=2",
        ),
        (
            {"order": "BR"},
            "`order` must be a string of 'C', 'B' and 'R' with one 'C' or more. "
            "Received: order='BR'",
        ),
        (
            {"order": "CBX"},
            "`order` must be a string of 'C', 'B' and 'R' with one 'C' or more. "
            "Received: order='CBX'",
        ),
        (
            {"normalization": "weight"},
            "`normalization` must be one of 'batch', 'layer', 'instance', 'group', "
            "None or a keras.layers.Layer. Received: normalization='weight'",
        ),
        (
            {"normalization": keras.layers.BatchNormalization(axis=1)},
            "`normalization` must be along the last axis, whatever the data format "
            "is. Received: BatchNormalization with axis=1",
        ),
        (
            {"data_format": "NHWC"},
            "`data_format` must be one of 'channels_last', 'channels_first'. "
            "Received: data_format='NHWC'",
        ),
    ]

    def test_keeps_every_argument(self):
        # A dilation other than 1 goes with strides of 1 only.
        assert self.make(strides=1, dilation_rate=3).dilation_rate == 3
        parameters = self.parameters()
        del parameters["dilation_rate"]
        assert set(parameters) < set(self.arguments)
        for name, parameter in parameters.items():
            assert self.arguments[name] != parameter.default
            assert getattr(self.make(), name) == self.arguments[name]

    @pytest.mark.parametrize("data_format", FORMATS)
    @pytest.mark.parametrize(
        "options",
        [
            {"order": "CBR"},
            {"order": "CRB", "strides": 2},
            {"order": "BRC", "strides": 2, "kernel_size": 1},
            {"order": "CCC", "strides": 3, "kernel_size": 2},
            {"order": "CBRCB", "normalization": "layer"},
            {"normalization": "group", "activation": "tanh", "dilation_rate": 2},
            {"normalization": "instance", "kernel_size": 5},
            {"normalization": None, "activation": "swish"},
            {"filters": None, "kernel_size": 5, "strides": 2},
        ],
        ids=str,
    )
    def test_is_that_of_torch_with_its_weights(self, options, data_format):
        seen = ("order", "strides", "dilation_rate")
        desired = {name: options[name] for name in seen if name in options}
        functions = {"tanh": torch.tanh, "swish": torch.nn.functional.silu}
        desired["activation"] = functions.get(options.get("activation"), torch.relu)
        layer = ConvBlock(**{"filters": 8, **options, "data_format": data_format})
        images, tensor = images_of(data_format, (2, 8, 9, 6))
        layer.build(images.shape)
        randomize(layer)
        desired = to_format(conv_block(layer, tensor, **desired), data_format)
        actual = array(layer(images))
        np.testing.assert_allclose(actual, desired, rtol=1e-4, atol=1e-4)
        assert layer.compute_output_shape(images.shape) == actual.shape

    @pytest.mark.parametrize(
        ("options", "parameters"),
        [
            # Kernel, bias where nothing subtracts it again, and normalization.
            ({}, 3 * 8 * 9 + 4 * 8),
            ({"order": "CRB"}, 3 * 8 * 9 + 8 + 4 * 8),
            ({"order": "BRC"}, 4 * 3 + 3 * 8 * 9 + 8),
            ({"order": "CCC"}, 3 * 8 * 9 + 8 + 2 * (8 * 8 * 9 + 8)),
            ({"normalization": None}, 3 * 8 * 9 + 8),
            ({"normalization": "group"}, 3 * 8 * 9 + 2 * 8),
            ({"filters": None}, 3 * 9 + 4 * 3),
        ],
    )
    def test_has_no_bias_before_a_normalization(self, options, parameters):
        layer = ConvBlock(**{"filters": 8, **options, "data_format": "channels_last"})
        layer.build((None, None, None, 3))
        assert layer.count_params() == parameters

    def test_normalization_may_be_a_layer(self, tmp_path):
        """Each place has one like it, and the block knows it after reloading."""
        norm = keras.layers.BatchNormalization(momentum=0.5)
        layer = ConvBlock(4, order="CBRCB", normalization=norm, name="block")
        model = keras.Sequential([keras.Input((6, 6, 3)), layer])
        first, second = layer.normalizations
        assert first.momentum == second.momentum == 0.5
        assert first is not second and not norm.built
        model.save(tmp_path / "model.keras")
        revived = keras.saving.load_model(tmp_path / "model.keras").get_layer("block")
        assert revived.normalizations[1].momentum == 0.5
        assert isinstance(revived.normalization, keras.layers.BatchNormalization)

    @pytest.mark.parametrize("is_reloaded", [False, True])
    def test_statistics_of_a_frozen_block_stay(self, is_reloaded, tmp_path):
        layer = ConvBlock(4, trainable=False, name="block")
        model = keras.Sequential([keras.Input((6, 6, 3)), layer])
        model.compile("sgd", "mse")
        if is_reloaded:
            model.save(tmp_path / "model.keras")
            model = keras.saving.load_model(tmp_path / "model.keras")
        images, _ = images_of("channels_last", (8, 3, 6, 6))
        model.fit(images, np.zeros((8, 6, 6, 4)), verbose=0)
        (norm,) = model.get_layer("block").normalizations
        assert_close(norm.moving_mean, np.zeros(4))

    def test_refuses_unknown_channels(self):
        with pytest.raises(ValueError) as error:
            ConvBlock(4, name="block", data_format="channels_last").build(
                (None, 6, 6, None)
            )
        assert str(error.value) == (
            "The layer 'block' has to know the channels of its inputs. Received: "
            "inputs of shape (None, 6, 6, None), data_format='channels_last'"
        )

    def test_learns_the_statistics_of_a_batch(self):
        layer = ConvBlock(4, data_format="channels_last")
        images, _ = images_of("channels_last", (8, 3, 6, 6))
        layer(images)
        assert_close(layer.normalizations[0].moving_mean, np.zeros(4))
        layer(images, training=True)
        assert (array(layer.normalizations[0].moving_mean) != 0).any()

    def test_kernels_are_drawn_apart(self):
        initializer = keras.initializers.HeNormal()
        layer = ConvBlock(3, order="CC", kernel_initializer=initializer)
        layer.build((None, 6, 6, 3))
        first, second = (array(conv.kernel) for conv in layer.convolutions)
        assert (first != second).all()

    def test_penalty_of_every_kernel_follows_its_schedule(self):
        penalty = ElasticNet(Warmup(0.5, 2), 1.0)
        layer = ConvBlock(4, order="CC", kernel_regularizer=penalty)
        model = keras.Sequential([keras.Input((6, 6, 3)), Clock(), layer])
        model.compile(keras.optimizers.SGD(0.0), "mse")
        x, y = np.zeros((2, 6, 6, 3)), np.zeros((2, 6, 6, 4))
        norm = sum(np.abs(array(conv.kernel)).sum() for conv in layer.convolutions)
        for step in range(3):
            loss = model.train_on_batch(x, y)
            np.testing.assert_allclose(loss, step / 2 * 0.5 * norm, rtol=1e-5)

    @pytest.mark.parametrize("data_format", FORMATS)
    def test_takes_images_of_any_size(self, data_format):
        layer = ConvBlock(4, strides=2, data_format=data_format)
        shape = (3, None, None) if data_format == "channels_first" else (None, None, 3)
        model = keras.Sequential([keras.Input(shape), layer])
        for size in ((5, 4), (2, 7)):
            images, tensor = images_of(data_format, (2, 3, *size))
            desired = to_format(conv_block(layer, tensor, strides=2), data_format)
            actual = model.predict(images, verbose=0)
            np.testing.assert_allclose(actual, desired, rtol=1e-4, atol=1e-5)
