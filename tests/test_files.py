import json

import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from kdl.files import atomic, write_json, write_png


class TestAtomic:
    def test_replaces_the_file(self, tmp_path):
        path = tmp_path / "a.txt"
        path.write_text("old")
        with atomic(path) as draft:
            draft.write_text("new")
            assert path.read_text() == "old"
            assert draft.suffix == ".txt"
        assert path.read_text() == "new"
        assert list(tmp_path.iterdir()) == [path]

    def test_an_error_leaves_the_file_alone(self, tmp_path):
        path = tmp_path / "a.txt"
        path.write_text("old")
        with pytest.raises(KeyError), atomic(path) as draft:
            draft.write_text("half")
            raise KeyError
        assert path.read_text() == "old"
        assert list(tmp_path.iterdir()) == [path]


class TestWriteJson:
    def test_writes_what_json_reads(self, tmp_path):
        value = {"a": [1, 2.5, None, "ü"], "b": {"c": True}}
        write_json(tmp_path / "a.json", value)
        assert json.loads((tmp_path / "a.json").read_text()) == value

    def test_leaves_the_old_file_where_a_value_is_no_json(self, tmp_path):
        write_json(tmp_path / "a.json", 1)
        with pytest.raises(TypeError):
            write_json(tmp_path / "a.json", object())
        assert (tmp_path / "a.json").read_text() == "1\n"


class TestWritePng:
    def test_writes_what_matplotlib_reads(self, tmp_path):
        figure = Figure(figsize=(2, 1))
        write_png(tmp_path / "a.png", figure, dpi=50)
        assert imread(tmp_path / "a.png").shape[:2] == (50, 100)

    def test_refuses_other_kinds_of_files(self, tmp_path):
        with pytest.raises(ValueError) as error:
            write_png("a.pdf", Figure())
        assert str(error.value) == "`path` must end in '.png'. Received: path='a.pdf'"
