import pytest
from image_models import ImageModelContract, refusal

from kdl.models import inception


class TestInception(ImageModelContract):
    family = staticmethod(inception)
    small = {
        "stages": [[(4, 2, 4, 2, 4, 2)], [(4, 2, 4, 2, 4, 2)]],
        "width": 0.5,
        "stem": "small",
    }
    stride = 2

    @pytest.mark.one_backend
    def test_width_is_rounded_up(self):
        model = self.make(classes=None, width=0.6)
        # A half of each of 4, 4, 4 and 2 would be 7.
        assert model.output_shape[-1] == 3 + 3 + 3 + 2

    @pytest.mark.one_backend
    def test_stages_are_rows_of_six(self):
        row = (4, 2, 4, 2, 4, 2)
        for stages in (5, [], [row], [[]], [[row, row[:5]]]):
            assert refusal(self.make, stages=stages) == (
                "`stages` must be a sequence of stages, each a sequence of the six "
                f"`filters` of kdl.layers.InceptionBlock. Received: stages={stages!r}"
            )
        assert refusal(self.make, stages=[[(4, 2, 0, 2, 4, 2)]]) == (
            "`stages` must be an integer in [1, inf). Received: stages=0"
        )

    @pytest.mark.one_backend
    def test_large_stem_divides_a_side_by_eight(self):
        model = self.make((32, 32, 1), None, stem="large")
        assert model.output_shape[1:3] == (2, 2)
        assert refusal(self.make, (15, 16, 1), stem="large").startswith(
            "`input_shape` must have 16 pixels a side or more, by which Inception "
        )
