import datetime

import numpy as np
import pytest
from contracts import same

from kdl.recipes.reading.table_columns import (
    by_column,
    code_count,
    codes_of,
    describe_columns,
    numbers_of,
    read_table,
    unknown_codes,
)

pytestmark = pytest.mark.one_backend
DATES = ["1969-07-20T20:17:40", "2000-02-29T00:00:00", "2024-12-31T23:59:59"]
X = {
    "size": np.array([1.5, np.nan, 3.0, 4.0]),
    "kind": np.array(["b", "a", "b", ""]),
    "day": np.array([*DATES, "NaT"], "datetime64[s]"),
    "place": np.array(["x", "x", "", ""]),
}
COLUMNS = [
    {"name": "size", "kind": "number"},
    {"name": "kind", "kind": "category", "values": ["b"]},
    {"name": "day", "kind": "date"},
    {"name": "place", "kind": "category", "values": ["", "x"]},
]


def test_describes_columns_and_values_that_are_there_twice():
    assert describe_columns(X) == COLUMNS


def test_each_value_has_a_code_and_each_column_one_for_others():
    codes = codes_of({**X, "kind": np.array(["b", "a", "new", ""])}, COLUMNS)
    # 0 and 1 are of the first column, 2 to 4 of the second.
    assert codes.tolist() == [[1, 4], [0, 4], [0, 3], [0, 3]]
    assert codes.dtype == "int32" and code_count(COLUMNS) == 5


def test_dates_become_the_numbers_that_python_finds():
    numbers = numbers_of(X, COLUMNS)
    assert numbers.dtype == "float32" and numbers.shape == (4, 5)
    np.testing.assert_array_equal(numbers[:, 0], X["size"].astype("float32"))
    for row, text in zip(numbers, DATES, strict=False):
        date = datetime.datetime.fromisoformat(text)
        assert abs(row[1] - (date.year + date.timetuple().tm_yday / 366)) < 0.01
        assert row[2] == date.month and row[3] == date.weekday()
        hours = date.hour + date.minute / 60 + date.second / 3600
        np.testing.assert_allclose(row[4], hours, atol=1e-5)
    assert np.isnan(numbers[3, 1:]).all()


@pytest.mark.parametrize("form", ["columns", "frame", "rows"])
def test_reads_a_table_in_any_form(form):
    raw = {
        "size": ["1.5", None, 3, "4"],
        "kind": ["b", "a", " b ", "NA"],
        "day": [*DATES, ""],
        "place": ["x", "x", None, ""],
        "more": [1, 2, 3, 4],
    }
    if form == "frame":
        raw = pytest.importorskip("pandas").DataFrame(raw)
    if form == "rows":
        raw = [dict(zip(raw, row, strict=True)) for row in zip(*raw.values())]  # noqa: B905
    x = read_table(raw, COLUMNS)
    assert list(x) == list(X)
    for name, column in X.items():
        np.testing.assert_array_equal(x[name], column)


def test_a_table_without_numbers_or_categories_has_none():
    x = {"size": X["size"]}
    assert codes_of(x, describe_columns(x)).shape == (4, 0)
    x = {"kind": X["kind"]}
    assert numbers_of(x, describe_columns(x)).shape == (4, 0)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (
            {"size": [1], "kind": ["a"], "place": ["x"]},
            "The table must have the columns 'size', 'kind', 'day', 'place'. Missing: "
            "'day'",
        ),
        (
            [{name: "" for name in X}, {"size": 1, "day": ""}],
            "Row 2 must have the columns 'size', 'kind', 'day', 'place'. Missing: "
            "'kind', 'place'",
        ),
        (
            {**{name: [""] for name in X}, "size": ["large"]},
            "The column 'size' must hold numbers. Received: large",
        ),
        (
            {**{name: [""] for name in X}, "day": ["yesterday"]},
            "The column 'day' must hold dates. Received: yesterday",
        ),
        (
            {**{name: [""] for name in X}, "size": [1, 2]},
            "The columns must be of one length. Received: {'size': 2, 'kind': 1, "
            "'day': 1, 'place': 1}",
        ),
    ],
)
def test_refuses_other_tables(raw, message):
    with pytest.raises(ValueError) as error:
        read_table(raw, COLUMNS)
    assert str(error.value) == message


def test_takes_over_what_it_described():
    assert same(read_table(X, describe_columns(X)), X)


def test_sums_by_column_are_of_its_own_inputs():
    columns = [
        {"name": "a", "kind": "number"},
        {"name": "b", "kind": "category", "values": ["x", "y"]},
        {"name": "c", "kind": "date"},
        {"name": "d", "kind": "category", "values": ["z"]},
        {"name": "e", "kind": "number"},
    ]
    found = by_column(
        {"numbers": np.array([[1, 2, 3, 4, 5, 6]]), "categories": np.array([[7, 8]])},
        columns,
    )
    assert {name: value.tolist() for name, value in found.items()} == {
        **{"a": [1], "b": [7], "c": [2 + 3 + 4 + 5], "d": [8], "e": [6]}
    }
    # As `codes_of` numbers them.
    assert unknown_codes(columns).tolist() == [0, 3]
