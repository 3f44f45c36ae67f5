"""What the layers of kdl cost, beside PyTorch's own or the nearest ones of Keras.

A table of times: each layer, forward and backward in training, with the gradients of
its weights and of its inputs; compiled on JAX and TensorFlow as `fit` does, eager on
PyTorch. On PyTorch a layer stands beside PyTorch's module, or what is written in
`torch.nn` in its place; elsewhere, or with `--keras`, beside layers of Keras, of which
some do less. Both run in one process on the same threads. Target: 1.10 times, or what
the base takes beside itself.

A table of what `StochasticDepth` saves: CPU of a fit whose eight branches are dropped
with a probability of 0.9 and 0. Target: 0.4 times.

A table of memory: what `EmbeddingBag` and `Embedding` with a reduction take at most,
forward and backward, beyond what the process had. Target: a quarter, but for "max".

The figures are in docs/benchmarks/layers.md.

KERAS_BACKEND=jax python benchmarks/layers.py [--pairs 15] [--only ...] [--keras]
"""

import argparse
import multiprocessing
import re
import sys
import time
from pathlib import Path

import keras
import numpy as np
from layer_cases import CASES
from layer_cases.case import integers
from layer_cases.sequences import BAG, TOKENS
from paired import report_each
from training_step import BACKEND, stepper, timer

from kdl.layers import StochasticDepth


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--only", default="")
    parser.add_argument("--keras", action="store_true")
    arguments = parser.parse_args()
    in_torch = BACKEND == "torch" and not arguments.keras
    report_each(
        f"Layers, forward and backward, {BACKEND}",
        (
            (
                case.name,
                timer(case.ours(), case.inputs),
                base.name,
                timer(base.make(case.inputs), case.inputs),
            )
            for case in CASES
            for base in [(in_torch and case.torch) or case.keras]
            if arguments.only in case.name
        ),
        1.1,
        arguments.pairs,
    )
    name = "StochasticDepth, in turns"
    if arguments.only in name:
        print()
        report_each(
            f"CPU of a fit with eight branches, {BACKEND}",
            [("a rate of 0.9", fit_of_branches(0.9), "of 0", fit_of_branches(0.0))],
            0.4,
            arguments.pairs,
        )
    if arguments.only in "EmbeddingBag":
        print()
        report_memory()


def fit_of_branches(rate):
    """A function that returns the CPU of a fit of branches, dropped in turns."""
    keras.utils.set_random_seed(0)
    inputs = x = keras.Input((512,))
    for _ in range(8):
        branch = keras.layers.Dense(512, activation="relu")
        x = x + StochasticDepth(branch, rate)(x)
    model = keras.Model(inputs, x)
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(60 * 128, 512)).astype("float32")

    def run():
        start = time.process_time()
        model.fit(x, x, batch_size=128, shuffle=False, verbose=0)
        return time.process_time() - start

    run()  # Compiles.
    return run


def report_memory():
    """Prints what bags of embeddings take at most, in a process of its own each."""
    print(f"Memory of {BAG[0]} bags of {BAG[1]} tokens, {BACKEND}")
    print(f"$ python {' '.join(sys.argv)}\n")
    print("| combiner | EmbeddingBag, MB | Embedding, MB | ratio | 0.25 |")
    print("|---|---|---|---|---|")
    for combiner in ("sum", "mean", "max"):
        name = f"EmbeddingBag, {combiner}"
        # One that is forked would start with the pages of this one.
        with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
            ours, base = pool.starmap(memory, [(name, True), (name, False)], 1)
        verdict = "met" if ours <= base / 4 else "missed"
        print(
            f"| {combiner} | {ours:.1f} | {base:.1f} | {ours / base:.2f} | "
            f"{'' if combiner == 'max' else verdict} |",
            flush=True,
        )


def memory(name, is_ours):
    """Megabytes that a step takes at most, beyond what the process had."""
    (case,) = (case for case in CASES if case.name == name)
    part = case.ours() if is_ours else case.keras.make(case.inputs)
    stepper(part, [integers(TOKENS, (2, BAG[1]))])()
    step = stepper(part, case.inputs)
    # Makes the peak what there is now.
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    step()
    return (resident("VmHWM") - before) / 1000


def resident(name):
    """Memory of this process in kilobytes, as Linux has it by this name."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(rf"{name}:\s+(\d+)", status)[1])


if __name__ == "__main__":
    main()
