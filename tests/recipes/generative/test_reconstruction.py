import numpy as np
import pytest
from scipy import ndimage
from sklearn.decomposition import PCA

from kdl.recipes.generative.reconstruction import (
    PrincipalComponents,
    column_table,
    errors,
    filtered,
    in_memory,
    in_parts,
    probe,
    psnr,
)

pytestmark = pytest.mark.one_backend
RNG = np.random.default_rng(0)


def test_parts_are_one_after_the_other():
    x = RNG.normal(size=(600, 2))
    sizes = []

    def double(some):
        sizes.append(len(some))
        return 2 * some

    np.testing.assert_array_equal(in_parts(double, x), 2 * x)
    assert sizes == [256, 256, 88]


def test_some_examples_are_drawn_in_order_with_their_labels():
    x = np.arange(100.0)[:, None]
    some, labels = in_memory(x, np.arange(100), count=10)
    assert some[:, 0].tolist() == labels.tolist() == sorted(set(labels))
    assert len(labels) == 10 and labels.max() > 50
    np.testing.assert_array_equal(in_memory(x), x)


def test_principal_components_are_scikit_learn_s():
    x, new = RNG.normal(size=(2, 50, 3, 2, 1))
    pca = PrincipalComponents(x, 4)
    known = PCA(4, svd_solver="full").fit(x.reshape(50, 6))
    desired = known.inverse_transform(known.transform(new.reshape(50, 6)))
    np.testing.assert_allclose(pca.reconstruct(new), desired.reshape(new.shape))
    squares = (desired - new.reshape(50, 6)) ** 2
    np.testing.assert_allclose(errors(pca, new), squares.mean(1))
    # There are no more than numbers.
    np.testing.assert_allclose(PrincipalComponents(x, 9).reconstruct(new), new)


def test_probe_tells_what_codes_tell():
    y = RNG.integers(0, 2, 400)
    x = np.stack([RNG.normal(size=400), 1000 + y], axis=1)
    parts = (x[:300], y[:300]), (x[300:], y[300:])
    assert probe(lambda x: x, *parts) == 1
    # Chance, with a standard error of 0.05.
    assert abs(probe(lambda x: x[:, :1], *parts) - 0.5) < 0.2


def test_filters_of_each_kind_are_the_best():
    clean = ndimage.gaussian_filter(RNG.uniform(size=(20, 16, 16, 1)), (0, 3, 3, 0))
    clean = (clean - clean.min()) / np.ptp(clean)
    noisy = clean + RNG.normal(0, 0.3, clean.shape)
    found = filtered(clean, noisy)
    assert list(found) == ["median", "gaussian"]
    blurred = [ndimage.gaussian_filter(noisy, (0, s, s, 0)) for s in (0.5, 1.4)]
    # The widest of them suits images as smooth as these.
    np.testing.assert_array_equal(found["gaussian"](noisy), blurred[1])
    assert psnr(clean, blurred[1]) > psnr(clean, blurred[0]) > psnr(clean, noisy)


def test_psnr_is_of_clipped_images():
    x = np.zeros((1, 4, 4, 1))
    assert psnr(x, np.full_like(x, -3)) == pytest.approx(100)
    assert psnr(x, np.full_like(x, 0.1)) == pytest.approx(20, abs=1e-4)


def test_columns_are_in_order_of_their_error():
    class Zero:
        def reconstruct(self, x):
            return 0 * x

    class Half:
        def reconstruct(self, x):
            return x / 2

    x = np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 1.0]])
    methods = {"error": Zero(), "other": Half()}
    assert column_table(methods, x, ["a", "b", "a"]) == [
        {"column": "b", "error": 4.0, "other": 1.0},
        {"column": "a", "error": 3.0, "other": 0.75},
    ]
