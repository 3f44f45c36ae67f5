"""The page of an examination: one HTML file that needs no network."""

from kdl.evaluation import expected_calibration_error
from kdl.evaluation.errors.slices import LEAST
from kdl_cli.examination import charts, galleries
from kdl_cli.examination.explained import LEAST_SURE, WORST
from kdl_cli.examination.findings import COMPARED
from kdl_cli.page import document
from kdl_cli.page.markup import chart, element, joined, table
from kdl_cli.terminal.text import short

_SHOWN = 24  # Examples of a gallery.


def write(folder, settings, findings, sentences, explained, curve=None):
    """Writes the page.

    Args:
        folder: `Path` to write into.
        settings: Dict. Settings of the examination.
        findings: `Findings`.
        sentences: List of strings. What to collect next.
        explained: `Explained`: what predictions depend on.
        curve: Optional dict, as `kdl.evaluation.learning_curve` returns it, with
            `"metric"`, the name of the score that is drawn.

    Returns:
        `Path` of the page.
    """
    of = f" on {settings['data']}" if settings.get("data") else ""
    head = joined(
        element(
            "p",
            f"The model in {settings['model']}{of}: {len(findings.targets)} test "
            f"examples. {document.written_now()}",
        ),
        element("ul", *(element("li", sentence) for sentence in sentences)),
    )
    made = {
        "Scores": lambda: scores(findings),
        "Confusions": lambda: findings.names and galleries.confusions(findings),
        "Worst errors": lambda: worst(findings, explained),
        "Least sure": lambda: findings.names and least_sure(findings, explained),
        "Classes": lambda: findings.names and classes(findings),
        "Slices": lambda: slices(findings),
        "Labels": lambda: findings.names and labels(findings),
        "Calibration": lambda: findings.names and calibration(findings),
        "Shortcuts": lambda: explained.suspects is not None and places(explained),
        "Learning curve": lambda: curve and learning(curve),
        "Near duplicates": lambda: duplicates(findings),
    }
    sections = {}
    for title, make in made.items():
        if content := make():
            sections[title] = content
    title = f"Examination of {settings['recipe']}"
    return document.write(folder, title, head, sections, galleries.STYLE)


def scores(findings):
    rows = [
        [row["metric"], row["value"], f"{short(row['low'])} to {short(row['high'])}"]
        for row in findings.metrics
    ]
    parts = [
        table(
            "Metrics on the test set, with 95 % intervals by bootstrap",
            ["metric", "value", "interval"],
            rows,
        )
    ]
    if findings.names is None:
        figure = charts.numbers(findings.targets, findings.predicted)
        parts.append(
            chart("chart-numbers", "Predicted numbers by their targets", figure)
        )
        return joined(*parts)
    given = findings.targets, findings.probabilities, findings.names
    if len(findings.names) <= galleries.CLASSES:
        parts += [
            element("h3", "ROC curves, each class against the others"),
            chart("chart-roc", "ROC curve of each class", charts.roc(*given)),
            element("h3", "Precision and recall"),
            chart(
                "chart-precision-recall",
                "Precision by recall of each class",
                charts.precision_recall(*given),
            ),
        ]
    return joined(*parts)


def worst(findings, explained):
    rows = findings.worst(WORST)
    if not len(rows):
        return element("p", "No example is wrong.")
    about = (
        "The largest errors first."
        if findings.names is None
        else "Those first of which the model was surest. Some may be labels that are "
        "wrong."
    )
    if explained.pictures:
        about += (
            " Beside each stands what its score depends on: red raises it, blue lowers "
            "it."
        )
    elif explained.parts:
        about += (
            " Below each stand the parts that its score depends on most: what is "
            "positive raises it."
        )
    return joined(element("p", about), galleries.gallery(findings, rows, explained))


def least_sure(findings, explained):
    return joined(
        element("p", "The two likeliest classes are close to each other."),
        galleries.gallery(findings, findings.least_sure(LEAST_SURE), explained),
    )


def classes(findings):
    columns = ["class", "examples", "found", "right where predicted", "F1"]
    rows = [[_interval(row[name]) for name in columns] for row in findings.classes]
    return table(
        "Each class, with 95 % intervals by Wilson's formula; the name of a column "
        "sorts by it",
        columns,
        rows,
        sortable=True,
    )


def _interval(value):
    if not isinstance(value, tuple):
        return value
    return f"{value[0]:.3f} ({value[1]:.3f} to {value[2]:.3f})"


def slices(findings):
    if not findings.features:
        return None
    if not findings.slices:
        by = ", ".join(findings.features)
        found = (
            f"No group of examples with more errors than the others was found, by {by}."
            if len(findings.targets) >= LEAST
            else f"{LEAST} examples or more are needed to look for slices."
        )
        return element("p", found)
    what = "mean error" if findings.names is None else "share of errors"
    rows = [
        [
            each.rule,
            each.count,
            each.error,
            each.rest,
            f"{each.low:+.3f} to {each.high:+.3f}",
        ]
        for each in findings.slices
    ]
    parts = [
        element(
            "p",
            "Groups of examples with more errors than the others. The rules were found "
            "on one half of the test set; the figures are of the other half.",
        ),
        table(
            f"Slices, with the {what}",
            [
                "where",
                "examples",
                "there",
                "elsewhere",
                "95 % interval of the difference",
            ],
            rows,
        ),
    ]
    first = findings.slices[0]
    order = first.rows[findings.losses[first.rows].argsort()[::-1]]
    parts += [
        element("h3", f"The worst where {first.rule}"),
        galleries.gallery(findings, order[: _SHOWN // 2]),
    ]
    return joined(*parts)


def labels(findings):
    if not len(findings.mislabelled):
        return element("p", "No label looks wrong, by confident learning.")
    count = len(findings.mislabelled)
    some = f", the likeliest {_SHOWN} shown" if count > _SHOWN else ""
    right = (~findings.is_wrong).mean()
    return joined(
        element(
            "p",
            f"Labels that look wrong, by confident learning: {count}{some}. The weaker "
            f"the model, which is right in {right:.0%}, the more of these labels are "
            "right after all: look at them.",
        ),
        galleries.gallery(findings, findings.mislabelled[:_SHOWN]),
    )


def calibration(findings):
    given = findings.probabilities, findings.targets
    width, mass = (
        expected_calibration_error(*given, strategy=strategy)
        for strategy in ("width", "mass")
    )
    share = findings.probabilities.max(axis=1).mean()
    right = float((~findings.is_wrong).mean())
    way = "surer than it is right" if share > right else "less sure than it is right"
    return joined(
        element(
            "p",
            f"On average the model gives its predictions {share:.1%} and is right in "
            f"{right:.1%}: it is {way}. Expected calibration error: {width:.3f} by "
            f"bins of the same width, {mass:.3f} by bins of as many examples. `kdl "
            "calibrate` may mend it.",
        ),
        chart(
            "chart-calibration",
            "How often predictions are right, by how sure they are",
            charts.calibration(findings.targets, findings.probabilities),
        ),
    )


def places(explained):
    parts = [
        element(
            "p",
            "Where the predictions of a class depend on a place far more than those of "
            "the others. It may be the object, or a mark that only this class has.",
        )
    ]
    if explained.suspects:
        columns = ["class", "place", "share", "others"]
        rows = [[row[name] for name in columns] for row in explained.suspects]
        parts.append(table("Suspect places", columns, rows))
    else:
        parts.append(element("p", "No place stands out."))
    return joined(*parts)


def learning(curve):
    columns = ["training examples", curve["metric"].removeprefix("test_")]
    values = curve[curve["metric"]]
    rows = [
        [int(size), float(mean)]
        for size, mean in zip(curve["examples"], values.mean(axis=1), strict=True)
    ]
    name = columns[1]
    return joined(
        chart(
            "chart-learning-curve",
            f"{name} on the test set by the number of training examples",
            charts.learning(curve["examples"], values, name),
        ),
        table("Scores on the test set by the size of the training set", columns, rows),
    )


def duplicates(findings):
    if findings.duplicates is None:
        return None
    some = f"first {COMPARED:,} of the " if len(findings.train) > COMPARED else ""
    if not findings.duplicates:
        text = f"No test example is nearly one of the {some}training examples."
        return element("p", text)
    return joined(
        element(
            "p",
            f"Test examples that are nearly among the {some}training examples, too: "
            f"{len(findings.duplicates)}. They tell nothing of new examples.",
        ),
        galleries.duplicates(findings),
    )
