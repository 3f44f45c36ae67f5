import keras_tuner
import pytest

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
