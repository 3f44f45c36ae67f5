import keras
import numpy as np
import pytest
import torch
from contracts import LayerContract, array, assert_close, normal

from kdl.layers import FractionalMaxPooling2D


class TestFractionalMaxPooling2D(LayerContract):
    component = FractionalMaxPooling2D
    arguments = {
        "ratio": 1.5,
        "pseudo_random": True,
        "overlapping": False,
        "seed": 1,
        "data_format": "channels_first",
    }
    input_shape = (2, 3, 7, 8)
    refused = [
        ({"ratio": 1}, "`ratio` must be a number in (1, inf). Received: ratio=1"),
        (
            {"pseudo_random": 1},
            "`pseudo_random` must be one of True, False. Received: pseudo_random=1",
        ),
        (
            {"overlapping": None},
            "`overlapping` must be one of True, False. Received: overlapping=None",
        ),
    ]

    def reference(self, inputs, rows, columns, overlapping):
        """Regions one by one, of images whose channels are last."""
        outputs = np.empty((len(inputs), len(rows) - 1, len(columns) - 1, 3))
        for i in range(len(rows) - 1):
            for j in range(len(columns) - 1):
                region = inputs[
                    :,
                    rows[i] : rows[i + 1] + overlapping,
                    columns[j] : columns[j + 1] + overlapping,
                ]
                outputs[:, i, j] = region.max(axis=(1, 2))
        return outputs

    def pooled(self, layer, inputs, rows, columns):
        rows, columns = (
            keras.ops.convert_to_tensor(x, "int32") for x in (rows, columns)
        )
        inputs = keras.ops.convert_to_tensor(inputs)
        return layer.pool(layer.pool(inputs, rows, 1), columns, 2)

    @pytest.mark.parametrize("overlapping", [False, True])
    @pytest.mark.parametrize("pseudo_random", [False, True])
    def test_takes_the_maxima_between_its_edges(self, pseudo_random, overlapping):
        options = {"seed": 3, "data_format": "channels_last"}
        layer = FractionalMaxPooling2D(1.4, pseudo_random, overlapping, **options)
        # Of the same seed, it draws the same rows and columns.
        twin = FractionalMaxPooling2D(1.4, pseudo_random, overlapping, **options)
        inputs = array(normal((2, 13, 11, 3)))
        for training in (True, True, False):
            rows, columns = (array(twin.edges(size, training)) for size in (13, 11))
            desired = self.reference(inputs, rows, columns, overlapping)
            assert_close(layer(inputs, training=training), desired)
            assert_close(self.pooled(layer, inputs, rows, columns), desired)

    @pytest.mark.parametrize("pseudo_random", [False, True])
    @pytest.mark.parametrize(
        ("ratio", "size"), [(1.4, 25), (1.9, 21), (2.5, 19), (2, 12), (1.01, 9), (3, 4)]
    )
    def test_steps_are_of_two_lengths(self, ratio, size, pseudo_random):
        layer = FractionalMaxPooling2D(ratio, pseudo_random, seed=0)
        n = int(size / ratio)
        seen = set()
        for _ in range(10):
            edges = array(layer.edges(size, training=True))
            assert (len(edges), edges[0], edges[-1]) == (n + 1, 0, size)
            assert set(np.diff(edges)) <= {size // n, -(-size // n)}
            seen.add(tuple(edges))
        assert len(seen) > 1 or size % n == 0 or n == 1

    def test_random_order_is_uniform(self):
        layer = FractionalMaxPooling2D(1.5, seed=0)
        longer = np.mean(
            [np.diff(array(layer.edges(8, training=True))) - 1 for _ in range(400)], 0
        )
        # Three of five steps are of 2: the standard error of each mean is 0.025.
        assert longer.sum() == pytest.approx(3)
        assert (abs(longer - 0.6) < 0.1).all()

    def test_pseudo_random_edges_are_those_of_the_paper(self):
        layer = FractionalMaxPooling2D(1.4, pseudo_random=True, seed=0)
        possible = {
            # In the paper, rows are counted from 1.
            tuple(np.ceil(25 / 17 * (np.arange(1, 17) + u)).astype(int) - 1)
            for u in np.linspace(0.001, 0.999, 2000)
        }
        for _ in range(20):
            edges = array(layer.edges(25, training=True))
            assert tuple(edges[1:-1]) in possible

    @pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="its own op")
    @pytest.mark.parametrize("overlapping", [False, True])
    @pytest.mark.parametrize("pseudo_random", [False, True])
    def test_is_that_of_tensorflow_between_its_edges(self, pseudo_random, overlapping):
        import tensorflow as tf

        inputs = array(normal((2, 25, 19, 3)))
        layer = FractionalMaxPooling2D(1.4, pseudo_random, overlapping)
        for seed in range(1, 11):
            desired, rows, columns = tf.nn.fractional_max_pool(
                inputs, 1.4, pseudo_random, overlapping, seed
            )
            assert_close(self.pooled(layer, inputs, rows, columns), desired)
            for edges, size in ((array(rows), 25), (array(columns), 19)):
                n = len(edges) - 1
                assert n == int(size / 1.4)
                assert set(np.diff(edges)) == {size // n, size // n + 1}
                i, rest = np.arange(1, n), size % n
                shifts = range(min(2 * n - rest, n + rest))
                possible = {tuple((size * i + s) // n) for s in shifts}
                assert not pseudo_random or tuple(edges[1:-1]) in possible

    def test_is_that_of_torch_where_the_ratio_divides(self):
        inputs = array(normal((2, 3, 12, 9)))
        samples = torch.rand((2, 3, 2), generator=torch.Generator().manual_seed(0))
        module = torch.nn.FractionalMaxPool2d(
            3, output_ratio=1 / 3, _random_samples=samples
        )
        desired = module(torch.tensor(inputs)).numpy()
        for training in (False, True):
            outputs = self.make(ratio=3)(inputs, training=training)
            assert_close(outputs, desired)

    def test_seed_fixes_the_regions(self):
        def draws(seed):
            layer = FractionalMaxPooling2D(1.4, seed=seed)
            return [tuple(array(layer.edges(50, training=True))) for _ in range(2)]

        assert draws(1) == draws(1) != draws(2)
        assert draws(1)[0] != draws(1)[1]

    @pytest.mark.parametrize("pseudo_random", [False, True])
    def test_takes_images_of_any_size(self, pseudo_random):
        layer = FractionalMaxPooling2D(1.4, pseudo_random, data_format="channels_last")
        model = keras.Sequential([keras.Input((None, None, 3)), layer])
        assert model.output_shape == (None, None, None, 3)
        model.compile("sgd", "mse")
        for shape in ((2, 5, 14, 3), (2, 2, 7, 3)):
            inputs = array(normal(shape))
            outputs = model.predict(inputs, verbose=0)
            assert_close(outputs, layer(inputs))
            assert np.isfinite(model.train_on_batch(inputs, np.zeros_like(outputs)))

    def test_gradient_is_finite_at_zero(self):
        model = keras.Sequential(
            [keras.layers.Conv2D(3, 1), self.make(data_format="channels_last")]
        )
        model.compile("sgd", "mse")
        model.fit(np.zeros((2, 6, 6, 1)), np.ones((2, 4, 4, 3)), verbose=0)
        assert all(np.isfinite(array(weight)).all() for weight in model.weights)

    def test_refuses_images_smaller_than_the_ratio(self):
        with pytest.raises(ValueError) as error:
            self.make(ratio=2.5)(keras.Input((3, 2, 5)))
        assert str(error.value) == (
            "FractionalMaxPooling2D takes images of at least `ratio` pixels a side. "
            "Received: inputs of shape (None, 3, 2, 5), ratio=2.5, "
            "data_format='channels_first'"
        )
