"""What a GPU is worth, on the day that one is at hand: in under ten minutes.

Each part is measured in a process of its own, one backend after the other:

    device       which devices there are
    recurrent    LSTM and GRU by cuDNN and without it, against PyTorch's own
    attention    self-attention with and without flash attention, against PyTorch's own
    precision    a convolutional network in each precision, against hand-written PyTorch
    transfer     gigabytes a second from host to device, against PyTorch's own
    recipes      milliseconds of a step of each recipe, and the memory of the device

`--quick` makes all of it small, so that the script is known to work on a CPU. A part
that begins after `--minutes` is left out, and said to be.

python benchmarks/gpu.py
python benchmarks/gpu.py --quick --backends jax --parts recurrent attention
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

BACKENDS = "torch", "jax", "tensorflow"
PRECISIONS = "float32", "mixed_bfloat16", "mixed_float16"
RECIPES = (
    *("Images", "Segmentation", "SuperResolution", "Autoencoder", "GAN", "Diffusion"),
    *("MetricLearning", "Text", "LanguageModel", "Seq2Seq", "Forecast", "Tabular"),
)
# Sizes for a GPU, and those of --quick.
LARGE = {
    "recurrent": {"batch": 128, "length": 256, "units": 512},
    "attention": {"batch": 16, "length": 1024, "width": 512, "heads": 8},
    "precision": {"batch": 256, "side": 64, "filters": 128, "layers": 6},
    "transfer": {"megabytes": 512},
    "recipes": {"steps": 20, "names": RECIPES},
    "steps": 20,
}
SMALL = {
    "recurrent": {"batch": 4, "length": 8, "units": 8},
    "attention": {"batch": 2, "length": 16, "width": 16, "heads": 2},
    "precision": {"batch": 4, "side": 8, "filters": 4, "layers": 2},
    "transfer": {"megabytes": 4},
    "recipes": {"steps": 2, "names": ("Images", "Tabular")},
    "steps": 3,
}
LIMIT = 150  # Seconds of a part on one backend.


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=BACKENDS)
    parser.add_argument("--quick", action="store_true", help="small, for a CPU")
    parser.add_argument("--minutes", type=float, default=9.5)
    given = parser.parse_args()
    end = time.monotonic() + 60 * given.minutes
    for part in given.parts:
        print(f"\n{part}: {PARTS[part].__doc__.splitlines()[0]}", flush=True)
        for backend in given.backends:
            left = end - time.monotonic()
            if left < 5:
                print(f"{backend}: left out, since the time is up.", flush=True)
                continue
            run(backend, part, given.quick, min(LIMIT, left))


def run(backend, part, quick, limit):
    """Performs a part in a process of its own, and prints its rows as they come."""
    env = os.environ | {
        "KERAS_BACKEND": backend,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        # All backends share the device, one after the other.
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    }
    command = [sys.executable, __file__, "--task", json.dumps([part, quick])]
    with subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            output, errors = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            process.kill()
            output, errors = process.communicate()
            errors = f"no end after {limit:.0f} seconds"
    for line in output.splitlines():
        print(f"{backend}: {line}", flush=True)
    if process.returncode:
        last = errors.strip().splitlines()[-1:] or ["nothing"]
        print(f"{backend}: ends: {last[0][:200]}", flush=True)


def tell(name, value, unit, compared=None):
    """Prints a row, and how many times another value it is."""
    ratio = "" if compared is None else f", {value / compared:.2f} times PyTorch's own"
    print(f"{name}  {value:.3g} {unit}{ratio}", flush=True)


# Parts


def device(sizes):
    """Which devices there are."""
    import keras

    match keras.backend.backend():
        case "torch":
            import torch

            names = [
                torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())
            ]
        case "jax":
            import jax

            names = [each.device_kind for each in jax.devices()]
        case "tensorflow":
            import tensorflow as tf

            names = [each.name for each in tf.config.list_physical_devices()]
    print(", ".join(map(str, names)) or "CPU alone", flush=True)


def recipes(sizes):
    """Milliseconds of a step, the share of its batches, and memory of the device."""
    import kdl

    for name in sizes["recipes"]["names"]:
        recipe = getattr(kdl.recipes, name)()
        try:
            found = kdl.profiling.profile(
                recipe, **recipe.data(), steps=sizes["recipes"]["steps"]
            )
        except Exception as error:
            print(f"{name} fails: {' '.join(str(error).split())[:120]}", flush=True)
            continue
        held = found.device_memory
        memory = "none told" if held is None else f"{held / 1e9:.2f} GB"
        waits = found.shares["data"] + found.shares["transfer"]
        print(
            f"{name}  {found.step:.2f} ms of {found.batch_size} examples, first "
            f"{found.first_step:.0f} ms, batches {100 * waits:.0f} %, memory {memory}",
            flush=True,
        )


def recurrent(sizes):
    """Milliseconds of a training step of LSTM and GRU."""
    import keras

    size = sizes["recurrent"]
    shape = (size["length"], size["units"])
    for kind in ("LSTM", "GRU"):
        own = _of_torch(
            lambda torch, kind=kind: getattr(torch.nn, kind)(
                size["units"], size["units"], batch_first=True
            ),
            (size["batch"], *shape),
            sizes["steps"],
        )
        if own is not None:
            tell(f"{kind} by hand", own, "ms")
        for cudnn in (True, False):
            layer = getattr(keras.layers, kind)(
                size["units"],
                return_sequences=True,
                use_cudnn="auto" if cudnn else False,
            )
            took = _of_layer(layer, (size["batch"], *shape), sizes["steps"])
            tell(f"{kind} {'as it is' if cudnn else 'without cuDNN'}", took, "ms", own)


def attention(sizes):
    """Milliseconds of a training step of self-attention."""
    import keras

    import kdl

    size = sizes["attention"]
    width, heads = size["width"], size["heads"]
    shape = (size["batch"], size["length"], width)
    own = _of_torch(
        lambda torch: _torch_attention(torch, width, heads), shape, sizes["steps"]
    )
    if own is not None:
        tell("by hand", own, "ms")

    class Self(keras.layers.Layer):
        def __init__(self, flash):
            super().__init__()
            self.inner = keras.layers.MultiHeadAttention(
                heads, width // heads, flash_attention=flash
            )

        def build(self, shape):
            self.inner.build(shape, shape)

        def compute_output_shape(self, shape):
            return shape

        def call(self, inputs):
            return self.inner(inputs, inputs)

    for name, layer in (
        ("Keras as it is", lambda: Self(None)),
        ("Keras without flash attention", lambda: Self(False)),
        ("Keras with flash attention", lambda: Self(True)),
        ("TransformerEncoderBlock", lambda: _block(kdl, heads, 4 * width)),
    ):
        for policy in ("float32", "mixed_bfloat16"):
            keras.config.set_dtype_policy(policy)
            try:
                made = layer()
                # What it lacks is said more plainly here than by a fit.
                made(keras.ops.zeros(shape))
                took = _of_layer(made, shape, sizes["steps"])
            except Exception as error:
                text = " ".join(str(error).split())[:160]
                print(f"{name}, {policy}: refused: {text}", flush=True)
                continue
            tell(f"{name}, {policy}", took, "ms", own)


def precision(sizes):
    """Milliseconds of a training step of a convolutional network."""
    import keras

    size = sizes["precision"]
    filters, count = size["filters"], size["layers"]
    shape = (size["batch"], size["side"], size["side"], 3)
    for name in PRECISIONS:
        own = _of_torch(
            lambda torch: _torch_network(torch, filters, count),
            (shape[0], 3, *shape[1:3]),
            sizes["steps"],
            name,
        )
        if own is not None:
            tell(f"{name} by hand", own, "ms")
        keras.config.set_dtype_policy(name)
        layers = []
        for _ in range(count):
            layers.append(keras.layers.Conv2D(filters, 3, padding="same"))
            layers.append(keras.layers.ReLU())
        network = keras.Sequential([keras.Input(shape[1:]), *layers])
        tell(name, _of_layer(network, shape, sizes["steps"]), "ms", own)


def transfer(sizes):
    """Gigabytes a second from host to device."""
    import keras
    import numpy as np

    from kdl.profiling.devices import wait_for

    count = sizes["transfer"]["megabytes"] * 10**6
    data = np.ones(count // 4, "float32")

    def moved():
        wait_for(keras.ops.convert_to_tensor(data))

    own = None
    if keras.backend.backend() == "torch":
        import torch

        host, there = torch.from_numpy(data), _torch_device()
        pinned = host.pin_memory() if there == "cuda" else host

        def by_hand():
            pinned.to(there, copy=True)
            wait_for(None)

        own = count / 1e6 / _median(by_hand, sizes["steps"])
        tell("pinned, by hand", own, "GB/s")
    tell("convert_to_tensor", count / 1e6 / _median(moved, sizes["steps"]), "GB/s", own)


# How each is timed


def _median(step, steps):
    """Milliseconds of a step, the median after three that are not timed."""
    taken = []
    for n in range(3 + steps):
        begun = time.perf_counter()
        step()
        if n >= 3:
            taken.append(1000 * (time.perf_counter() - begun))
    return statistics.median(taken)


def _of_layer(layer, shape, steps):
    """Milliseconds that a step computes, of a model that has the layer alone."""
    import keras
    import numpy as np

    import kdl

    inputs = keras.Input(shape[1:])
    outputs = keras.layers.GlobalAveragePooling1D(dtype="float32")(
        keras.layers.Reshape((-1, 1))(layer(inputs))
    )
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(1e-3), "mse")
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    y = np.zeros((len(x), 1), "float32")
    found = kdl.profiling.profile(model, x, y, batch_size=len(x), steps=steps)
    return found.parts["compute"]


def _block(kdl, heads, hidden):
    return kdl.layers.TransformerEncoderBlock(heads, hidden)


def _torch_device():
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _of_torch(build, shape, steps, precision="float32"):
    """Milliseconds of a step of hand-written PyTorch, on that backend alone."""
    import keras

    if keras.backend.backend() != "torch":
        return None
    import torch

    from kdl.profiling.devices import wait_for

    there = _torch_device()
    with torch.device(there):
        module = build(torch).to(there)
        optimizer = torch.optim.SGD(module.parameters(), 1e-3)
        x = torch.randn(shape, device=there)
        if len(shape) == 4:
            module = module.to(memory_format=torch.channels_last)
            x = x.to(memory_format=torch.channels_last)
        dtype = {"mixed_bfloat16": torch.bfloat16, "mixed_float16": torch.float16}
        mixed = dtype.get(precision)  # Without scaling of the loss.

        def step():
            with torch.autocast(there, mixed, enabled=mixed is not None):
                outputs = module(x)
                outputs = outputs[0] if isinstance(outputs, tuple) else outputs
            loss = outputs.float().mean() ** 2
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            wait_for(None)

        return _median(step, steps)


def _torch_attention(torch, width, heads):
    class Attention(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = torch.nn.Linear(width, 3 * width)
            self.outer = torch.nn.Linear(width, width)

        def forward(self, x):
            batch, length, _ = x.shape
            parts = self.inner(x).view(batch, length, 3, heads, -1)
            query, key, value = parts.permute(2, 0, 3, 1, 4)
            attended = torch.nn.functional.scaled_dot_product_attention(
                query, key, value
            )
            return self.outer(attended.transpose(1, 2).reshape(x.shape))

    return Attention()


def _torch_network(torch, filters, count):
    layers = []
    for n in range(count):
        layers.append(torch.nn.Conv2d(filters if n else 3, filters, 3, padding=1))
        layers.append(torch.nn.ReLU())
    return torch.nn.Sequential(*layers)


PARTS = {
    "device": device,
    "recurrent": recurrent,
    "attention": attention,
    "precision": precision,
    "transfer": transfer,
    # Last, since they take what time is left.
    "recipes": recipes,
}

if __name__ == "__main__":
    if sys.argv[1:2] == ["--task"]:
        name, quick = json.loads(sys.argv[2])
        PARTS[name](SMALL if quick else LARGE)
    else:
        main()
