import numpy as np
import pytest

from kdl.data.columns import as_kind

pytestmark = pytest.mark.one_backend


class TestAsKind:
    @pytest.mark.parametrize(
        ("values", "kind", "desired"),
        [
            (["1", 2, None], "category", ["1", "2", ""]),
            (["1", "", "x"], "category", ["1", "", "x"]),
            ([1, "2", None], "number", [1, 2, np.nan]),
            (["", None], "number", [np.nan, np.nan]),
            ([np.nan], "date", np.array(["NaT"], "datetime64[s]")),
            (["2024-01-01"], "date", np.array(["2024-01-01"], "datetime64[s]")),
        ],
    )
    def test_returns_the_kind_that_is_known(self, values, kind, desired):
        column = as_kind(values, kind, "The column")
        np.testing.assert_array_equal(column, desired)
        assert column.dtype.kind == np.asarray(desired).dtype.kind

    def test_refuses_another_kind(self):
        with pytest.raises(ValueError) as error:
            as_kind([None, "a", "1"], "number", "The column 'age'")
        assert str(error.value) == "The column 'age' must hold numbers. Received: a"
