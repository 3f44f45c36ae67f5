import keras_tuner
import pytest
from searches import search

from kdl_cli.folder import figures

pytestmark = pytest.mark.one_backend

OBJECTIVE = keras_tuner.Objective("val_rmse", "min")


class TestCurves:
    @pytest.mark.parametrize("epochs", [1, 3])
    def test_every_epoch_is_seen(self, epochs):
        values = [0.5, 0.25, 0.125][:epochs]
        figure = figures.curves({"rmse": values, "val_rmse": values}, OBJECTIVE)
        (axes,) = figure.axes
        for line in axes.lines:
            assert list(line.get_xdata()) == [1, 2, 3][:epochs]
            assert list(line.get_ydata()) == values
            # A single point has no line that could be seen.
            assert line.get_marker() == ("o" if epochs == 1 else "None")
        ticks = axes.get_xticks()
        assert (ticks == ticks.round()).all()

    @pytest.mark.parametrize(
        ("name", "scale"),
        [("rmse", "log"), ("loss", "log"), ("exact_match", "linear")],
    )
    def test_errors_are_on_a_logarithmic_scale(self, name, scale):
        history = {name: [0.5, 0.2], f"val_{name}": [0.6, 0.3]}
        (axes,) = figures.curves(history, OBJECTIVE).axes
        assert axes.get_yscale() == scale


class TestSearch:
    def test_tells_statuses_by_shape_and_names_them(self):
        record = search()
        figure = figures.search(record)
        (axes,) = figure.axes
        lines = {line.get_label(): line for line in axes.lines}
        assert list(lines) == ["completed", "pruned", "best so far", "failed"]
        markers = {line.get_marker() for line in lines.values()}
        assert markers == {"o", "^", "None", "x"}
        for status in ("completed", "pruned", "failed"):
            numbers = [t.number for t in record.trials if t.status == status]
            assert list(lines[status].get_xdata()) == numbers
        (legend,) = figure.legends
        assert [text.get_text() for text in legend.get_texts()] == list(lines)

    @pytest.mark.parametrize(("direction", "pick"), [("min", min), ("max", max)])
    def test_draws_the_best_so_far(self, direction, pick):
        record = search(direction=direction)
        (axes,) = figures.search(record).axes
        (line,) = [line for line in axes.lines if line.get_label() == "best so far"]
        scores = [trial.score for trial in record.trials if trial.score is not None]
        best = [pick(scores[: n + 1]) for n in range(len(scores))]
        assert list(line.get_ydata()) == best


class TestComparison:
    def test_keeps_intervals_within_the_bounds_of_a_metric(self):
        scores = [0.99, 1.0, 0.9]
        runs = [
            {"value": "a", "seed": n, "status": "completed", "test_accuracy": score}
            for n, score in enumerate(scores)
        ]
        figure = figures.comparison(runs, ["a"], "rate", {"test_accuracy": "max"})
        (bar,) = figure.axes[0].containers
        (segment,) = bar.lines[2][0].get_segments()
        low, high = segment[:, 1]
        assert high == pytest.approx(1.0) and low < 0.9
