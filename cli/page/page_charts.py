"""The charts of a search's page, with text and tables."""

from kdl_cli.page import charts, learning_curves
from kdl_cli.page.importances import LEAST_TRIALS, REPEATS, TREES
from kdl_cli.page.markup import Html, chart, details, element, joined, table
from kdl_cli.page.parallel_coordinates import SHOWN, height, parallel_coordinates


def history(search):
    drawn = charts.history(search)
    return chart("chart-history", f"{search.objective} by trial", drawn)


def parallel(search, axes, result):
    """The parallel coordinates, cut off after some axes until all are requested.

    Args:
        search: `kdl.tuning.SearchRecord`.
        axes: List of `Dimension`, those to see at first before the others.
        result: `Importances` that the axes are sorted by, or `None`.
    """
    about = element(
        "p",
        "Each line is a trial, and passes through its score and its values. Where a "
        "hyperparameter does not apply, the line passes to the left of its axis.",
    )
    drawn = chart(
        "chart-parallel",
        "Each trial as a line through its score and its hyperparameters",
        parallel_coordinates(search, axes),
    )
    if len(axes) <= SHOWN:
        return joined(about, drawn)
    which = "most important" if result else "first"
    # What fades out, the last 2rem, is below the labels of the last axis.
    cut = height(SHOWN + 1) + 24
    return joined(
        about,
        element(
            "label",
            Html('<input type="checkbox">'),
            f" Show all {len(axes)} hyperparameters, not only the {SHOWN} {which}",
            class_="all",
        ),
        element("div", drawn, class_="cut", style=f"--cut: {cut}px"),
    )


def slices(search, axes):
    panels = [
        element(
            "div",
            element("h3", axis.name),
            chart(
                f"chart-slice-{number}",
                f"{search.objective} by {axis.name}",
                charts.slices(search, axis),
            ),
        )
        for number, axis in enumerate(axes, 1)
    ]
    return element("div", *panels, class_="grid")


def importance(search, result):
    """The importances, or why there are none.

    Args:
        search: `kdl.tuning.SearchRecord`.
        result: `Importances`, or `None`.
    """
    if result is None:
        return element(
            "p",
            f"They need {LEAST_TRIALS} trials with a score, not all the same, and "
            "hyperparameters that differ. Trials with a score: "
            f"{len(search.ranked())}.",
        )
    doubt = "" if result.r2 > 0 else " A guess is as good: the chart says little."
    columns = ["hyperparameter", "fall of R²", "standard deviation"]
    rows = [(name, result.means[name], result.errors[name]) for name in result.means]
    return joined(
        element(
            "p",
            f"Permutation importance of scikit-learn. A random forest of {TREES} trees "
            f"learns the ranks of the {result.trials} trials with a score, and each "
            f"hyperparameter is shuffled among them {REPEATS} times. A bar is the mean "
            "fall of R², its line the standard deviation. What does not apply in a "
            "trial takes its median, or most frequent, value. On trials that a tree "
            f"has not seen, R² is {result.r2:.2f}.{doubt}",
        ),
        chart(
            "chart-importances",
            "Importance of each hyperparameter",
            charts.importances(result),
        ),
        details("Importances as a table", table("Importances", columns, rows)),
    )


def curves(search):
    title = f"{search.objective} by epoch"
    runs = learning_curves.curves(search)
    longest = max(len(curve) for *_, curve in runs)
    columns = ["trial", "execution", *range(1, longest + 1)]
    rows = [
        [trial.number, number, *curve, *[None] * (longest - len(curve))]
        for trial, number, curve in runs
    ]
    return joined(
        chart("chart-curves", title, learning_curves.learning_curves(search)),
        details("Learning curves as a table", table(title, columns, rows)),
    )
