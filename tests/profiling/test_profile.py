import json
import resource
import time

import keras
import numpy as np
import pytest
import tiny

import kdl
from kdl.profiling import Profile, profile
from kdl.profiling.meter import PARTS
from kdl.recipes import hyperparameters


class Waits(keras.utils.PyDataset):
    """Batches that take their time."""

    seconds = 0.02

    def __len__(self):
        return 50

    def __getitem__(self, index):
        time.sleep(self.seconds)
        return np.ones((4, 3), "float32"), np.ones((4, 1), "float32")


class Sleeps(keras.callbacks.Callback):
    seconds = 0.01

    def on_train_batch_begin(self, batch, logs=None):
        time.sleep(self.seconds)

    def on_train_batch_end(self, batch, logs=None):
        time.sleep(self.seconds)


def compiled():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def measured_profile(**changes):
    """A profile of round numbers."""
    rows = [
        {"layer": "a", "kind": "Dense", "output": (2,), "parameters": 8, "flops": 30.0},
        {"layer": "b", "kind": "Own", "output": (2,), "parameters": 4, "flops": None},
        {"layer": "c", "kind": "Dense", "output": (2,), "parameters": 4, "flops": 10.0},
    ]
    values = {
        "backend": "jax",
        "batch_size": 8,
        "steps": 5,
        "first_step": 400.0,
        "step": 10.0,
        "parts": dict(zip(PARTS, [2.4, 0.1, 7.0, 0.2, 0.3], strict=True)),
        "examples_per_second": 800.0,
        "host_memory": 10**9,
        "device_memory": None,
        "layers": rows,
    }
    return Profile(**values | changes)


def test_parts_are_told_apart_and_are_the_step():
    # What sleeps is known; a machine that is shared can only make it longer.
    found = profile(compiled(), Waits(), steps=9, callbacks=[Sleeps()], shuffle=False)
    parts = found.parts
    assert parts["callbacks"] >= 2 * 1000 * Sleeps.seconds
    if keras.backend.backend() == "tensorflow":
        # It makes batches ahead, in another thread, while the callbacks sleep.
        assert parts["data"] < 1000 * Waits.seconds
    else:
        assert parts["data"] >= 1000 * Waits.seconds
    assert set(parts) == set(PARTS) and min(parts.values()) >= 0
    # Medians of parts need not add up to that of the whole.
    assert sum(parts.values()) == pytest.approx(found.step, rel=0.2)
    assert sum(found.shares.values()) == pytest.approx(1)
    assert found.examples_per_second == pytest.approx(4000 / found.step)
    assert found.batch_size == 4


def test_training_is_that_of_a_fit():
    x = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
    y = x.sum(1, keepdims=True)
    models = []
    for measured in (False, True):
        keras.utils.set_random_seed(0)
        model = compiled()
        if measured:
            found = profile(model, x, y, batch_size=8, steps=9)
            assert found.steps == 9 and found.batch_size == 8
        else:
            model.fit(x, y, batch_size=8, epochs=2, verbose=0)
        models.append(model)
    for one, other in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
    # It is left as it was.
    assert "fit" not in vars(models[1])
    models[1].fit(x, y, verbose=0)


def test_trace_is_written(tmp_path):
    trace = tmp_path / "new" / "trace"
    profile(compiled(), Waits(), steps=2, trace=trace)
    names = {path.name for path in trace.rglob("*") if path.is_file()}
    if keras.backend.backend() == "torch":
        assert names == {"trace.json"}
        events = json.loads((trace / "trace.json").read_text())["traceEvents"]
        assert any("aten::" in event.get("name", "") for event in events)
    else:
        assert any(name.endswith(".xplane.pb") for name in names)


@pytest.mark.one_backend
class TestProfile:
    component = Profile

    def test_profiles_a_recipe_with_hyperparameters(self):
        recipe = tiny.Tiny()
        data = recipe.data()
        found = profile(recipe, **data, hp={"batch_size": 16}, steps=3)
        assert found.batch_size == 16
        hp = hyperparameters(recipe, {})
        assert profile(recipe, **data, hp=hp, steps=3).batch_size == 32
        assert found.parameters == recipe.build(hp).count_params()

    def test_peak_memory_is_that_of_the_operating_system(self):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        found = profile(compiled(), Waits(), steps=1)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert 1024 * before <= found.host_memory <= 1024 * after
        assert found.device_memory is None or found.device_memory > 0

    def test_shares_and_sums(self):
        found = measured_profile()
        assert found.shares["data"] == pytest.approx(0.24)
        assert (found.parameters, found.flops, found.not_counted) == (16, 40, ["b"])
        plain = found.as_dict()
        assert json.loads(json.dumps(plain))["advice"] == found.advice()
        assert plain["shares"] == found.shares

    def test_advice_is_of_what_was_measured(self):
        assert measured_profile().advice() == [
            "The batches take 24 % of a step: make them cheaper, by less augmentation "
            "or smaller files, or ahead, by `workers` of a `keras.utils.PyDataset`.",
            "a, of the kind Dense, has 75 % of the FLOPs: to make the model cheaper, "
            "begin there.",
            "The first step takes as long as 40 others, since it compiles the model: a "
            "short fit is mostly that.",
        ]

    @pytest.mark.parametrize(
        ("parts", "beginning"),
        [
            ([0.5, 0.1, 9.0, 0.2, 0.2], "Batches and their transfer take 6 % of a"),
            ([0.5, 3.0, 6.0, 0.2, 0.3], "The transfer to the device takes 30 % of a"),
            ([0.5, 1.0, 6.0, 2.2, 0.3], "The callbacks take 22 % of a step: "),
            ([0.5, 1.0, 6.0, 0.5, 2.0], "What Keras does around the steps takes 20 %"),
        ],
    )
    def test_advice_names_the_part_that_takes_most(self, parts, beginning):
        found = measured_profile(parts=dict(zip(PARTS, parts, strict=True)))
        assert found.advice()[0].startswith(beginning)

    def test_advice_on_layers_of_which_nothing_is_counted(self):
        rows = [measured_profile().layers[1]]
        assert measured_profile(layers=rows).advice()[1] == (
            "FLOPs are counted of none of the 4 parameters."
        )

    @pytest.mark.parametrize(
        ("rates", "sentence"),
        [
            (
                {8: 800, 16: 1200, 32: None},
                "Batches of 16 train 1.5 times the examples per second of batches of "
                "8: if you take them, search the learning rate anew.",
            ),
            (
                {4: 700, 8: 800, 16: 820},
                "Of the batch sizes that were tried, 8 is as fast as any, with 800 "
                "examples per second.",
            ),
            (
                {8: 800, 16: None},
                "In batches of 8 it trains 800 examples per second: try whether it "
                "trains more in larger ones.",
            ),
        ],
    )
    def test_advice_on_batch_sizes(self, rates, sentence):
        sizes = {
            size: rate and {"examples_per_second": float(rate)}
            for size, rate in rates.items()
        }
        found = measured_profile(batch_sizes=sizes, first_step=20.0)
        assert found.advice()[2] == sentence

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (
                {"steps": 0},
                "`steps` must be an integer in [1, 1000000]. Received: steps=0",
            ),
            (
                {"trace": 3},
                "`trace` must be the path of a folder, or None. Received: trace=3",
            ),
        ],
    )
    def test_refuses_bad_arguments(self, arguments, message):
        with pytest.raises(ValueError) as error:
            profile(compiled(), Waits(), **arguments)
        assert str(error.value) == message

    def test_refuses_a_fit_that_ends_early(self):
        class Ends(keras.callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None):
                self.model.stop_training = batch == 2

        with pytest.raises(ValueError) as error:
            profile(compiled(), Waits(), steps=5, callbacks=[Ends()])
        assert str(error.value) == (
            "`steps` must be at most 2, after which the fit has ended. "
            "Received: steps=5"
        )


@pytest.mark.one_backend
def test_profiles_are_lazily_imported():
    assert kdl.profiling.profile is profile
