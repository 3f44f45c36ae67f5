"""Pictures of runs and searches."""

from matplotlib.figure import Figure


def curves(history):
    """Draws what the logs hold by epoch, training beside validation.

    Args:
        history: Dict of lists, one value per epoch, as `History.history`.
    """
    names = [name for name in history if not name.startswith("val_")]
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(4 * columns, 3.5 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).flat
    for name, axes in zip(names, panels, strict=False):
        epochs = range(1, len(history[name]) + 1)
        axes.plot(epochs, history[name], label="training", color="C0")
        # Without a counterpart it is no metric, but a number in force.
        if f"val_{name}" in history:
            axes.plot(epochs, history[f"val_{name}"], label="validation", color="C1")
            axes.legend()
            if name != "accuracy" and all(value > 0 for value in history[name]):
                axes.set_yscale("log")
        axes.set_title(name.replace("_", " "))
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.3)
    for axes in panels:
        axes.remove()
    return figure


def search(scores, objective):
    """Draws the score of each trial, and the best so far.

    Args:
        scores: List of floats, `None` for a trial that failed.
        objective: `keras_tuner.Objective`.
    """
    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots()
    pick = min if objective.direction == "min" else max
    done = [(n, score) for n, score in enumerate(scores, 1) if score is not None]
    failed = [n for n, score in enumerate(scores, 1) if score is None]
    best = [pick(score for _, score in done[: n + 1]) for n in range(len(done))]
    numbers = [n for n, _ in done]
    axes.plot(numbers, [s for _, s in done], "o", label="trial", color="C0")
    axes.step(numbers, best, where="post", label="best so far", color="C1")
    if failed:
        (floor, _) = axes.get_ylim()
        axes.plot(failed, [floor] * len(failed), "x", label="failed", color="C3")
    if all(score > 0 for _, score in done) and objective.direction == "min":
        axes.set_yscale("log")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("trial")
    axes.set_ylabel(objective.name.replace("_", " "))
    axes.grid(alpha=0.3)
    axes.legend()
    return figure
