import numpy as np
import pytest
from contracts import array
from scored_models import IMAGES, RNG, convolutions, linear

from kdl.attribution import deletion_curve, insertion_curve


class TestCurves:
    """The two of a linear model are sums of what each input adds, by hand."""

    @pytest.mark.parametrize("curve", [deletion_curve, insertion_curve])
    def test_are_sums_of_the_contributions(self, curve):
        model, x = linear(), RNG.normal(size=(5, 4)).astype("float32")
        kernel, bias = (array(weight)[..., 1] for weight in model.weights)
        added = x * kernel
        order = np.argsort(-added, axis=1)
        total = np.cumsum(np.take_along_axis(added, order, 1), axis=1)
        total = np.concatenate([np.zeros((5, 1)), total], axis=1) + bias
        if curve is deletion_curve:
            total = added.sum(axis=1, keepdims=True) + 2 * bias - total
        found = curve(model, x, added, score=1, steps=4)
        np.testing.assert_allclose(found.scores, total, 1e-4, 1e-5)
        np.testing.assert_allclose(found.shares, [0, 0.25, 0.5, 0.75, 1])
        middle = total[:, 1:-1].sum(axis=1)
        areas = (middle + (total[:, 0] + total[:, -1]) / 2) / 4
        np.testing.assert_allclose(found.areas, areas, 1e-4, 1e-5)

    def test_of_what_counts_first_lie_apart_from_chance(self):
        model, x = linear(64), RNG.normal(size=(20, 64)).astype("float32")
        added = x * array(model.layers[-1].kernel)[:, 0]
        chance = RNG.normal(size=x.shape)
        for curve, sign in ((deletion_curve, -1), (insertion_curve, 1)):
            ours, random = (curve(model, x, a, 0).areas for a in (added, chance))
            assert (sign * (ours - random) > 0).all()

    def test_have_channels_go_together(self):
        model = convolutions()
        attributions = RNG.normal(size=IMAGES.shape)
        found = deletion_curve(model, IMAGES, attributions, 2, value=1.0, steps=2)
        hidden = IMAGES.copy()
        flat = attributions.reshape(6, -1)
        middle = np.sort(flat, axis=1)[:, 31][:, None, None, None]
        hidden[attributions > middle] = 1.0
        np.testing.assert_allclose(
            found.scores[:, 1], array(model(hidden))[:, 2], 1e-4, 1e-5
        )
        ends = array(model(IMAGES))[:, 2], array(model(np.ones_like(IMAGES)))[:, 2]
        np.testing.assert_allclose(found.scores[:, ::2].T, ends, 1e-4, 1e-5)
        flat = deletion_curve(
            model, IMAGES, attributions[..., 0], 2, value=1.0, steps=2
        )
        np.testing.assert_allclose(flat.scores, found.scores)

    @pytest.mark.one_backend
    def test_refuse(self):
        model, x = linear(), np.ones((2, 4))
        for arguments, message in (
            (
                (np.ones((2, 3)),),
                "`attributions` must have the shape of the inputs, (2, 4), or that "
                "without channels. Received: shape=(2, 3)",
            ),
            (
                (x, None, 0.0, 5),
                "`steps` must be an integer in [1, 4]. Received: steps=5",
            ),
            (
                (x, None, "black"),
                "`value` must be a number in (-inf, inf). Received: value='black'",
            ),
        ):
            for curve in (deletion_curve, insertion_curve):
                with pytest.raises(ValueError) as error:
                    curve(model, x, *arguments)
                assert str(error.value) == message
