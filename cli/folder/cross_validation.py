"""A cross-validation as tables, without Keras."""

from rich.table import Table

from kdl_cli.folder.reading import FOLDS, SCORES, read_rows
from kdl_cli.terminal.text import rows_table, short


def parts(folder, settings):
    """The content of a cross-validation's folder, as tables and lines to print.

    Args:
        folder: `Path`.
        settings: Dict. Settings of the cross-validation.
    """
    folds, scores = read_rows(folder / FOLDS), read_rows(folder / SCORES)
    if not scores:
        yield f"\nFolds that are done: {len(folds)}. Run the same command to go on."
        return
    searched = ", each with the best of a search" if settings.get("nested") else ""
    yield (
        f"\nMeans over {len(folds)} folds{searched}, with 95% intervals that allow for "
        "the examples that their training sets share:"
    )
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("metric", "mean", "interval", "standard deviation", "worst", "best"):
        table.add_column(name, justify="left" if name == "metric" else "right")
    for row in scores:
        interval = f"{short(row['low'])} to {short(row['high'])}"
        names = "standard_deviation", "worst", "best"
        rest = (short(row.get(name)) for name in names)
        table.add_row(row["metric"], short(row["mean"]), interval, *rest)
    yield table
    if settings.get("nested"):
        known = {"fold", "seconds", *(row["metric"] for row in scores)}
        yield "\nThe best of the search in each fold:"
        names = [name for name in folds[0] if name not in known]
        yield rows_table({name: [row[name] for row in folds] for name in names})
