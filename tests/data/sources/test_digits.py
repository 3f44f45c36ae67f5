import numpy as np
import pytest
from sklearn.datasets import load_digits

from kdl.data import digits

pytestmark = pytest.mark.one_backend


def keys(*parts):
    """The images of some parts as sortable bytes."""
    return sorted(image.tobytes() for x, _ in parts for image in x)


class TestDigits:
    def test_shapes_types_and_range(self):
        for x, y in digits():
            assert x.shape[1:] == (8, 8, 1) and x.dtype == "float32"
            assert y.shape == x.shape[:1] and y.dtype == "int32"
            assert x.min() == 0 and x.max() == 1
        assert [len(x) for x, _ in digits()] == [1437, 180, 180]
        assert [len(x) for x, _ in digits("gallery")] == [808, 90, 899]

    @pytest.mark.parametrize("split", ["stratified", "gallery"])
    def test_parts_are_all_of_scikit_learn_s_digits(self, split):
        images = (load_digits().images / 16).astype("float32")
        assert keys(*digits(split)) == keys((images, None))

    def test_labels_go_with_their_images(self):
        whole = {
            image.astype("float32").tobytes(): label
            for image, label in zip(
                load_digits().images / 16, load_digits().target, strict=True
            )
        }
        for x, y in digits():
            assert [whole[image.tobytes()] for image in x] == y.tolist()

    def test_stratified_parts_hold_classes_alike(self):
        for _, y in digits():
            shares = np.bincount(y) / len(y)
            np.testing.assert_allclose(shares, 0.1, atol=0.01)

    def test_gallery_tests_on_the_second_half_in_order(self):
        x, y = digits("gallery").test
        np.testing.assert_array_equal(x[..., 0] * 16, load_digits().images[898:])
        np.testing.assert_array_equal(y, load_digits().target[898:])

    def test_seed_draws_the_parts(self):
        assert keys(digits(seed=1).test) == keys(digits(seed=1).test)
        assert keys(digits(seed=1).test) != keys(digits(seed=2).test)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (
                {"split": "random"},
                "`split` must be one of 'stratified', 'gallery'. "
                "Received: split='random'",
            ),
            (
                {"seed": -1},
                "`seed` must be an integer in [0, 4294967296). Received: seed=-1",
            ),
        ],
    )
    def test_refuses_bad_arguments(self, arguments, message):
        with pytest.raises(ValueError) as error:
            digits(**arguments)
        assert str(error.value) == message
