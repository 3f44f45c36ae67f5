"""Examples beside each other, and the table of confusions that leads to them."""

import numpy as np

from kdl_cli.page.markup import Html, element, joined

CLASSES = 20  # Up to so many have a table of all pairs.
_PER_CELL = 8  # Examples that a cell shows, at most.
_IN_ALL = 400  # Examples that all cells show, at most.

STYLE = """
.gallery { display: flex; flex-wrap: wrap; gap: 0.8rem; padding: 0; list-style: none; }
.gallery li { width: 10rem; }
.gallery.texts li { width: 100%; }
.gallery img { image-rendering: pixelated; display: inline-block; margin-right: 4px;
  max-width: 47%; height: auto; background: #fff; }
.gallery small { display: block; line-height: 1.3; }
.text { display: block; padding: 0.4rem 0.6rem; background: var(--shade); }
.confusions td { text-align: right; }
.confusions td a { display: block; min-width: 1.6rem; text-decoration: none; }
.confusions .right { font-weight: bold; }
.cell { display: none; }
.cell:target { display: block; scroll-margin-top: 1rem; }
"""


def gallery(findings, rows, explained=None):
    """Examples with what they are and what was predicted.

    Args:
        findings: `Findings`.
        rows: Sequence of integers. The examples.
        explained: Optional `Explained`: what predictions depend on, which stands
            beside the examples.
    """
    examples = findings.examples
    items = []
    for row in map(int, rows):
        parts = [examples.shown(row)]
        if explained and row in explained.pictures:
            parts.append(examples.shown(row, explained.pictures[row]))
        parts.append(element("small", caption(findings, row)))
        if explained and row in explained.parts:
            parts.append(element("small", f"by {explained.parts[row]}"))
        items.append(element("li", *parts))
    kind = "gallery" if examples.are_images else "gallery texts"
    return element("ul", *items, class_=kind)


def caption(findings, row):
    """What an example is, and what was predicted, in a line."""
    if findings.names is None:
        return (
            f"{row}: {findings.targets[row]:.4g}, predicted "
            f"{findings.predicted[row]:.4g}"
        )
    label, found = findings.targets[row], findings.predicted[row]
    share = findings.probabilities[row, found]
    if label == found:
        return f"{row}: {findings.names[label]} ({share:.0%})"
    own = findings.probabilities[row, label]
    return (
        f"{row}: {findings.names[label]} ({own:.0%}), taken for "
        f"{findings.names[found]} ({share:.0%})"
    )


def confusions(findings):
    """A table of classes by predicted classes, each number a link to its examples.

    With many classes, it is a list of the pairs that are confused most.
    """
    names = findings.names
    count = len(names)
    pairs = findings.targets * count + findings.predicted
    numbers = np.bincount(pairs, minlength=count**2).reshape(count, count)
    wrong = numbers * (1 - np.eye(count, dtype=int))
    # The most frequent confusions first, then what is right.
    order = np.argsort(
        -(wrong.ravel() * numbers.sum() + numbers.ravel()), kind="stable"
    )
    cells, left = {}, _IN_ALL
    for pair in order:
        label, found = divmod(int(pair), count)
        if not numbers[label, found]:
            continue
        shown = min(_PER_CELL, numbers[label, found], left)
        left -= shown
        rows = np.flatnonzero(pairs == pair)
        # The surest, which are the worst of the wrong ones.
        share = findings.probabilities[rows, found]
        cells[label, found] = rows[np.argsort(-share, kind="stable")][:shown]
    table = _matrix(names, numbers, cells) if count <= CLASSES else _pairs(names, wrong)
    parts = [table]
    for (label, found), rows in cells.items():
        if count > CLASSES and label == found:
            continue
        total = numbers[label, found]
        what = (
            f"{names[label]}, found: {total}"
            if label == found
            else f"{names[label]}, taken for {names[found]}: {total}"
        )
        some = f", {len(rows)} of them shown" if len(rows) < total else ""
        parts.append(
            element(
                "div",
                element("h3", what + some),
                gallery(findings, rows),
                element("a", "Back to the table", href="#confusion-table"),
                id=_name(label, found),
                class_="cell",
            )
        )
    return joined(*parts)


def _name(label, found):
    return f"cell-{label}-{found}"


def _matrix(names, numbers, cells):
    heads = [element("th", name, scope="col") for name in names]
    body = []
    for label, row in enumerate(numbers):
        most = max(1, row.sum())
        cells_of_row = [element("th", names[label], scope="row")]
        for found, number in enumerate(row):
            what = (
                f"{number} of {names[label]}, taken for {names[found]}"
                if label != found
                else f"{number} of {names[label]}, found"
            )
            link = (
                element("a", number, href=f"#{_name(label, found)}", aria_label=what)
                if number
                else ""
            )
            shade = 0.5 * number / most
            colour = "0, 119, 187" if label == found else "238, 51, 119"
            cells_of_row.append(
                element(
                    "td",
                    link,
                    class_="right" if label == found else "wrong",
                    style=f"background: rgba({colour}, {shade:.2f})",
                )
            )
        body.append(element("tr", *cells_of_row))
    return element(
        "div",
        element(
            "table",
            element(
                "caption",
                "Rows are classes, columns what they were taken for. A number leads to "
                "its examples.",
            ),
            element("thead", element("tr", element("th", ""), *heads)),
            element("tbody", *body),
            class_="confusions",
        ),
        class_="scroll",
        role="group",
        aria_label="Confusions",
        tabindex=0,
        id="confusion-table",
    )


def _pairs(names, wrong, most=30):
    items = []
    for pair in np.argsort(-wrong.ravel(), kind="stable")[:most]:
        label, found = divmod(int(pair), len(names))
        if wrong[label, found]:
            text = f"{names[label]}, taken for {names[found]}: {wrong[label, found]}"
            items.append(
                element("li", element("a", text, href=f"#{_name(label, found)}"))
            )
    return element("ul", *items, id="confusion-table")


def duplicates(findings, most=12):
    """Test examples beside the training examples that they are nearly the same as."""
    items = []
    for row, place, similarity in findings.duplicates[:most]:
        parts = [findings.examples.shown(row), findings.train.shown(place)]
        told = f"test {row} and training {place}: {similarity:.3f}"
        items.append(element("li", *parts, element("small", told)))
    kind = "gallery" if findings.examples.are_images else "gallery texts"
    return Html(element("ul", *items, class_=kind))
