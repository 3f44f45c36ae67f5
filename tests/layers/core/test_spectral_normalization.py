import keras
import numpy as np
import pytest
from contracts import LayerContract, array, assert_close, called
from keras import ops

from kdl.layers import SpectralNormalization


def largest(kernel, is_transposed=False):
    """The largest singular value of a kernel as a matrix."""
    kernel = array(kernel)
    if is_transposed:
        kernel = np.swapaxes(kernel, -1, -2)
    return np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]), compute_uv=False)[0]


class TestSpectralNormalization(LayerContract):
    component = SpectralNormalization
    arguments = {"layer": keras.layers.Dense(5), "power_iterations": 2, "seed": 3}
    input_shape = (4, 6)
    refused = [
        (
            {"layer": "dense"},
            "`layer` must be a keras.layers.Layer. Received: layer='dense'",
        ),
        (
            {"power_iterations": 0},
            "`power_iterations` must be an integer in [1, inf). Received: "
            "power_iterations=0",
        ),
    ]

    @pytest.fixture(autouse=True)
    def begin_anew(self):
        self.arguments = {**self.arguments, "layer": keras.layers.Dense(5)}

    def make(self, **changed):
        if "dtype" in changed:
            # The layer within has a policy of its own.
            changed["layer"] = keras.layers.Dense(5, dtype=changed["dtype"])
        return super().make(**changed)

    @pytest.mark.parametrize(
        ("layer", "shape"),
        [
            (lambda: keras.layers.Dense(7), (2, 6)),
            (lambda: keras.layers.Conv2D(7, 3), (2, 5, 5, 4)),
            (lambda: keras.layers.Conv2DTranspose(7, 3), (2, 5, 5, 4)),
        ],
    )
    def test_largest_singular_value_is_one(self, layer, shape):
        inner = layer()
        inner.build(shape)
        inner.kernel.assign(3 * inner.kernel)
        layer = SpectralNormalization(inner, power_iterations=100)
        x = np.random.default_rng(0).normal(size=shape).astype("float32")
        before = array(inner.kernel)
        found = array(called(layer, x, training=True))
        sigma = largest(before, isinstance(inner, keras.layers.Conv2DTranspose))
        # Its bias is zero.
        np.testing.assert_allclose(found * sigma, array(inner(x)), atol=1e-3)
        assert_close(inner.kernel, before)

    def test_goes_on_from_the_last_training_step(self):
        layer = SpectralNormalization(keras.layers.Dense(5), seed=0)
        x = np.ones((1, 6), "float32")
        layer(x)
        errors = []
        for _ in range(30):
            u = array(layer.u)
            layer(x)
            np.testing.assert_array_equal(array(layer.u), u)
            layer(x, training=True)
            kernel = array(layer.layer.kernel)
            v = kernel @ u / np.linalg.norm(kernel @ u)
            assert_close(layer.u, v @ kernel / np.linalg.norm(v @ kernel))
            sigma = np.linalg.norm(v @ kernel)
            errors.append(abs(sigma / largest(kernel) - 1))
        assert errors[-1] < 0.01 < errors[0]

    def test_gradients_are_those_of_pytorch(self):
        torch = pytest.importorskip("torch")
        kernel = np.random.default_rng(0).normal(size=(6, 5)).astype("float32")
        x = np.random.default_rng(1).normal(size=(3, 6)).astype("float32")
        dense = keras.layers.Dense(5)
        layer = SpectralNormalization(dense, seed=0)
        model = keras.Sequential([keras.Input((6,)), layer])
        dense.kernel.assign(kernel)
        weight = torch.nn.Linear(6, 5, bias=False)
        with torch.no_grad():
            weight.weight.copy_(torch.from_numpy(kernel.T))
        weight = torch.nn.utils.parametrizations.spectral_norm(weight)
        state = weight.parametrizations.weight[0]
        v = kernel @ array(layer.u)
        v /= np.linalg.norm(v)
        u = v @ kernel
        state._u.copy_(torch.from_numpy(u / np.linalg.norm(u)))
        state._v.copy_(torch.from_numpy(v))
        # It would go on from there in training.
        loss = (weight.eval()(torch.from_numpy(x)) ** 2).mean()
        loss.backward()
        expected = weight.parametrizations.weight.original.grad.numpy().T
        model.compile(keras.optimizers.SGD(1.0), "mse")
        model.train_on_batch(x, np.zeros((3, 5), "float32"))
        np.testing.assert_allclose(kernel - array(dense.kernel), expected, atol=1e-5)

    @pytest.mark.one_backend
    def test_refuses_layers_without_a_kernel(self):
        layer = SpectralNormalization(keras.layers.ReLU())
        with pytest.raises(ValueError, match=r"^`layer` must have a `kernel`"):
            layer(ops.ones((2, 3)))
