import keras
import numpy as np
import pytest
from contracts import LayerContract, array, assert_close
from sklearn.preprocessing import QuantileTransformer

from kdl.layers import PiecewiseLinearEncoding

EDGES = [[-1.0, 0.0, 0.5, 2.0], [0.0, 1.0], [-3.0, -1.0, 4.0]]


class TestPiecewiseLinearEncoding(LayerContract):
    component = PiecewiseLinearEncoding
    arguments = {"edges": EDGES}
    input_shape = (2, 4, 3)
    refused = [
        (
            {"edges": edges},
            "`edges` must be a list of lists, one for each feature, of two or more "
            f"finite numbers that increase. Received: edges={edges!r}",
        )
        for edges in (
            [],
            [[1.0]],
            [[0.0, 0.0]],
            [[0.0, float("nan")]],
            [1.0, 2.0],
            "01",
        )
    ]

    def test_is_that_of_the_paper(self):
        """Its three cases, in the order of the bins."""
        x = np.random.default_rng(0).normal(0, 3, (50, 3)).astype("float32")
        x[:3] = [[-1, 0, -3], [0, 1, -1], [2, 0.5, 4]]
        outputs = array(PiecewiseLinearEncoding(EDGES)(x))
        for row, encoded in zip(x, outputs, strict=True):
            desired = []
            for value, edges in zip(row, EDGES, strict=True):
                last = len(edges) - 1
                for t in range(1, last + 1):
                    if value < edges[t - 1] and t > 1:
                        desired.append(0)
                    elif value >= edges[t] and t < last:
                        desired.append(1)
                    else:
                        width = edges[t] - edges[t - 1]
                        desired.append((value - edges[t - 1]) / width)
            np.testing.assert_allclose(encoded, desired, rtol=1e-5, atol=1e-6)

    def test_mean_of_quantile_bins_is_scikit_learn_s_quantile_transform(self):
        x = np.random.default_rng(0).lognormal(size=(500, 2))
        edges = PiecewiseLinearEncoding.quantiles(x, bins=10)
        within = np.clip(x, *np.array([[e[0], e[-1]] for e in edges]).T)
        outputs = array(PiecewiseLinearEncoding(edges)(within.astype("float32")))
        means = outputs.reshape(-1, 2, 10).mean(-1)
        # Its quantiles are as many as the edges.
        transform = QuantileTransformer(n_quantiles=11, subsample=None)
        desired = transform.fit_transform(x)
        np.testing.assert_allclose(means, desired, rtol=1e-4, atol=1e-5)

    def test_quantiles_leave_out_nan_and_coincide_where_values_do(self):
        x = np.array([[0.0, 5.0], [0.0, 5.0], [0.0, np.nan], [1.0, 5.0], [np.inf, 5.0]])
        edges = PiecewiseLinearEncoding.quantiles(x, bins=3)
        assert edges == [[0.0, 1.0], [5.0, 6.0]]

    def test_quantiles_of_nothing_are_refused(self):
        with pytest.raises(ValueError) as error:
            PiecewiseLinearEncoding.quantiles([[1.0, np.nan]], bins=3)
        assert str(error.value) == (
            "`x` must have a finite number in each feature. Feature 1 has none."
        )

    def test_nan_stays_nan_in_the_bins_of_its_feature(self):
        outputs = array(PiecewiseLinearEncoding(EDGES)(np.array([[1.0, np.nan, 0.0]])))
        assert np.isnan(outputs[0]).tolist() == [False] * 3 + [True] + [False] * 2

    def test_refuses_another_number_of_features(self):
        layer = PiecewiseLinearEncoding(EDGES, name="encoding")
        with pytest.raises(ValueError) as error:
            layer(keras.Input((2,)))
        assert str(error.value) == (
            "The layer 'encoding' has edges of 3 features. Received: inputs of shape "
            "(None, 2)"
        )

    def test_is_a_straight_line_beyond_the_edges(self):
        layer = PiecewiseLinearEncoding([[0.0, 1.0, 2.0]])
        assert_close(layer(np.array([[-2.0], [5.0]])), [[-2.0, 0.0], [1.0, 4.0]])
