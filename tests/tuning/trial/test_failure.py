import errno

import pytest

from kdl.tuning.trial.failure import is_exhausted, message, sentence

pytestmark = pytest.mark.one_backend


def raised(error, cause=None):
    try:
        raise error from cause
    except Exception as caught:
        return caught


def test_sentence_leaves_out_what_keras_wraps_around_it():
    text = (
        "Exception encountered when calling Dense.call().\n\n"
        "\x1b[1mMatrices of\n shapes (2, 3) and (4, 5).\x1b[0m\n\nArguments received:"
    )
    desired = "ValueError: Matrices of shapes (2, 3) and (4, 5)."
    assert sentence(ValueError(text)) == desired


def test_message_is_the_sentence_and_the_traceback():
    text = message(raised(ValueError("too\nlong")))
    first, empty, *trace = text.strip().split("\n")
    assert (first, empty) == ("ValueError: too long", "")
    assert trace[0] == "Traceback (most recent call last):"
    assert trace[-2:] == ["ValueError: too", "long"]


def test_a_machine_is_exhausted_also_where_it_is_a_cause():
    full = OSError(errno.ENOSPC, "No space left on device")
    assert is_exhausted(full)
    assert is_exhausted(raised(RuntimeError("no data"), full))
    assert not is_exhausted(FileNotFoundError(errno.ENOENT, "no such file"))
    # A circle of causes ends.
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    assert not is_exhausted(one)
