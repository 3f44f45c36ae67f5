import types

import keras
import keras_tuner
import numpy as np
import pytest
from sklearn import linear_model, model_selection
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

import kdl
from kdl.data import Splits
from kdl.evaluation import cross_validate

CLASSES = 3


def points(numbers=False):
    """Points in the plane, of three classes or with a number each."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(72, 2)).astype("float32")
    y = (x[:, 0] + rng.normal(size=72)).astype("float32")[:, None]
    if not numbers:
        y = np.digitize(y[:, 0], [-0.7, 0.7]).astype("int32")
    return Splits((x[:40], y[:40]), (x[40:60], y[40:60]), (x[60:], y[60:]))


X = np.concatenate([part[0] for part in points()[:2]])
LABELS = np.concatenate([part[1] for part in points()[:2]])
KERNEL = np.array([[-2.0, 0.0, 2.0], [0.3, 0.1, -0.2]], "float32")


class Points(kdl.recipes.Recipe):
    """Learns classes or numbers, and notes the rows of each fit."""

    default_source = points()
    objective = keras_tuner.Objective("val_loss", "min")
    epochs = 2
    fits = []

    def space(self, hp):
        return types.SimpleNamespace(
            rate=hp.Float("learning_rate", 1e-4, 1e-1, default=1e-2),
            batch_size=hp.Int("batch_size", 2, 64, default=16),
        )

    def build(self, hp):
        p = self.space(hp)
        y = self.splits.train[1]
        is_class = y.dtype.kind == "i"
        model = keras.Sequential(
            [keras.Input((2,)), keras.layers.Dense(CLASSES if is_class else 1)]
        )
        model.compile(
            keras.optimizers.SGD(p.rate),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            if is_class
            else "mse",
            metrics=["accuracy" if is_class else "mae"],
        )
        return model

    def fit(self, hp, model, x, y, **kwargs):
        self.fits.append((x, kwargs["validation_data"][0]))
        return super().fit(hp, model, x, y, **kwargs)


class Fixed(Points):
    """Has a model that knows what it knows before."""

    def build(self, hp):
        model = super().build(hp)
        model.layers[-1].kernel.assign(KERNEL[:, : model.output_shape[-1]])
        return model

    def fit(self, hp, model, x, y, **kwargs):
        return types.SimpleNamespace(epoch=[0])


class Scores(ClassifierMixin, BaseEstimator):
    """The same model in NumPy, as scikit-learn takes it."""

    classes_ = np.arange(CLASSES)

    def fit(self, x, y):
        return self

    def predict_proba(self, x):
        shares = np.exp(x @ KERNEL.astype("float64"))
        return shares / shares.sum(-1, keepdims=True)

    def predict(self, x):
        return self.predict_proba(x).argmax(-1)


class Numbers(RegressorMixin, BaseEstimator):
    def fit(self, x, y):
        return self

    def predict(self, x):
        return x @ KERNEL[:, 0]


@pytest.fixture(autouse=True)
def fits():
    Points.fits = []
    return Points.fits


def rows_of(x):
    """The rows of the examples, by their inputs."""
    return sorted(int(np.flatnonzero((row == X).all(-1))[0]) for row in x)


SCORING = ["accuracy", "f1_macro", "neg_log_loss", "roc_auc_ovr"]


@pytest.mark.one_backend
class TestAsScikitLearn:
    @pytest.mark.parametrize(
        "cv",
        [
            model_selection.StratifiedKFold(4, shuffle=True, random_state=1),
            model_selection.RepeatedStratifiedKFold(
                n_splits=2, n_repeats=3, random_state=2
            ),
            model_selection.ShuffleSplit(3, random_state=3),
        ],
    )
    def test_scores_classes(self, cv):
        options = {"cv": cv, "scoring": SCORING, "return_indices": True}
        found = cross_validate(Fixed(), **options, return_train_score=True)
        expected = model_selection.cross_validate(
            Scores(), X, LABELS, **options, return_train_score=True
        )
        for name in (f"{part}_{n}" for n in SCORING for part in ("test", "train")):
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-5)
        for part in ("train", "test"):
            for ours, theirs in zip(
                found["indices"][part], expected["indices"][part], strict=True
            ):
                np.testing.assert_array_equal(np.sort(ours), np.sort(theirs))
        assert found.keys() - expected.keys() == {"epochs"}
        assert expected.keys() <= found.keys()

    def test_scores_numbers(self):
        options = {"cv": model_selection.KFold(3), "scoring": "r2"}
        splits = points(numbers=True)
        y = np.concatenate([part[1] for part in splits[:2]])
        found = cross_validate(Fixed(splits), **options)
        expected = model_selection.cross_validate(Numbers(), X, y[:, 0], **options)
        np.testing.assert_allclose(
            found["test_score"], expected["test_score"], rtol=1e-5
        )

    def test_leaves_one_out(self):
        found = cross_validate(Fixed(), cv=model_selection.LeaveOneOut())
        right = Scores().predict(X) == LABELS
        np.testing.assert_array_equal(found["test_accuracy"], right)

    def test_keeps_groups_together(self):
        groups = np.arange(60) % 7
        cv = model_selection.GroupKFold(3)
        found = cross_validate(
            Points(), cv=cv, groups=groups, epochs=1, return_indices=True
        )
        for train, test in zip(*found["indices"].values(), strict=True):
            assert not set(groups[train]) & set(groups[test])
        for x, held_out in Points.fits:
            assert not set(groups[rows_of(x)]) & set(groups[rows_of(held_out)])


@pytest.mark.one_backend
class TestGroups:
    def recipe(self, labels):
        x = np.arange(len(labels), dtype="float32")[:, None].repeat(2, axis=1)
        labels = np.array(labels, "int32")
        return Points(Splits((x, labels), (x[:0], labels[:0]), (x, labels)))

    def test_the_last_group_of_a_class_is_learned_from(self, fits):
        labels, groups = np.repeat([0, 1, 2], 20), np.repeat(np.arange(12), 5)
        for seed in range(6):
            fits.clear()
            cross_validate(
                self.recipe(labels), cv=2, groups=groups, epochs=1, seed=seed
            )
            for x, held_out in fits:
                rows = x[:, 0].astype(int)
                assert set(labels[rows]) == {0, 1, 2}
                assert not set(groups[rows]) & set(groups[held_out[:, 0].astype(int)])

    def test_a_large_group_is_not_held_out(self, fits):
        groups = np.r_[np.zeros(60), np.repeat(np.arange(1, 13), 5)].astype(int)
        labels = np.arange(120) % 2
        cv = model_selection.LeaveOneGroupOut()
        cross_validate(self.recipe(labels), cv=cv, groups=groups, epochs=1)
        sizes = [(len(x), len(held_out)) for x, held_out in fits]
        # All of the others in the first fold, and a twelfth of them besides.
        assert sizes[0] == (50, 10)
        assert all(held_out in (10, 15) for _, held_out in sizes[1:])

    def test_refuses_where_none_can_be_held_out(self):
        labels, groups = np.arange(40) % 2, np.repeat([0, 1, 2, 3], 10)
        refused(
            "No group of training examples can be held out to stop by: each is more "
            "than a fifth of them, or the only one with a class. Ask for fewer folds, "
            "or give finer `groups`.",
            self.recipe(labels),
            groups=groups,
            cv=2,
        )


class TestFolds:
    def test_each_fold_learns_from_its_training_examples_alone(self, fits):
        found = cross_validate(Points(), cv=3, epochs=1, return_indices=True)
        tested = np.concatenate(found["indices"]["test"])
        np.testing.assert_array_equal(np.sort(tested), np.arange(60))
        for (x, held_out), train, test in zip(
            fits, *found["indices"].values(), strict=True
        ):
            assert sorted(rows_of(x) + rows_of(held_out)) == sorted(train)
            assert not set(train) & set(test)
            # A tenth of each class of some 13.
            assert len(held_out) == sum(
                round(n / 10) for n in np.bincount(LABELS[train])
            )
            # And so is what it stratifies by.
            counts = np.bincount(LABELS[test], minlength=CLASSES)
            assert np.abs(counts - np.bincount(LABELS) / 3).max() < 1

    def test_scores_are_those_of_the_model(self):
        recipe = Points()
        found = cross_validate(recipe, cv=2, return_estimator=True, return_indices=True)
        for fold, model in enumerate(found["estimator"]):
            test = found["indices"]["test"][fold]
            logits = model.predict(X[test], verbose=0).astype("float64")
            right = logits.argmax(-1) == LABELS[test]
            assert found["test_accuracy"][fold] == pytest.approx(right.mean())
            log_shares = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
            loss = -log_shares[np.arange(len(test)), LABELS[test]].mean()
            assert found["test_loss"][fold] == pytest.approx(loss, rel=1e-4)
        first, second = (model.layers[0].kernel for model in found["estimator"])
        assert np.abs(np.asarray(first) - np.asarray(second)).max() > 1e-3
        assert (found["fit_time"] > 0).all() and (found["score_time"] > 0).all()
        assert found["epochs"].tolist() == [2, 2]

    @pytest.mark.one_backend
    def test_each_fold_has_means_of_its_own(self):
        recipe = kdl.recipes.Tabular()
        found = cross_validate(
            recipe, cv=2, epochs=1, return_estimator=True, return_indices=True
        )
        columns = [
            np.concatenate([part["body_mass_g"] for part, _ in recipe.splits[:2]])
        ]
        mass = np.array(columns[0], "float64")
        for model, train in zip(
            found["estimator"], found["indices"]["train"], strict=True
        ):
            (scaled,) = (
                layer
                for layer in model.layers
                if isinstance(layer, keras.layers.Normalization)
            )
            # Of what is not held out, nine tenths: in two standard errors of three.
            mean = np.asarray(scaled.mean).ravel()[3]
            own = mass[train]
            error = np.nanstd(own) / np.sqrt(len(own)) / 3
            assert abs(mean - np.nanmean(own)) < 3 * error
            assert mean != pytest.approx(np.nanmean(mass), rel=1e-6)

    @pytest.mark.one_backend
    def test_windows_of_a_series_share_no_step_with_what_is_tested(self):
        x = np.arange(40, dtype="float32")[:, None, None] + np.arange(4)[:, None]
        part = (x.astype("float32"), x[:, 2:].astype("float32") + 2)
        splits = Splits(part, (part[0][:1] + 40, part[1][:1] + 40), part)
        recipe = kdl.recipes.Forecast(splits)
        found = cross_validate(recipe, cv=3, epochs=1, return_indices=True)
        for train, test in zip(*found["indices"].values(), strict=True):
            # Steps 0 to 5 are those of window 0.
            assert max(train) + 5 < min(test)

    @pytest.mark.one_backend
    def test_goes_on_where_it_was_killed(self, tmp_path, fits):
        recipe = Points()
        expected = cross_validate(recipe, cv=3, epochs=4, return_estimator=True)

        class Kill(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                if epoch == 2:
                    raise KeyboardInterrupt

        options = {"cv": 3, "epochs": 4, "directory": tmp_path / "folds"}
        with pytest.raises(KeyboardInterrupt):
            cross_validate(
                recipe,
                **options,
                callbacks=lambda fold: [Kill()] if fold == 1 else [],
                return_estimator=True,
            )
        epochs, ended = [], []
        fits.clear()
        found = cross_validate(
            recipe,
            **options,
            callbacks=lambda fold: [
                keras.callbacks.LambdaCallback(
                    on_epoch_begin=lambda epoch, logs: epochs.append((fold, epoch))
                )
            ],
            on_fold_end=lambda fold, row: ended.append((fold, row["scores"])),
            return_estimator=True,
        )
        assert ended[0][1]["test_loss"] == found["test_loss"][0]
        assert [fold for fold, _ in ended] == [0, 1, 2]
        # Fold 1 was killed before the checkpoint of its third epoch was written.
        assert epochs == [(1, 2), (1, 3), (2, 0), (2, 1), (2, 2), (2, 3)]
        np.testing.assert_array_equal(found["test_loss"], expected["test_loss"])
        for ours, theirs in zip(found["estimator"], expected["estimator"], strict=True):
            for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
                np.testing.assert_array_equal(a, b)
        # All is done.
        again = cross_validate(recipe, **options)
        assert len(fits) == 2
        np.testing.assert_array_equal(again["test_loss"], found["test_loss"])

    @pytest.mark.one_backend
    def test_searches_within_each_fold(self, tmp_path, fits):
        def search(recipe, folder):
            return kdl.tuning.RandomSearch(
                recipe, recipe.objective, max_trials=2, seed=0, directory=folder
            )

        found = cross_validate(
            Points(),
            cv=2,
            search=search,
            epochs=1,
            directory=tmp_path,
            return_indices=True,
        )
        assert len(fits) == 4
        for fit, (x, held_out) in enumerate(fits):
            seen = rows_of(x) + rows_of(held_out)
            assert not set(seen) & set(found["indices"]["test"][fit // 2])
        assert [set(hp) for hp in found["hyperparameters"]] == [
            {"learning_rate", "batch_size"}
        ] * 2

    @pytest.mark.one_backend
    def test_folds_side_by_side_are_the_same(self, tmp_path):
        pytest.importorskip("ray")
        recipe = kdl.recipes.Tabular()
        one, two = (
            cross_validate(recipe, cv=2, epochs=1, workers=workers)
            for workers in (None, 2)
        )
        np.testing.assert_allclose(two["test_loss"], one["test_loss"], rtol=1e-5)


def refused(message, recipe=None, **arguments):
    with pytest.raises((ValueError, ImportError)) as error:
        cross_validate(recipe or Points(), **arguments)
    assert str(error.value) == message


@pytest.mark.one_backend
class TestRefusals:
    def test_of_arguments(self):
        refused(
            "`recipe` must be a kdl.recipes.Recipe. Received: recipe=LinearRegression",
            linear_model.LinearRegression(),
        )
        refused("`cv` must be an integer in [2, inf). Received: cv=1", cv=1)
        refused(
            "`cv` must be a number of folds, a kdl.tuning.CrossValidation, a splitter "
            "of sklearn.model_selection, or pairs of training and test rows. Received: "
            "cv='five'",
            cv="five",
        )
        refused("`cv` must make one fold at least. Received: none", cv=[])
        refused(
            "`scoring` must be of sklearn.metrics.get_scorer_names(), such as "
            "'f1_macro'. Received: 'f2'",
            scoring=["accuracy", "f2"],
        )
        refused(
            "Targets must be one class or one number an example. Received: float32 of "
            "shape (5242, 40, 1)",
            kdl.recipes.Forecast(),
            scoring="r2",
        )
        refused(
            "`groups` must have a label for each of the 60 training and validation "
            "examples. Received: shape (40,)",
            groups=np.zeros(40),
        )
        refused(
            "`search` must be a function or None. Received: search='random'",
            search="random",
        )
        refused(
            "`hp` must be keras_tuner.HyperParameters, a dict of values, or None. "
            "Received: hp=5",
            hp=5,
        )
        refused(
            "Give `hp` or `search`, which finds them, not both.",
            hp={},
            search=lambda recipe, folder: None,
        )

    def test_of_folds(self):
        everything = np.arange(60)
        refused(
            "Fold 1 trains on examples that it is tested on.",
            cv=[(everything[10:], everything[:10]), (everything, everything[:5])],
        )
        one = np.flatnonzero(LABELS == 1)
        refused(
            "Fold 0 has no training example of class 1. Ask for fewer folds, or for "
            "stratified ones.",
            cv=[(np.setdiff1d(everything, one), one)],
        )
        refused(
            "Fold 0 must have test rows in [0, 60), which are the training and "
            "validation examples. Received: 70",
            cv=[(everything, np.array([70]))],
        )
        refused(
            "Fold 0 must have training rows, one or more integers. Received: float64 "
            "of shape (0,)",
            cv=[([], [1])],
        )
        refused(
            "The examples of this recipe follow each other, so that folds at random "
            "would test on what is beside the training examples. Give `cv` a number: "
            "each fold is then tested on what follows its training examples.",
            kdl.recipes.Forecast(),
            cv=kdl.tuning.CrossValidation(3),
        )

    def test_of_folds_of_other_data_in_the_directory(self, tmp_path):
        cross_validate(Fixed(), cv=2, directory=tmp_path)
        x, y = points()[0]
        other = Splits((x + 1, y), *points()[1:])
        with pytest.raises(ValueError) as error:
            cross_validate(Fixed(other), cv=2, directory=tmp_path)
        assert str(error.value).startswith(
            f"{tmp_path} holds folds of another kind: digest of the data "
        )

    def test_of_neighbours_in_a_series(self):
        refused(
            "Fold 0 trains on examples that share a part with those that it is tested "
            "on: 79 before and after one do. Give `cv` a number, or a splitter that "
            "leaves them out, as TimeSeriesSplit(gap=79) does.",
            kdl.recipes.Forecast(),
            cv=model_selection.KFold(3),
        )
        refused(
            "The examples of this recipe follow each other: leave `groups` out.",
            kdl.recipes.Forecast(),
            groups=np.zeros(3),
        )

    def test_of_recipes_that_score_no_classes(self):
        refused(
            "The recipe 'autoencoder' gives no score for each class of its targets.",
            kdl.recipes.Autoencoder(),
            scoring="accuracy",
        )

    def test_of_other_folds_in_the_directory(self, tmp_path):
        cross_validate(Fixed(), cv=2, directory=tmp_path)
        refused(
            f"{tmp_path} holds folds of another kind: epochs 2, not 3; "
            "scoring None, not ['accuracy']. Give `directory` a new name.",
            Fixed(),
            cv=2,
            epochs=3,
            scoring=["accuracy"],
            directory=tmp_path,
        )
