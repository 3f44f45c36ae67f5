import sys

import keras
import numpy as np
import pytest
from matplotlib.figure import Figure

from kdl.schedules import OneCycle, Warmup, plot


def test_draws_every_step_of_every_schedule():
    schedules = {
        "cycle": OneCycle(0.5, 50),
        "keras": keras.optimizers.schedules.PiecewiseConstantDecay([30], [0.4, 0.1]),
        "constant": 0.25,
    }
    figure = plot(schedules, 60)
    assert isinstance(figure, Figure)
    (axes,) = figure.axes
    lines = {line.get_label(): line for line in axes.lines}
    assert list(lines) == list(schedules)
    for name, line in lines.items():
        assert np.array_equal(line.get_xdata(), np.arange(60)), name
    values = [float(schedules["cycle"](step)) for step in range(60)]
    assert lines["cycle"].get_ydata().tolist() == values
    np.testing.assert_allclose(lines["keras"].get_ydata(), [0.4] * 31 + [0.1] * 29)
    assert set(lines["constant"].get_ydata()) == {0.25}
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == list(schedules)
    assert axes.get_xlabel() and axes.get_ylabel()


def test_draws_long_trainings_by_a_thousand_steps():
    (line,) = plot({"a": 0.5}, 10**9).axes[0].lines
    points = line.get_xdata()
    assert len(points) == 1000 and points[0] == 0 and points[-1] == 10**9 - 1
    assert np.ptp(np.diff(points)) <= 1


def test_tells_many_lines_apart():
    lines = plot({str(n): n / 40 for n in range(40)}, 2).axes[0].lines
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 40


def test_writes_a_png_and_leaves_pyplot_alone(tmp_path):
    plot({"a": Warmup(0.5, 10)}, 20, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    if "matplotlib.pyplot" in sys.modules:
        assert not sys.modules["matplotlib.pyplot"].get_fignums()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"schedules": {}},
            "`schedules` must be a dict of one or more names and schedules. "
            "Received: schedules={}",
        ),
        (
            {"schedules": [0.5]},
            "`schedules` must be a dict of one or more names and schedules. "
            "Received: schedules=[0.5]",
        ),
        (
            {"schedules": {"a": "cosine"}},
            "`schedules['a']` must be a number in (-inf, inf) or a "
            "LearningRateSchedule. Received: schedules['a']='cosine'",
        ),
        ({"steps": 1}, "`steps` must be an integer in [2, inf). Received: steps=1"),
        (
            {"path": "a.pdf"},
            "`path` must end in '.png'. Received: path='a.pdf'",
        ),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(ValueError) as error:
        plot(**{"schedules": {"a": 0.5}, "steps": 20, **arguments})
    assert str(error.value) == message
