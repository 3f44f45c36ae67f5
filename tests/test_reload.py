"""What is saved with a model reloads in a process that has imported kdl alone."""

import importlib.util
import inspect
import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
from contracts import SavedContract, array, assert_close, called

from kdl.models import Feeding, RecurrentForecaster

ROOT = Path(__file__).parent

# Loads every model of a folder, and notes what each of them says.
CODE = """
import json, sys
from pathlib import Path
import keras, kdl
import numpy as np

for path in sorted(Path(sys.argv[1]).glob("*.keras")):
    model = keras.saving.load_model(path)
    # JAX compiles it as one, rather than each operation.
    model.run_eagerly = keras.backend.backend() != "jax"
    outputs = model.predict_on_batch(np.load(path.with_suffix(".npy")))
    np.save(path.with_suffix(".out.npy"), outputs)
    text = json.dumps([model.get_config(), model.get_compile_config()])
    path.with_suffix(".json").write_text(text)
"""


def saved():
    """The test class of everything that Keras saves, by the name of its component."""
    found = {}
    for path in sorted(ROOT.rglob("*/test_*.py")):
        spec = importlib.util.spec_from_file_location(f"reloaded_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for test in vars(module).values():
            is_test = inspect.isclass(test) and issubclass(test, SavedContract)
            if is_test and test.component is not None:
                found[test.component.__name__] = test
    return found


def model_with(test, part):
    """A small compiled model that holds a part, and a batch for it."""
    shape, options, layers = (4,), {}, []
    inputs = np.random.default_rng(0).normal(size=(2, 4)).astype("float32")
    compiled = {"optimizer": "sgd", "loss": "mse"}
    match part:
        case keras.layers.Layer():
            shape, layers = test.input_shape[1:], [test().wrap(part)]
            inputs = test().batch()
        case keras.regularizers.Regularizer():
            options["kernel_regularizer"] = part
        case keras.initializers.Initializer():
            # In the config only, where it fits whatever shape it is made for.
            options |= {"use_bias": False, "bias_initializer": part}
        case keras.losses.Loss():
            compiled["loss"] = part
        case keras.metrics.Metric():
            compiled["metrics"] = [part]
        case keras.optimizers.Optimizer():
            compiled["optimizer"] = part
        case Feeding():
            shape, inputs = (5, 3), np.ones((2, 5, 3), "float32")
            layers = [RecurrentForecaster(keras.layers.GRUCell(4), 3, part)]
        case keras.optimizers.schedules.LearningRateSchedule():
            compiled["optimizer"] = keras.optimizers.SGD(part)
        case _:
            raise TypeError(f"Where does a model hold a {type(part).__name__}?")
    if not layers:
        # Of the names that a `ControlledOptimizer` has patterns for in its test.
        first = keras.layers.Dense(4, name="first", **options)
        layers = [first, keras.layers.Dense(3, name="last")]
    model = keras.Sequential([keras.Input(shape), *layers])
    model.compile(**compiled)
    model.optimizer.build(model.trainable_variables)
    return model, inputs


def parts_of(configs, name):
    """The configs of a part, wherever in other configs they are."""
    for config in configs.values() if isinstance(configs, dict) else configs:
        if isinstance(config, (dict, list)):
            yield from parts_of(config, name)
        if isinstance(config, dict) and config.get("registered_name") == f"kdl>{name}":
            yield config["config"]


def test_everything_reloads_in_a_process_that_has_imported_kdl_alone(tmp_path):
    tests, models = saved(), {}
    assert len(tests) > 30
    for name, test in tests.items():
        model, inputs = models[name] = model_with(test, test().make())
        np.save(tmp_path / f"{name}.npy", inputs)
        model.save(tmp_path / f"{name}.keras")
    subprocess.run([sys.executable, "-c", CODE, str(tmp_path)], check=True)
    for name, (model, inputs) in models.items():
        outputs = array(called(model, inputs))
        # To rounding: the other process has compiled it anew.
        assert_close(np.load(tmp_path / f"{name}.out.npy"), outputs)
        config = json.dumps([model.get_config(), model.get_compile_config()])
        revived = json.loads((tmp_path / f"{name}.json").read_text())
        parts = list(parts_of(json.loads(config), name))
        assert parts and list(parts_of(revived, name)) == parts, name
