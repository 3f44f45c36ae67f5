"""Makes HTML, and escapes all text in it."""

import html

from kdl_cli.terminal.text import short


class Html(str):
    """Text that is HTML already."""


def element(tag, *content, **attributes):
    """Makes an element, of text, which is escaped, and of other elements.

    Args:
        tag: String.
        *content: Values of any type; only `Html` stays as it is.
        **attributes: Values of any type. `class_` is `class`, and `aria_label` is
            `aria-label`.

    Returns:
        `Html`.
    """
    names = (name.rstrip("_").replace("_", "-") for name in attributes)
    pairs = zip(names, attributes.values(), strict=True)
    start = "".join(f' {name}="{html.escape(str(value))}"' for name, value in pairs)
    inner = "".join(
        part if isinstance(part, Html) else html.escape(str(part)) for part in content
    )
    return Html(f"<{tag}{start}>{inner}</{tag}>")


def joined(*parts):
    """Elements after each other, as one."""
    return Html("".join(parts))


def code(text):
    """A block of code that a click selects."""
    return element("pre", element("code", text))


def details(summary, *content, **attributes):
    return element("details", element("summary", summary), *content, **attributes)


def chart(name, label, figure):
    """A figure of Plotly as wide as the page.

    Args:
        name: String. The element's id.
        label: String. What it shows, for screen readers.
        figure: `plotly.graph_objects.Figure`.
    """
    config = {"responsive": True, "displayModeBar": False}
    drawn = figure.to_html(config, full_html=False, include_plotlyjs=False, div_id=name)
    return element("div", Html(drawn), class_="chart", role="img", aria_label=label)


def table(caption, columns, rows, sortable=False, wide=False):
    """A table in a box that scrolls by itself.

    Args:
        caption: String.
        columns: List of strings.
        rows: List of lists of values. `None` is an empty cell.
        sortable: Boolean. Whether the columns' names are buttons that sort by them.
        wide: Boolean. Whether it fills the width of the page.
    """
    heads = [
        element(
            "th",
            element("button", name, type="button") if sortable else name,
            scope="col",
        )
        for name in columns
    ]
    body = [element("tr", *map(_cell, row)) for row in rows]
    kinds = ["sortable"] * sortable + ["wide"] * wide
    return element(
        "div",
        element(
            "table",
            element("caption", caption),
            element("thead", element("tr", *heads)),
            element("tbody", *body),
            **({"class_": " ".join(kinds)} if kinds else {}),
        ),
        class_="scroll",
        role="group",
        aria_label=caption,
        tabindex=0,
    )


def _cell(value):
    if isinstance(value, Html):
        return element("td", value)
    exact = {"data_value": value} if isinstance(value, int | float) else {}
    return element("td", short(value), **exact)
