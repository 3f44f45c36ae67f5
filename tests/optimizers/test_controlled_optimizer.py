import functools
import json

import keras
import numpy as np
import pytest
from contracts import OptimizerContract, array, compile_without_a_compiler, same
from keras import ops

from kdl.optimizers import ControlledOptimizer
from kdl.regularizers import ElasticNet
from kdl.schedules import Adjustable, OneCycle, OneCycleMomentum

Steps = keras.optimizers.schedules.PiecewiseConstantDecay
ADAM = keras.optimizers.Adam(0.01)
LION = keras.optimizers.Lion()
SCALED = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD())


class TestControlledOptimizer(OptimizerContract):
    component = ControlledOptimizer
    arguments = {
        "inner_optimizer": ADAM,
        "multipliers": {".*bias": 0.5, ".*first/kernel": Adjustable(2.0)},
        "proximal": {".*last/kernel": ElasticNet(0.01, 0.5)},
        "hyperparameters": {"beta_1": Steps([3], [0.9, 0.5])},
        "watch": True,
    }
    alternatives = {"multipliers": [[]], "proximal": [[]]}
    refused = [
        (
            {"inner_optimizer": SCALED},
            "`inner_optimizer` must be a keras.optimizers.Optimizer with the `apply` "
            "that Keras gave it: a LossScaleOptimizer goes around a "
            "ControlledOptimizer, and a MultiOptimizer takes one for each of its "
            f"parts. Received: inner_optimizer={SCALED!r}",
        ),
        (
            {"inner_optimizer": keras.optimizers.SGD(Adjustable(0.1))},
            "`inner_optimizer` must have a learning rate that is a number, or a "
            "schedule other than Adjustable: a ControlledOptimizer makes each of them "
            "adjustable. Received: learning_rate=Adjustable",
        ),
        (
            {"multipliers": {"a": keras.optimizers.schedules.CosineDecay(-1.0, 9)}},
            "`multipliers['a']` must be a number in [0, inf). Received: "
            "multipliers['a']=-1.0 at step 0 of its CosineDecay",
        ),
        (
            {"multipliers": {"a": -1}},
            "`multipliers['a']` must be a number in [0, inf) or a "
            "LearningRateSchedule. Received: multipliers['a']=-1",
        ),
        (
            {"multipliers": {"(": 1.0}},
            "`multipliers` must have regular expressions as keys. Received: '('",
        ),
        (
            {"inner_optimizer": LION},
            "`proximal` must go with the SGD, Adam, AdamW, RMSprop or Adagrad of "
            f"Keras, whose step sizes are known. Received: inner_optimizer={LION!r}",
        ),
        (
            {"proximal": {"a": "l1"}},
            "`proximal['a']` must be a kdl.regularizers.ElasticNet of numbers. "
            "Received: proximal['a']='l1'",
        ),
        (
            {"hyperparameters": {"epsilon": 0.1}},
            "`hyperparameters` must be among those that the inner optimizer can take "
            "from a schedule: beta_1, beta_2. Received: 'epsilon'",
        ),
        (
            {
                "inner_optimizer": keras.optimizers.SGD(),
                "hyperparameters": {"momentum": 0.5},
            },
            "`hyperparameters` must be among those that the inner optimizer can take "
            "from a schedule: none. Received: 'momentum'",
        ),
        (
            {"watch": 1},
            "`watch` must be one of True, False. Received: watch=1",
        ),
    ]

    def test_refuses_a_pattern_that_matches_nothing(self):
        optimizer = ControlledOptimizer(ADAM, multipliers={"kernels": 0.5})
        with pytest.raises(ValueError) as error:
            self.fit(self.model(optimizer))
        assert str(error.value) == (
            "`multipliers` must have layers, variables, or patterns that match the "
            "path of a variable or its end, which are model/first/kernel, "
            "model/first/bias, model/last/kernel, model/last/bias. Received: 'kernels'"
        )

    @pytest.mark.parametrize(
        ("pattern", "moved"),
        [
            ("last/.*", ["first"]),
            ("model/last/.*", ["first"]),
            # No name ends with a part of another.
            ("(odel/)?first/.*", ["last"]),
            ("kernel|bias", []),
        ],
    )
    def test_a_pattern_matches_a_path_or_its_end(self, pattern, moved):
        model = self.model(
            ControlledOptimizer(keras.optimizers.SGD(0.1), {pattern: 0.0})
        )
        before = [array(weight) for weight in model.weights]
        self.fit(model, epochs=1)
        changed = {
            weight.path.split("/")[1]
            for weight, old in zip(model.weights, before, strict=True)
            if (array(weight) != old).any()
        }
        assert changed == set(moved)

    def twins(self):
        """Two nested models whose variables have the same paths."""
        parts = [
            keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="dense")])
            for _ in range(2)
        ]
        inputs = keras.Input((4,))
        outputs = keras.layers.Add()([part(inputs) for part in parts])
        model = keras.Model(inputs, outputs)
        first, second = (part.get_layer("dense") for part in parts)
        paths = [v.path.split("/", 1)[1] for v in first.variables]
        assert paths == [v.path.split("/", 1)[1] for v in second.variables]
        return model, first, second

    def test_multiplies_by_layer_and_variable_also_after_loading(self, tmp_path):
        model, first, second = self.twins()
        # The first key of a variable counts.
        multipliers = [(first.bias, 1.0), (first, 0.0), (second, Adjustable(0.5))]
        optimizer = ControlledOptimizer(keras.optimizers.SGD(0.1), multipliers)
        assert set(optimizer.adjustable) == {"multiplier/dense_1"}
        model.compile(optimizer, "mse")
        x = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
        data = {"x": x, "y": x[:, :3], "verbose": 0}

        def steps(model):
            before = [array(weight) for weight in model.weights]
            model.fit(**data)
            pairs = zip(model.weights, before, strict=True)
            return [array(weight) - old for weight, old in pairs]

        kernel, bias, other, other_bias = steps(model)
        assert (kernel == 0).all() and (bias != 0).all() and (other != 0).all()
        # Of one gradient, the second one takes half the step.
        np.testing.assert_allclose(other_bias, bias / 2, rtol=1e-4)
        model.save(tmp_path / "model.keras")
        revived = keras.saving.load_model(tmp_path / "model.keras")
        kernel, bias, _, other_bias = steps(revived)
        assert (kernel == 0).all()
        np.testing.assert_allclose(other_bias, bias / 2, rtol=1e-4)

    def test_saves_layers_before_it_knows_its_variables(self):
        model, first, _ = self.twins()
        optimizer = ControlledOptimizer(keras.optimizers.SGD(0.1), [(first, 0.0)])
        config = json.loads(json.dumps(optimizer.get_config()))
        assert config["targets"]["multipliers"] == {
            "dense": [variable.path for variable in first.variables]
        }
        revived = ControlledOptimizer.from_config(config)
        revived.build(model.trainable_variables)
        assert set(revived._scaled) == set(map(id, first.variables))

    def test_shrinks_by_layer(self):
        model, first, _ = self.twins()
        penalty = ElasticNet(10.0, 1.0)
        inner = keras.optimizers.SGD(0.1)
        model.compile(ControlledOptimizer(inner, proximal=[(first, penalty)]), "mse")
        model.fit(np.zeros((8, 4)), np.zeros((8, 3)), verbose=0)
        assert (array(first.kernel) == 0).all()

    @pytest.mark.filterwarnings("ignore:Skipping variable loading:UserWarning")
    def test_reloads_before_it_was_ever_used(self, tmp_path):
        # Keras builds the optimizer of a model that it loads, but did not when saving.
        self.model(self.make(watch=True)).save(tmp_path / "model.keras")
        model = keras.saving.load_model(tmp_path / "model.keras")
        self.fit(model)

    def test_keeps_the_inner_schedule_in_its_config(self):
        rate = keras.optimizers.schedules.CosineDecay(0.1, 10)
        optimizer = ControlledOptimizer(keras.optimizers.SGD(rate))
        revived = ControlledOptimizer.from_config(optimizer.get_config())
        assert same(revived.get_config(), optimizer.get_config())
        inner = revived.inner_optimizer.get_config()
        assert same(inner["learning_rate"], rate)

    def test_forgets_the_paths_of_another_model(self):
        optimizer = ControlledOptimizer(keras.optimizers.SGD(), watch=True)
        optimizer.build(variables())
        revived = ControlledOptimizer.from_config(optimizer.get_config())
        assert revived.get_config()["paths"] == ["v0", "v1"]
        revived.build([keras.Variable([1.0], name=name) for name in "ab"])
        assert revived.get_config()["paths"] == ["a", "b"]

    @pytest.mark.parametrize("name", OptimizerContract.inner_optimizers)
    @pytest.mark.parametrize("multiplier", [0.0, Adjustable(0.0)])
    def test_frozen_weights_keep_every_bit(self, name, multiplier):
        optimizer = ControlledOptimizer(
            self.inner_optimizers[name](), multipliers={".*first.*": multiplier}
        )
        model = self.model(optimizer)
        before = [array(weight) for weight in model.weights]
        self.fit(model)
        after = [array(weight) for weight in model.weights]
        assert same(before[:2], after[:2])
        assert (before[2] != after[2]).any()

    def test_controls_and_reloads_within_loss_scaling(self, float16, tmp_path):
        optimizer = self.make(
            inner_optimizer=keras.optimizers.Adam(0.01, use_ema=True),
            # The loaded model has no such name in its paths.
            multipliers={"model/first/.*": Adjustable(0.0)},
        )
        model = self.model(optimizer)
        before = [array(weight) for weight in model.weights]
        self.fit(model)
        after = [array(weight) for weight in model.weights]
        assert same(before[:2], after[:2])
        assert (before[2] != after[2]).any()
        values = optimizer.values()
        assert values["gradient_norm/model/first/kernel"] > 0
        assert values["update_ratio/model/first/kernel"] == 0
        assert values["update_ratio/model/last/kernel"] > 0
        optimizer.adjustable["multiplier/model/first/.*"].assign(0.25)
        model.save(tmp_path / "model.keras")
        revived = keras.saving.load_model(tmp_path / "model.keras")
        a, b = ([array(v) for v in m.optimizer.variables] for m in (model, revived))
        assert same(a, b)
        assert revived.optimizer.inner_optimizer.values() == {
            **values,
            "multiplier/model/first/.*": 0.25,
        }
        self.fit(model, epochs=1)
        assert (array(model.weights[0]) != before[0]).any()


def variables(count=2, value=1.0):
    return [keras.Variable([value, -value], name=f"v{i}") for i in range(count)]


def gradients(steps, count=2):
    return np.random.default_rng(0).normal(size=(steps, count, 2)).astype("float32")


def applied(optimizer, steps, weights):
    """Values of weights after each step."""
    optimizer.build(weights)
    history = []
    for step in steps:
        optimizer.apply([ops.convert_to_tensor(g, "float32") for g in step], weights)
        history.append([array(weight) for weight in weights])
    return np.array(history)


@pytest.mark.parametrize("name", OptimizerContract.inner_optimizers)
def test_multiplier_of_one_changes_no_bit(name):
    inner = OptimizerContract.inner_optimizers[name]
    steps = gradients(7)
    optimizer = ControlledOptimizer(inner(), multipliers={"v0": Adjustable()})
    bare = inner()
    actual, desired = (
        applied(optimizer, steps, variables()),
        applied(bare, steps, variables()),
    )
    assert same(actual, desired)
    state = [array(v) for v in optimizer.inner_optimizer.variables]
    assert same(state, [array(v) for v in bare.variables])


@pytest.mark.parametrize("name", OptimizerContract.inner_optimizers)
def test_bad_gradients_do_not_reach_what_is_frozen(name):
    steps = gradients(12)
    steps[:3, 0] = [[np.nan], [np.inf], [1e30]]
    optimizer = ControlledOptimizer(
        OptimizerContract.inner_optimizers[name](), multipliers={"v0": Adjustable(0.0)}
    )
    weights = variables()
    history = applied(optimizer, steps[:6], weights)
    assert same(history[:, 0], np.full((6, 2), [1, -1], "float32"))
    # Nor do they count in the norm by which the others are clipped.
    alone = OptimizerContract.inner_optimizers[name]()
    desired = applied(alone, steps[:6, 1:], variables(1))
    np.testing.assert_allclose(history[:, 1:], desired, rtol=1e-6)
    if optimizer.inner_optimizer.use_ema:
        average = optimizer.inner_optimizer._model_variables_moving_average[0]
        assert same(array(average), np.array([1, -1], "float32"))
    optimizer.adjustable["multiplier/v0"].assign(1.0)
    thawed = applied(optimizer, steps[6:], weights)
    assert np.isfinite(thawed).all()
    assert (thawed[-1, 0] != [1, -1]).all()


def test_agrees_with_the_parameter_groups_of_pytorch():
    import torch

    steps, rates = gradients(10, 3), (1.0, 0.5, 3.0)
    optimizer = ControlledOptimizer(
        keras.optimizers.SGD(0.1, momentum=0.9),
        multipliers={"v1": 0.5, "v[12]": Adjustable(3.0)},
    )
    weights = [torch.tensor([1.0, -1.0], requires_grad=True) for _ in rates]
    groups = [{"params": w, "lr": 0.1 * r} for w, r in zip(weights, rates, strict=True)]
    reference = torch.optim.SGD(groups, momentum=0.9)
    for step in steps:
        for weight, gradient in zip(weights, step, strict=True):
            weight.grad = torch.tensor(gradient)
        reference.step()
    desired = [weight.detach().cpu().numpy() for weight in weights]
    actual = applied(optimizer, steps, variables(3))[-1]
    np.testing.assert_allclose(actual, desired, rtol=1e-5, atol=1e-6)


def test_schedules_count_updates():
    optimizer = ControlledOptimizer(
        keras.optimizers.SGD(1.0, gradient_accumulation_steps=2),
        multipliers={"v0": Steps([0], [1.0, 0.1])},
    )
    history = applied(optimizer, np.ones((4, 1, 2)), variables(1))
    np.testing.assert_allclose(history[:, 0, 0], [1, 0, 0, -0.1], atol=1e-6)
    assert optimizer.values()["multiplier/v0"] == pytest.approx(0.1)


def test_moving_averages_follow_the_scaled_weights():
    optimizer = ControlledOptimizer(
        keras.optimizers.SGD(1.0, use_ema=True, ema_momentum=0.5),
        multipliers={"v0": 0.5},
    )
    weights = variables(1)
    history = applied(optimizer, np.ones((3, 1, 2)), weights)
    np.testing.assert_allclose(history[:, 0, 0], [0.5, 0, -0.5])
    optimizer.finalize_variable_values(weights)
    np.testing.assert_allclose(array(weights[0])[0], -0.125)


def test_factor_of_a_learning_rate_is_in_force():
    rate = keras.optimizers.schedules.ExponentialDecay(0.1, 4, 0.5)
    half = keras.optimizers.schedules.ExponentialDecay(0.05, 4, 0.5)
    steps = gradients(6)
    optimizer = ControlledOptimizer(keras.optimizers.AdamW(rate, weight_decay=0.5))
    optimizer.adjustable["learning_rate"].assign(0.5)
    bare = keras.optimizers.AdamW(half, weight_decay=0.5)
    actual = applied(optimizer, steps, variables())
    np.testing.assert_allclose(actual, applied(bare, steps, variables()), rtol=1e-6)
    values = [float(array(x.learning_rate)) for x in (optimizer, bare)]
    assert values[0] == pytest.approx(values[1])
    assert optimizer.values()["learning_rate"] == values[0]
    with pytest.raises(TypeError):
        optimizer.learning_rate = 0.1


def test_assigns_the_learning_rate_of_the_inner_optimizer():
    optimizer = ControlledOptimizer(keras.optimizers.SGD(0.1), watch=True)
    optimizer.learning_rate = 0.5
    assert float(array(optimizer.inner_optimizer.learning_rate)) == 0.5
    assert optimizer.adjustable == {}


@pytest.mark.parametrize("scale", [None, 64.0])
def test_watched_norms_are_those_of_numpy(scale):
    steps = gradients(4) * (scale or 1)
    optimizer = ControlledOptimizer(
        keras.optimizers.SGD(
            0.1, clipnorm=0.1, gradient_accumulation_steps=2, loss_scale_factor=scale
        ),
        watch=True,
    )
    history = applied(optimizer, steps, variables())
    gradient = steps[2:].mean(0) / (scale or 1)
    ratio = np.linalg.norm(history[3] - history[1], axis=-1)
    ratio /= np.linalg.norm(history[1], axis=-1)
    # A batch that is only accumulated changes nothing of what is watched.
    applied(optimizer, steps[:1], optimizer.inner_optimizer._trainable_variables)
    values = optimizer.values()
    for i in range(2):
        norm = np.linalg.norm(gradient[i])
        assert values[f"gradient_norm/v{i}"] == pytest.approx(norm, rel=1e-5)
        assert values[f"update_ratio/v{i}"] == pytest.approx(ratio[i], rel=1e-4)


def test_watches_variables_without_gradients():
    optimizer = ControlledOptimizer(keras.optimizers.SGD(0.1), watch=True)
    weights = variables()
    optimizer.build(weights)
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        optimizer.apply([None, ops.ones(2)], weights)
    values = optimizer.values()
    assert values["gradient_norm/v0"] == values["update_ratio/v0"] == 0
    assert values["gradient_norm/v1"] == pytest.approx(2**0.5)


def flat_model(optimizer, **options):
    """A model whose gradient is 1, so that updates depend on nothing but the step."""
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(1, use_bias=False, name="dense")],
        name="model",
    )
    model.layers[0].kernel.assign([[1.0], [-1.0]])
    model.compile(optimizer, lambda y, outputs: ops.mean(outputs), **options)
    return model


def flat_fit(model, batches, **options):
    """Weights after a fit of some batches of ones."""
    x = np.ones((batches, 2), "float32")
    model.fit(x, x[:, :1], batch_size=1, verbose=0, **options)
    return array(model.layers[0].kernel)[:, 0]


@pytest.mark.parametrize(
    ("name", "inner"),
    [
        ("beta_1", keras.optimizers.Adam),
        ("beta_2", keras.optimizers.Adam),
        ("weight_decay", keras.optimizers.AdamW),
        ("momentum", functools.partial(keras.optimizers.SGD, momentum=0.1)),
        (
            "momentum",
            functools.partial(keras.optimizers.SGD, momentum=0.1, nesterov=True),
        ),
        ("momentum", functools.partial(keras.optimizers.RMSprop, momentum=0.1)),
    ],
)
def test_hyperparameters_are_in_force(name, inner):
    schedule = Steps([2], [0.9, 0.3])
    optimizer = ControlledOptimizer(inner(0.1), hyperparameters={name: schedule})
    actual = flat_fit(flat_model(optimizer), 6)
    assert isinstance(getattr(optimizer.inner_optimizer, name), float)
    reference, weights = inner(0.1), variables(1)
    reference.build(weights)
    for step in range(6):
        setattr(reference, name, 0.9 if step <= 2 else 0.3)
        reference.apply([ops.ones(2)], weights)
    np.testing.assert_allclose(actual, array(weights[0]), rtol=1e-5)
    assert optimizer.values()[name] == pytest.approx(0.3)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_momentum_cycles_with_the_rate(jit_compile, monkeypatch):
    compile_without_a_compiler(monkeypatch)
    rate = OneCycle(0.5, 6, pct_start=0.5)
    momentum = OneCycleMomentum(6, pct_start=0.5, base_momentum=0.0)
    inner = keras.optimizers.SGD(rate, momentum=0.9)
    optimizer = ControlledOptimizer(inner, hyperparameters={"momentum": momentum})
    actual = flat_fit(flat_model(optimizer, jit_compile=jit_compile), 6)
    weight, velocity = 1.0, 0.0
    for step in range(6):
        velocity = float(momentum(step)) * velocity - float(rate(step))
        weight += velocity
    np.testing.assert_allclose(actual, [weight, weight - 2], rtol=1e-5)
    # At the peak of the rate there is none.
    assert float(momentum(2)) == pytest.approx(0, abs=1e-6)
    assert optimizer.values()["momentum"] == pytest.approx(0.95)


def test_thaws_by_a_schedule_without_a_second_trace():
    traces = []

    class Thaw(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            traces.append(step)
            return ops.cast(step >= 3, "float32")

    optimizer = ControlledOptimizer(
        keras.optimizers.SGD(0.1), multipliers={".*": Thaw()}
    )
    model = flat_model(optimizer)
    assert same(flat_fit(model, 3), np.array([1, -1], "float32"))
    count = len(traces)
    np.testing.assert_allclose(flat_fit(model, 2), [0.8, -1.2], rtol=1e-6)
    assert keras.backend.backend() == "torch" or len(traces) == count


def test_callbacks_change_a_multiplier_in_a_running_fit():
    optimizer = ControlledOptimizer(
        keras.optimizers.SGD(0.1), multipliers={".*": Adjustable(0.0)}, watch=True
    )

    class Control(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.values = []

        def on_train_batch_begin(self, batch, logs=None):
            control = self.model.optimizer
            self.values.append(control.values())
            control.adjustable["multiplier/.*"].assign(float(batch == 2))

    control = Control()
    weights = flat_fit(flat_model(optimizer), 4, callbacks=[control])
    np.testing.assert_allclose(weights, [0.9, -1.1], rtol=1e-6)
    # Before the first batch, TensorFlow has not built the optimizer yet.
    ratios = [v["update_ratio/model/dense/kernel"] for v in control.values[1:]]
    np.testing.assert_allclose(ratios, [0, 0, 0.1], rtol=1e-5)


def test_several_steps_in_one_execution():
    options = {"multipliers": {".*": Steps([1], [0.0, 1.0])}, "watch": True}
    optimizer = ControlledOptimizer(keras.optimizers.SGD(0.1), **options)
    model = flat_model(optimizer, steps_per_execution=3)
    if keras.backend.backend() == "torch":
        with pytest.raises(ValueError, match="steps_per_execution"):
            flat_fit(model, 6)
    else:
        np.testing.assert_allclose(flat_fit(model, 6), [0.6, -1.4], rtol=1e-6)


def test_serves_within_a_multi_optimizer():
    optimizer = keras.optimizers.MultiOptimizer(
        keras.optimizers.OptimizerMap(
            ControlledOptimizer(keras.optimizers.SGD(0.1), multipliers={".*": 0.5})
        )
    )
    np.testing.assert_allclose(flat_fit(flat_model(optimizer), 2), [0.9, -1.1])


def test_sets_its_state_and_that_of_the_inner_optimizer():
    optimizers = [
        ControlledOptimizer(
            keras.optimizers.Adam(0.1), multipliers={"v0": Adjustable(start)}
        )
        for start in (0.5, 2.0)
    ]
    applied(optimizers[0], gradients(3), variables())
    applied(optimizers[1], gradients(1), variables())
    state = [array(variable) for variable in optimizers[0].variables]
    optimizers[1].set_weights(state)
    assert same([array(variable) for variable in optimizers[1].variables], state)


def test_excludes_from_the_decay_of_the_inner_optimizer():
    optimizer = ControlledOptimizer(keras.optimizers.AdamW(0.1, weight_decay=0.5))
    optimizer.exclude_from_weight_decay(var_names=["v0"])
    history = applied(optimizer, np.zeros((1, 2, 2)), variables())
    np.testing.assert_allclose(history[0, :, 0], [1, 0.95])


def test_sparse_gradients_count_as_dense_ones():
    # As TensorFlow has them for an embedding, in which an index comes twice.
    optimizer = ControlledOptimizer(
        keras.optimizers.SGD(1.0), multipliers={".*": Adjustable(0.5)}, watch=True
    )
    layer = keras.layers.Embedding(3, 1, embeddings_initializer="ones")
    model = keras.Sequential([keras.Input((2,), dtype="int32"), layer])
    model.compile(optimizer, lambda y, outputs: ops.sum(outputs))
    model.fit(np.array([[1, 1]]), np.ones((1, 2)), verbose=0)
    np.testing.assert_allclose(array(layer.embeddings)[:, 0], [1, 0, 1])
    (path,) = (v.path for v in model.trainable_variables)
    assert optimizer.values()[f"gradient_norm/{path}"] == pytest.approx(2.0)
