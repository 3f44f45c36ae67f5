import numpy as np
import pytest

from kdl.data import load, texts
from kdl.data.sources.load import load_to_test

pytestmark = pytest.mark.one_backend


def written(folder, counts):
    """A folder of texts that name their folder and their number."""
    for name, count in counts.items():
        (folder / name).mkdir(parents=True)
        for n in range(count):
            (folder / name / f"{n:03}.txt").write_text(f"  {name} {n} né\n")
    return folder


class TestFolders:
    def test_are_the_classes(self, tmp_path):
        written(tmp_path, {"good": 20, "bad": 30, "bad/worse": 10})
        (tmp_path / "good" / "notes.md").write_text("no text")
        splits = load(f"texts:{tmp_path}")
        assert splits.classes == ["bad", "good"] and splits.drawn
        found = []
        for (x, y), shares in zip(splits, ([32, 16], [4, 2], [4, 2]), strict=True):
            assert y.dtype == "int32" and np.bincount(y).tolist() == shares
            assert [text.startswith("good") for text in x] == (y == 1).tolist()
            found += x.tolist()
        assert len(set(found)) == 60 and all(text.endswith(" né") for text in found)

    def test_may_be_in_folders_of_the_parts(self, tmp_path):
        parts = {"train": 8, "val": 3, "test": 4}
        counts = {f"{part}/{c}": n for part, n in parts.items() for c in "ab"}
        splits = texts(written(tmp_path, counts))
        assert [len(x) for x, _ in splits] == [16, 6, 8] and not splits.drawn
        assert all("test/" in text for text in splits.test[0])

    def test_leave_out_empty_texts(self, tmp_path):
        written(tmp_path, {"a": 10, "b": 10})
        (tmp_path / "a" / "empty.txt").write_text(" \n")
        assert sum(len(x) for x, _ in texts(tmp_path)) == 20

    def test_of_one_class_test_a_model(self, tmp_path):
        splits = load_to_test(f"texts:{written(tmp_path, {'b': 2})}", 0, ["a", "b"])
        assert splits.classes == ["b"] and splits.test[1].tolist() == [0, 0]

    @pytest.mark.parametrize(
        ("counts", "options", "message"),
        [
            (
                {"a": 9},
                {},
                "{} must have a folder for each of 2 classes or more. Received: 1",
            ),
            (
                {"a": 9, "b": 2},
                {},
                "{}/b must have 3 texts or more, one each for training, validation and "
                "test. Received: 2 texts. Add some, or delete the folder.",
            ),
            (
                {"a": 9, "b": 0},
                {},
                "{}/b must have texts in it, files that end in .txt. Add some, or "
                "delete the folder.",
            ),
            (
                {"a": 9, "b": 9},
                {"target": "label"},
                "`target` has no meaning for {}, which is a folder. Received: "
                "target='label'",
            ),
        ],
    )
    def test_refuses(self, counts, options, message, tmp_path):
        written(tmp_path, counts)
        with pytest.raises(ValueError) as error:
            texts(tmp_path, **options)
        assert str(error.value) == message.format(tmp_path)
