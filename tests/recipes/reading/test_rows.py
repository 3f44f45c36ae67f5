import datetime

import pytest

from kdl.recipes.reading.files import rows_in

pytestmark = pytest.mark.one_backend
SUFFIXES = (".csv", ".jsonl")


def read(tmp_path, text, name="table.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path, rows_in(path, SUFFIXES)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_rows_have_the_names_of_the_first_line(separator, tmp_path):
    text = 'a ,b\n1,x\n\n"2",\n'.replace(",", separator)
    path, rows = read(tmp_path, text)
    assert list(rows) == [
        (f"{path}:2", {"a": "1", "b": "x"}),
        (f"{path}:4", {"a": "2", "b": ""}),
    ]


def test_lines_of_json_are_rows(tmp_path):
    path, rows = read(tmp_path, '{"a": 1, "b": null}\n', "table.jsonl")
    assert list(rows) == [(f"{path}:1", {"a": 1, "b": None})]


def test_rows_of_parquet_have_their_types(tmp_path):
    pandas, path = pytest.importorskip("pandas"), tmp_path / "table.parquet"
    pytest.importorskip("pyarrow")
    day = datetime.datetime(2026, 11, 29)
    pandas.DataFrame({"a": [1.5, None], "b": ["x", None], "c": day}).to_parquet(path)
    (first, one), (second, other) = rows_in(path, (".parquet",))
    assert (first, second) == (f"{path}[0]", f"{path}[1]")
    assert one == {"a": 1.5, "b": "x", "c": day} and other["b"] is None
    path.write_bytes(b"PAR1 no more")
    with pytest.raises(ValueError) as error:
        list(rows_in(path, (".parquet",)))
    assert str(error.value).startswith(f"{path} is no Parquet file: ")


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        (
            "a,b\n1\n",
            "t.csv",
            "{}:2 must have 2 values, as the first line has names. Received: 1",
        ),
        (
            "[1]\n",
            "t.jsonl",
            '{}:1 must be a row, as in {{"a": 1, "b": "x"}}. Received: [1]',
        ),
        ("{\n", "t.jsonl", "{}:1 is not JSON. Received: {{"),
        (
            "",
            "t.txt",
            "{} is of a kind that the recipe does not read. It reads files that end in "
            ".csv, .jsonl.",
        ),
    ],
)
def test_refuses_what_is_no_table(text, name, message, tmp_path):
    path, rows = read(tmp_path, text, name)
    with pytest.raises(ValueError) as error:
        list(rows)
    assert str(error.value) == message.format(path)
