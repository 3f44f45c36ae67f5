"""What recipes that make images promise."""

import keras
import numpy as np
import pytest
from bars import splits
from contracts import RecipeContract, array, leading, same
from matplotlib.figure import Figure

from kdl.callbacks import Resume
from kdl.data import Splits
from kdl.recipes import hyperparameters, run


class GeneratorRecipeContract(RecipeContract):
    """Promises of a recipe that makes images, of `quick` hyperparameters."""

    quick = {}
    examples = 1000

    def test_defaults_learn(self):
        keras.utils.set_random_seed(0)
        recipe = self.recipe
        model, history = run(recipe, **self.data(), epochs=self.epochs, verbose=0)
        distances = history.history["val_frechet_distance"]
        # The first epoch and the last one are among those that are looked at.
        assert len(distances) == min(6, self.epochs)
        assert distances[-1] < distances[0]
        scores = recipe.evaluate(model)
        assert {"loss", "frechet_distance", "frechet_floor", "coverage"} <= {*scores}
        assert scores["samples"] == len(recipe.splits.test[1])
        parts = recipe.examine(model)
        assert list(parts) == [
            *("samples.png", "nearest.png"),
            *("samples_by_epoch.png", "samples.gif"),
        ]
        for name, drawn in (
            ("samples.png", 1),
            ("nearest.png", 6 * (1 + 5)),
            ("samples_by_epoch.png", len(distances)),
        ):
            assert isinstance(parts[name], Figure)
            panels = parts[name].axes
            assert sum(len(panel.images) for panel in panels) == drawn, name
        assert [frame.size for frame in parts["samples.gif"]] == [(142, 70)] * len(
            distances
        )
        # Of a model that was not trained here, there are no epochs.
        other = self.built()
        assert list(recipe.examine(other)) == ["samples.png", "nearest.png"]

    def built(self):
        return self.recipe.build(hyperparameters(self.recipe, self.quick))

    def test_makes_images_by_class(self):
        # At first, a denoiser returns zeros whatever the class.
        options = {"epochs": 1, "verbose": 0, "hp": self.quick}
        model, _ = run(self.recipe, **self.data(), **options)
        made = self.recipe.generate(model, 6)
        assert made.shape == (6, 8, 8, 1)
        assert made.min() >= 0 and made.max() <= self.recipe.white
        again = self.recipe.generate(model, 6, labels=np.arange(6) % 4)
        assert same(made, again)
        assert not same(made, self.recipe.generate(model, 6, labels=np.full(6, 1)))
        assert not same(made, self.recipe.generate(model, 6, seed=1))

    def test_a_killed_fit_goes_on_exactly(self, tmp_path):
        class Stop(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None):
                if epoch == 2:
                    raise KeyboardInterrupt

        recipe, found = self.recipe, []
        data = self.data()
        data |= {name: leading(data[name], 64) for name in ("x", "y")}
        for stops in ([Stop()], [], None):
            keras.utils.set_random_seed(0)
            folder = tmp_path / ("whole" if stops is None else "killed")
            options = {"epochs": 4, "verbose": 0, "hp": self.quick}
            callbacks = [Resume(folder), *(stops or [])]
            if stops:
                with pytest.raises(KeyboardInterrupt):
                    run(recipe, **data, **options, callbacks=callbacks)
            else:
                model, _ = run(recipe, **data, **options, callbacks=callbacks)
                grids = recipe._grids
                found.append(
                    [
                        *(array(weight) for weight in model.weights),
                        *grids.grids,
                        grids.epochs,
                    ]
                )
        assert same(*found)

    @pytest.mark.one_backend
    def test_compares_with_few_images(self):
        # Precision and recall have fewer neighbours then.
        recipe = type(self.recipe)(splits(64, 3, noise=0.0))
        options = {"epochs": 1, "verbose": 0, "hp": self.quick}
        with pytest.warns(UserWarning, match="covariance"):
            model, history = run(recipe, **recipe.data(), **options)
        assert history.history["val_samples"] == [3]
        with pytest.warns(UserWarning, match="covariance"):
            assert np.isfinite(list(recipe.evaluate(model).values())).all()

    @pytest.mark.one_backend
    @pytest.mark.parametrize("parts", [(1, 32), (32, 1)])
    def test_refuses_an_image_alone(self, parts):
        one = splits(64, 32, noise=0.0)
        few = (leading(part, n) for part, n in zip(one[1:], parts, strict=True))
        with pytest.raises(ValueError) as error:
            type(self.recipe)(Splits(one.train, *few)).data()
        assert str(error.value) == (
            "`source` must hold two images or more to validate and two to test, which "
            "samples are compared with. Received: 1"
        )

    @pytest.mark.one_backend
    def test_refuses_grey_images_where_float64_has_no_gradient(self):
        if keras.backend.backend() != "torch":
            pytest.skip("JAX and TensorFlow have it.")
        recipe = type(self.recipe)(splits(64, 32, noise=0.0), precision="float64")
        with pytest.raises(ValueError) as error:
            recipe.data()
        assert str(error.value) == (
            "`precision` must be 'float32' or 'mixed_bfloat16' for images of one "
            "channel on PyTorch, whose CPU has no gradient of a convolution to one "
            "channel in float64; JAX and TensorFlow have. Received: "
            "precision='float64'"
        )

    @pytest.mark.one_backend
    def test_refuses_what_are_no_images(self):
        with pytest.raises(ValueError, match=r"must hold images of shape \(examples"):
            type(self.recipe)("mackey_glass").data()

    @pytest.mark.one_backend
    def test_reads_no_inputs(self):
        with pytest.raises(ValueError) as error:
            self.recipe.read("photo.png")
        assert str(error.value) == (
            f"The recipe {self.recipe.name!r} predicts nothing from inputs. `kdl "
            "generate` makes images."
        )


def bar_images():
    """Splits of images of bars, of pixels that are 0 or 1."""
    return splits(1000, 100, noise=0.0)
