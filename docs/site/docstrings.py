"""Has the reference read the sections of kdl's docstrings as what they are."""

import re
import textwrap

import griffe

# What griffe calls a section of numbers that a call takes.
CALL = "Other Parameters:"
HEADER = re.compile(r"^(\w[\w ]*):$", re.MULTILINE)


class Sections(griffe.Extension):
    """Renames sections, and indents examples, which kdl does not."""

    def on_instance(self, *, obj, **kwargs):
        if obj.docstring:
            obj.docstring.value = readable(obj.docstring.value)


def readable(text):
    """A docstring as griffe reads those of Google's style."""
    before, *sections = HEADER.split(text)
    for name, body in zip(sections[::2], sections[1::2], strict=True):
        if name == "Example":
            before += "Examples:\n" + textwrap.indent(body.strip("\n"), "    ") + "\n\n"
        else:
            before += (CALL if name == "Call arguments" else f"{name}:") + body
    return before
