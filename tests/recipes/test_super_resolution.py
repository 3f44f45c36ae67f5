import json

import keras
import numpy as np
import pytest
from contracts import RecipeContract, array, same
from PIL import Image

from kdl.data import Splits, photographs
from kdl.losses import PerceptualLoss
from kdl.metrics import PSNR
from kdl.recipes import SuperResolution, hyperparameters, run

SMALL = {"filters": 16, "depth": 0}


class TestSuperResolution(RecipeContract):
    recipe = SuperResolution("photographs?patches=128")
    examples = 128

    def build(self, recipe=None, **values):
        recipe = recipe or self.recipe
        return recipe.build(hyperparameters(recipe, {**SMALL, **values}))

    def test_has_what_the_command_line_asks_for(self):
        super().test_has_what_the_command_line_asks_for()
        assert self.recipe.factor == 2 and self.recipe.channels == 3

    def test_starts_at_the_baseline_and_gains(self):
        keras.utils.set_random_seed(0)
        scores = self.recipe.evaluate(self.build())
        # Both are bicubic; Pillow's is clipped and rounded, and differs at the border.
        assert abs(scores["gain"]) < 0.1
        assert scores["ssim"] == pytest.approx(scores["bicubic_ssim"], abs=0.01)
        data = SuperResolution().data()
        model, _ = run(self.recipe, **data, hp=SMALL, epochs=2, verbose=0)
        scores = self.recipe.evaluate(model)
        assert scores["gain"] > 0.3
        assert scores["gain"] == scores["psnr"] - scores["bicubic_psnr"]

    def test_is_of_the_factor_and_channels_of_its_source(self):
        recipe = SuperResolution("photographs?factor=4&channels=1&patches=8")
        assert (recipe.factor, recipe.channels) == (4, 1)
        model = self.build(recipe)
        assert model.output_shape == (None, None, None, 1)
        outputs = recipe.outputs(model, recipe.splits.test[0][:, :20, :16])
        assert outputs.shape == (3, 80, 64, 1)

    def test_builds_what_its_space_says(self):
        losses = {"l1": "mae", "mse": "mse"}
        for name, loss in losses.items():
            assert self.build(loss=name).loss == loss
        model = self.build(
            loss="perceptual", perceptual_weight=0.5, upsampling="transposed"
        )
        assert isinstance(model.loss, PerceptualLoss)
        assert (model.loss.weight, model.loss.pixel_weight) == (0.5, 1.0)
        kinds = {type(layer).__name__ for layer in model.layers}
        assert "Conv2DTranspose" in kinds and "PixelShuffle2D" not in kinds

    def test_perceptual_loss_trains_and_reloads(self, tmp_path):
        hp = {**SMALL, "loss": "perceptual"}
        data = self.data()
        model, history = run(self.recipe, **data, hp=hp, epochs=2, verbose=0)
        assert history.history["loss"][1] < history.history["loss"][0]
        model.save(tmp_path / "model.keras")
        again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
        x, y = (part[:4] for part in self.recipe.splits.validation)
        losses = [one.evaluate(x, y, verbose=0)[0] for one in (model, again)]
        np.testing.assert_allclose(*losses, rtol=1e-4)

    def test_turns_small_and_large_patches_alike(self):
        x, _ = photographs(patches=64).train
        # Large ones of which the small one is every other pixel.
        large = np.repeat(np.repeat(x, 2, axis=1), 2, axis=2)
        p = self.recipe.space(hyperparameters(self.recipe, {"batch_size": 32}))
        batches = self.recipe.batches(p, x, large, seed=0)
        small, turned = batches[0]
        np.testing.assert_array_equal(turned[:, ::2, ::2], small)
        p.turn = False
        before, _ = self.recipe.batches(p, x, large, seed=0)[0]
        ways = [
            [np.rot90(image, n)[:, ::step] for n in range(4) for step in (1, -1)]
            for image in before
        ]
        found = [
            [n for n, way in enumerate(some) if np.array_equal(way, image)]
            for some, image in zip(ways, small, strict=True)
        ]
        assert all(found)
        assert {n for some in found for n in some} == set(range(8))

    def test_enlarges_files_of_any_size(self, tmp_path):
        model = self.build()
        rng = np.random.default_rng(0)
        sizes, paths = [(11, 30), (20, 14)], []
        for n, size in enumerate(sizes):
            paths.append(tmp_path / f"{n}.png")
            # Not so far from grey that Pillow would clip it halfway.
            pixels = rng.integers(60, 190, (*size, 3), "uint8")
            Image.fromarray(pixels).save(paths[-1])
        rows = self.recipe.predict(model, paths)
        assert rows == [
            {"file": str(paths[0]), "height": 22, "width": 60},
            {"file": str(paths[1]), "height": 40, "width": 28},
        ]
        assert self.recipe.predict(model, tmp_path) == rows
        outputs = self.recipe.outputs(model, paths)
        pictures = list(self.recipe.pictures(paths, outputs))
        assert [picture.size for picture in pictures] == [(60, 22), (28, 40)]
        desired = Image.open(paths[0]).resize((60, 22), Image.Resampling.BICUBIC)
        difference = np.asarray(desired, float) - np.asarray(pictures[0], float)
        assert np.abs(difference)[4:-4, 4:-4].max() <= 1
        ((name, raw),) = self.recipe.read(paths[0])
        assert name == str(paths[0]) and raw.shape == (11, 30, 3)
        np.testing.assert_allclose(
            self.recipe.outputs(model, raw[None])[0], outputs[0], atol=1e-6
        )

    def test_a_large_photograph_is_enlarged_by_tiles_as_a_whole_that_is_reflected(self):
        model = self.build(depth=6)
        for layer in model.layers:
            layer.set_weights([w + 0.01 for w in layer.get_weights()])
        x = np.random.default_rng(0).uniform(size=(1, 211, 250, 3)).astype("float32")
        reflected = np.pad(x, [(0, 0), (24, 24), (24, 24), (0, 0)], mode="reflect")
        whole = array(model(reflected))[:, 48:-48, 48:-48]
        np.testing.assert_allclose(
            self.recipe.outputs(model, x), whole, atol=1e-4 * np.abs(whole).max()
        )
        assert self.recipe.outputs(model, x[:0]).shape == (0, 422, 500, 3)

    def test_shows_the_test_set(self):
        model = self.build()
        shown = self.recipe.examine(model)
        assert set(shown) == {"enlarged.png", "enlarged.csv", "checkerboard.png"}
        x, y = self.recipe.splits.test
        metric = PSNR()
        for n, row in enumerate(shown["enlarged.csv"]):
            metric.reset_state()
            metric.update_state(y[n : n + 1], self.recipe.outputs(model, x[n : n + 1]))
            assert row["model_psnr"] == pytest.approx(float(metric.result()), abs=1e-3)

    def test_predicts_with_what_it_has_kept(self):
        model = self.build()
        state = json.loads(json.dumps(self.recipe.get_state()))
        other = SuperResolution("photographs:nowhere")
        other.set_state(state)
        x = self.recipe.splits.test[0][:, :12, :12]
        assert same(other.outputs(model, x), self.recipe.outputs(model, x))

    def test_is_tested_on_all_photographs_of_a_folder(self, tmp_path):
        rng = np.random.default_rng(0)
        for n in range(4):
            pixels = rng.integers(0, 256, (50, 64, 3), "uint8")
            Image.fromarray(pixels).save(tmp_path / f"{n}.png")
        recipe = SuperResolution()
        recipe.test_on(f"photographs:{tmp_path}")
        assert recipe.splits.test[1].shape == (4, 50, 64, 3)

    @pytest.mark.one_backend
    @pytest.mark.parametrize(
        ("x", "y", "received"),
        [
            ((4, 8, 8, 3), (4, 20, 20, 3), "float64 (4, 8, 8, 3) and float64 "),
            ((4, 8, 8, 3), (4, 16, 24, 3), "float64 (4, 8, 8, 3) and float64 "),
            ((4, 8, 8, 3), (4, 16, 16, 1), "float64 (4, 8, 8, 3) and float64 "),
            ((4, 8, 8, 2), (4, 16, 16, 2), "float64 (4, 8, 8, 2) and float64 "),
            ((4, 8, 8, 3), (4,), "float64 (4, 8, 8, 3) and float64 "),
        ],
    )
    def test_refuses_other_data(self, x, y, received):
        part = np.zeros(x), np.zeros(y)
        with pytest.raises(ValueError) as error:
            SuperResolution(Splits(part, part, part)).data()
        assert str(error.value) == (
            "`source` must hold small and large images of shapes (examples, height, "
            "width, channels) and (examples, factor * height, factor * width, "
            "channels), with a factor of 2, 3, 4 or 8 and 1 or 3 channels. "
            f"Received: {received}{y}"
        )

    @pytest.mark.one_backend
    def test_is_tested_by_its_factor_and_channels_alone(self):
        recipe = SuperResolution()
        recipe.set_state({"factor": 2, "channels": 3})
        for options, found in (
            ("factor=4", "3 channels and a factor of 4"),
            ("channels=1", "1 channels and a factor of 2"),
        ):
            with pytest.raises(ValueError) as error:
                recipe.test_on(f"photographs?patches=2&{options}")
            assert str(error.value) == (
                "`source` must hold images of 3 channels with a factor of 2, as the "
                f"model or the training set has them. Received: {found}"
            )

    @pytest.mark.one_backend
    def test_refuses_numbers_that_are_no_shades(self):
        part = np.zeros((2, 8, 8, 3)), np.full((2, 16, 16, 3), 255.0)
        with pytest.raises(ValueError) as error:
            SuperResolution(Splits(part, part, part)).data()
        assert str(error.value) == (
            "`source` must hold images of numbers in [0, 1]. Received: 255.0 to 255.0"
        )
