"""Raw inputs from files."""

import json
import tracemalloc
import zipfile

import numpy as np
import pytest

from kdl.recipes.reading import files

pytestmark = pytest.mark.one_backend


@pytest.mark.parametrize("dtype", ["float32", "uint8", ">f8", "bool"])
@pytest.mark.parametrize("save", [np.save, np.savez, np.savez_compressed])
def test_arrays_come_row_by_row_as_they_were_saved(tmp_path, dtype, save):
    x = (10 * np.random.default_rng(0).random((5, 3, 2))).astype(dtype)
    path = tmp_path / ("x.npy" if save is np.save else "x.npz")
    save(path, x)
    found = list(files.numbers(path))
    assert [name for name, _ in found] == [f"{path}[{n}]" for n in range(5)]
    np.testing.assert_array_equal([row for _, row in found], x)


def test_memory_does_not_grow_with_an_array(tmp_path):
    np.savez_compressed(tmp_path / "x.npz", x=np.zeros((400, 64, 64)))  # 13 MB.
    np.save(tmp_path / "x.npy", np.zeros((400, 64, 64)))
    tracemalloc.start()
    for name in ("x.npz", "x.npy"):
        assert sum(1 for _ in files.numbers(tmp_path / name)) == 400
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2e6


def test_lines_of_numbers_and_json(tmp_path):
    for name, text in (
        ("x.csv", "1,2\n\n3,4\n"),
        ("x.tsv", "1\t2\n3\t4\n"),
        ("x.jsonl", "[1, 2]\n[3, 4]\n"),
    ):
        (tmp_path / name).write_text(text)
        rows = [row for _, row in files.numbers(tmp_path / name)]
        np.testing.assert_array_equal(rows, [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.csv", "a,b\n", "{}:1 must be finite numbers, as in 1,2. Received: a,b"),
        ("x.csv", "1,nan\n", "{}:1 must be finite numbers, as in 1,2. Received: 1,nan"),
        (
            "x.jsonl",
            "3\n",
            "{}:1 must be finite numbers, as in [1, 2]. Received: 3",
        ),
        (
            "x.jsonl",
            "{\n",
            "{}:1 must be finite numbers, as in [1, 2]. Received: {{",
        ),
        ("x.csv", b"\xff", "{} must be a text in UTF-8."),
    ],
)
def test_lines_of_something_else_are_refused(tmp_path, name, text, message):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError) as error:
        list(files.numbers(path))
    assert str(error.value) == message.format(path)


def test_texts_of_something_else_are_refused(tmp_path):
    path = tmp_path / "x.jsonl"
    for line in ("[1]", '{"other": "a"}'):
        path.write_text(line)
        with pytest.raises(ValueError) as error:
            list(files.texts(path))
        assert str(error.value) == (
            f'{path}:1 must be a text, as in "one" or {{"text": "one"}}. '
            f"Received: {line}"
        )


def test_damaged_arrays_are_refused(tmp_path):
    whole = tmp_path / "x.npy"
    np.save(whole, np.zeros((4, 4)))
    content = whole.read_bytes()
    whole.write_bytes(content[:-8])
    with pytest.raises(ValueError, match=r"is damaged: it ends within an array\.$"):
        list(files.numbers(whole))
    for name in ("y.npy", "y.npz"):
        (tmp_path / name).write_bytes(content[:20])
        with pytest.raises(ValueError, match="is no file of an array: "):
            list(files.numbers(tmp_path / name))
    np.save(whole, np.array([{}]), allow_pickle=True)
    with pytest.raises(ValueError, match="must hold an array of numbers"):
        list(files.numbers(whole))
    with zipfile.ZipFile(tmp_path / "z.npz", "w") as archive:
        archive.writestr("a.txt", json.dumps(1))
    with pytest.raises(ValueError, match="is no file of an array: "):
        list(files.numbers(tmp_path / "z.npz"))


def test_a_folder_means_its_files_in_order(tmp_path):
    for name in ("b.txt", "a/c.TXT", "a/d.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    found = files.files(tmp_path, (".txt",))
    assert [path.name for path in found] == ["c.TXT", "b.txt"]
    assert files.files("-", ()) == ["-"]
