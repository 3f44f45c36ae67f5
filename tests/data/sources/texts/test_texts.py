import numpy as np
import pytest
from contracts import same

from kdl.data import load, texts

pytestmark = pytest.mark.one_backend


def written(tmp_path, lines, name="texts.tsv"):
    path = tmp_path / name
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def reviews(count=60):
    """Lines of a text and a class, of three classes."""
    lines = [
        f"review no. {n}, café\t{('bad', 'good', 'none')[n % 3]}" for n in range(count)
    ]
    return ["text\tlabel", *lines]


class TestTexts:
    def test_splits_stratified_and_once_each(self, tmp_path):
        splits = texts(written(tmp_path, reviews()))
        assert splits.classes == ["bad", "good", "none"]
        numbers = []
        for (x, y), share in zip(splits, (16, 2, 2), strict=True):
            assert y.dtype == "int32" and np.bincount(y).tolist() == [share] * 3
            found = [int(text.split()[2].strip(",")) for text in x]
            assert same(y, np.array(found, "int32") % 3)
            numbers += found
        assert sorted(numbers) == list(range(60))

    def test_seed_decides(self, tmp_path):
        path = written(tmp_path, reviews())
        assert (
            texts(path, seed=3).test[0].tolist() == texts(path, seed=3).test[0].tolist()
        )
        assert (
            texts(path, seed=3).test[0].tolist() != texts(path, seed=4).test[0].tolist()
        )

    def test_takes_the_columns_that_are_named(self, tmp_path):
        lines = [f'{n},"{n}, 0{n}",{n % 2},x' for n in range(20)]
        path = written(tmp_path, ["id,review,stars,note", *lines], "reviews.csv")
        splits = load(f"texts:{path}?text=review&target=stars")
        assert splits.classes == ["0", "1"]
        # Texts of digits alone remain as they are.
        assert all(text.split(", ")[1][0] == "0" for text in splits.train[0])
        splits = load(f"texts:{path}?text=id&target=stars")
        assert sorted(np.concatenate([x for x, _ in splits]), key=int) == [
            str(n) for n in range(20)
        ]

    def test_leaves_out_empty_texts(self, tmp_path):
        path = written(tmp_path, [*reviews(), "\tgood", "  \tbad"])
        assert sum(len(x) for x, _ in texts(path)) == 60

    def test_takes_a_test_set_of_its_own(self, tmp_path):
        other = written(tmp_path, ["label\ttext", "good\tnew"], "other.tsv")
        splits = texts(written(tmp_path, reviews()), test=other)
        assert not splits.drawn
        assert splits.test[0].tolist() == ["new"] and splits.test[1].tolist() == [1]
        assert len(splits.train[0]) + len(splits.validation[0]) == 60

    @pytest.mark.parametrize(
        ("lines", "options", "message"),
        [
            (
                ["a\tb\tlabel", "x\ty\tz"],
                {},
                "`text` must name the column of {} that has the texts, one of 'a', "
                "'b'. Received: text=None",
            ),
            (
                ["a\tb", "x\ty"],
                {},
                "`target` must name the column of {} to predict, one of 'a', 'b'. "
                "Received: target=None",
            ),
            (
                ["text\tlabel", "x\ty"],
                {"text": "label"},
                "`text` must not be the target. Received: text='label'",
            ),
            (
                ["text\tlabel", "x\ty"],
                {"text": "body"},
                "{} must have a column 'body'. It has: 'text', 'label'",
            ),
            (
                ["text\tlabel", "\ty"],
                {},
                "{} must have a text. Received: empty ones alone",
            ),
            (
                ["text\tlabel", "x\t1", "y\t", "z\t1"],
                {},
                "The target 'label' of {} must have from 2 to 1000 classes. "
                "Received: 1",
            ),
            (
                ["text\tlabel", *("x\t1" for _ in range(3)), "y\t2", "z\t2"],
                {},
                "Each class of 'label' in {} must have three rows, one for each part: "
                "add some, or leave it out. Received: 2 of '2'",
            ),
            (
                [*reviews(6)[:6], "y\t", *reviews(12)[6:]],
                {},
                "The target 'label' of {} must have a value in each row: leave out "
                "those without. Received: 1 without, the first of them row 6",
            ),
            (
                ["text\tlabel", "a\tb\tc", "x\t1"],
                {},
                "{} must have 2 values in each line, as the first line has names: put "
                "what has a separator in it between quotes. Received: 3 in line 2",
            ),
        ],
    )
    def test_refuses(self, lines, options, message, tmp_path):
        path = written(tmp_path, lines)
        with pytest.raises(ValueError) as error:
            texts(path, **options)
        assert str(error.value) == message.format(path)
