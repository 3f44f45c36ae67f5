import errno
import json
import os
import subprocess
import sys

import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from kdl.files import WriteError, atomic, write_json, write_png

pytestmark = pytest.mark.one_backend


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

    def test_removes_what_a_killed_process_left(self, tmp_path):
        path = tmp_path / "a[1].txt"
        code = (
            "import os, sys; from kdl.files import atomic\n"
            "with atomic(sys.argv[1]) as draft:\n"
            "    draft.write_text('half'); os.kill(os.getpid(), 9)"
        )
        subprocess.run([sys.executable, "-c", code, str(path)])
        (left,) = tmp_path.iterdir()
        # Of a process that may yet come to its end, and of another file.
        host = left.name.rsplit(".", 3)[0]
        running = left.with_name(f"{host}.{os.getppid()}.{path.name}")
        other = left.with_name(left.name.replace("a[1]", "b"))
        for draft in (running, other):
            draft.write_text("half")
        with atomic(path) as draft:
            draft.write_text("whole")
        assert {*tmp_path.iterdir()} == {path, running, other}

    @pytest.mark.parametrize(
        "error",
        [
            OSError(errno.ENOSPC, "No space left on device"),
            # As HDF5 puts it when it closes a file.
            RuntimeError("unable to close file, errno = 28, 'No space left on device'"),
        ],
    )
    def test_says_what_could_not_be_written(self, tmp_path, error):
        path = tmp_path / "a.txt"
        path.write_text("old")
        with pytest.raises(WriteError) as raised, atomic(path) as draft:
            draft.write_text("half")
            raise error
        assert str(raised.value).startswith(f"Cannot write {path}: ")
        assert "No space left on device" in str(raised.value)
        assert [p.read_text() for p in tmp_path.iterdir()] == ["old"]

    def test_says_that_its_folder_is_gone(self, tmp_path):
        path = tmp_path / "gone" / "a.json"
        with pytest.raises(WriteError) as error:
            write_json(path, 1)
        assert str(error.value) == f"Cannot write {path}: No such file or directory"


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
