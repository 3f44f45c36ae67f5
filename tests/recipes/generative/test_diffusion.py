import pytest
from generators import GeneratorRecipeContract, bar_images

from kdl.recipes import Diffusion, hyperparameters


class TestDiffusion(GeneratorRecipeContract):
    recipe = Diffusion(bar_images())
    epochs = 10
    quick = {"filters": 16}

    @pytest.mark.one_backend
    def test_builds_what_its_space_says(self):
        for schedule, target, expected in (
            ("flow", "velocity", "velocity"),
            ("cosine", "velocity", "v"),
            ("linear", "noise", "noise"),
        ):
            values = {"noise_schedule": schedule, "target": target, "depth": 2}
            hp = hyperparameters(self.recipe, {**self.quick, **values})
            model = self.recipe.build(hp)
            assert (model.noise_schedule, model.target) == (schedule, expected)
            assert model.data_range == (0.0, 1.0)
