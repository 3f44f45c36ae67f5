import html
import json
import math

import numpy as np
import pytest
from searches import EVIL, LONG, OPTIMIZERS, search

from kdl_cli.page import charts
from kdl_cli.page.dimensions import dimensions
from kdl_cli.page.importances import importances
from kdl_cli.page.learning_curves import learning_curves
from kdl_cli.page.parallel_coordinates import ABSENT, NAME, parallel_coordinates

pytestmark = pytest.mark.one_backend


def trace(figure, name):
    (found,) = [trace for trace in figure.data if trace.name == name]
    return found


def axis(record, name):
    (found,) = [axis for axis in dimensions(record) if axis.name == name]
    return found


def texts(value):
    """All strings in a figure."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [text for item in value for text in texts(item)]
    return [value] if isinstance(value, str) else []


class TestDimensions:
    def test_are_what_differs(self):
        names = [axis.name for axis in dimensions(search())]
        assert names == ["optimizer", "rate", LONG, "layers", "norm", EVIL]
        assert dimensions(search(size=1)) == []

    def test_have_the_scale_and_the_extent_of_the_space(self):
        record = search()
        assert axis(record, "rate").scale == "log"
        assert axis(record, "rate").values == [1e-5, 1e-1]
        assert axis(record, "rate").position(1e-3) == pytest.approx(0.5)
        assert axis(record, "layers").ticks() == [1, 3, 5]
        assert axis(record, "optimizer").values == OPTIMIZERS
        assert axis(record, "norm").scale == "category"


class TestHistory:
    @pytest.mark.parametrize(
        ("direction", "best"), [("min", np.minimum), ("max", np.maximum)]
    )
    def test_draws_the_best_so_far(self, direction, best):
        record = search(direction=direction)
        scored = [trial for trial in record.trials if trial.score is not None]
        line = trace(charts.history(record), "best so far")
        assert list(line.x) == [trial.number for trial in scored]
        expected = best.accumulate([trial.score for trial in scored])
        np.testing.assert_array_equal(line.y, expected)

    def test_tells_statuses_by_shape_and_those_without_a_score_by_place(self):
        figure = charts.history(search())
        shapes = {trace.name: trace.marker.symbol for trace in figure.data}
        assert shapes["pruned"] == "triangle-up-open" and shapes["failed"] == "x"
        assert len({shapes[n] for n in ("completed", "pruned", "failed", "best")}) == 4
        assert trace(figure, "failed").yaxis == "y2"
        assert list(trace(figure, "failed").x) == list(range(4, 25, 4))

    def test_has_the_standard_error_of_several_executions(self):
        record = search()
        bars = trace(charts.history(record), "completed").error_y
        spread = np.std(record.trials[0].scores, ddof=1) / math.sqrt(2)
        assert bars.array[0] == pytest.approx(spread)

    def test_is_logarithmic_for_losses_alone(self):
        assert charts.history(search()).layout.yaxis.type == "log"
        assert charts.history(search(direction="max")).layout.yaxis.type == "linear"


class TestSlices:
    def test_draws_a_logarithmic_hyperparameter_on_a_logarithmic_axis(self):
        record = search()
        figure = charts.slices(record, axis(record, "rate"))
        assert figure.layout.xaxis.type == "log"
        completed = [t for t in record.trials if t.status == "completed"]
        points = trace(figure, "completed")
        assert list(points.x) == [trial.values["rate"] for trial in completed]
        assert list(points.y) == [trial.score for trial in completed]

    def test_labels_categories(self):
        record = search()
        figure = charts.slices(record, axis(record, "norm"))
        ticks = figure.layout.xaxis
        places = dict(zip(ticks.ticktext, ticks.tickvals, strict=True))
        drawn = trace(figure, "failed").x
        failed = [trial for trial in record.trials if trial.status == "failed"]
        assert list(drawn) == [places[str(trial.values["norm"])] for trial in failed]

    def test_leaves_out_trials_where_it_does_not_apply(self):
        record = search()
        figure = charts.slices(record, axis(record, LONG))
        drawn = sum(len(t.x) for t in figure.data if t.name != "best")
        assert drawn == sum(LONG in trial.values for trial in record.trials) < 24


class TestParallelCoordinates:
    def test_a_line_passes_through_the_values_of_its_trial(self):
        record = search()
        best = min((t for t in record.trials if t.score is not None), key=score)
        line = trace(parallel_coordinates(record, dimensions(record)), "best")
        values = best.values
        expected = [
            0,
            OPTIMIZERS.index(values["optimizer"]) / 2,
            (math.log10(values["rate"]) + 5) / 4,
            values.get(LONG, ABSENT),
            (values["layers"] - 1) / 4,
            float(values["norm"]),
            values[EVIL],
        ]
        np.testing.assert_allclose(line.x[:-1], expected, atol=1e-9)

    def test_names_are_where_no_line_passes(self):
        record = search()
        figure = parallel_coordinates(record, dimensions(record))
        names = [note for note in figure.layout.annotations if note.xref == "paper"]
        assert len(names) == 1 + len(dimensions(record))
        for note in names:
            # To the left of what is drawn, which is where `x` is 0 on paper.
            assert (note.x, note.xanchor) == (0, "right")
        first, _ = figure.layout.xaxis.range
        assert first < min(x for t in figure.data for x in t.x if x is not None)
        lines = [line for note in names for line in note.text[3:-4].split("<br>")]
        assert max(len(html.unescape(line)) for line in lines) <= NAME

    def test_says_where_a_hyperparameter_does_not_apply(self):
        record = search()
        axes = dimensions(record)
        figure = parallel_coordinates(record, axes)
        (note,) = [n for n in figure.layout.annotations if "does not" in n.text]
        assert (note.x, note.y) == (ABSENT, -1 - [a.name for a in axes].index(LONG))
        always = [axis for axis in axes if axis.name != LONG]
        figure = parallel_coordinates(record, always)
        assert not any("does not" in n.text for n in figure.layout.annotations)

    def test_draws_each_trial_with_a_score_once(self):
        record = search()
        figure = parallel_coordinates(record, dimensions(record))
        lines = sum(trace.x.count(None) for trace in figure.data)
        assert lines == sum(trial.score is not None for trial in record.trials)


class TestLearningCurves:
    def test_draws_each_execution_and_marks_where_pruned_ones_end(self):
        record = search()
        figure = learning_curves(record)
        drawn = [y for trace in figure.data if "lines" in trace.mode for y in trace.y]
        curves = [c["val_loss"] for trial in record.trials for c in trial.curves]
        values = [value for curve in curves for value in curve]
        assert sorted(filter(None, drawn)) == sorted(values)
        assert drawn.count(None) == len(curves)
        ends = [trace for trace in figure.data if trace.mode == "markers"]
        pruned = [trial for trial in record.trials if trial.status == "pruned"]
        assert ends[0].marker.symbol == "triangle-up-open"
        assert ends[0].x == (2,) * len(pruned)

    def test_a_curve_may_hold_what_is_not_finite(self):
        record = search()
        record.trials[3].curves[0]["val_loss"] = [math.nan, math.inf]
        figure = json.loads(learning_curves(record).to_json())
        assert [None, None, None] in [
            trace["y"][:3] for trace in figure["data"] if trace["name"] == "failed"
        ]


class TestImportances:
    def test_finds_what_the_score_depends_on(self):
        record = search(size=60)
        result = importances(record, dimensions(record))
        first, second, *_ = result.means.values()
        assert next(iter(result.means)) == "rate"
        assert first > 5 * abs(second) and result.r2 > 0.5
        assert result.trials == sum(trial.score is not None for trial in record.trials)

    def test_finds_a_category_as_a_whole(self):
        record = search(size=60)
        for trial in record.trials:
            if trial.score is not None:
                trial.score = float(OPTIMIZERS.index(trial.values["optimizer"]) == 1)
        result = importances(record, dimensions(record))
        # Whether another applies says the same, but is not to be seen.
        assert next(iter(result.means)) == "optimizer"
        assert result.means["optimizer"] > 5 * abs(result.means[LONG])

    def test_takes_ten_trials_that_differ(self):
        record = search(size=12)
        assert len(record.ranked()) == 9
        assert importances(record, dimensions(record)) is None
        record = search(size=14)
        assert importances(record, dimensions(record)) is not None
        for trial in record.ranked():
            trial.score = 1.0
        assert importances(record, dimensions(record)) is None


def test_no_text_is_markup():
    record = search()
    axes = dimensions(record)
    figures = [
        charts.history(record),
        *(charts.slices(record, axis) for axis in axes),
        parallel_coordinates(record, axes),
        learning_curves(record),
        charts.importances(importances(record, axes)),
    ]
    for figure in figures:
        found = texts(figure.to_dict())
        assert not any("<script" in text or "&<b>" in text for text in found)
    assert any("&lt;script" in text for text in found)


def score(trial):
    return trial.score
