import keras
import pytest
from contracts import SpaceContract

import kdl
from kdl.schedules import Warmup
from kdl.spaces import dropout

pytestmark = pytest.mark.one_backend


class TestDropout(SpaceContract):
    space = staticmethod(dropout)
    arguments = {"seed": 3}
    made = {
        "none": lambda part: type(part) is keras.layers.Identity,
        "dropout": lambda part: type(part) is kdl.layers.Dropout and part.seed == 3,
        "gaussian": lambda part: type(part) is keras.layers.GaussianDropout,
        "alpha": lambda part: type(part) is keras.layers.AlphaDropout,
        "spatial": lambda part: type(part) is keras.layers.SpatialDropout2D,
    }
    numbers = {choice: {"rate"} for choice in made} | {"none": set()}
    refused = [
        (
            {"choices": ["dropout", "gaussian"], "schedule": lambda rate: rate},
            "`schedule` must be None unless `choices` are among 'none', 'dropout', "
            "since Keras's layers take no schedule. "
            "Received: choices=['dropout', 'gaussian']",
        ),
        (
            {"spatial_axes": 4},
            "`spatial_axes` must be an integer in [1, 3]. Received: spatial_axes=4",
        ),
    ]

    def test_rate_stays_below_one(self):
        with pytest.raises(ValueError, match=r"`rate` must be a number in \[0, 1\)"):
            self.make(rate=(0.0, 1.0, 0.5))

    def test_spatial_axes_decide_on_the_layer(self):
        for axes in (1, 2, 3):
            layer = self.make(choices=["spatial"], spatial_axes=axes)
            assert type(layer).__name__ == f"SpatialDropout{axes}D"

    def test_schedule_takes_the_place_of_the_rate(self):
        layer = self.make(schedule=lambda rate: Warmup(rate, 10), rate=0.25)
        assert layer.rate.schedule.schedule == 0.25

    def test_each_call_returns_a_new_layer(self):
        assert self.make() is not self.make()
