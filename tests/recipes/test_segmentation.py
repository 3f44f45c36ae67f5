import json

import keras
import numpy as np
import pytest
from contracts import RecipeContract, array, same
from PIL import Image
from scipy import ndimage

from kdl.data import Splits, boundary_weights, load
from kdl.losses import SparseTversky
from kdl.recipes import Images, Segmentation, hyperparameters, run

QUICK = {"filters": 4, "levels": 3, "batch_size": 8}


def blobs(count, size=24, seed=0):
    """Images of noise with brighter and darker blobs, and where these are."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.normal(size=(count, size, size)), (0, 2, 2))
    smooth /= smooth.std()
    masks = np.digitize(-smooth, [-0.8, 0.8]).astype("int32")
    masks = np.array([1, 0, 2], "int32")[masks]
    images = smooth + rng.normal(0, 0.3, smooth.shape)
    return images[..., np.newaxis].astype("float32"), masks


def splits(**options):
    parts = (blobs(n, seed=seed, **options) for seed, n in enumerate((64, 16, 16)))
    return Splits(*parts, classes=["ground", "bright", "dark"])


def write(folder, x, y, values=(0, 1, 2)):
    """Writes images and masks."""
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for n, (image, mask) in enumerate(zip(x, y, strict=True)):
        pixels = np.clip(128 + 40 * image[..., 0], 0, 255).astype("uint8")
        Image.fromarray(pixels).save(folder / "images" / f"{n}.png")
        pixels = np.array(values, "uint8")[mask]
        Image.fromarray(pixels).save(folder / "masks" / f"{n}.png")
    return folder


class TestSegmentation(RecipeContract):
    recipe = Segmentation(splits())
    examples = 64

    def test_has_what_the_command_line_asks_for(self):
        super().test_has_what_the_command_line_asks_for()
        assert Segmentation().source == "scenes"

    def build(self, **values):
        hp = hyperparameters(self.recipe, values)
        return hp, self.recipe.build(hp)

    def test_builds_what_its_space_says(self):
        _, model = self.build(filters=8, levels=3, depth=2, rate=0.25)
        down = [layer for layer in model.layers if "down" in layer.name]
        assert [layer.filters for layer in down] == [8, 16]
        assert {layer.depth for layer in down} == {2}
        assert model.get_layer("dropout").rate == 0.25
        assert model.input_shape == (None, None, None, 1)
        assert model.output_shape == (None, None, None, 3)

    def test_levels_are_as_many_as_images_can_be_halved(self):
        x = np.zeros((2, 8, 5, 1), "float32")
        part = x, np.arange(80).reshape(2, 8, 5) % 2
        recipe = Segmentation(Splits(part, part, part))
        model = recipe.build(hyperparameters(recipe, {"levels": 6, "filters": 4}))
        assert len([layer for layer in model.layers if "down" in layer.name]) == 2

    def test_loss_is_a_hyperparameter(self):
        for loss in ("crossentropy", "boundary"):
            _, model = self.build(loss=loss)
            assert isinstance(model.loss, keras.losses.SparseCategoricalCrossentropy)
        _, model = self.build(loss="dice")
        assert isinstance(model.loss, SparseTversky)
        assert (model.loss.alpha, model.loss.beta) == (0.5, 0.5)
        _, model = self.build(loss="tversky", alpha=0.2, beta=0.6)
        assert (model.loss.alpha, model.loss.beta) == (0.2, 0.6)

    @pytest.mark.parametrize("loss", ["dice", "tversky", "boundary"])
    def test_learns_by_each_loss(self, loss):
        keras.utils.set_random_seed(0)
        values = {**QUICK, "loss": loss}
        model, _ = run(
            self.recipe, **self.recipe.data(), hp=values, epochs=4, verbose=0
        )
        scores = self.recipe.evaluate(model)
        # All pixels of the largest class reach 0.2.
        assert scores["mean_iou"] > 0.33

    @pytest.mark.one_backend
    @pytest.mark.parametrize("given", [None, (64,), (64, 24, 24)])
    def test_boundary_weights_are_those_of_the_masks_as_they_are_moved(self, given):
        values = {"loss": "boundary", "boundary_strength": 3.0, "boundary_width": 2.0}
        hp = hyperparameters(
            self.recipe, {**values, "rotation": 20.0, "batch_size": 16}
        )
        weights = None if given is None else np.full(given, 0.5)
        x, y = self.recipe.data()["x"], self.recipe.data()["y"]
        batches = self.recipe.batches(
            self.recipe.space(hp), x, y, sample_weight=weights, shuffle=False
        )
        _, masks, actual = batches[0]
        desired = boundary_weights(masks, 3.0, 2.0)
        assert (masks != y[:16]).any() and actual.shape == masks.shape
        if given is None:
            np.testing.assert_array_equal(actual, desired)
        elif len(given) == 1:
            np.testing.assert_allclose(actual, 0.5 * desired)
        else:
            # What comes from outside an image counts for nothing.
            share = np.isclose(actual, 0.5 * desired).mean()
            assert share > 0.7 and (actual == 0).any()

    @pytest.mark.one_backend
    @pytest.mark.parametrize(
        ("x", "y", "received"),
        [
            (
                np.zeros((4, 8, 8, 1)),
                np.zeros(4, int),
                "float64 (4, 8, 8, 1) and int64 (4,)",
            ),
            (
                np.zeros((4, 8, 8)),
                np.zeros((4, 8, 8), int),
                "float64 (4, 8, 8) and int64 (4, 8, 8)",
            ),
            (
                np.zeros((4, 8, 8, 1)),
                np.zeros((4, 8, 9), int),
                "float64 (4, 8, 8, 1) and int64 (4, 8, 9)",
            ),
            (
                np.zeros((4, 8, 8, 1)),
                np.zeros((4, 8, 8)),
                "float64 (4, 8, 8, 1) and float64 (4, 8, 8)",
            ),
            (
                np.zeros((4, 8, 8, 1)),
                np.full((4, 8, 8), -1),
                "float64 (4, 8, 8, 1) and int64 (4, 8, 8)",
            ),
            (
                np.zeros((0, 8, 8, 1)),
                np.zeros((0, 8, 8), int),
                "float64 (0, 8, 8, 1) and int64 (0, 8, 8)",
            ),
        ],
    )
    def test_refuses_what_are_not_images_with_masks(self, x, y, received):
        with pytest.raises(ValueError) as error:
            Segmentation(Splits((x, y), (x, y), (x, y))).data()
        assert str(error.value) == (
            "`source` must hold images of shape (examples, height, width, channels), "
            "one or more in each part, and masks of shape (examples, height, width), "
            f"integers of 0 or more. Received: {received}"
        )

    def test_refuses_a_class_beyond_its_own_before_it_fits(self):
        data = self.recipe.data()
        data["y"] = data["y"].copy()
        data["y"][3, 5, 7] = 3
        with pytest.raises(ValueError) as error:
            run(self.recipe, **data)
        assert str(error.value) == (
            "The training set must have targets from 0 to 2, as the model has 3 "
            "classes. Received: 3 in example 3"
        )


@pytest.fixture(scope="module")
def recipe():
    return Segmentation(splits())


@pytest.fixture(scope="module")
def model(recipe):
    keras.utils.set_random_seed(0)
    model, _ = run(recipe, **recipe.data(), hp=QUICK, epochs=4, verbose=0)
    return model


class TestPredictions:
    def test_shares_and_pictures_are_those_of_the_likeliest_classes(
        self, recipe, model
    ):
        images = recipe.splits.test[0][:5]
        desired = array(model(images)).argmax(-1)
        outputs = recipe.outputs(model, images)
        np.testing.assert_array_equal(outputs, desired)
        rows = recipe.predict(model, images)
        for row, mask in zip(rows, desired, strict=True):
            assert list(row) == ["share(ground)", "share(bright)", "share(dark)"]
            shares = [np.mean(mask == n) for n in range(3)]
            np.testing.assert_allclose(list(row.values()), shares)
        for picture, mask in zip(
            recipe.pictures(images, outputs), desired, strict=True
        ):
            assert picture.mode == "L"
            np.testing.assert_array_equal(np.asarray(picture), mask)

    def test_images_may_have_any_size(self, recipe, model):
        x = blobs(2, size=70, seed=5)[0][:, :, :61]
        outputs = recipe.outputs(model, x)
        assert [mask.shape for mask in outputs] == [(70, 61)] * 2
        # Beyond the borders, tiles have reflections instead of zeros.
        whole = array(model(x)).argmax(-1)
        assert np.mean(np.stack(outputs) == whole) > 0.9
        assert recipe.predict(model, np.zeros((1, 1, 1, 1)))

    def test_refuses_images_of_other_channels(self, recipe, model):
        with pytest.raises(ValueError) as error:
            recipe.predict(model, np.zeros((2, 24, 24, 3)))
        assert str(error.value) == (
            "`raw` must have inputs of shape (examples, any, any, 1), as the model "
            "takes. Received: (2, 24, 24, 3)"
        )

    def test_examines_the_test_set_by_class(self, recipe, model):
        parts = recipe.examine(model)
        assert list(parts) == ["masks.png", "classes.csv"]
        *rows, mean = parts["classes.csv"]
        assert [row["class"] for row in rows] == recipe.classes
        scores = recipe.evaluate(model)
        np.testing.assert_allclose(mean["iou"], scores["mean_iou"], rtol=1e-5)
        assert mean["pixels"] == recipe.splits.test[1].size


class TestOwnMasks:
    """Of a folder, as the same data in memory."""

    @pytest.fixture
    def folder(self, tmp_path):
        parts = zip(("train", "val", "test"), splits(), strict=True)
        for part, data in parts:
            write(tmp_path / part, *data)
        (tmp_path / "classes.txt").write_text("ground\nbright\ndark\n")
        return tmp_path

    def test_learns_them_as_in_memory(self, folder):
        on_disk = Segmentation(f"masks:{folder}")
        assert on_disk.classes == ["ground", "bright", "dark"]
        parts = [
            tuple(some[np.arange(len(some))] for some in part)
            for part in on_disk.splits
        ]
        in_memory = Segmentation(Splits(*parts, classes=on_disk.classes))
        values = {**QUICK, "loss": "boundary", "rotation": 10.0}
        histories = []
        for recipe in (on_disk, in_memory):
            keras.utils.set_random_seed(0)
            model, history = run(
                recipe, **recipe.data(), hp=values, epochs=2, verbose=0
            )
            histories.append(history.history)
            histories.append(recipe.evaluate(model))
        for one, other in zip(histories[:2], histories[2:], strict=True):
            assert one.keys() == other.keys()
            for name in one:
                np.testing.assert_allclose(one[name], other[name], rtol=1e-4)

    def test_predicts_files_at_their_own_size(self, folder, tmp_path):
        recipe = Segmentation(f"masks:{folder}")
        model = recipe.build(hyperparameters(recipe, QUICK))
        image = np.random.default_rng(0).integers(0, 256, (40, 33)).astype("uint8")
        path = tmp_path / "large.png"
        Image.fromarray(image).save(path)
        other = Segmentation("masks:/nowhere")
        other.set_state(json.loads(json.dumps(recipe.get_state())))
        (mask,) = other.outputs(model, path)
        assert mask.shape == (40, 33)
        ((name, pixels),) = other.read(path)
        assert name == str(path) and pixels.shape == (40, 33, 1)
        (alike,) = recipe.outputs(model, pixels[np.newaxis])
        np.testing.assert_array_equal(mask, alike)
        (row,) = other.predict(model, [path])
        assert row.pop("file") == str(path) and sum(row.values()) == pytest.approx(1)

    def test_resizes_files_as_the_source_did(self, folder):
        recipe = Segmentation(f"masks:{folder}?size=16x20")
        model = recipe.build(hyperparameters(recipe, QUICK))
        assert recipe.resized
        path = folder / "test" / "images" / "0.png"
        (mask,) = recipe.outputs(model, path)
        assert mask.shape == (16, 20)
        ((_, pixels),) = recipe.read(path)
        assert pixels.shape == (16, 20, 1)

    def test_new_masks_become_those_of_the_model(self, folder, tmp_path):
        """Of another size and order, and fewer classes."""
        recipe = Segmentation(f"masks:{folder}")
        model = recipe.build(hyperparameters(recipe, QUICK))
        x, y = blobs(4, size=30)
        y[y == 2] = 0
        new = write(tmp_path / "new", x, y, values=(1, 0, 0))
        (new / "classes.txt").write_text("bright\nground")
        other = Segmentation("masks:/nowhere")
        other.set_state(recipe.get_state())
        other.test_on(f"masks:{new}")
        images, masks = other.encode(other.splits.test)
        assert images.shape[1:] == (30, 30, 1)
        np.testing.assert_array_equal(masks[np.arange(4)], y)
        assert other.evaluate(model)["mean_iou"] >= 0
        (new / "classes.txt").write_text("bright\nsky")
        with pytest.raises(ValueError) as error:
            other.test_on(f"masks:{new}")
        assert str(error.value) == (
            "The data must have the classes of the model, 'ground', 'bright', 'dark'. "
            "Received: 'sky'"
        )

    @pytest.mark.one_backend
    def test_classes_of_images_are_no_masks(self, folder):
        with pytest.raises(ValueError) as error:
            Images(f"masks:{folder}").data()
        assert str(error.value) == (
            "`source` must hold images of shape (examples, height, width, channels), "
            "one or more in each part, and one label each, an integer of 0 or more. "
            "Received: float32 (64, 24, 24, 1) and int32 (64, 24, 24)"
        )


@pytest.mark.one_backend
def test_default_source_has_masks():
    recipe = Segmentation()
    assert len(recipe.classes) == 11 and recipe.shape == [48, 48, 1]
    assert same(recipe.splits.test[1], load("scenes").test[1])
