import keras
import numpy as np
import pytest
from contracts import LayerContract, array, assert_close

from kdl.layers import Clock, DropBlock2D
from kdl.schedules import Warmup


def squares(dropped, size):
    """What squares make of it that begin where all that they cover is dropped."""
    covered = np.zeros_like(dropped)
    height, width = dropped.shape
    for y in range(height - size + 1):
        for x in range(width - size + 1):
            if dropped[y : y + size, x : x + size].all():
                covered[y : y + size, x : x + size] = True
    return covered


class TestDropBlock2D(LayerContract):
    component = DropBlock2D
    arguments = {
        "rate": 0.25,
        "block_size": 3,
        "seed": 5,
        "data_format": "channels_first",
    }
    # Not the default of Keras, which the contract asks for.
    input_shape = (2, 3, 7, 8)
    refused = [
        (
            {"rate": 1.0},
            "`rate` must be a number in [0, 1) or a LearningRateSchedule. "
            "Received: rate=1.0",
        ),
        (
            {"block_size": 0},
            "`block_size` must be an integer in [1, inf). Received: block_size=0",
        ),
        (
            {"data_format": "NHWC"},
            "`data_format` must be one of 'channels_last', 'channels_first'. "
            "Received: data_format='NHWC'",
        ),
    ]

    def dropped(self, shape, **arguments):
        """Where a call drops, with the channels last, and what it leaves."""
        layer = self.make(data_format="channels_last", **arguments)
        outputs = array(layer(np.ones(shape, "float32"), training=True))
        return outputs == 0, outputs

    @pytest.mark.parametrize("size", [1, 2, 3, 5])
    def test_drops_squares_within_the_map(self, size):
        dropped, _ = self.dropped((4, 9, 11, 3), block_size=size, rate=0.2)
        assert 0 < dropped.mean() < 1
        for example in dropped:
            for channel in np.moveaxis(example, -1, 0):
                np.testing.assert_array_equal(squares(channel, size), channel)

    @pytest.mark.parametrize("size", [1, 3])
    def test_drops_as_much_as_it_says(self, size):
        rate, (height, width) = 0.2, (9, 10)
        dropped, _ = self.dropped((3000, height, width, 1), block_size=size, rate=rate)
        places = (height - size + 1) * (width - size + 1)
        density = rate / size**2 * height * width / places
        # The middle is in any of so many squares, of which none must be there.
        desired = 1 - (1 - density) ** size**2
        error = np.sqrt(desired * (1 - desired) / 3000)
        assert abs(dropped[:, 4, 5, 0].mean() - desired) < 5 * error
        # All in all a little less than the rate; maps are independent.
        mean = dropped.mean(axis=(1, 2, 3))
        assert mean.mean() < rate + 5 * mean.std() / np.sqrt(3000)
        assert mean.mean() > 0.85 * rate

    def test_scales_what_is_left_to_the_same_sum(self):
        dropped, outputs = self.dropped((4, 9, 9, 3))
        desired = dropped.size / (~dropped).sum()
        assert_close(outputs[~dropped], np.full((~dropped).sum(), desired))

    def test_maps_and_calls_are_independent(self):
        layer = self.make(data_format="channels_last", rate=0.3)
        inputs = np.ones((2, 9, 9, 2), "float32")
        first, second = (array(layer(inputs, training=True)) == 0 for _ in range(2))
        maps = [*np.moveaxis(first, -1, 1).reshape(-1, 81), second[0, :, :, 0].ravel()]
        for i, one in enumerate(maps):
            for other in maps[:i]:
                assert (one != other).any()

    def test_seed_decides(self):
        draws = [self.dropped((2, 9, 9, 2), seed=seed)[0] for seed in (1, 1, 2)]
        np.testing.assert_array_equal(draws[0], draws[1])
        assert (draws[0] != draws[2]).any()

    def test_formats_agree(self):
        inputs = np.random.default_rng(0).normal(size=(2, 9, 8, 3)).astype("float32")
        last = self.make(data_format="channels_last")(inputs, training=True)
        first = self.make()(inputs.transpose(0, 3, 1, 2), training=True)
        assert_close(array(first).transpose(0, 2, 3, 1), last)

    def test_is_finite_when_all_is_dropped(self):
        inputs = np.ones((1, 3, 3, 1), "float32")
        layer = self.make(data_format="channels_last", rate=0.999)
        outputs = [array(layer(inputs, training=True)) for _ in range(50)]
        assert np.isfinite(outputs).all()
        assert min(o.max() for o in outputs) == 0

    def test_takes_images_of_any_size_and_a_schedule(self):
        inputs = keras.Input((None, None, 2))
        layer = DropBlock2D(Warmup(0.5, 4), block_size=2)
        model = keras.Model(inputs, layer(Clock()(inputs)))
        model.compile("sgd", "mse")
        for size in (4, 6):
            x = np.ones((8, size, size, 2), "float32")
            model.fit(x, x, batch_size=4, verbose=0)

    def test_refuses_a_map_smaller_than_a_square(self):
        with pytest.raises(ValueError) as error:
            DropBlock2D(0.1, 7, name="drop")(np.ones((1, 8, 6, 1)))
        assert str(error.value) == (
            "DropBlock2D takes images of at least 7 by 7 pixels, its `block_size`. "
            "Received: inputs of shape (1, 8, 6, 1), data_format='channels_last'"
        )
