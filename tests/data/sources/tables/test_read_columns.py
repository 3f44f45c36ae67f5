import builtins

import numpy as np
import pytest
from contracts import same

from kdl.data.sources.tables.read_columns import read_columns

pytestmark = pytest.mark.one_backend


def written(tmp_path, text, name="table.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


def assert_reads(path, **columns):
    found = read_columns(path)
    assert list(found) == list(columns)
    for name, (kind, values) in columns.items():
        assert found[name].dtype.kind == kind, name
        np.testing.assert_array_equal(found[name], values)


class TestReadColumns:
    @pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
    def test_finds_numbers_dates_and_texts(self, separator, tmp_path):
        rows = [
            ["n", "date", "text", "code", "mixed"],
            ["1", "2024-02-29", "é", "007", "1"],
            ["-2.5e3", "2023-01-01T12:30", " b ", "12", "x"],
            ["", "NaT", "NA", "", "2024-01-01"],
        ]
        text = "\n".join(separator.join(row) for row in rows)
        dates = ["2024-02-29", "2023-01-01T12:30", "NaT"]
        assert_reads(
            written(tmp_path, text.replace("NaT", "")),
            n=("f", [1, -2500, np.nan]),
            date=("M", np.array(dates, "datetime64[s]")),
            text=("U", ["é", "b", ""]),
            code=("U", ["007", "12", ""]),
            mixed=("U", ["1", "x", "2024-01-01"]),
        )

    @pytest.mark.parametrize("missing", ["", "NA", "n/a", "NaN", "null", "None", "?"])
    def test_knows_what_is_missing(self, missing, tmp_path):
        path = written(tmp_path, f"a,b\n1,x\n{missing},{missing}\n")
        assert_reads(path, a=("f", [1, np.nan]), b=("U", ["x", ""]))

    def test_takes_quotes_and_a_byte_order_mark(self, tmp_path):
        text = '\ufeff"a, b",c\n"one\ntwo",3\n'
        found = read_columns(written(tmp_path, text))
        assert same(
            {name: column.tolist() for name, column in found.items()},
            {"a, b": ["one\ntwo"], "c": [3.0]},
        )

    def test_a_date_that_cannot_be_is_a_text(self, tmp_path):
        path = written(tmp_path, "day,other\n2023-02-30,1\n2023-01-01,2\n")
        assert read_columns(path)["day"].tolist() == ["2023-02-30", "2023-01-01"]

    def test_reads_parquet(self, tmp_path):
        pandas = pytest.importorskip("pandas")
        pytest.importorskip("pyarrow")
        frame = pandas.DataFrame(
            {
                "n": [1, 2, None],
                "date": pandas.to_datetime(["2024-01-01", "2024-01-02", None]),
                "text": ["a", None, "b"],
                "flag": [True, False, True],
            }
        )
        frame.to_parquet(tmp_path / "table.parquet")
        dates = ["2024-01-01", "2024-01-02", "NaT"]
        assert_reads(
            tmp_path / "table.parquet",
            n=("f", [1, 2, np.nan]),
            date=("M", np.array(dates, "datetime64[s]")),
            text=("U", ["a", "", "b"]),
            flag=("U", ["True", "False", "True"]),
        )

    def test_says_what_parquet_needs(self, tmp_path, monkeypatch):
        imported = builtins.__import__

        def without(name, *args, **kwargs):
            if name.startswith(("pyarrow", "fastparquet")):
                raise ImportError(name)
            return imported(name, *args, **kwargs)

        monkeypatch.setattr(builtins, "__import__", without)
        path = written(tmp_path, "", "table.parquet")
        with pytest.raises(ImportError) as error:
            read_columns(path)
        assert str(error.value) == "Parquet needs pyarrow: pip install pyarrow"

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("a,b\n", "{} must have a row at least below the names"),
            (
                "a,a\n1,2\n",
                "{} must have a name of its own for each column. Received: 'a', 'a'",
            ),
            (
                "a,\n1,2\n",
                "{} must have a name of its own for each column. Received: 'a', ''",
            ),
            (
                "a,b\n1,inf\n",
                "The column 'b' of {} must hold finite numbers. Row 1 has another",
            ),
            (
                "a,b\n1,2\n1,2,3\n",
                "{} must have 2 values in each line, as the first line has names: put "
                "what has a separator in it between quotes. Received: 3 in line 3",
            ),
            ("", "{} cannot be read as a table: No columns to parse from file"),
        ],
    )
    def test_refuses_what_is_no_table(self, text, message, tmp_path):
        path = written(tmp_path, text)
        with pytest.raises(ValueError) as error:
            read_columns(path)
        assert str(error.value) == message.format(path)

    def test_refuses_another_encoding(self, tmp_path):
        path = written(tmp_path, "a,b\né,1\n", encoding="latin-1")
        with pytest.raises(
            ValueError, match=f"^{path} cannot be read as a table: .*utf"
        ):
            read_columns(path)

    def test_a_missing_file_is_an_error_of_the_system(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            read_columns(tmp_path / "nowhere.csv")
