import pytest
from image_models import ImageModelContract, refusal

from kdl.models import cnn


class TestCNN(ImageModelContract):
    family = staticmethod(cnn)
    small = {"filters": (4, 6), "units": (8,)}
    stride = 2

    @pytest.mark.one_backend
    def test_dense_layers_need_a_size(self):
        assert refusal(self.make, (None, 8, 1), units=(4,)) == (
            "`input_shape` must have a height and a width for dense layers. Received: "
            "input_shape=(None, 8, 1)"
        )

    @pytest.mark.one_backend
    def test_units_are_of_dense_layers(self):
        assert refusal(self.make, units=5) == (
            "`units` must be a sequence of integers in [1, inf), one for each dense "
            "layer. Received: units=5"
        )

    @pytest.mark.one_backend
    def test_order_is_that_of_each_block(self):
        assert not self.make(order="CCC").non_trainable_weights
        assert refusal(self.make, order="BR") == (
            "`order` must be a string of 'C', 'B' and 'R' with one 'C' or more. "
            "Received: order='BR'"
        )
