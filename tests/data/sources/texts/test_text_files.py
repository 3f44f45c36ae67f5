import numpy as np
import pytest

from kdl.data.sources.texts.text_files import read_pairs, read_windows

pytestmark = pytest.mark.one_backend


@pytest.fixture
def file(tmp_path):
    def write(content):
        path = tmp_path / "texts.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def refusal(function, *arguments):
    with pytest.raises(ValueError) as error:
        function(*arguments)
    return str(error.value)


class TestReadWindows:
    def test_cuts_the_text_into_windows(self, file):
        text = "".join(map(chr, range(0x100, 0x100 + 64 * 20)))
        train, validation, test = read_windows(file(text + "more"))
        assert [len(x) for x, _ in (train, validation, test)] == [16, 2, 2]
        assert "".join(np.concatenate([train[0], validation[0], test[1]])) == text

    def test_reads_what_windows_writes(self, file):
        (x, _), *_ = read_windows(file("\ufeffa\r\n".encode() + b"b" * 640))
        assert x[0] == "a\n" + "b" * 62

    def test_refuses_too_short_a_text(self, file):
        path = file("a" * 639)
        assert refusal(read_windows, path) == (
            f"The text in {path} must have ten windows of 64 characters or more. "
            "Received: 639 characters"
        )

    def test_refuses_what_is_no_text(self, file):
        path = file(b"abc\xff\xfe")
        for function, *others in ((read_windows,), (read_pairs, 0)):
            assert refusal(function, path, *others) == (
                f"{path} must be a text in UTF-8. Received: the byte 0xff at position 3"
            )

    def test_leaves_a_missing_file_to_python(self, tmp_path):
        with pytest.raises(FileNotFoundError) as error:
            read_windows(tmp_path / "nowhere.txt")
        assert error.value.filename == str(tmp_path / "nowhere.txt")


class TestReadPairs:
    pairs = [(f"word {n // 2}", f"mot {n}") for n in range(40)]

    def read(self, file, seed=0):
        lines = "\n\n".join("\t".join(pair) for pair in self.pairs)
        return read_pairs(file(lines + "\n"), seed)

    def test_reads_each_line_once(self, file):
        parts = self.read(file)
        assert [len(x) for x, _ in parts] == [32, 4, 4]
        found = [pair for x, y in parts for pair in zip(x, y, strict=True)]
        assert sorted(found) == sorted(self.pairs)

    def test_keeps_lines_of_the_same_text_together(self, file):
        train, validation, test = (set(x) for x, _ in self.read(file))
        assert not train & validation and not (train | validation) & test

    def test_seed_draws_the_parts(self, file):
        x = [set(self.read(file, seed).test[0]) for seed in (0, 0, 1)]
        assert x[0] == x[1] != x[2]

    def test_finds_a_home_folder(self, file, monkeypatch):
        path = file("\n".join(f"{n}\t{n}" for n in range(10)))
        monkeypatch.setenv("HOME", str(path.parent))
        monkeypatch.setenv("USERPROFILE", str(path.parent))
        assert len(read_pairs("~/texts.txt", 0).train[0]) == 8

    @pytest.mark.parametrize("line", ["one two", "one\t", "\ttwo", "one\ttwo\tthree"])
    def test_refuses_other_lines(self, file, line):
        path = file(f"a\tb\n\n{line}\nc\td\n")
        assert refusal(read_pairs, path, 0) == (
            f"{path} must have two texts on each line, with a tab between. Received: "
            f"line 3, {line!r}"
        )

    @pytest.mark.parametrize(("text", "count"), [("a\tb\n" * 20, 1), ("\n", 0)])
    def test_refuses_too_few_lines(self, file, text, count):
        path = file(text)
        assert refusal(read_pairs, path, 0) == (
            f"{path} must have ten lines or more that begin with different texts. "
            f"Received: {count} of them"
        )
