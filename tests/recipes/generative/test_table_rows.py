import json

import numpy as np
import pytest

from kdl.recipes.generative.table_rows import describe_table, names_of, rows_of

pytestmark = pytest.mark.one_backend
X = {
    "size": np.array([1.0, np.nan, 3.0, 5.0]),
    "kind": np.array(["b", "a", "b", "a"]),
    "weight": np.array([2.0, 4.0, 2.0, 4.0]),
    "day": np.array(["2000-01-01", "2001-01-01", "2000-01-01", "2001-01-01"], "M8[s]"),
}


def test_numbers_are_standardized_and_categories_have_a_number_each():
    table = json.loads(json.dumps(describe_table(X)))
    rows, names = rows_of(X, table), names_of(table)
    assert rows.shape == (4, len(names)) and rows.dtype == "float32"
    size, lacks_size = (n for n, name in enumerate(names) if name == "size")
    known = np.array([1.0, 3.0, 5.0])
    scaled = (known - known.mean()) / known.std()
    np.testing.assert_allclose(rows[[0, 2, 3], size], scaled, rtol=1e-5)
    # A missing number is the mean, and told.
    assert rows[1, size] == 0 and rows[:, lacks_size].tolist() == [0, 1, 0, 0]
    (weight,) = (n for n, name in enumerate(names) if name == "weight")
    assert rows[:, weight].tolist() == [-1, 1, -1, 1]
    kinds = rows[:, [name == "kind" for name in names]]
    assert kinds.tolist() == [[0, 0, 1], [0, 1, 0], [0, 0, 1], [0, 1, 0]]
    assert names.count("day") == 4


def test_a_new_value_is_none_of_the_known_ones():
    table = describe_table(X)
    row = {"size": 1, "kind": "new", "weight": 2, "day": "2000-01-01"}
    found = rows_of([row], table)[0, [name == "kind" for name in names_of(table)]]
    assert found.tolist() == [1, 0, 0]


def test_a_table_may_have_numbers_or_categories_alone():
    for name, width in (("weight", 1), ("kind", 3)):
        x = {name: X[name]}
        assert rows_of(x, describe_table(x)).shape == (4, width)
