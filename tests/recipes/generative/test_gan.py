import numpy as np
import pytest
from generators import GeneratorRecipeContract, bar_images
from image_folders import make_folder

from kdl.recipes import GAN, hyperparameters, run


class TestGAN(GeneratorRecipeContract):
    recipe = GAN(bar_images())
    epochs = 10
    quick = {"filters": 16, "discriminator_filters": 16, "size": 16}

    @pytest.mark.one_backend
    def test_builds_what_its_space_says(self):
        values = {
            "adversarial_loss": "hinge",
            "noise": 0.2,
            "discriminator_steps": 2,
            "discriminator_ratio": 4.0,
        }
        hp = hyperparameters(self.recipe, {**self.quick, **values})
        model = self.recipe.build(hp)
        assert (model.adversarial_loss, model.classes) == ("hinge", 4)
        assert float(model.noise.now(training=False)) == pytest.approx(0.2)
        both = model.optimizer
        assert both.first.gradient_accumulation_steps == 2
        assert both.second.gradient_accumulation_steps is None
        assert float(both.second.learning_rate / both.learning_rate) == 4
        assert model.generator.input_shape == [(None, 16), (None, 1)]

    @pytest.mark.one_backend
    def test_learns_images_on_disk_in_colour(self, tmp_path):
        # Without classes.
        make_folder(tmp_path, {".": 100}, (9, 7))
        recipe = GAN(f"images:{tmp_path}")
        assert recipe.classes == ["all"]
        with pytest.warns(UserWarning, match="covariance"):
            model, history = run(
                recipe, **recipe.data(), hp=self.quick, epochs=1, verbose=0
            )
        assert recipe.generate(model, 3).shape == (3, 9, 7, 3)
        assert np.isfinite(history.history["val_frechet_distance"]).all()
        assert {"samples.png", "nearest.png"} < {*recipe.examine(model)}
