"""Precision, several devices and randomness: what works where, and what it is worth.

Each part is measured in processes of its own, one backend after the other:

    works        which recipe trains in which precision and on two devices
    throughput   examples per second on two devices, each of one core, against one
    precision    examples per second in each precision, against float32
    randomness   whether two trainings are equal, bit by bit
    model        a Transformer whose weights lie on two devices, on JAX
    profile      steps of a fit that is profiled, against one that is not

Targets: two devices train at least 1.6 times the examples of one, and a profile costs
less than 3 % of a step. The figures are in docs/efficiency.md.

python benchmarks/efficiency.py throughput precision --backends jax torch
"""

import argparse
import contextlib
import hashlib
import json
import os
import socket
import statistics
import subprocess
import sys
import time

BACKENDS = "tensorflow", "jax", "torch"
PRECISIONS = "float32", "mixed_bfloat16", "mixed_float16", "float64"
DEVICES = 2
ROUNDS = 5  # One device and two in turn: this machine may be shared.
COST_BATCH = 256  # Of the digits, by which a step takes some ten milliseconds.
CONV = {"filters": 64, "batch": 64, "steps": 12}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=list(PARTS), help="of the list")
    parser.add_argument("--backends", nargs="+", default=BACKENDS)
    parser.add_argument("--recipes", nargs="+", default=None)
    given = parser.parse_args()
    for part in given.parts:
        PARTS[part](given)


# What works


def works(given):
    """Prints a table of recipes by backend, precision and devices."""
    recipes = given.recipes or _names()
    for backend in given.backends:
        columns = [*PRECISIONS, f"{DEVICES} devices"]
        print(f"\n| {backend} | " + " | ".join(columns) + " |")
        print("|---" * (len(columns) + 1) + "|")
        for recipe in recipes:
            cells = [
                _cell(backend, "try", recipe, precision, 1) for precision in PRECISIONS
            ]
            cells.append(_cell(backend, "try", recipe, "float32", DEVICES))
            print(f"| {recipe} | " + " | ".join(cells) + " |", flush=True)


def _names():
    from kdl.recipes.own.named import built_in

    return sorted(built_in())


def _cell(backend, *task):
    try:
        return run(backend, *task)
    except subprocess.TimeoutExpired:
        return "no end"


def try_recipe(name, precision, devices):
    """Trains a recipe on few examples, and says what comes of it."""
    import keras
    import numpy as np

    from kdl import recipes
    from kdl.recipes.own.named import built_in

    with _on(devices):
        keras.utils.set_random_seed(0)
        try:
            recipe = built_in()[name](precision=precision)
            data = recipe.data()
        except ValueError as error:
            return f"refused: {str(error).partition(' Received')[0]}"
        some = {key: _leading(part, 64) for key, part in data.items()}
        try:
            _, history = recipes.run(recipe, **some, epochs=1, verbose=0)
        except Exception as error:
            return f"fails: {type(error).__name__}: {' '.join(str(error).split())[:90]}"
    values = [value[-1] for key, value in history.history.items() if "loss" in key]
    return "works" if np.isfinite(values).all() else "not finite"


def _leading(part, count):
    from keras import tree

    if isinstance(part, tuple):
        return tuple(_leading(one, count) for one in part)
    if isinstance(part, list):
        return part[:count]
    return tree.map_structure(lambda array: array[:count], part)


# Throughput


def throughput(given):
    """Prints examples per second on two devices, and on one."""
    print("\n| backend | one device | two devices | ratio |\n|---|---|---|---|")
    for backend in given.backends:
        pairs = []
        for _ in range(ROUNDS):
            one, two = (run(backend, "speed", n, "float32") for n in (1, DEVICES))
            pairs.append((one, two))
        _print_ratio(backend, pairs)


def precision(given):
    """Prints examples per second in each precision against float32, on one device."""
    print("\n| backend, precision | float32 | it | ratio |\n|---|---|---|---|")
    for backend in given.backends:
        for name in PRECISIONS[1:]:
            pairs = [
                (run(backend, "speed", 1, "float32"), run(backend, "speed", 1, name))
                for _ in range(2)
            ]
            _print_ratio(f"{backend}, {name}", pairs)


def _print_ratio(name, pairs):
    ratios = sorted(two / one for one, two in pairs)
    one, two = (statistics.median(column) for column in zip(*pairs, strict=True))
    middle = statistics.median(ratios)
    print(
        f"| {name} | {one:.0f} | {two:.0f} | {middle:.2f} "
        f"({ratios[0]:.2f} to {ratios[-1]:.2f}) |",
        flush=True,
    )


def speed(devices, precision):
    """Returns examples per second of a convolutional network, after its compilation."""
    import keras
    import numpy as np

    import kdl
    from kdl.recipes.training.precision import arithmetic

    class Time(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.begun = time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            self.took = time.perf_counter() - self.begun

    count = CONV["batch"] * CONV["steps"]
    x = np.random.default_rng(0).normal(size=(count, 32, 32, 3)).astype("float32")
    y = np.arange(count) % 10
    clock, layers = Time(), keras.layers
    with _on(devices) as parallel, arithmetic(precision):
        model = keras.Sequential([keras.Input((32, 32, 3))])
        for _ in range(3):
            model.add(layers.Conv2D(CONV["filters"], 3, padding="same"))
            model.add(layers.ReLU())
        model.add(layers.GlobalAveragePooling2D())
        model.add(layers.Dense(10, "softmax", dtype="float32"))
        model.compile("adam", "sparse_categorical_crossentropy")
        shard = parallel.shard if parallel else None
        batches = kdl.data.Batches(x, y, CONV["batch"], shard=shard)
        options = {"epochs": 2, "verbose": 0, "shuffle": False, "callbacks": [clock]}
        if parallel:
            parallel.fit(model, batches, **options)
        else:
            model.fit(batches, **options)
    return count / clock.took


# Randomness


def randomness(given):
    """Prints whether weights are equal, bit by bit."""
    print("\n| backend | again | again, deterministic | other threads | another seed |")
    print("|---|---|---|---|---|")
    for backend in given.backends:
        first = run(backend, "weights", 0, False)
        exact = run(backend, "weights", 0, True)
        cells = [
            first == run(backend, "weights", 0, False),
            exact == run(backend, "weights", 0, True),
            first == run(backend, "weights", 0, False, threads=2),
            first == run(backend, "weights", 1, False),
        ]
        said = " | ".join("equal" if cell else "differs" for cell in cells)
        print(f"| {backend} | {said} |", flush=True)


def weights(seed, deterministic):
    """Returns a digest of the weights of a recipe that was trained for two epochs."""
    import keras

    from kdl import recipes
    from kdl_cli.commands.training.devices import be_deterministic

    if deterministic:
        be_deterministic()
    keras.utils.set_random_seed(seed)
    recipe = recipes.Images()
    x, y = (part[:512] for part in recipe.splits.train)
    model, _ = recipes.run(recipe, x, y, epochs=2, seed=seed, verbose=0)
    digest = hashlib.sha256()
    for variable in model.weights:
        digest.update(keras.ops.convert_to_numpy(variable).tobytes())
    return digest.hexdigest()


# Model parallel


def model(given):
    """Trains a Transformer that lies on two devices, and prints what each holds."""
    print("\n" + run("jax", "split"))


def split():
    """Returns what of a Transformer each of two devices holds, and how it learned."""
    import jax

    jax.config.update("jax_num_cpu_devices", DEVICES)
    import keras
    import numpy as np

    import kdl

    def trained(scope):
        keras.utils.set_random_seed(0)
        tokens = np.random.default_rng(0).integers(1, 64, size=(64, 17))
        with scope:
            inputs = keras.Input((16,), dtype="int32")
            x = keras.layers.Embedding(64, 128)(inputs)
            for _ in range(2):
                x = kdl.layers.TransformerEncoderBlock(4, 512)(x)
            model = keras.Model(inputs, keras.layers.Dense(64)(x))
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            model.compile("adam", loss)
            history = model.fit(
                *(tokens[:, :-1], tokens[:, 1:]), batch_size=16, epochs=2, verbose=0
            )
        return model, history.history["loss"][-1]

    mesh = keras.distribution.DeviceMesh((1, DEVICES), ["batch", "model"])
    layout = keras.distribution.LayoutMap(mesh)
    # Each device has a half of the columns of one matrix and of the rows of the next.
    layout[".*embeddings"] = (None, "model")
    layout[".*(query|key|value|intermediate|dense)/kernel"] = (None, "model")
    layout[".*projection/kernel"] = ("model", None)
    distribution = keras.distribution.ModelParallel(
        layout_map=layout, batch_dim_name="batch"
    )
    found, loss = trained(distribution.scope())
    _, alone = trained(keras.distribution.DataParallel(devices=["cpu:0"]).scope())
    held = dict.fromkeys(jax.devices(), 0)
    whole = 0
    for variable in found.weights:
        whole += variable.value.nbytes
        for part in variable.value.addressable_shards:
            held[part.device] += part.data.nbytes
    shares = ", ".join(f"{100 * size / whole:.0f} %" for size in held.values())
    return (
        f"A Transformer of {whole / 1e6:.1f} MB on {DEVICES} devices, which hold "
        f"{shares} of it. Loss {loss:.6f}, on one device {alone:.6f}."
    )


# Profile


def profile(given):
    """Prints the milliseconds of a step that is profiled, and of one that is not.

    They are those of the fastest epochs: what others do on a machine only adds.
    """
    print("\n| backend | fit | fit that awaits each step | profiled | ratio |")
    print("|---|---|---|---|---|")
    for backend in given.backends:
        fit, awaited, own = map(min, zip(*run(backend, "cost"), strict=True))
        print(
            f"| {backend} | {fit:.2f} | {awaited:.2f} | {own:.2f} | "
            f"{own / awaited:.3f} |",
            flush=True,
        )


def cost():
    """Returns milliseconds of a step of three kinds of fits, in turn."""
    import keras
    import numpy as np

    import kdl
    from kdl.profiling.meter import Meter

    class Time(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.begun = time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            self.took = 1000 * (time.perf_counter() - self.begun) / len(batches)

    class Reads(keras.callbacks.Callback):
        """Has Keras await each step, for the numbers that it reads."""

        def on_train_batch_end(self, batch, logs=None):
            pass

    recipe = kdl.recipes.Images()
    x, y = recipe.splits.train
    pair = recipe.encode((x, np.asarray(y)))
    batches = kdl.data.Batches(*pair, COST_BATCH, remainder="drop")
    model = recipe.build(kdl.recipes.hyperparameters(recipe, {}))
    rounds = []
    for n in range(1 + 6 * ROUNDS):
        taken = []
        # With more steps to measure than there are, a profile does not end the fit.
        for others, measured in (
            ([], contextlib.nullcontext()),
            ([Reads()], contextlib.nullcontext()),
            ([], Meter(model, 10**9).inserted()),
        ):
            clock = Time()
            with measured:
                callbacks = [clock, *others]
                model.fit(batches, shuffle=False, verbose=0, callbacks=callbacks)
            taken.append(clock.took)
        if n:
            # The first compiles.
            rounds.append(taken)
    return rounds


# Processes


def _on(devices):
    from kdl.parallel import DataParallel

    return contextlib.nullcontext() if devices == 1 else DataParallel(devices)


def run(backend, *task, threads=1):
    """Returns what a task returns in a process of its own, or in two that train."""
    env = os.environ | {
        "KERAS_BACKEND": backend,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "OMP_NUM_THREADS": str(threads),
        "TF_NUM_INTRAOP_THREADS": str(threads),
        # On a device of XLA, one thread.
        "XLA_FLAGS": "--xla_cpu_multi_thread_eigen="
        + ("false" if threads == 1 else "true"),
    }
    if task[0] in ("try", "speed") and task[2] == "float64":
        env["JAX_ENABLE_X64"] = "1"
    devices = {"try": task[-1], "speed": task[1] if len(task) > 1 else 1}.get(task[0])
    # Operations side by side, which TensorFlow counts apart from the threads of one.
    env["TF_NUM_INTEROP_THREADS"] = str(threads * (devices or 1))
    places = [{}]
    if backend == "torch" and devices == DEVICES:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            port = str(found.getsockname()[1])
        places = [
            {
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": port,
                "WORLD_SIZE": str(DEVICES),
                "RANK": str(index),
                "LOCAL_RANK": str(index),
            }
            for index in range(DEVICES)
        ]
    command = [sys.executable, __file__, "--task", json.dumps([devices, *task])]
    processes = [
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=env | place,
        )
        for place in places
    ]
    try:
        outputs = [process.communicate(timeout=300) for process in processes]
    finally:
        for process in processes:
            process.kill()
    output, errors = outputs[0]
    if processes[0].returncode:
        last = errors.strip().splitlines()[-1:] or ["nothing"]
        return f"ends: {last[0][:120]}"
    return json.loads(output.splitlines()[-1])


def perform(devices, name, *arguments):
    """Prints what a task returns, as JSON."""
    if devices and devices > 1:
        # Before anything is computed, after which a CPU has no more devices.
        _on(devices)
    tasks = {
        "try": try_recipe,
        "speed": speed,
        "weights": weights,
        "split": split,
        "cost": cost,
    }
    print(json.dumps(tasks[name](*arguments)))


PARTS = {
    "works": works,
    "throughput": throughput,
    "precision": precision,
    "randomness": randomness,
    "model": model,
    "profile": profile,
}

if __name__ == "__main__":
    if sys.argv[1] == "--task":
        perform(*json.loads(sys.argv[2]))
    else:
        main()
