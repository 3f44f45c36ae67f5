import numpy as np
import pytest
from contracts import same
from image_folders import make_folder

from kdl.data import (
    arithmetic,
    dates,
    digits,
    fashion,
    load,
    mackey_glass,
    penguins,
    table,
    topics,
)
from kdl.data.sources.load import check_source
from kdl.data.sources.texts.text_files import read_pairs, read_windows

pytestmark = pytest.mark.one_backend


class TestLoad:
    def test_knows_the_digits(self):
        assert same(load("digits", seed=1), digits(seed=1))
        assert same(load("gallery"), digits("gallery"))
        assert same(load("fashion", seed=1), fashion())

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

    def test_reads_tables(self, tmp_path):
        assert same(load("penguins", seed=1), penguins(seed=1))
        path = tmp_path / "table.csv"
        rows = "".join(f"{n},{n % 3},{n / 2},{n // 5},1\n" for n in range(60))
        path.write_text("id,kind,size,person,day\n" + rows)
        options = "target=kind&drop=id,day&group=person&task=regression"
        desired = {"drop": ["id", "day"], "group": "person", "task": "regression"}
        loaded = load(f"csv:{path}?{options}&test={path}", seed=1)
        assert same(loaded, table(path, "kind", test=path, seed=1, **desired))

    def test_passes_splits_on(self):
        splits = digits()
        assert load(splits) is splits

    @pytest.mark.parametrize(
        "source",
        ["mnist", "", None, 3, "text:", "book:a.txt", "digits:3", ":dates", "digits?"],
    )
    def test_refuses_other_names(self, source):
        with pytest.raises(ValueError) as error:
            load(source)
        assert str(error.value) == (
            "`source` must be 'digits', 'gallery', 'fashion', 'scenes', 'nuclei', "
            "'dates', 'arithmetic', 'topics', 'glosses', 'mackey_glass', "
            "'penguins', 'photographs', "
            "'images:DIR', 'photographs:DIR', 'masks:DIR', 'npz:FILE', 'csv:FILE', "
            "'texts:FILE', 'tfds:NAME', "
            "'text:PATH', 'pairs:PATH' or a `kdl.data.Splits`. "
            f"Received: source={source!r}"
        )

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (
                "size=8&colour=1",
                "of the form 'images:DIR' has the options 'size', 'channels', "
                "'skip_damaged'",
            ),
            *(
                (
                    f"size={size}",
                    "must have pixels from 1 to 4096, one number or HEIGHTxWIDTH, as "
                    "its option 'size'",
                )
                for size in ("", "big", "0", "8x", "8x8x8", "-3", "1e2", "5000")
            ),
            ("channels=4", "must have 1 or 3 as its option 'channels'"),
            ("skip_damaged", "must have true or false as its option 'skip_damaged'"),
        ],
    )
    def test_refuses_other_options_before_it_reads(self, options, message):
        source = f"images:/nowhere?{options}"
        for refuse in (load, check_source):
            with pytest.raises(ValueError) as error:
                refuse(source)
            assert (
                str(error.value) == f"`source` {message}. Received: source={source!r}"
            )

    def test_a_path_may_have_a_question_mark(self, tmp_path):
        folder = make_folder(tmp_path / "what?", {"a": 3, "b": 3})
        assert len(load(f"images:{folder}?").train[0]) == 2
        assert len(load(f"images:{folder}?size=8").train[0]) == 2
        np.savez(tmp_path / "what?.npz", x=np.arange(10), y=np.arange(10))
        assert len(load(f"npz:{tmp_path / 'what?.npz'}").train[0]) == 8
