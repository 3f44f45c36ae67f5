import numpy as np
import pytest
from contracts import same

from kdl.data import table

pytestmark = pytest.mark.one_backend
ROWS = 60


def written(tmp_path, name="table.csv", rows=ROWS, **columns):
    """A file of columns, functions of the row."""
    lines = [",".join(columns)]
    for row in range(rows):
        lines.append(",".join(str(column(row)) for column in columns.values()))
    path = tmp_path / name
    path.write_text("\n".join(lines))
    return path


COLUMNS = {
    "id": lambda n: n,
    "one": lambda n: "same",
    "person": lambda n: n // 6,
    "kind": lambda n: "abc"[n % 3],
    "size": lambda n: n / 7 + 0.5,
}


def ids(splits):
    return [x["id"].astype(int).tolist() for x, _ in splits]


class TestTable:
    def test_splits_stratified_and_once_each(self, tmp_path):
        splits = table(written(tmp_path, **COLUMNS), target="kind")
        assert sorted(np.concatenate(ids(splits))) == list(range(ROWS))
        assert splits.classes == ["a", "b", "c"]
        for (x, y), share in zip(splits, (16, 2, 2), strict=True):
            # A column of one value is left out.
            assert list(x) == ["id", "person", "size"]
            assert same(y, x["id"].astype("int32") % 3)
            assert np.bincount(y).tolist() == [share] * 3

    def test_seed_decides(self, tmp_path):
        path = written(tmp_path, **COLUMNS)
        assert ids(table(path, "size", seed=3)) == ids(table(path, "size", seed=3))
        assert ids(table(path, "size", seed=3)) != ids(table(path, "size", seed=4))

    def test_numbers_are_to_be_predicted_as_they_are(self, tmp_path):
        splits = table(written(tmp_path, **COLUMNS), target="size")
        assert splits.classes is None
        for x, y in splits:
            assert y.dtype == "float32" and y.shape == (len(x["id"]), 1)
            np.testing.assert_allclose(y[:, 0], x["id"] / 7 + 0.5, 1e-6)

    def test_leaves_out_and_keeps_groups_together(self, tmp_path):
        path = written(tmp_path, **COLUMNS)
        splits = table(path, "kind", drop=["size"], group="person")
        assert list(splits.train[0]) == ["id"]
        people = [{n // 6 for n in part} for part in ids(splits)]
        assert sum(map(len, people)) == len(set().union(*people)) == 10

    def test_takes_the_test_set_from_another_file(self, tmp_path):
        path = written(tmp_path, **COLUMNS)
        # Of numbers alone, by accident.
        other = written(
            tmp_path,
            "other.csv",
            rows=4,
            **{**COLUMNS, "size": lambda n: "", "extra": lambda n: n},
        )
        for options in ({}, {"group": "person"}):
            splits = table(path, "kind", test=other, **options)
            train, validation, test = ids(splits)
            assert sorted(train + validation) == list(range(ROWS))
            assert test == [0, 1, 2, 3]
            assert np.isnan(splits.test[0]["size"]).all()
            assert splits.test[1].tolist() == [0, 1, 2, 0]

    @pytest.mark.parametrize(
        ("column", "task", "classes"),
        [
            (lambda n: n % 20, None, [str(n) for n in range(20)]),
            (lambda n: n % 21, None, None),
            (lambda n: n % 20, "regression", None),
            (lambda n: n % 3 + 0.5, None, None),
            (lambda n: n % 3 + 0.5, "classification", ["0.5", "1.5", "2.5"]),
            (lambda n: f"{n % 3}.0", None, ["0", "1", "2"]),
        ],
    )
    def test_few_integers_are_classes(self, column, task, classes, tmp_path):
        path = written(tmp_path, id=lambda n: n, Label=column)
        # The target by its name.
        assert table(path, task=task).classes == classes

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (
                {},
                "`target` must name the column of {} to predict, one of 'id', 'one', "
                "'person', 'kind', 'size'. Received: target=None",
            ),
            (
                {"target": "sise"},
                "`target` must name the column of {} to predict, one of 'id', 'one', "
                "'person', 'kind', 'size'. Received: target='sise'",
            ),
            (
                {"target": "kind", "drop": ["sise"]},
                "{} must have a column 'sise'. It has: 'id', 'one', 'person', 'kind', "
                "'size'",
            ),
            (
                {"target": "kind", "group": "kind"},
                "`target` must not be left out. Received: target='kind'",
            ),
            (
                {"target": "kind", "group": "one"},
                "`group` must name a column of three values at least, one for each "
                "part. Received: one of 1",
            ),
            (
                {"target": "kind", "drop": ["id", "person", "size"]},
                "{} must have a column of two values at least to learn from, besides "
                "'kind'",
            ),
            (
                {"target": "kind", "task": "regression"},
                "The target 'kind' of {} must hold numbers for a regression. "
                "Received: a",
            ),
            (
                {"target": "one"},
                "The target 'one' of {} must have from 2 to 1000 classes. Received: 1",
            ),
            (
                {"target": "id", "task": "classification"},
                "Each class of 'id' in {} must have three rows, one for each part: "
                "add some, or leave it out. Received: 1 of '0'",
            ),
        ],
    )
    def test_refuses_what_it_cannot_split(self, options, message, tmp_path):
        path = written(tmp_path, **COLUMNS)
        with pytest.raises(ValueError) as error:
            table(path, **options)
        assert str(error.value) == message.format(path)

    def test_refuses_targets_without_a_value(self, tmp_path):
        path = written(
            tmp_path, id=lambda n: n, target=lambda n: n / 3 if n - 7 else ""
        )
        with pytest.raises(ValueError) as error:
            table(path)
        assert str(error.value) == (
            f"The target 'target' of {path} must have a value in each row: leave out "
            "those without. Received: 1 without, the first of them row 8"
        )

    def test_refuses_too_many_classes(self, tmp_path):
        path = written(
            tmp_path, rows=4000, id=lambda n: n, label=lambda n: f"c{n % 1001}"
        )
        with pytest.raises(ValueError) as error:
            table(path)
        assert str(error.value) == (
            f"The target 'label' of {path} must have from 2 to 1000 classes. Received: "
            "1001"
        )

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            (
                {"kind": lambda n: "d"},
                "The target 'kind' of {} must be one of 'a', 'b', 'c'. Received: 'd'",
            ),
            (
                {"size": lambda n: "big"},
                "'size' of {} must hold numbers. Received: big",
            ),
        ],
    )
    def test_refuses_a_test_file_of_other_columns(self, changes, message, tmp_path):
        path = written(tmp_path, **COLUMNS)
        other = written(tmp_path, "other.csv", rows=4, **{**COLUMNS, **changes})
        with pytest.raises(ValueError) as error:
            table(path, "kind", test=other)
        assert str(error.value) == message.format(other)

    def test_refuses_a_test_file_without_a_column(self, tmp_path):
        path = written(tmp_path, **COLUMNS)
        other = written(tmp_path, "other.csv", id=lambda n: n, kind=lambda n: "a")
        with pytest.raises(ValueError) as error:
            table(path, "kind", test=other)
        assert str(error.value) == (
            f"{other} must have a column 'person'. It has: 'id', 'kind'"
        )
