import json
import threading

import keras
import numpy as np
import pytest
import scipy.special
from contracts import RecipeContract, array, begin_anew, same
from image_folders import make_folder
from PIL import Image

from kdl.callbacks import LogNumbers, Resume
from kdl.data import Splits
from kdl.layers import DropConnectDense, Dropout
from kdl.recipes import Images, hyperparameters, run
from kdl.recipes.vision.networks import FAMILIES
from kdl.regularizers import ElasticNet, MaxNorm
from kdl.schedules import OneCycle

# Images stay where they are.
STILL = {"shift": 0, "rotation": 0, "zoom": 0, "shear": 0}


class TestImages(RecipeContract):
    recipe = Images()

    def build(self, **values):
        hp = hyperparameters(self.recipe, values)
        return hp, self.recipe.build(hp)

    def test_learns_the_digits(self):
        keras.utils.set_random_seed(0)
        model, _ = run(self.recipe, **self.recipe.data(), epochs=6, verbose=0)
        scores = model.evaluate(**self.recipe.test_data(), verbose=0, return_dict=True)
        # Short of its 30 epochs; a linear model reaches 0.96.
        assert scores["accuracy"] > 0.97

    def test_builds_what_its_space_says(self):
        _, model = self.build(regularizer="max_norm", drop="connections", rate=0.25)
        (dense,) = [a for a in model.layers if isinstance(a, DropConnectDense)]
        assert dense.rate == 0.25
        assert isinstance(dense.kernel_regularizer, MaxNorm)
        assert not [a for a in model.layers if isinstance(a, Dropout)]
        _, model = self.build(**{"regularizer/alpha": 0.01}, rate=0.25, smoothing=0.1)
        (drop,) = [a for a in model.layers if isinstance(a, Dropout)]
        assert drop.rate == 0.25 and model.loss.label_smoothing == 0.1
        penalties = [getattr(a, "kernel_regularizer", None) for a in model.layers]
        assert {p.alpha for p in penalties if isinstance(p, ElasticNet)} == {0.01}

    @pytest.mark.parametrize(
        ("drop", "penalty", "name"),
        [("units", "elastic_net", "alpha"), ("connections", "max_norm", "strength")],
    )
    def test_rate_and_penalty_may_grow(self, drop, penalty, name):
        values = {"drop": drop, "regularizer": penalty, f"regularizer/{name}": 0.004}
        values |= {"rate": 0.5, "rate_warmup": 2, "penalty_warmup": 4}
        hp, model = self.build(batch_size=64, **values)
        data, numbers = self.recipe.data(), LogNumbers()
        history = self.recipe.fit(
            hp, model, **data, epochs=3, callbacks=[numbers], verbose=0
        ).history
        (rates,) = (history[key] for key in history if key.endswith("/rate"))
        (penalties,) = (history[key] for key in history if key.endswith(name))
        # 22 batches an epoch, the last of which is the 22nd from zero.
        np.testing.assert_allclose(rates, [0.5 * 21 / 44, 0.5 * 43 / 44, 0.5], 1e-5)
        desired = 0.004 * np.array([21, 43, 65]) / 88
        np.testing.assert_allclose(penalties, desired, 1e-5)

    def test_cycle_ends_with_the_training(self):
        hp, model = self.build(batch_size=64, learning_rate=0.02)
        data = self.data()
        self.recipe.fit(hp, model, **data, epochs=3, verbose=0)
        rate = model.optimizer._learning_rate
        assert isinstance(rate, OneCycle)
        assert (rate.max_value, rate.total_steps) == (0.02, 3 * (256 // 64))

    def test_stops_early(self):
        hp, model = self.build(patience=5, learning_rate=0.03, rate=0.8)
        data = {**self.data(), "y": np.eye(1, 256, dtype="int32")[0]}
        history = self.recipe.fit(hp, model, **data, epochs=40, verbose=0)
        # Learning hardly anything but zeros makes the validation worse in the end.
        assert len(history.epoch) < 40

    def test_needs_no_validation_data(self):
        data = self.data()
        del data["validation_data"]
        _, history = run(self.recipe, **data, epochs=1, verbose=0)
        assert "val_loss" not in history.history

    def test_same_seed_is_the_same_training(self):
        hp, model = self.build()
        begin = begin_anew(model, **self.batch())

        def train(seed):
            begin()
            options = {**self.data(), "epochs": 2, "seed": seed, "verbose": 0}
            return self.recipe.fit(hp, model, **options).history["loss"]

        assert train(seed=3) == train(seed=3) != train(seed=4)

    def test_goes_on_where_a_tuner_s_fit_was_killed(self, tmp_path):
        class Kill(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None):
                if epoch == 2:
                    raise KeyboardInterrupt

        hp, model = self.build(batch_size=64)
        begin = begin_anew(model, **self.batch())

        def fit(*callbacks):
            begin()
            data = self.recipe.data()
            return self.recipe.fit(
                hp, model, **data, epochs=3, callbacks=[*callbacks], verbose=0
            ).history

        whole = fit()
        with pytest.raises(KeyboardInterrupt):
            fit(Kill(), Resume(tmp_path))
        np.testing.assert_equal(fit(Resume(tmp_path)), whole)

    def test_takes_images_of_other_shapes(self):
        x = np.random.default_rng(0).uniform(size=(40, 12, 9, 3)).astype("float32")
        y = np.arange(40, dtype="int32") % 4
        part = x, y
        recipe = Images(Splits(part, part, part))
        model, _ = run(recipe, **recipe.data(), epochs=1, verbose=0)
        assert model.output_shape == (None, 4)

    @pytest.mark.parametrize(
        ("x", "y", "received"),
        [
            (np.zeros((4, 3)), np.zeros(4, int), "float64 (4, 3) and int64 (4,)"),
            (
                np.zeros((4, 8, 8, 1)),
                np.eye(4),
                "float64 (4, 8, 8, 1) and float64 (4, 4)",
            ),
            (
                np.zeros((2, 8, 8, 1)),
                np.array([-1, 0]),
                "float64 (2, 8, 8, 1) and int64 (2,)",
            ),
            (
                np.zeros((0, 8, 8, 1)),
                np.zeros(0, int),
                "float64 (0, 8, 8, 1) and int64 (0,)",
            ),
        ],
    )
    def test_refuses_what_are_not_labelled_images(self, x, y, received):
        with pytest.raises(ValueError) as error:
            Images(Splits((x, y), (x, y), (x, y))).data()
        assert str(error.value) == (
            "`source` must hold images of shape (examples, height, width, channels), "
            "one or more in each part, and one label each, an integer of 0 or more. "
            f"Received: {received}"
        )

    def test_knows_classes_that_training_lacks(self):
        x = np.zeros((4, 8, 8, 1), "float32")
        splits = Splits((x, [0, 1, 0, 1]), (x, [0, 1, 0, 1]), (x, [0, 5, 0, 1]))
        recipe = Images(splits)
        model = recipe.build(hyperparameters(recipe, {}))
        assert model.output_shape == (None, 6)

    def test_goes_on_at_an_epoch_and_begins_another_cycle(self):
        hp, model = self.build(batch_size=64)
        for first in (0, 2):
            history = self.recipe.fit(
                hp,
                model,
                **self.data(),
                initial_epoch=first,
                epochs=first + 2,
                callbacks=None,
                verbose=0,
            )
            assert history.epoch == [first, first + 1]
            assert model.optimizer._learning_rate.total_steps == 2 * (256 // 64)
            assert int(model.optimizer.iterations) == 2 * (256 // 64)

    def test_a_second_fit_follows_a_cycle_of_its_own(self):
        """Rather than that for which the step of the first one was compiled."""
        hp, model = self.build(batch_size=64)
        self.recipe.fit(hp, model, **self.data(), epochs=1, verbose=0)
        before = [array(weight) for weight in model.trainable_weights]
        hp.values["learning_rate"] = 1e-30
        self.recipe.fit(hp, model, **self.data(), epochs=1, verbose=0)
        for weight, value in zip(model.trainable_weights, before, strict=True):
            np.testing.assert_allclose(array(weight), value, rtol=0, atol=1e-20)

    def test_weighs_examples(self):
        """An example of weight 0 may be anything."""
        hp, model = self.build(batch_size=64)
        data, weight = self.data(), np.ones(256)
        weight[:128] = 0
        data["y"] = np.where(np.arange(256) < 128, 3, data["y"])
        self.recipe.fit(hp, model, **data, sample_weight=weight, epochs=3, verbose=0)
        predicted = model.predict(data["x"][128:], verbose=0).argmax(-1)
        # Were all weights 1, three in five would be threes; one in ten is.
        assert np.mean(predicted == 3) < 0.3

    def test_refuses_labels_beyond_its_classes_before_it_fits(self):
        data = self.data()
        data["y"] = np.where(np.arange(256) == 5, 10, data["y"])
        with pytest.raises(ValueError) as error:
            run(self.recipe, **data)
        assert str(error.value) == (
            "The training set must have targets from 0 to 9, as the model has 10 "
            "classes. Received: 10 in example 5"
        )

    @pytest.mark.one_backend
    def test_labels_of_new_data_are_those_of_the_model(self, tmp_path):
        folder = make_folder(tmp_path / "new", {"cat": 4, "dog": 4})
        recipe = Images(f"images:{folder}")
        recipe.set_state(
            {"classes": ["emu", "dog", "cat"], "shape": [8, 8, 3], "white": 1.0}
        )
        x, y = recipe.encode(recipe.splits.tested_whole().test)
        names = ["cat" if "cat" in path else "dog" for path in x.names()]
        assert [recipe.classes[label] for label in y] == names and len(y) == 8

    @pytest.mark.parametrize("name", ["batch_size", "shuffle", "validation_split"])
    def test_refuses_what_it_would_ignore(self, name):
        with pytest.raises(ValueError) as error:
            run(self.recipe, **self.data(), **{name: 1})
        assert str(error.value) == f"The recipe 'images' takes no `{name}` in `fit`"

    def test_predicts_names_and_probabilities(self):
        _, model = self.build()
        images = self.recipe.splits.test[0][:5]
        rows = self.recipe.predict(model, images.astype("float64"))
        desired = scipy.special.softmax(array(model(images)), axis=-1)
        for row, probabilities in zip(rows, desired, strict=True):
            assert row["class"] == str(probabilities.argmax())
            np.testing.assert_allclose(row["probability"], probabilities.max(), 1e-5)
            each = [row[f"p({n})"] for n in range(10)]
            np.testing.assert_allclose(each, probabilities, 1e-4)

    def test_another_one_predicts_by_its_state(self):
        _, model = self.build()
        images = self.recipe.splits.test[0][:3]
        other = Images("tfds:nowhere")
        other.set_state(json.loads(json.dumps(self.recipe.get_state())))
        assert same(other.predict(model, images), self.recipe.predict(model, images))
        with pytest.raises(ValueError) as error:
            other.set_state({"letters": []})
        assert str(error.value) == (
            "The state of the recipe 'images' must have 'classes'. It has: 'letters'"
        )

    @pytest.mark.parametrize("mixing", ["mixup", "cutmix"])
    def test_learns_from_mixed_images_and_is_tested_on_labels(self, mixing):
        values = {"mixing": mixing, "filters": 16, "batch_size": 64, "rate": 0.0}
        model, history = run(
            self.recipe, **self.recipe.data(), hp=values, epochs=3, verbose=0
        )
        scores = self.recipe.evaluate(model)
        assert scores["accuracy"] > 0.6
        assert history.history["val_accuracy"][-1] > 0.6

    def test_averages_over_mirror_images(self):
        model = self.recipe.build(hyperparameters(self.recipe, {"filters": 8}))
        x = self.recipe.splits.test[0][:4]
        averaged = self.recipe.averaged(model, 2, {"flip": True})
        rows, mirrored, means = (
            np.array([[row[f"p({n})"] for n in range(10)] for row in found])
            for found in (
                self.recipe.predict(model, x),
                self.recipe.predict(model, x[:, :, ::-1]),
                self.recipe.predict(averaged, x),
            )
        )
        np.testing.assert_allclose(means, (rows + mirrored) / 2, rtol=1e-5)
        assert self.recipe.evaluate(averaged).keys() == {
            "loss",
            "accuracy",
            "crossentropy",
        }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = make_folder(tmp_path_factory.mktemp("own"), {"dark": 40, "bright": 40})
    for path in folder.rglob("dark/*.png"):
        Image.open(path).point(lambda value: value // 2).save(path)
    return folder


@pytest.fixture(scope="module")
def recipe(folder):
    return Images(f"images:{folder}")


@pytest.fixture(scope="module")
def model(recipe):
    keras.utils.set_random_seed(0)
    values = {"batch_size": 16, "filters": 16, "units": 32, "rate": 0.0}
    model, _ = run(recipe, **recipe.data(), hp=values, epochs=6, verbose=0)
    return model


class TestOwnImages:
    """Of a folder with images of two classes, of bright ones and of dark ones."""

    def test_learns_them_from_disk(self, recipe, model):
        assert model.input_shape == (None, 6, 5, 3)
        assert model.output_shape == (None, 2)
        assert recipe.classes == ["bright", "dark"]
        # Noise of 90 pixels, of which the means are far apart.
        assert recipe.evaluate(model)["accuracy"] == 1
        assert list(recipe.examine(model)) == ["confusion_matrix.png"]

    def test_does_as_with_arrays(self, recipe, model):
        """The same splits, in memory: the same training and scores."""
        splits = [(x[np.arange(len(x))], y) for x, y in recipe.splits]
        other = Images(Splits(*splits, classes=recipe.classes))
        np.testing.assert_allclose(
            list(other.evaluate(model).values()),
            list(recipe.evaluate(model).values()),
            rtol=1e-5,
        )
        hp = hyperparameters(recipe, {"batch_size": 32, "filters": 16, "units": 32})
        built = recipe.build(hp)
        begin = begin_anew(built, splits[0][0][:2], splits[0][1][:2])
        histories = []
        for some in (recipe, other):
            begin()
            history = some.fit(hp, built, **some.data(), epochs=2, verbose=0)
            histories.append(history.history)
        assert histories[0].keys() == histories[1].keys()
        for name, values in histories[0].items():
            np.testing.assert_allclose(values, histories[1][name], rtol=1e-5)

    def test_predicts_arrays_paths_and_folders_alike(self, folder, recipe, model):
        paths = [folder / "dark" / f"{n}.png" for n in range(3)]
        rows = recipe.predict(model, paths)
        assert [row["class"] for row in rows] == ["dark"] * 3
        assert [row.pop("file") for row in rows] == [*map(str, paths)]
        pixels = [np.asarray(Image.open(path)) for path in paths]
        assert same(recipe.predict(model, np.stack(pixels) / np.float32(255)), rows)
        of_folder = recipe.predict(model, str(folder / "dark"))
        assert len(of_folder) == 40 and of_folder[0]["file"] == str(paths[0])
        (alone,) = recipe.predict(model, paths[1])
        assert alone["class"] == "dark"
        x, _ = recipe.splits.test
        assert len(recipe.predict(model, x[:3])) == 3

    def test_another_one_predicts_files_by_its_state(self, folder, recipe, model):
        other = Images("images:/nowhere")
        other.set_state(json.loads(json.dumps(recipe.get_state())))
        path = folder / "bright" / "0.png"
        assert same(other.predict(model, path), recipe.predict(model, path))

    def test_leaves_no_threads(self, recipe, model):
        recipe.evaluate(model)
        for thread in threading.enumerate():
            if thread.name == "kdl-prefetch":
                thread.join(60)
                assert not thread.is_alive()

    def test_goes_on_where_a_fit_was_killed(self, recipe, tmp_path):
        class Kill(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None):
                if epoch == 2:
                    raise KeyboardInterrupt

        values = {"batch_size": 16, "filters": 16, "units": 32}
        hp = hyperparameters(recipe, values)
        model, data = recipe.build(hp), recipe.data()
        begin = begin_anew(model, data["x"][np.arange(2)], data["y"][:2])

        def fit(*callbacks):
            begin()
            return recipe.fit(
                hp, model, **data, epochs=3, callbacks=[*callbacks], verbose=0
            ).history

        whole = fit()
        with pytest.raises(KeyboardInterrupt):
            fit(Kill(), Resume(tmp_path))
        np.testing.assert_equal(fit(Resume(tmp_path)), whole)

    def test_names_a_damaged_file_that_it_comes_to(self, folder, recipe, model):
        (path := folder / "text.jpg").write_text("This is a text.")
        with pytest.raises(ValueError) as error:
            # In the third batch: TensorFlow looks at two beforehand.
            recipe.predict(model, [folder / "dark", folder / "bright", path])
        path.unlink()
        assert str(error.value) == (
            f"{path} cannot be read as an image: it is no PNG, JPEG, BMP, WebP or GIF. "
            "Repair or delete it; the option ?skip_damaged=true of the source leaves "
            "such files out."
        )

    @pytest.mark.one_backend
    @pytest.mark.parametrize(
        ("shape", "flat"), [((8, 8), (4, 4)), ((28, 28), (7, 7)), ((100, 30), (7, 2))]
    )
    def test_plain_network_halves_until_images_are_small(self, shape, flat):
        recipe = recipe_of(shape)
        values = {"filters": 16, "family": "cnn"}
        model = recipe.build(hyperparameters(recipe, values))
        (layer,) = [a for a in model.layers if isinstance(a, keras.layers.Flatten)]
        assert layer.input.shape == (None, *flat, 32)

    @pytest.mark.one_backend
    @pytest.mark.parametrize("family", ["vgg", "inception", "resnet", "efficientnet"])
    @pytest.mark.parametrize(
        ("shape", "last"),
        [((8, 8), 4), ((28, 28), 4), ((96, 80), 3), ((128, 128), 4), ((40, 3), None)],
    )
    def test_families_end_at_some_four_pixels(self, family, shape, last):
        recipe = recipe_of(shape)
        hp = hyperparameters(recipe, {"filters": 8, "family": family})
        model = recipe.build(hp)
        side = model.get_layer("pooling").input.shape[1]
        assert model.name == family and model.output_shape == (None, 2)
        if last is not None:
            assert side in (last, last + 1) or (family, shape) == ("vgg", (8, 8))

    @pytest.mark.one_backend
    @pytest.mark.parametrize("family", FAMILIES)
    @pytest.mark.parametrize("shape", [(128, 2), (3, 128), (100, 5), (28, 3)])
    def test_families_take_narrow_images(self, family, shape):
        recipe = recipe_of(shape)
        hp = hyperparameters(recipe, {"filters": 8, "family": family})
        assert recipe.build(hp).output_shape == (None, 2)

    @pytest.mark.one_backend
    def test_does_not_stop_early_on_few_images(self):
        few, many = recipe_of((8, 8)), Images()
        values = [hyperparameters(a, {}).values for a in (few, many)]
        assert [v["batch_size"] for v in values] == [16, 32]
        assert [v["patience"] for v in values] == [few.epochs, 10]

    def test_residual_network_learns(self):
        """Bright squares and dark ones, in a few steps."""
        x = np.random.default_rng(0).uniform(0, 1, (64, 8, 8, 1)).astype("float32")
        y = np.arange(64, dtype="int32") % 2
        x[y == 1] *= 0.3
        recipe = Images(Splits((x, y), (x, y), (x, y)))
        values = {"family": "resnet", "filters": 8, "depth_rate": 0.2, "batch_size": 16}
        model, _ = run(recipe, **recipe.data(), hp=values, epochs=8, verbose=0)
        assert recipe.evaluate(model)["accuracy"] == 1

    @pytest.mark.one_backend
    def test_flips_what_means_the_same_from_the_other_side(self):
        assert Images("fashion").may_be_flipped
        assert recipe_of((8, 8)).may_be_flipped
        x = np.arange(64.0, dtype="float32").reshape(1, 8, 8, 1).repeat(50, 0)
        y = np.arange(50) % 2
        recipe = Images(Splits((x, y), (x, y), (x, y)))
        assert not recipe.may_be_flipped
        for flip in (False, True):
            hp = hyperparameters(recipe, {**STILL, "flip": flip})
            (batch, _), *_ = recipe.batches(recipe.space(hp), x, y)
            found = np.unique(batch[:, 0, 0, 0])
            assert found.tolist() == ([0, 7] if flip else [0])

    @pytest.mark.one_backend
    @pytest.mark.parametrize("source", ["digits", "gallery"])
    def test_never_flips_digits(self, source):
        recipe = Images(source)
        assert not recipe.space(hyperparameters(recipe, {})).flip
        with pytest.raises(ValueError, match="`flip` is always False here"):
            hyperparameters(recipe, {"flip": True})

    @pytest.mark.one_backend
    def test_augments_as_its_space_says(self):
        x = np.random.default_rng(0).uniform(size=(64, 8, 8, 1)).astype("float32")
        y = np.arange(64) % 10
        recipe = Images()

        def augmented(**values):
            hp = hyperparameters(recipe, {**STILL, "batch_size": 64, **values})
            (images, targets), *_ = recipe.batches(recipe.space(hp), x, y, seed=0)
            return images, targets

        plain, labels = augmented()
        assert labels.shape == (64,)
        holes, _ = augmented(cutout=0.5)
        assert 0 < np.mean(holes == 0) <= 0.25 and same(
            holes[holes > 0], plain[holes > 0]
        )
        changed, _ = augmented(operations=2, strength=0.9)
        assert np.mean(np.any(changed != plain, (1, 2, 3))) > 0.5
        for mixing in ("mixup", "cutmix"):
            mixed, shares = augmented(mixing=mixing, mixing_alpha=1.0)
            assert shares.shape == (64, 10) and not same(mixed, plain)
            np.testing.assert_allclose(shares.sum(-1), 1, rtol=1e-6)

    @pytest.mark.one_backend
    def test_changes_images_of_other_values_by_maps_alone(self):
        """RandAugment takes values in [0, 1] and 1 or 3 channels."""
        y = np.array([0, 1])
        for top, channels in ((255, 3), (1, 2)):
            part = np.full((2, 8, 8, channels), top, "float32"), y
            recipe = Images(Splits(part, part, part))
            assert not hasattr(recipe.space(hyperparameters(recipe, {})), "operations")


def recipe_of(shape):
    part = np.zeros((2, *shape, 3), "float32"), np.array([0, 1])
    return Images(Splits(part, part, part))
