"""Pictures of schedules."""

from collections.abc import Mapping

from kdl.checks import check_integer, check_number_or_schedule
from kdl.files import write_png
from kdl.typing import Figure, FloatOrSchedule, StrPath

_POINTS = 1000  # About one a pixel.


def plot(
    schedules: Mapping[str, FloatOrSchedule], steps: int, path: StrPath | None = None
) -> Figure:
    """Draws schedules against the training step.

    More than 1000 steps are drawn by 1000 of them, evenly spaced.

    Args:
        schedules: Dict of names and schedules, each a
            `keras.optimizers.schedules.LearningRateSchedule` or a number.
        steps: Integer in `[2, inf)`. Number of training steps to draw.
        path: String or `Path` of a PNG file to write, in an existing folder.
            Defaults to `None`, no file.

    Returns:
        A `matplotlib.figure.Figure`, which a notebook displays. Its one panel is
        `figure.axes[0]`.

    Raises:
        ValueError: If `schedules` is not such a dict or empty, `steps` outside its
            interval, or `path` the name of another kind of file.

    Example:

    >>> decay = keras.optimizers.schedules.CosineDecay(0.01, decay_steps=900)
    >>> schedules = {"cosine": decay, "warmed up": kdl.schedules.Warmup(decay, 100)}
    >>> figure = kdl.schedules.plot(schedules, steps=1000, path="schedules.png")
    """
    # Here, since matplotlib takes longer to import than the rest of kdl.
    from matplotlib.figure import Figure

    if not isinstance(schedules, dict) or not schedules:
        raise ValueError(
            "`schedules` must be a dict of one or more names and schedules. "
            f"Received: schedules={schedules!r}"
        )
    schedules = {
        name: check_number_or_schedule(f"schedules[{name!r}]", value, "(-inf, inf)")
        for name, value in schedules.items()
    }
    steps = check_integer("steps", steps, "[2, inf)")

    count = min(steps, _POINTS)
    points = [(steps - 1) * n // (count - 1) for n in range(count)]
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    for n, (name, schedule) in enumerate(schedules.items()):
        # One step at a time: some schedules of Keras take no arrays.
        values = [
            schedule if isinstance(schedule, float) else float(schedule(step))
            for step in points
        ]
        # After ten lines the colours begin again.
        style = ("-", "--", ":", "-.")[n // 10 % 4]
        axes.plot(points, values, style, label=name)
    axes.set_xlabel("training step")
    axes.set_ylabel("value")
    axes.grid(alpha=0.3)
    # Beside the panel, since schedules leave no corner of it free.
    figure.legend(loc="outside right upper")
    if path is not None:
        write_png(path, figure)
    return figure
