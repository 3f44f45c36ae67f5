import json

import keras
import keras_tuner
import numpy as np
import pytest
from bars import NAMES, bars, splits
from commands import kdl, read, rows
from contracts import RecipeContract, array, begin_anew, same
from PIL import Image
from scipy.stats import mannwhitneyu

from kdl import models
from kdl.callbacks import Resume
from kdl.data import Splits, penguins
from kdl.recipes import Autoencoder, hyperparameters, run
from kdl.regularizers import KLSparsity

SMALL = {"depth": 1, "units": 32, "filters": 8, "size": 8, "batch_size": 32}
DENSE = {"network": "dense", "depth": 1, "units": 32, "size": 8, "batch_size": 32}


def shades(train=96, others=48, **options):
    """Bars whose pixels are in [0, 1]."""
    whole = splits(train, others, noise=0.1, **options)
    parts = ((np.clip(x, 0, 1), y) for x, y in whole)
    return Splits(*parts, classes=whole.classes)


def trained(recipe, epochs=1, **values):
    keras.utils.set_random_seed(0)
    return run(recipe, **recipe.data(), hp=values, epochs=epochs, verbose=0)


class TestAutoencoder(RecipeContract):
    recipe = Autoencoder("gallery")

    def test_defaults_learn(self):
        """The error is no metric of the model, but what the recipe adds to the logs."""
        model, history = trained(self.recipe, epochs=4)
        first, *_, last = history.history["val_error"]
        assert last < 0.5 * first
        x = self.recipe.splits.validation[0]
        best = min(history.history["val_error"])
        np.testing.assert_allclose(self.recipe.scores(model, x, x)["error"], best, 1e-4)

    def test_has_what_the_command_line_asks_for(self):
        super().test_has_what_the_command_line_asks_for()
        assert Autoencoder().source == "fashion"
        assert Autoencoder().normal is None and Autoencoder().anomalous is None

    def build(self, **values):
        return self.recipe.build(hyperparameters(self.recipe, values))

    @pytest.mark.one_backend
    def test_builds_what_its_space_says(self):
        model = self.build(**SMALL)
        assert model.decoder.input_shape == (None, 8) and model.corruption is None
        model = self.build(
            kind="denoising", corruption="masking", amount=0.2, maps=8, depth=1
        )
        assert (model.corruption.kind, model.corruption.amount) == ("masking", 0.2)
        assert model.decoder.input_shape == (None, 8, 8, 8)
        model = self.build(kind="sparse", penalty="kl", strength=0.01, target=0.1)
        assert isinstance(model.sparsity, KLSparsity) and model.sparsity.target == 0.1
        codes = model.encode(self.recipe.splits.test[0][:4])
        assert codes.shape == (4, 16) and 0 <= codes.min() <= codes.max() <= 1
        model = self.build(kind="sparse", strength=0.01)
        assert isinstance(model.sparsity, keras.regularizers.L1)
        model = self.build(
            kind="variational", beta=2.0, free_bits=0.1, likelihood="bernoulli", **SMALL
        )
        assert isinstance(model, models.VariationalAutoencoder) and model.size == 8
        assert (model.beta, model.free_bits) == (2.0, 0.1)
        assert model.likelihood == "bernoulli"

    @pytest.mark.one_backend
    def test_what_belongs_to_another_kind_has_no_effect(self):
        for values, message in (
            ({"amount": 0.1}, "`amount` has no effect unless `kind` is one of"),
            ({"kind": "denoising", "size": 8}, "`size` has no effect unless"),
            ({"network": "dense", "filters": 8}, "`filters` has no effect unless"),
        ):
            with pytest.raises(ValueError, match=f"^{message}"):
                self.build(**values)

    @pytest.mark.one_backend
    def test_data_outside_0_to_1_have_no_bernoulli_likelihood(self):
        recipe = Autoencoder(splits())
        x = recipe.splits.train[0]
        values = {"kind": "variational", "likelihood": "bernoulli"}
        # A search does not try it.
        with pytest.raises(ValueError, match=r"must be 'gaussian'\."):
            hyperparameters(recipe, values)
        hp = hyperparameters(Autoencoder(shades()), values)
        with pytest.raises(ValueError) as error:
            recipe.build(hp)
        assert str(error.value) == (
            "`likelihood` must be 'gaussian' for data that are not in [0, 1]. "
            f"Received: likelihood='bernoulli' and data from {x.min():g} to {x.max():g}"
        )

    @pytest.mark.one_backend
    def test_pixels_up_to_255_are_scaled(self):
        whole = shades()
        large = Splits(*((np.rint(255 * x), y) for x, y in whole))
        for recipe, white in ((Autoencoder(large), 255.0), (Autoencoder(whole), 1.0)):
            assert recipe.white == white
            assert 0.9 < recipe.data()["x"].max() <= 1
        # What is below zero is no pixel.
        assert Autoencoder(splits()).white == 1.0

    @pytest.mark.one_backend
    def test_refuses_both_a_normal_and_an_anomalous_class(self):
        with pytest.raises(ValueError) as error:
            Autoencoder(normal="rows", anomalous="columns")
        assert str(error.value) == (
            "`normal` and `anomalous` must not both be given. Received: normal='rows', "
            "anomalous='columns'"
        )

    @pytest.mark.one_backend
    @pytest.mark.parametrize(
        ("x", "received"),
        [
            (np.zeros(4), "float64 (4,)"),
            (np.array([["a"], ["b"], ["c"], ["d"]]), "<U1 (4, 1)"),
            ({"a": np.zeros(3)}, "a table of columns of shapes [(3,)]"),
        ],
    )
    def test_refuses_other_data(self, x, received):
        part = x, np.zeros(4, int)
        with pytest.raises(ValueError) as error:
            Autoencoder(Splits(part, part, part)).data()
        assert str(error.value) == (
            "`source` must hold images, other arrays of numbers of shape (examples, "
            f"...), or tables, one example or more in each part. Received: {received}"
        )

    @pytest.mark.one_backend
    def test_arrays_that_are_no_images_have_dense_networks(self):
        rng = np.random.default_rng(0)
        parts = [(rng.normal(size=(40, 6)), np.zeros((40, 1))) for _ in range(3)]
        recipe = Autoencoder(Splits(*parts))
        hp = keras_tuner.HyperParameters()
        recipe.space(hp)
        names = [parameter.name for parameter in hp.space]
        assert "filters" not in names and hp.get("network") == "dense"
        values = {"kind": "denoising", "depth": 1, "units": 32, "size": 2}
        model, _ = trained(recipe, **values)
        assert list(recipe.evaluate(model)) == ["error", "pca_error", "below_pca"]
        assert list(recipe.examine(model)) == ["codes.png"]
        with pytest.raises(ValueError, match="no images"):
            recipe.pictures(parts[0][0], recipe.outputs(model, parts[0][0]))


@pytest.fixture(scope="module")
def finder():
    """A recipe that has learned all bars but one kind, and its model."""
    recipe = Autoencoder(shades(), anomalous="rising")
    return recipe, trained(recipe, epochs=2, **DENSE)[0]


@pytest.mark.one_backend
class TestAnomalies:
    def test_are_measured_by_the_error_of_each(self, finder):
        recipe, model = finder
        x, y = recipe.splits.test
        assert set(recipe.splits.train[1]) == {0, 1, 2}
        squares = np.square(array(model(x)) - x).reshape(len(x), -1).mean(1)
        held = recipe.splits.validation[0]
        validation = np.square(array(model(held)) - held).reshape(len(held), -1).mean(1)
        threshold = np.quantile(validation, 0.95)
        scores = recipe.evaluate(model)
        np.testing.assert_allclose(scores["error"], squares[y != 3].mean(), 1e-4)
        np.testing.assert_allclose(
            1 - scores["error"] / scores["pca_error"], scores["below_pca"], 1e-6
        )
        u = mannwhitneyu(squares[y == 3], squares[y != 3]).statistic
        count = (y == 3).sum() * (y != 3).sum()
        np.testing.assert_allclose(scores["auroc"], u / count, atol=1e-3)
        above = squares > threshold
        np.testing.assert_allclose(scores["recall"], above[y == 3].mean(), atol=0.1)
        for row, score in zip(recipe.predict(model, x), squares, strict=True):
            np.testing.assert_allclose(row["score"], score, 1e-3)
            np.testing.assert_allclose(row["threshold"], threshold, 1e-3)
            assert row["anomaly"] == (row["score"] > row["threshold"])

    def test_are_found_without_the_data_once_the_state_is_kept(self, finder, tmp_path):
        recipe, model = finder
        x = recipe.splits.test[0][:5]
        model.save(tmp_path / "model.keras")
        state = json.loads(json.dumps(recipe.get_state(model)))
        other = Autoencoder("npz:nowhere.npz")
        other.set_state(state)
        again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
        for row, known in zip(
            other.predict(again, x), recipe.predict(model, x), strict=True
        ):
            np.testing.assert_allclose(row["score"], known["score"], 1e-4)
            np.testing.assert_allclose(row["threshold"], known["threshold"], 1e-4)

    def test_stand_beside_those_of_other_methods(self, finder):
        recipe, model = finder
        parts = recipe.examine(model)
        names = ["reconstructions.png", "codes.png", "anomalies.png", "anomalies.csv"]
        assert list(parts) == names
        own, *others = parts["anomalies.csv"]
        assert own["method"] == "autoencoder" and len(others) == 3
        np.testing.assert_allclose(own["auroc"], recipe.evaluate(model)["auroc"])

    def test_heat_is_where_the_error_is(self, finder):
        recipe, model = finder
        x = recipe.splits.test[0][:3]
        outputs = recipe.outputs(model, x)
        for picture, image, made in zip(
            recipe.pictures(x, outputs), x, outputs.restored, strict=True
        ):
            pixels = np.asarray(picture)
            assert pixels.shape == (8, 16, 3)
            left, heat = pixels[:, :8], pixels[:, 8:].astype(int).sum(-1)
            np.testing.assert_allclose(left[..., 0], 255 * image[..., 0], atol=1)
            error = np.abs(image - made)[..., 0]
            order = heat.ravel()[np.argsort(error, axis=None)]
            assert order[-8:].min() > order[:8].max()

    def test_new_data_are_compared_with_nothing_that_is_fitted(self, finder):
        recipe, model = finder
        other = Autoencoder("npz:nowhere.npz")
        other.set_state(recipe.get_state(model))
        other.test_on(shades(others=24))
        scores = other.evaluate(model)
        assert list(scores) == [
            *("error", "auroc", "average_precision", "precision", "recall")
        ]
        assert [row["method"] for row in other.examine(model)["anomalies.csv"]] == [
            "autoencoder"
        ]

    def test_a_threshold_is_that_of_its_model(self, finder):
        recipe, model = finder
        other = Autoencoder(shades())
        other.set_state({**recipe.get_state(model), "threshold": 7.0})
        assert other.predict(model, recipe.splits.test[0][:1])[0]["threshold"] == 7
        new = other.build(hyperparameters(other, DENSE))
        assert other.predict(new, recipe.splits.test[0][:1])[0]["threshold"] < 7


class TestKinds:
    def test_variational_scores_are_bounds_of_the_likelihood(self):
        recipe = Autoencoder(shades(), normal="rows")
        model, _ = trained(recipe, kind="variational", **DENSE)
        scores = recipe.evaluate(model)
        # More samples are closer to the likelihood, which is above both.
        assert scores["bound"] > scores["elbo"]
        x = recipe.splits.test[0][:4]
        found = [row["score"] for row in recipe.predict(model, x)]
        np.testing.assert_allclose(found, -model.elbos(x) / 64, 1e-4)
        alone = recipe.predict(model, x[2:3])[0]["score"]
        np.testing.assert_allclose(alone, found[2], 1e-4)
        assert "generated.png" in recipe.examine(model)

    @pytest.mark.one_backend
    def test_denoising_is_measured_beside_filters(self):
        recipe = Autoencoder(shades())
        values = {"kind": "denoising", "maps": 8, "depth": 1, "batch_size": 32}
        model, _ = trained(recipe, **values, epochs=2)
        scores = recipe.evaluate(model)
        # The code is no narrower than the images, which PCA would restore as well.
        assert list(scores) == [
            *("error", "psnr", "noisy_psnr", "median_psnr", "gaussian_psnr", "gain")
        ]
        best = max(scores["median_psnr"], scores["gaussian_psnr"])
        assert scores["gain"] == scores["psnr"] - best
        assert recipe.evaluate(model) == scores
        assert list(recipe.examine(model)) == ["reconstructions.png"]
        x = recipe.splits.test[0][:2]
        outputs = recipe.outputs(model, x)
        pixels = np.array([np.asarray(p) for p in recipe.pictures(x, outputs)])
        desired = 255 * np.clip(outputs.restored[..., 0], 0, 1)
        np.testing.assert_allclose(pixels, desired, atol=1)

    @pytest.mark.parametrize(
        "values",
        [
            {"kind": "denoising", "maps": 8, "depth": 1},
            {"kind": "variational", "network": "dense", "units": 32, "depth": 1},
        ],
    )
    def test_goes_on_where_a_fit_was_killed(self, values, tmp_path):
        class Kill(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None):
                if epoch == 2:
                    raise KeyboardInterrupt

        recipe = Autoencoder(shades())
        hp = hyperparameters(recipe, {**values, "batch_size": 32})
        model, data = recipe.build(hp), recipe.data()
        begin = begin_anew(model, data["x"][:2], data["y"][:2])

        def fit(*callbacks):
            begin()
            fitted = recipe.fit(
                hp, model, **data, epochs=3, callbacks=[*callbacks], verbose=0
            )
            return fitted.history, [array(weight) for weight in model.weights]

        whole = fit()
        with pytest.raises(KeyboardInterrupt):
            fit(Kill(), Resume(tmp_path))
        assert same(fit(Resume(tmp_path)), whole)


@pytest.mark.one_backend
class TestTables:
    def test_rows_unlike_those_learned_are_anomalies(self):
        recipe = Autoencoder(penguins(), anomalous="Gentoo")
        values = {"units": 64, "size": 4, "depth": 1}
        model, history = trained(recipe, epochs=12, **values)
        errors = history.history["val_error"]
        assert errors[-1] < 0.7 * errors[0]
        # Gentoo penguins are larger than the others by far.
        assert recipe.evaluate(model)["auroc"] > 0.95
        parts = recipe.examine(model)
        assert list(parts) == [
            *("codes.png", "columns.csv", "anomalies.png", "anomalies.csv")
        ]
        x = recipe.splits.test[0]
        assert {row["column"] for row in parts["columns.csv"]} == set(x)
        other = Autoencoder("npz:nowhere.npz")
        other.set_state(json.loads(json.dumps(recipe.get_state(model))))
        raw = [{name: column[0] for name, column in x.items()}]
        (row,) = other.predict(model, raw)
        known = recipe.predict(model, {name: c[:1] for name, c in x.items()})
        np.testing.assert_allclose(row["score"], known[0]["score"], 1e-5)
        other.test_on("penguins")
        assert len(other.splits.test[1]) == 344
        assert other.evaluate(model)["auroc"] > 0.95


@pytest.mark.one_backend
def test_commands_train_search_test_and_predict(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_BACKEND", keras.backend.backend())
    x, y = bars(60, classes=(0, 1), noise=0.1)
    for n, (image, label) in enumerate(zip(x, y, strict=True)):
        folder = tmp_path / "bars" / NAMES[label]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.clip(255 * image[..., 0], 0, 255).astype("uint8")
        Image.fromarray(pixels).save(folder / f"{n}.png")
    told = ("--data", "images:bars", "--normal", "rows", "--epochs", 1)
    small = ("--set", "network=dense", "--set", "units=32", "--set", "depth=1")
    kdl("run", "autoencoder", *told, *small, "--out", "run")
    assert read(tmp_path / "run" / "settings.json")["normal"] == "rows"
    assert "auroc" in read(tmp_path / "run" / "results.json")["test"]
    assert (tmp_path / "run" / "anomalies.png").exists()
    images = ("--images", "shown", "--out", "rows.csv")
    kdl("predict", "run", "bars/columns", *images)
    found = rows(tmp_path / "rows.csv")
    assert len(found) == 30 and found[0]["anomaly"] in ("True", "False")
    assert len(list((tmp_path / "shown").glob("*.png"))) == 30
    kdl("evaluate", "run", "--data", "images:bars", "--out", "tested")
    assert "recall" in read(tmp_path / "tested" / "results.json")["test"]
    options = ("--trials", 2, "--choices", "kind=plain,sparse")
    kdl("tune", "autoencoder", *told, *small, *options, "--out", "search")
    first, second = rows(tmp_path / "search" / "trials.csv")
    assert first["status"] == second["status"] == "completed"
    assert {first["kind"], second["kind"]} <= {"plain", "sparse"}
