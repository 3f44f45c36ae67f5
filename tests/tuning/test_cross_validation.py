import keras
import keras_tuner
import numpy as np
import pytest
from on_disk import Stored

from kdl.tuning import CrossValidation, RandomSearch, read_search
from kdl.tuning.cross_validation import FoldedData

LABELS = np.repeat([0, 1, 2], [10, 6, 4])


class TestCrossValidation:
    def test_each_row_is_validated_on_once_and_never_trained_on_then(self):
        splits = CrossValidation(5, repeats=2, stratified=False).split(LABELS)
        assert len(splits) == 10
        for repeat in (splits[:5], splits[5:]):
            held = np.concatenate([test for _, test in repeat])
            assert sorted(held) == list(range(20))
        for train, test in splits:
            assert not set(train) & set(test)
            assert len(train) + len(test) == 20
        assert any(
            sorted(a[1]) != sorted(b[1])
            for a, b in zip(splits[:5], splits[5:], strict=True)
        )

    def test_integers_are_classes_of_which_each_part_has_its_share(self):
        for y in (LABELS, LABELS[:, np.newaxis]):
            for _, test in CrossValidation(2).split(y):
                assert list(np.bincount(LABELS[test])) == [5, 3, 2]

    def test_numbers_are_not_classes(self):
        assert len(CrossValidation(3).split(np.linspace(0, 1, 9))) == 3

    @pytest.mark.parametrize("stratified", [True, False])
    def test_a_group_is_in_one_part(self, stratified):
        groups = np.arange(20) % 7
        for train, test in CrossValidation(2, stratified=stratified).split(
            LABELS, groups
        ):
            assert not set(groups[train]) & set(groups[test])

    def test_the_seed_fixes_the_parts(self):
        def parts(seed):
            return [list(t) for _, t in CrossValidation(2, seed=seed).split(LABELS)]

        assert parts(0) == parts(0) != parts(1)

    def test_no_repeat_is_that_of_a_near_seed(self):
        def parts(seed, repeats):
            splits = CrossValidation(2, repeats=repeats, seed=seed).split(LABELS)
            return [list(test) for _, test in splits]

        assert parts(0, 2)[2:] != parts(1, 1)

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (
                lambda: CrossValidation(5).split(LABELS),
                "Class 2 has 4 examples, too few for 5 folds. Ask for fewer, or for "
                "stratified=False.",
            ),
            (
                lambda: CrossValidation(3).split(LABELS, np.arange(20) % 2),
                "There are 2 groups, too few for 3 folds. Ask for fewer.",
            ),
            (
                lambda: CrossValidation(1),
                "`folds` must be an integer in [2, inf). Received: folds=1",
            ),
        ],
    )
    def test_refuses(self, call, message):
        with pytest.raises(ValueError) as error:
            call()
        assert str(error.value) == message


@pytest.mark.one_backend
class TestFoldedData:
    @pytest.mark.parametrize("weighted", [True, False])
    def test_an_execution_has_the_rows_of_its_split(self, weighted):
        folds, x, y = CrossValidation(2), np.arange(20.0), LABELS
        weight = 10 * x if weighted else None
        # The last eight rows come as validation data.
        held_out = (x[12:], y[12:], *([weight[12:]] if weighted else []))
        data = FoldedData(
            folds, x[:12], y[:12], held_out, weight[:12] if weighted else None
        )
        for execution, (train, test) in enumerate(folds.split(y)):
            given = data.of(execution)
            np.testing.assert_array_equal(given["x"], x[train])
            np.testing.assert_array_equal(given["y"], y[train])
            for part, whole in zip(
                given["validation_data"], (x, y, weight), strict=weighted
            ):
                np.testing.assert_array_equal(part, whole[test])
            assert ("sample_weight" in given) == weighted
            if weighted:
                np.testing.assert_array_equal(given["sample_weight"], weight[train])


class Means(keras_tuner.HyperModel):
    """Predicts the mean of what it is trained on; tells what it was given."""

    def __init__(self):
        super().__init__()
        self.given = []

    def build(self, hp):
        hp.Float("rate", 0.0, 1.0)
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        return model

    def fit(self, hp, model, x, y, validation_data, sample_weight=None, **kwargs):
        self.given.append((x, y, validation_data, sample_weight))
        return {"val_loss": float(np.mean((validation_data[1] - y.mean()) ** 2))}


X, Y = np.arange(12.0)[:, np.newaxis], np.arange(12.0) ** 2
WEIGHT = np.arange(12.0) + 1


def tuner(folder, model, **options):
    return RandomSearch(
        model, "val_loss", max_trials=1, seed=0, directory=folder, **options
    )


class TestFolds:
    def test_inputs_on_disk_stay_there(self, tmp_path):
        x, y, model = Stored(X), Y.copy(), Means()
        search = tuner(tmp_path, model, folds=3)
        search.search(x[:8], y[:8], validation_data=(x[8:], y[8:]))
        assert x.rows == [] and len(model.given) == 3
        for x_train, y_train, (x_test, y_test), _ in model.given:
            for part, targets in ((x_train, y_train), (x_test, y_test)):
                values = part[np.arange(len(part))][:, 0]
                np.testing.assert_array_equal(values**2, targets)

    def test_the_score_is_the_mean_over_folds_of_all_data(self, tmp_path):
        model = Means()
        search = tuner(tmp_path, model, folds=3)
        search.search(X[:8], Y[:8], validation_data=(X[8:], Y[8:]))
        assert len(model.given) == 3
        held = np.concatenate([validation[1] for _, _, validation, _ in model.given])
        assert sorted(held) == sorted(Y)
        expected = [np.mean((v[1] - y.mean()) ** 2) for _, y, v, _ in model.given]
        (trial,) = read_search(tmp_path / "untitled_project").trials
        assert trial.scores == pytest.approx(expected)
        assert trial.score == pytest.approx(np.mean(expected))
        error = np.std(expected, ddof=1) / np.sqrt(3)
        assert trial.standard_error == pytest.approx(error)

    def test_weights_go_with_their_rows(self, tmp_path):
        model = Means()
        tuner(tmp_path, model, folds=CrossValidation(2, repeats=2)).search(
            x={"a": X}, y=Y, sample_weight=WEIGHT
        )
        assert len(model.given) == 4
        for x, _, (test_x, _, test_weight), weight in model.given:
            assert list(x["a"][:, 0] + 1) == list(weight)
            assert list(test_x["a"][:, 0] + 1) == list(test_weight)

    def test_finished_folds_are_not_trained_again(self, tmp_path):
        class Cut(Means):
            def fit(self, *args, **kwargs):
                if len(self.given) == 2:
                    raise KeyboardInterrupt
                return super().fit(*args, **kwargs)

        with pytest.raises(KeyboardInterrupt):
            tuner(tmp_path, Cut(), folds=3).search(X, Y)
        rest, whole = Means(), Means()
        tuner(tmp_path, rest, folds=3).search(X, Y)
        assert len(rest.given) == 1
        tuner(tmp_path / "whole", whole, folds=3).search(X, Y)
        records = [
            read_search(folder / "untitled_project").trials[0].scores
            for folder in (tmp_path, tmp_path / "whole")
        ]
        assert records[0] == records[1]

    @pytest.mark.parametrize(
        ("options", "data", "message"),
        [
            (
                {"folds": 2, "executions_per_trial": 2},
                {},
                "Give a tuner `folds` or `executions_per_trial`, not both. To split "
                "several times: folds=CrossValidation(repeats=2).",
            ),
            (
                {"folds": 2},
                {"x": iter([]), "y": Y},
                "Folds are made of arrays. Give `search` arrays as `x` and `y`, not a "
                "data set.",
            ),
            (
                {},
                {"x": X, "y": Y, "groups": Y},
                "`groups` are for folds, and this tuner has no `folds`.",
            ),
        ],
    )
    def test_refuses(self, tmp_path, options, data, message):
        with pytest.raises(ValueError) as error:
            tuner(tmp_path, Means(), **options).search(**data)
        assert str(error.value) == message
