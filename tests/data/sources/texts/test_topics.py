import re
from pydoc_data.topics import topics as texts

import pytest

from kdl.data import topics

pytestmark = pytest.mark.one_backend


class TestTopics:
    @pytest.mark.parametrize("length", [64, 1000])
    def test_windows_are_the_text_one_after_the_other(self, length):
        parts = topics(length)
        text = "\n".join(text for _, text in sorted(texts.items()))
        text = re.sub("[^\x00-\x7f]", "", text)
        text = re.sub("(?m)^ +| +$", "", text)
        text = re.sub(" +", " ", text)
        found = "".join("".join(x) for x, _ in parts)
        assert found == text[: len(text) // length * length]
        assert all(len(window) == length for x, _ in parts for window in x)

    def test_is_english_in_ascii_and_long_enough(self):
        (x, _), *_ = topics()
        text = "".join(x)
        assert len(text) > 300_000
        assert text.isascii() and text.replace("\n", "").isprintable()
        assert 0.01 < text.count(" the ") * 5 / len(text) < 0.1

    def test_each_window_is_its_own_target(self):
        parts = topics()
        count = sum(len(x) for x, _ in parts)
        assert all((x == y).all() for x, y in parts)
        ends = count * 8 // 10, count * 9 // 10
        lengths = [ends[0], ends[1] - ends[0], count - ends[1]]
        assert [len(x) for x, _ in parts] == lengths

    def test_refuses_bad_arguments(self):
        with pytest.raises(ValueError) as error:
            topics(1)
        assert str(error.value) == (
            "`length` must be an integer in [2, inf). Received: length=1"
        )
        with pytest.raises(ValueError) as error:
            topics(10**6)
        message = (
            r"The text of Python's topics must have ten windows of 1000000 characters "
            r"or more. Received: \d{6} characters"
        )
        assert re.fullmatch(message, str(error.value))
