"""Texts of several classes each; expected values from scikit-learn."""

import json

import numpy as np
import pytest
from sklearn.preprocessing import MultiLabelBinarizer

from kdl.data import Splits, load, texts
from kdl.recipes.classes import relabelled

pytestmark = pytest.mark.one_backend

# Text number n is of the classes that divide it; 1, 5 and 7 are of none.
NAMES = {2: "two", 3: "three", 4: "four"}


def classes_of(number):
    return [name for divisor, name in NAMES.items() if number % divisor == 0]


def in_tsv(folder, name="texts.tsv", count=60):
    lines = [f"number {n}\t{' | '.join(classes_of(n))}" for n in range(count)]
    path = folder / name
    path.write_text("\n".join(["text\tlabels", *lines]))
    return path


def in_json(folder, name="texts.jsonl", count=60):
    rows = [{"text": f"number {n}", "labels": classes_of(n)} for n in range(count)]
    path = folder / name
    path.write_text("\n\n".join(map(json.dumps, rows)))
    return path


def expected(x):
    binarizer = MultiLabelBinarizer(classes=sorted(NAMES.values()))
    return binarizer.fit_transform([classes_of(int(text.split()[1])) for text in x])


@pytest.mark.parametrize(
    ("write", "options"), [(in_tsv, "?separator=|"), (in_json, "")]
)
class TestSeveralLabels:
    def test_are_1_where_a_text_has_them(self, write, options, tmp_path):
        splits = load(f"texts:{write(tmp_path)}{options}")
        assert splits.classes == ["four", "three", "two"]
        for (x, y), count in zip(splits, (48, 6, 6), strict=True):
            assert y.shape == (count, 3) and y.dtype == "float32"
            np.testing.assert_array_equal(y, expected(x))
        found = np.concatenate([x for x, _ in splits])
        assert sorted(found) == sorted(f"number {n}" for n in range(60))

    def test_takes_a_test_set_of_its_own(self, write, options, tmp_path):
        other = write(tmp_path, f"other{write(tmp_path).suffix}", 8)
        mark = "&" if options else "?"
        splits = load(f"texts:{write(tmp_path)}{options}{mark}test={other}")
        x, y = splits.test
        assert x.tolist() == [f"number {n}" for n in range(8)] and not splits.drawn
        np.testing.assert_array_equal(y, expected(x))

    def test_are_counted(self, write, options, tmp_path):
        splits = load(f"texts:{write(tmp_path)}{options}")
        counts = [part["classes"] for part in splits.summary()["parts"].values()]
        # Of 0 to 59.
        assert sum(part["four"] for part in counts) == 15
        assert sum(part["two"] for part in counts) == 30


def test_one_label_of_a_list_is_a_list(tmp_path):
    rows = [{"text": f"t{n}", "label": [n % 2] if n else n} for n in range(12)]
    path = tmp_path / "texts.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    splits = texts(path)
    assert splits.classes == ["0", "1"]
    x, y = splits.train
    assert (y[:, 1] == [int(text[1:]) % 2 for text in x]).all()


def test_one_label_each_is_a_number(tmp_path):
    rows = [{"text": f"t{n}", "label": ["a", "b"][n % 2]} for n in range(12)]
    path = tmp_path / "texts.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    x, y = texts(path).train
    assert y.dtype == "int32" and (y == [int(text[1:]) % 2 for text in x]).all()


def test_become_those_of_a_model():
    y = np.array([[1, 0], [1, 1]], "float32")
    part = np.array(["a", "b"]), y
    splits = relabelled(Splits(part, part, part, ["cat", "dog"]), ["dog", "bee", "cat"])
    np.testing.assert_array_equal(splits.test[1], [[0, 0, 1], [1, 0, 1]])


@pytest.mark.parametrize(
    ("lines", "options", "message"),
    [
        (
            ["a b"],
            {},
            '{} must have an object on each line, as in {{"text": "one", "label": '
            '"a"}}. Received: line 1, a b',
        ),
        (["", " "], {}, "{} must have a line at least"),
        (
            ['{"text": 3, "label": "a"}'],
            {},
            "The column 'text' of {} must hold texts. Received: 3 in row 1",
        ),
        (
            ['{"text": "x", "label": ["a"]}'],
            {},
            "The target 'label' of {} must have from 2 to 1000 classes. Received: 1",
        ),
        (
            ['{"text": "x", "label": ["a", "b"]}'] * 3
            + ['{"text": "x", "label": ["c", "c"]}'],
            {},
            "Each class of 'label' in {} must have three rows, one for each part: add "
            "some, or leave it out. Received: 1 of 'c'",
        ),
        (
            ['{"text": "x", "label": ["a", "b"]}'],
            {"separator": "|"},
            "The target 'label' of {} must hold texts, to be split by a separator. "
            "Received: ['a', 'b']",
        ),
    ],
)
def test_refuses(lines, options, message, tmp_path):
    path = tmp_path / "texts.jsonl"
    path.write_text("\n".join(lines))
    with pytest.raises(ValueError) as error:
        texts(path, **options)
    assert str(error.value) == message.format(path)


def test_refuses_a_class_that_a_test_set_has_alone(tmp_path):
    other = tmp_path / "other.jsonl"
    other.write_text('{"text": "x", "labels": ["five"]}')
    with pytest.raises(ValueError) as error:
        texts(in_json(tmp_path), test=other)
    assert str(error.value) == (
        f"The target 'labels' of {other} must be one of 'four', 'three', 'two'. "
        "Received: 'five'"
    )
