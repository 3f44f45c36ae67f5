import numpy as np
import pytest

from kdl.evaluation import reliability, reliability_figure
from kdl.files import write_png

pytestmark = pytest.mark.one_backend

RNG = np.random.default_rng(0)
Y = RNG.integers(0, 3, 100)
P = RNG.dirichlet(np.ones(3), 100)


def test_shows_the_bins(tmp_path):
    figure = reliability_figure({"before": P, "after": np.eye(3)[Y]}, Y, title="Mine")
    above, other, below, _ = figure.axes
    found = reliability(P, Y)
    (points,) = (part for part in above.collections if part.get_label()[:1] == "e")
    desired = np.stack([found.confidence, found.accuracy], 1)
    np.testing.assert_allclose(points.get_offsets(), desired)
    heights = [bar.get_height() for bar in below.patches]
    np.testing.assert_array_equal(heights, found.counts)
    assert above.get_title().startswith("before\nECE 0.")
    assert other.get_title() == "after\nECE 0.000"
    write_png(tmp_path / "figure.png", figure)
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_takes_one_classifier():
    figure = reliability_figure(P, Y, bins=5, strategy="mass")
    assert len(figure.axes) == 2
    assert figure.axes[0].get_title().startswith("ECE 0.")


def test_refuses_what_is_no_probability():
    with pytest.raises(ValueError) as error:
        reliability_figure(P[:, :1], Y)
    assert str(error.value) == (
        "`probabilities` must be probabilities of shape (examples, classes), which sum "
        "to 1. Received: shape=(100, 1)"
    )
