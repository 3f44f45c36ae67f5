import types

import keras
import numpy as np
import pytest
from contracts import array

from kdl.callbacks import Resume
from kdl.callbacks.log_numbers import optimizers_of
from kdl.optimizers import ControlledOptimizer
from kdl.recipes import GAN, Recipe, run
from kdl.recipes.training.precision import PRECISIONS, heads
from kdl.schedules import OneCycle

BACKEND = keras.backend.backend()


class Small(Recipe):
    default_source = "digits"

    def space(self, hp):
        return types.SimpleNamespace(batch_size=16)

    def build(self, hp):
        layers = keras.layers
        hidden = [layers.Flatten(), layers.Dense(8, "relu"), layers.Dense(10)]
        model = keras.Sequential([keras.Input((8, 8, 1)), *hidden])
        # Keras draws other weights in float64.
        rng = np.random.default_rng(0)
        weights = [rng.normal(0, 0.2, weight.shape) for weight in model.weights]
        model.set_weights(weights)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(ControlledOptimizer(keras.optimizers.Adam()), loss)
        return model


def trained(precision, **options):
    keras.utils.set_random_seed(0)
    recipe = Small(precision=precision)
    data = {name: part[:64] for name, part in recipe.data().items() if name in "xy"}
    model, history = run(recipe, **data, epochs=2, verbose=0, **options)
    return recipe, model, history.history["loss"]


def has_float64():
    if BACKEND != "jax":
        return True
    import jax

    return jax.config.jax_enable_x64


class TestPrecision:
    @pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
    def test_in_mixed_precision_learns_nearly_as_in_float32(self, precision):
        *_, losses = trained("float32")
        recipe, model, mixed = trained(precision)
        # bfloat16 has 8 bits: each step is off by some 2**-8.
        np.testing.assert_allclose(mixed, losses, rtol=0.02)
        assert mixed != losses
        assert model.layers[1].compute_dtype == precision.removeprefix("mixed_")
        assert {weight.dtype for weight in model.trainable_weights} == {"float32"}
        outputs = recipe.outputs(model, recipe.splits.test[0][:2])
        assert outputs.dtype == "float32"
        assert keras.config.dtype_policy().name == "float32"

    @pytest.mark.skipif(not has_float64(), reason="JAX was not told to have float64")
    def test_in_float64_learns_as_in_float32_to_its_rounding(self):
        *_, losses = trained("float32")
        _, model, double = trained("float64")
        np.testing.assert_allclose(double, losses, rtol=1e-5)
        assert double != losses
        assert {weight.dtype for weight in model.trainable_weights} == {"float64"}
        assert keras.config.floatx() == "float32"

    # The rate has become a schedule since the optimizer was made.
    @pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer")
    def test_scaling_of_the_loss_is_in_the_file_and_follows_the_schedule(
        self, tmp_path
    ):
        _, model, _ = trained("mixed_float16")
        model.save(tmp_path / "model.keras")
        again = keras.saving.load_model(tmp_path / "model.keras")
        for optimizer in (model.optimizer, again.optimizer):
            kinds = [
                type(part)
                for part in optimizers_of(types.SimpleNamespace(optimizer=optimizer))
            ]
            assert kinds[:2] == [
                keras.optimizers.LossScaleOptimizer,
                ControlledOptimizer,
            ]
            # At the end of the cycle.
            rate = OneCycle(1e-3, 8)(8)
            np.testing.assert_allclose(
                array(optimizer.learning_rate), array(rate), atol=1e-9
            )

    def test_resumes_with_the_scale_that_it_had(self, tmp_path):
        *_, losses = trained("mixed_float16")

        class Interruption(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None):
                if epoch:
                    raise KeyError

        with pytest.raises(KeyError):
            trained("mixed_float16", callbacks=[Resume(tmp_path), Interruption()])
        *_, resumed = trained("mixed_float16", callbacks=[Resume(tmp_path)])
        assert resumed == losses

    @pytest.mark.one_backend
    def test_last_layers_are_those_with_weights_and_what_follows(self):
        inputs = keras.Input((3,))
        x = keras.layers.Dense(2, name="hidden")(inputs)
        one = keras.layers.Dense(2, name="one")(x)
        other = keras.layers.Rescaling(2.0, name="scaled")(
            keras.layers.Dense(1, name="other")(x)
        )
        names = {layer.name for layer in heads(keras.Model(inputs, [one, other]))}
        assert names == {"one", "other", "scaled"}
        nested = keras.Sequential([inputs, keras.Model(inputs, one)])
        assert [layer.name for layer in heads(nested)] == ["one"]
        unbuilt = keras.Sequential([keras.layers.Dense(2, name="last")])
        assert [layer.name for layer in heads(unbuilt)] == ["last"]


class TestRefuses:
    def test_what_there_is_not(self):
        with pytest.raises(ValueError) as error:
            Small(precision="float8")
        assert str(error.value) == (
            "`precision` must be one of 'float32', 'mixed_bfloat16', 'mixed_float16', "
            "'float64'. Received: precision='float8'"
        )

    @pytest.mark.skipif(has_float64(), reason="there is float64")
    def test_float64_on_jax_that_was_not_told(self):
        with pytest.raises(ValueError) as error:
            Small(precision="float64")
        assert str(error.value) == (
            "`precision` must be one of 'float32', 'mixed_bfloat16', 'mixed_float16', "
            "since JAX has float64 only if JAX_ENABLE_X64=1 is in the environment when "
            "it is imported. Received: precision='float64'"
        )

    @pytest.mark.one_backend
    def test_what_a_recipe_has_not(self):
        with pytest.raises(ValueError) as error:
            GAN(precision="mixed_float16")
        assert str(error.value) == (
            "`precision` must be one of 'float32', 'mixed_bfloat16', 'float64'. "
            "Received: precision='mixed_float16'"
        )
        assert GAN.precisions == tuple(
            name for name in PRECISIONS if name != "mixed_float16"
        )
