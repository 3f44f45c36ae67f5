import keras
import keras_tuner
import pytest
from contracts import SpaceContract

from kdl.schedules import OneCycle
from kdl.spaces import optimizer

pytestmark = pytest.mark.one_backend

CHOICES = ["adamw", "adam", "sgd", "rmsprop", "adagrad", "adadelta"]
CHOICES += ["nadam", "adamax", "lamb", "lion"]


def named(name):
    return lambda part: (
        isinstance(part, keras.optimizers.Optimizer)
        and type(part).__name__.lower() == name
    )


class TestOptimizer(SpaceContract):
    space = staticmethod(optimizer)
    made = {choice: named(choice) for choice in CHOICES}
    numbers = {choice: {"learning_rate"} for choice in CHOICES} | {
        "sgd": {"sgd/learning_rate", "momentum", "nesterov"},
        "adadelta": {"adadelta/learning_rate"},
        "adamw": {"learning_rate", "weight_decay"},
        "lamb": {"learning_rate", "weight_decay"},
        "lion": {"lion/learning_rate", "lion/weight_decay"},
    }
    others = (
        "optimizer/clipping",
        "optimizer/clipping/threshold",
        "optimizer/clipping/clipvalue/threshold",
    )
    refused = [
        (
            {"clipping": ["norm"]},
            "`clipping` must be one of 'none', 'global_clipnorm', 'clipnorm', "
            "'clipvalue'. Received: clipping='norm'",
        ),
        (
            {"nesterov": []},
            "`nesterov` must be a value, which fixes it, or a list of different "
            "values, the first the default. Received: nesterov=[]",
        ),
        (
            {"threshold": 0.1},
            "`threshold` has no effect unless one of 'global_clipnorm', 'clipnorm', "
            "'clipvalue' is among the choices. Received: threshold=0.1 with ['none']",
        ),
        (
            {"learning_rate": (1.0, float("inf"), 2.0)},
            "`learning_rate` must be a number in [0, inf). Received: learning_rate=inf",
        ),
    ]

    def test_numbers_reach_the_optimizer(self):
        values = {"learning_rate": 0.02, "weight_decay": 0.03}
        adamw = self.make(choices=["adamw"], **values)
        assert float(adamw.learning_rate) == pytest.approx(0.02)
        assert adamw.weight_decay == 0.03
        sgd = self.make(choices=["sgd"], momentum=0.5, nesterov=True)
        assert (sgd.momentum, sgd.nesterov) == (0.5, True)

    @pytest.mark.parametrize("nesterov", [[True, False], [False, True], [True]])
    def test_nesterov_is_a_boolean(self, nesterov):
        hp = keras_tuner.HyperParameters()
        part = self.make(hp, choices=["sgd"], nesterov=nesterov)
        assert part.nesterov is nesterov[0]
        # One option is no hyperparameter.
        assert ("optimizer/nesterov" in hp.values) == (len(nesterov) > 1)

    def test_learning_rate_may_be_a_schedule(self):
        hp = keras_tuner.HyperParameters()
        for choice in CHOICES:
            rate = OneCycle(0.1, 100)
            part = self.make(hp, choices=[choice], learning_rate=rate)
            assert part.get_config()["learning_rate"]["class_name"] == "OneCycle"
        assert not any("learning_rate" in name for name in hp.values)

    def test_each_has_its_own_range_of_learning_rates(self):
        hp = self.declared(choices=CHOICES)
        ranges = [p for p in hp.space if p.name.endswith("learning_rate")]
        parts = [part for p in ranges for part in p.conditions[0].values]
        assert sorted(parts) == sorted(CHOICES)
        assert len({(p.min_value, p.max_value) for p in ranges}) == len(ranges) == 4
        # Those given are those of all.
        hp = self.declared(choices=CHOICES, learning_rate=(1e-3, 1e-2, 2e-3))
        ranges = [p for p in hp.space if p.name.endswith("learning_rate")]
        assert {(p.min_value, p.max_value) for p in ranges} == {(1e-3, 1e-2)}

    @pytest.mark.parametrize("clipping", ["global_clipnorm", "clipnorm", "clipvalue"])
    def test_clips_gradients(self, clipping):
        hp = keras_tuner.HyperParameters()
        hp.values["optimizer/clipping"] = clipping
        options = {"clipping": ["none", clipping], "threshold": (0.1, 0.9, 0.3)}
        part = self.make(hp, **options)
        assert getattr(part, clipping) == 0.3
        within = "clipvalue/" if clipping == "clipvalue" else ""
        assert hp.values[f"optimizer/clipping/{within}threshold"] == 0.3
        assert getattr(self.make(**options), clipping) is None

    def test_nesterov_needs_momentum(self):
        assert not self.make(choices=["sgd"], momentum=0.0, nesterov=True).nesterov
