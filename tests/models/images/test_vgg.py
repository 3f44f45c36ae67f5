import pytest
from image_models import SHAPE, ImageModelContract, WithDenseLayers, WithOrder, refusal

from kdl.models import vgg


class TestVGG(WithDenseLayers, WithOrder, ImageModelContract):
    family = staticmethod(vgg)
    small = {"filters": (4, 6), "depth": (1, 2)}
    stride = 4

    @pytest.mark.one_backend
    def test_each_stage_has_its_channels(self):
        assert refusal(vgg, SHAPE, 3, filters=()) == (
            "`filters` must be a sequence of integers in [1, inf), one for each stage. "
            "Received: filters=()"
        )
        assert refusal(vgg, SHAPE, 3, (4, 6), depth=(1, 2, 3)) == (
            "`depth` must be an integer, or 2 of them, one for each stage. Received: "
            "depth=(1, 2, 3)"
        )
