import pytest
from contracts import same

from kdl.data import digits, load


class TestLoad:
    def test_knows_the_digits(self):
        assert same(load("digits", seed=1), digits(seed=1))
        assert same(load("gallery"), digits("gallery"))

    def test_passes_splits_on(self):
        splits = digits()
        assert load(splits) is splits

    @pytest.mark.parametrize("source", ["mnist", "", None, 3])
    def test_refuses_other_names(self, source):
        with pytest.raises(ValueError) as error:
            load(source)
        assert str(error.value) == (
            "`source` must be 'digits', 'gallery', 'tfds:NAME' or a "
            f"`kdl.data.Splits`. Received: source={source!r}"
        )
