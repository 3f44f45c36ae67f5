import numpy as np
import pytest
from matplotlib import colormaps

from kdl.attribution import overlay

pytestmark = pytest.mark.one_backend


class TestOverlay:
    def test_is_red_for_and_blue_against_and_grey_where_nothing_is(self):
        image, attribution = np.full((4, 4), 0.5), np.zeros((4, 4))
        attribution[0, 0], attribution[3, 3] = 2.0, -2.0
        pixels = np.asarray(overlay(image, attribution, opacity=1.0, pixels=4))
        red, blue = (np.array(colormaps["RdBu_r"](n))[:3] for n in (0.87, 0.13))
        np.testing.assert_array_equal(pixels[0, 0], np.round(255 * red))
        np.testing.assert_array_equal(pixels[3, 3], np.round(255 * blue))
        assert red[0] > 2 * red[2] and blue[2] > 2 * blue[0]
        np.testing.assert_array_equal(pixels[1, 2], [128] * 3)

    def test_grows_with_the_size_and_lets_the_image_through(self):
        image = np.full((4, 4), 0.5)
        attribution = np.zeros((4, 4))
        attribution[0] = [0.0, -0.5, 1.0, 1.0]
        pixels = np.asarray(overlay(image, attribution, opacity=0.6, pixels=4))
        blue = np.array(colormaps["RdBu_r"](0.13))[:3]
        expected = 255 * (0.7 * 0.5 + 0.3 * blue)
        np.testing.assert_allclose(pixels[0, 1], expected, atol=1)

    def test_of_one_sign_goes_from_black_to_yellow(self):
        image, attribution = np.zeros((4, 4, 3)), np.ones((4, 4, 3))
        attribution[0] = 0.0
        pixels = np.asarray(overlay(image, attribution, opacity=1.0, pixels=4))
        yellow = np.array(colormaps["inferno"](1.0))[:3]
        np.testing.assert_array_equal(pixels[3, 3], np.round(255 * yellow))
        np.testing.assert_array_equal(pixels[0, 0], [0, 0, 0])

    def test_enlarges_by_a_whole_number_and_takes_both_ranges(self):
        image = np.linspace(0, 1, 20).reshape(4, 5, 1)
        assert overlay(image, np.zeros((4, 5)), pixels=32).size == (30, 24)
        assert overlay(image, np.zeros((4, 5)), pixels=2).size == (5, 4)
        one, other = (
            np.asarray(overlay(part, np.zeros((4, 5)))) for part in (image, 255 * image)
        )
        np.testing.assert_array_equal(one, other)
        assert one.min() == 0 and one.max() == 255

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (
                (np.ones((4, 4, 2)), np.ones((4, 4))),
                "`image` must be of shape (height, width), or (height, width, "
                "channels) of one or three channels. Received: shape=(4, 4, 2)",
            ),
            (
                (np.ones((4, 4)), np.ones((4, 3))),
                "`attribution` must be finite numbers of shape (4, 4), that of the "
                "image, maybe with channels. Received: shape=(4, 3)",
            ),
            (
                (np.ones((4, 4)), np.ones((4, 4)), 1.5),
                "`opacity` must be a number in [0, 1]. Received: opacity=1.5",
            ),
            (
                (np.ones((4, 4)), np.ones((4, 4)), 0.5, 0),
                "`pixels` must be an integer in [1, inf). Received: pixels=0",
            ),
        ],
    )
    def test_refuses(self, arguments, message):
        with pytest.raises(ValueError) as error:
            overlay(*arguments)
        assert str(error.value) == message
