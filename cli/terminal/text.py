"""Values, commands and tables as a terminal shows them."""

import json
import shlex

from rich.table import Table


def values_table(values):
    """A table of names and values."""
    return rows_table({name: [value] for name, value in values.items()})


def rows_table(rows):
    """A table of names, each followed by a list of values."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    # One may want to copy a name, so that it is not wrapped.
    table.add_column(no_wrap=True)
    for name, values in rows.items():
        table.add_row(name, *map(short, values))
    return table


def columns_table(rows):
    """A table of dicts, of which each is a column, whatever keys each has."""
    names = dict.fromkeys(name for row in rows for name in row)
    return rows_table({name: [row.get(name) for row in rows] for name in names})


def short(value):
    """A value as text, numbers to four digits."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return "" if value is None else str(value)
    if isinstance(value, bool) or number.is_integer():
        return str(value)
    return f"{number:.4g}"


def written(value):
    """A value as `--set` takes it."""
    if isinstance(value, str):
        try:
            json.loads(value)
        except ValueError:
            return value
    return json.dumps(value)


def command(*words):
    """A command line of kdl, quoted for a shell."""
    return shlex.join(["kdl", *map(str, words)])


def duration(seconds):
    """Seconds in words."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def short_json(value):
    """A value of a file for a sentence, cut after 60 characters."""
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
