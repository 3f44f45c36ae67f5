import pytest
from contracts import same

from kdl.data import arithmetic, dates, digits, load, mackey_glass, topics
from kdl.data.sources.text_files import read_pairs, read_windows

pytestmark = pytest.mark.one_backend


class TestLoad:
    def test_knows_the_digits(self):
        assert same(load("digits", seed=1), digits(seed=1))
        assert same(load("gallery"), digits("gallery"))

    def test_knows_the_sequences(self):
        assert same(load("dates", seed=1), dates(seed=1))
        assert same(load("arithmetic", seed=1), arithmetic(seed=1))
        assert same(load("mackey_glass", seed=1), mackey_glass(seed=1))
        assert same(load("topics", seed=1), topics())

    def test_reads_files(self, tmp_path):
        path = tmp_path / "pairs.tsv"
        path.write_text("".join(f"number {n}\t{n}\n" for n in range(100)))
        assert same(load(f"pairs:{path}", seed=1), read_pairs(path, 1))
        assert same(load(f"text:{path}"), read_windows(path))

    def test_passes_splits_on(self):
        splits = digits()
        assert load(splits) is splits

    @pytest.mark.parametrize(
        "source", ["mnist", "", None, 3, "text:", "book:a.txt", "digits:3", ":dates"]
    )
    def test_refuses_other_names(self, source):
        with pytest.raises(ValueError) as error:
            load(source)
        assert str(error.value) == (
            "`source` must be 'digits', 'gallery', 'dates', 'arithmetic', 'topics', "
            "'mackey_glass', 'tfds:NAME', 'text:PATH', 'pairs:PATH' or a "
            f"`kdl.data.Splits`. Received: source={source!r}"
        )
