import json
import time

import keras
import numpy as np
import pytest
from contracts import array, assert_close
from image_models import small_resnet

from kdl.data.sources import hosts
from kdl.layers import Clock
from kdl.losses import PerceptualLoss
from kdl.models import super_resolution, unet
from kdl.private import layers_of
from kdl.recipes import backbone
from kdl.recipes.vision.backbones import applications
from kdl.recipes.vision.backbones.backbone import Origin, fitted
from kdl.schedules import Warmup

NAMES = [name for name in dir(keras.applications) if name[0].isupper()]
LAST = "stage_2_block_1"


def images(*shape):
    return np.random.default_rng(1).random(shape, "float32")


def cut(model, layer=LAST):
    """The reference: features by Keras alone."""
    return keras.Model(model.input, model.get_layer(layer).output)


class TestBackbone:
    def test_features_are_those_of_a_model_cut_by_hand(self):
        model, x = small_resnet(), images(3, 8, 8, 1)
        part = backbone(model, (8, 8, 1))
        assert part.output_shape == (None, 4, 4, 8)
        np.testing.assert_array_equal(array(part(x)), array(cut(model)(x)))
        one, two = backbone(model, (8, 8, 1), ["stage_1_block_1", LAST])(x)
        np.testing.assert_array_equal(
            array(one), array(cut(model, "stage_1_block_1")(x))
        )
        np.testing.assert_array_equal(array(two), array(cut(model)(x)))

    def test_leaves_its_source_as_it_was(self):
        model = small_resnet()
        before = model.get_weights()
        part = backbone(model, (8, 8, 1))
        for weight in part.weights:
            weight.assign(np.zeros(weight.shape))
        part.trainable = False
        for one, other in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
        assert model.trainable_weights

    def test_grey_becomes_red_green_and_blue(self):
        model, x = small_resnet((8, 8, 3)), images(2, 8, 8, 1)
        part, lines = fitted(Origin(model), (8, 8, 1))
        assert_close(part(x), cut(model)(np.repeat(x, 3, axis=-1)))
        assert lines == ["in grey become red, green and blue alike"]
        assert [layer.name for layer in part.layers if not layer.trainable] == [
            "colors"
        ]

    def test_colours_become_grey(self):
        model, x = small_resnet(), images(2, 8, 8, 3)
        part, lines = fitted(Origin(model), (8, 8, 3))
        grey = x @ np.array([[0.299], [0.587], [0.114]], "float32")
        assert_close(part(x), cut(model)(grey))
        assert lines == ["in colour become grey"]

    def test_size_becomes_that_of_a_source_of_one_size(self):
        model, x = small_resnet(), images(2, 12, 10, 1)
        part, lines = fitted(Origin(model), (12, 10, 1))
        small = keras.ops.image.resize(x, (8, 8), data_format="channels_last")
        assert_close(part(x), cut(model)(small))
        assert lines == ["are resized from 12 x 10 to 8 x 8 pixels"]
        assert fitted(Origin(small_resnet((None, None, 1))), (12, 10, 1))[1] == []

    def test_images_that_are_too_small_grow(self):
        inputs = keras.Input((None, None, 1))
        x = keras.layers.Conv2D(2, 5)(keras.layers.Conv2D(2, 5)(inputs))
        part, lines = fitted(Origin(keras.Model(inputs, x)), (5, 6, 1))
        assert part.output_shape == (None, 2, 4, 2)
        assert lines == ["are resized from 5 x 6 to 10 x 12 pixels"]

    def test_training_of_the_source_is_left_behind(self):
        """Of its schedules, the last values stay."""
        rates = [0.0, Warmup(0.5, 4)]
        model = small_resnet(depth_rate=rates, kernel_regularizer="l2")
        assert any(isinstance(layer, Clock) for layer in layers_of(model))
        model.compile("sgd", "mse")
        for _ in range(3):
            model.train_on_batch(images(2, 8, 8, 1), np.zeros((2, 4)))
        part = backbone(model, (8, 8, 1))
        assert not any(isinstance(layer, Clock) for layer in layers_of(part))
        assert not part.losses
        assert part.get_layer(LAST).rate == pytest.approx(0.25)
        # A model has one clock, which may be another one now.
        inputs = keras.Input((8, 8, 1))
        whole = keras.Model(inputs, part(Clock()(inputs)))
        whole.compile("sgd", "mse")
        whole.train_on_batch(images(2, 8, 8, 1), np.zeros((2, 4, 4, 8)))

    @pytest.mark.one_backend
    def test_takes_sequential_and_nested_models(self):
        base = cut(small_resnet())
        model = keras.Sequential([keras.Input((8, 8, 1)), base])
        model.add(keras.layers.Flatten())
        model.add(keras.layers.Dense(2))
        x = images(2, 8, 8, 1)
        assert_close(backbone(model, (8, 8, 1))(x), base(x))

    @pytest.mark.one_backend
    def test_takes_what_normalizes_its_inputs(self):
        inputs, x = keras.Input((8, 8, 1)), images(4, 8, 8, 1)
        normalization = keras.layers.Normalization()
        normalization.adapt(x)
        outputs = keras.layers.Conv2D(2, 3)(normalization(inputs))
        model = keras.Model(inputs, outputs)
        assert_close(backbone(model, (8, 8, 1))(x), model(x))

    @pytest.mark.one_backend
    def test_of_a_model_that_returns_images_it_ends_before_it_enlarges(self):
        model = unet((None, None, 1), 2, (4, 8, 16), depth=1)
        part = backbone(model, (16, 16, 1))
        assert part.output_shape[1:3] == (4, 4)
        model = super_resolution((None, None, 1), filters=4, depth=1)
        assert backbone(model, (8, 8, 1)).output_shape[1:3] == (8, 8)

    def test_can_be_a_backbone_again(self):
        """What it was fitted by is a part of it."""
        first = backbone(small_resnet((8, 8, 3)), (6, 6, 1))
        again = backbone(first, (5, 5, 3))
        x = images(2, 5, 5, 3)
        grey = x @ np.array([[0.299], [0.587], [0.114]], "float32")
        grey = keras.ops.image.resize(grey, (6, 6), data_format="channels_last")
        np.testing.assert_allclose(array(again(x)), array(first(grey)), atol=1e-4)

    def test_serves_a_perceptual_loss(self):
        part = backbone(small_resnet((8, 8, 3)), (8, 8, 1), ["stage_1_block_1", LAST])
        inputs = keras.Input((8, 8, 1))
        model = keras.Model(inputs, keras.layers.Conv2D(1, 1)(Clock()(inputs)))
        model.compile("sgd", PerceptualLoss(part))
        x, y = images(2, 8, 8, 1), images(2, 8, 8, 1)
        before = part.get_weights()
        made = array(model(x))
        loss = model.train_on_batch(x, y)
        pairs = zip(part(y), part(made), strict=True)
        desired = sum(np.mean(np.square(array(a) - array(b))) for a, b in pairs)
        np.testing.assert_allclose(loss, desired, rtol=1e-4)
        for one, other in zip(before, part.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.fixture
def folder(tmp_path):
    """The folder of a run, of images of up to 255."""
    model = small_resnet()
    model.save(tmp_path / "model.keras")
    settings = {"kind": "run", "recipe": "images", "data": "digits"}
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    state = {"classes": list("abcd"), "shape": [8, 8, 1], "white": 255.0}
    (tmp_path / "recipe.json").write_text(json.dumps(state))
    return tmp_path, model


@pytest.mark.one_backend
class TestSources:
    def test_folder_and_file(self, folder):
        path, model = folder
        x = images(2, 8, 8, 1)
        assert_close(backbone(path / "model.keras", (8, 8, 1))(x), cut(model)(x))
        assert_close(backbone(str(path), (8, 8, 1))(x), cut(model)(255 * x))

    def test_refuses_what_is_none(self, folder, tmp_path):
        _, model = folder
        kinds = (
            "A backbone must be the folder of a run or a search, the path of a .keras "
            "file, 'keras.applications:NAME' or a keras.Model. Received: "
        )
        flat = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()])
        flat.add(keras.layers.Dense(2))
        dense = keras.Sequential([keras.Input((8,)), keras.layers.Dense(2)])
        narrow = keras.Sequential([keras.Input((None, None, 1))])
        narrow.add(keras.layers.Conv2D(2, 400))
        other = tmp_path / "other"
        other.mkdir()
        (tmp_path / "damaged.keras").write_bytes(b"PK\x03\x04 and no more")
        for source, shape, message in (
            ("nowhere", (8, 8, 1), f"{kinds}'nowhere'"),
            (3, (8, 8, 1), f"{kinds}3"),
            (
                other,
                (8, 8, 1),
                f"{other} is not the folder of a run or a search of kdl. `kdl run` and "
                "`kdl tune` leave one.",
            ),
            (
                "keras.applications:ResNet5",
                (8, 8, 1),
                "keras.applications has no network 'ResNet5'. It has ",
            ),
            (
                flat,
                (8, 8, 1),
                f"A backbone must have feature maps. The model {flat.name!r} has no "
                "layer with weights that returns images.",
            ),
            (
                dense,
                (8, 8, 1),
                "A backbone must take images of shape (batch, height, width, channels) "
                f"and nothing else. The model {dense.name!r} takes inputs of (None, "
                "8).",
            ),
            (
                model,
                (8, 8, 4),
                "The backbone 'resnet' takes images of 1 channels. Only 1 channel can "
                "become 3, and 3 become 1. Received: images of 4 channels",
            ),
            (
                narrow,
                (8, 8, 1),
                f"The backbone {narrow.name!r} cannot take images of 8 x 8 pixels, nor "
                "of 16 times as many a side: ",
            ),
            (
                tmp_path / "damaged.keras",
                (8, 8, 1),
                f"The model in {tmp_path / 'damaged.keras'} cannot be loaded: ",
            ),
        ):
            with pytest.raises(ValueError) as error:
                backbone(source, shape)
            assert str(error.value).startswith(message)
            assert message[-1] == " " or str(error.value) == message

    def test_refuses_folders_of_other_recipes(self, folder):
        path, _ = folder
        settings = {"kind": "run", "recipe": "tabular"}
        (path / "settings.json").write_text(json.dumps(settings))
        with pytest.raises(ValueError) as error:
            backbone(path, (8, 8, 1))
        assert str(error.value) == (
            f"A backbone must be of a recipe of images. {path} is of the recipe "
            "'tabular'."
        )
        settings["recipe"] = "mine.py:Mine"
        (path / "settings.json").write_text(json.dumps(settings))
        with pytest.raises(ValueError) as error:
            backbone(path, (8, 8, 1))
        assert str(error.value) == (
            f"The recipe of {path} is a file of yours, which is not run here. Give its "
            f"model alone, {path / 'model.keras'}."
        )


@pytest.mark.one_backend
class TestApplications:
    @pytest.mark.parametrize("name", NAMES)
    def test_colours_are_those_of_its_preprocessing(self, name):
        kernel, bias = applications.colors(name)
        x = images(2, 3, 4, 3)
        build = getattr(keras.applications, name)
        module = build.__module__.rpartition(".")[2]
        prepare = getattr(keras.applications, module).preprocess_input
        desired = array(prepare(255 * x, data_format="channels_last"))
        np.testing.assert_allclose(x @ kernel + bias, desired, rtol=1e-5, atol=1e-4)

    def test_features_of_a_network_are_those_of_its_preprocessed_images(self):
        model = applications.application("MobileNetV2", None, alpha=0.35)
        known = Origin(model, *applications.colors("MobileNetV2"), least=32)
        part, lines = fitted(known, (28, 30, 3))
        x = images(1, 28, 30, 3)
        large = keras.ops.image.resize(x, (32, 32), data_format="channels_last")
        prepare = keras.applications.mobilenet_v2.preprocess_input
        desired = array(model(prepare(255 * array(large))))
        np.testing.assert_allclose(array(part(x)), desired, rtol=1e-3, atol=1e-4)
        assert lines == ["are resized from 28 x 30 to 32 x 32 pixels"]

    def test_asks_for_the_file_that_keras_asks_for(self, monkeypatch):
        def get_file(name, *_, cache_subdir, **__):
            raise FileNotFoundError(f"{cache_subdir}/{name}")

        monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)
        path = applications.weights_file("MobileNetV2")
        with pytest.raises(FileNotFoundError) as error:
            keras.applications.MobileNetV2(input_shape=(224, 224, 3), include_top=False)
        assert str(error.value) == "/".join(path.parts[-2:])

    def test_says_at_once_where_to_place_weights(self, tmp_path, monkeypatch):
        import requests

        monkeypatch.setattr(requests, "head", lambda *_, **__: time.sleep(30))
        monkeypatch.setattr(hosts, "PATIENCE", 0.1)
        monkeypatch.setenv("KERAS_HOME", str(tmp_path))
        with pytest.raises(ConnectionError) as error:
            backbone("keras.applications:VGG16", (32, 32, 3))
        name = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
        assert str(error.value) == (
            "The weights of VGG16 cannot be downloaded now: "
            "https://storage.googleapis.com (no answer). Connect to the network, or "
            f"copy {name} from a computer where Keras has downloaded it to "
            f"{tmp_path / 'models'}."
        )

    def test_looks_at_the_disk_first(self, tmp_path, monkeypatch):
        monkeypatch.setenv("KERAS_HOME", str(tmp_path))
        monkeypatch.setattr(
            keras.applications, "VGG16", Known(keras.applications.VGG16)
        )
        path = applications.weights_file("VGG16")
        path.parent.mkdir()
        path.touch()
        assert applications.application("VGG16") == "built with imagenet"


class Known:
    """Stands for a network that is not built."""

    def __init__(self, function):
        self.__module__ = function.__module__

    def __call__(self, include_top, weights):
        return f"built with {weights}"
