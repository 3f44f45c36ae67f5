import keras
import numpy as np
import pytest
from contracts import CallbackContract, array, assert_close, same

from kdl.callbacks import GradualUnfreezing
from kdl.optimizers import ControlledOptimizer

X = np.random.default_rng(0).normal(size=(24, 4)).astype("float32")
GROUPS = ["m/head/.*", "m/middle.*", "m/first/.*"]


class TestGradualUnfreezing(CallbackContract):
    component = GradualUnfreezing
    arguments = {
        "groups": [".*bias", ".*kernel"],
        "every": 2,
        "decay": 3.0,
        "freeze_statistics": False,
    }
    refused = [
        (
            {"groups": ".*"},
            "`groups` must be a list of one or more regular expressions. "
            "Received: groups='.*'",
        ),
        (
            {"groups": ["a", "("]},
            "`groups` must hold regular expressions. Received: '('",
        ),
        (
            {"groups": ["a", "a"]},
            "`groups` must differ. Received: groups=['a', 'a']",
        ),
        ({"every": 0}, "`every` must be an integer in [1, inf). Received: every=0"),
        ({"decay": 0.5}, "`decay` must be a number in [1, inf). Received: decay=0.5"),
        (
            {"freeze_statistics": 1},
            "`freeze_statistics` must be one of True, False. "
            "Received: freeze_statistics=1",
        ),
    ]

    def optimizer(self, **options):
        inner = super().optimizer(**options)
        return ControlledOptimizer(inner, self.make().multipliers)

    def test_learns_as_if_compiled_anew_before_each_epoch(self):
        callback = GradualUnfreezing(GROUPS, decay=2.0, freeze_statistics=False)
        model = network()
        optimizer = keras.optimizers.SGD(0.1)
        model.compile(ControlledOptimizer(optimizer, callback.multipliers), "mse")
        fit(model, [callback], epochs=3)
        other = network()
        for epoch in range(3):
            # Only what has thawed gets a rate that is not zero.
            rates = [0.1 / 2**n if epoch >= n else 0.0 for n in range(3)]
            by_group = dict(zip(GROUPS, map(keras.optimizers.SGD, rates), strict=True))
            rule = keras.optimizers.OptimizerMap(keras.optimizers.SGD(), by_group)
            other.compile(keras.optimizers.MultiOptimizer(rule), "mse")
            fit(other, [])
        for weight, reference in zip(model.weights, other.weights, strict=True):
            assert_close(weight, reference)

    def test_frozen_groups_keep_their_values(self):
        model, callback = network(), GradualUnfreezing(GROUPS, every=2)
        optimizer = keras.optimizers.AdamW(0.1, weight_decay=0.5)
        model.compile(ControlledOptimizer(optimizer, callback.multipliers), "mse")
        before = groups(model)
        fit(model, [callback], epochs=2)
        after = groups(model)
        assert [same(a, b) for a, b in zip(before, after, strict=True)] == [
            False,
            True,
            True,
        ]
        fit(model, [callback], epochs=3, initial_epoch=2)
        last = groups(model)
        assert [same(a, b) for a, b in zip(after, last, strict=True)] == [
            False,
            False,
            True,
        ]

    @pytest.mark.parametrize("freeze", [False, True])
    def test_validation_sees_the_averages_that_are_kept(self, freeze):
        model = network()
        callback = GradualUnfreezing(GROUPS, freeze_statistics=freeze)
        model.compile(
            ControlledOptimizer(keras.optimizers.SGD(0.1), callback.multipliers), "mse"
        )
        norm = model.get_layer("middle_norm")
        before = array(norm.moving_mean)
        history = fit(model, [callback], validation_data=(X, X[:, :2]))
        assert same(array(norm.moving_mean), before) == freeze
        loss = model.evaluate(X, X[:, :2], batch_size=8, verbose=0)
        assert history["val_loss"][-1] == pytest.approx(loss, rel=1e-6)
        # Thawed, they follow.
        fit(model, [callback], epochs=2, initial_epoch=1)
        assert not same(array(norm.moving_mean), before)

    def test_refuses_a_model_without_multipliers(self):
        model = network()
        model.compile("sgd", "mse")
        with pytest.raises(ValueError) as error:
            fit(model, [GradualUnfreezing(GROUPS)])
        assert str(error.value) == (
            "The model 'm' has no adjustable number 'multiplier/m/head/.*'. Compile it "
            "with `kdl.optimizers.ControlledOptimizer(optimizer, multipliers="
            "{'m/head/.*': kdl.schedules.Adjustable()})`. Adjustable are: "
            "'learning_rate'."
        )


def network():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(6, "tanh", name="first"),
            keras.layers.Dense(6, name="middle"),
            keras.layers.BatchNormalization(name="middle_norm"),
            keras.layers.Dense(2, name="head"),
        ],
        name="m",
    )


def fit(model, callbacks, **options):
    data = {"x": X, "y": X[:, :2], "batch_size": 8, "shuffle": False}
    return model.fit(**data, callbacks=callbacks, verbose=0, **options).history


def groups(model):
    """Trainable weights of the head, the middle and the first layer."""
    names = [("head",), ("middle", "middle_norm"), ("first",)]
    return [
        [array(w) for n in group for w in model.get_layer(n).trainable_weights]
        for group in names
    ]
