"""Why a trial failed, in words."""

import errno
import re
import traceback


def message(error):
    """Returns an error in one line, and then its traceback."""
    text = f"{sentence(error)}\n\n{''.join(traceback.format_exception(error))}"
    # What is no text, such as half a surrogate pair, nobody could print.
    return text.encode(errors="backslashreplace").decode()


def sentence(error):
    """Returns an error in one line, without what Keras wraps around that of a layer."""
    try:
        text = str(error)
    except Exception:
        return type(error).__name__
    text = re.sub(r"\x1b\[\d*m", "", text)
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n")]
    own = [
        part
        for part in paragraphs
        if part and not part.startswith("Exception encountered when calling")
    ]
    return f"{type(error).__name__}: {(own or paragraphs)[0]}"


def is_exhausted(error):
    """Whether an error is that of a machine without space or file descriptors."""
    chain = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return any(isinstance(e, OSError) and e.errno in _EXHAUSTED for e in chain)


_EXHAUSTED = (errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE)
