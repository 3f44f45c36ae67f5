import pytest
from image_models import SHAPE, ImageModelContract, refusal

from kdl.models import efficientnet
from kdl.schedules import Warmup


class TestEfficientNet(ImageModelContract):
    family = staticmethod(efficientnet)
    small = {
        "stages": [(1, 3, 1, 8, 1), (2, 3, 2, 8, 2)],
        "width": 0.5,
        "last_filters": 16,
        "stem": "small",
    }
    stride = 2
    scheduled = {"depth_rate": [0.0, 0.1, Warmup(0.5, 4)]}

    @pytest.mark.one_backend
    def test_stages_have_five_numbers(self):
        assert refusal(efficientnet, SHAPE, 3, [(1, 3, 1, 8)]) == (
            "`stages` must be tuples (expansion, kernel_size, strides, filters, "
            "depth), one for each stage. Received: (1, 3, 1, 8)"
        )
        assert refusal(efficientnet, SHAPE, 3, 5) == (
            "`stages` must be tuples (expansion, kernel_size, strides, filters, "
            "depth), one for each stage. Received: stages=5"
        )
        assert refusal(efficientnet, SHAPE, 3, [(1, 3, 1, 8, 0)]) == (
            "`depth` must be an integer in [1, inf). Received: depth=0"
        )
