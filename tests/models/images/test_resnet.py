import numpy as np
import pytest
from image_models import ImageModelContract, refusal

from kdl.models import resnet
from kdl.schedules import Warmup


class TestResNet(ImageModelContract):
    family = staticmethod(resnet)
    small = {"filters": (4, 6), "depth": 1, "stem": "small"}
    stride = 2
    scheduled = {"depth_rate": [Warmup(0.5, 4), 0.2]}

    @pytest.mark.one_backend
    def test_stem_is_one_of_three(self):
        for stem, side in (("small", 16), ("pooled", 8), ("large", 4)):
            model = resnet((16, 16, 1), filters=(4,), depth=1, stem=stem)
            assert model.output_shape == (None, side, side, 4)
        assert refusal(self.make, stem="big") == (
            "`stem` must be one of 'small', 'pooled', 'large'. Received: stem='big'"
        )

    @pytest.mark.one_backend
    def test_depth_rates_rise_to_the_last(self):
        model = self.make(filters=(4, 4), depth=2, depth_rate=0.4)
        rates = [layer.rate for layer in model.layers if "block" in layer.name]
        np.testing.assert_allclose(rates, [0.1, 0.2, 0.3, 0.4])
        assert refusal(self.make, depth_rate=[0.1]) == (
            "`depth_rate` must be a number in [0, 1), or 2 rates, one for each block. "
            "Received: depth_rate=[0.1]"
        )

    @pytest.mark.one_backend
    def test_preactivation_ends_with_both(self):
        model = self.make(preactivation=True)
        names = [layer.name for layer in model.layers]
        assert names[-4:-1] == ["last_normalization", "last_activation", "pooling"]
        assert "last_normalization" not in [
            layer.name
            for layer in self.make(preactivation=True, normalization=None).layers
        ]
