"""What a user feels: searches of the recipe for digits, within as much time.

The figures are in docs/benchmarks/search.md.

KERAS_BACKEND=torch OMP_NUM_THREADS=1 python benchmarks/search_digits.py \\
    [--seeds 5] [--seconds 180] [--epochs 10] [--keep FILE] [--plot FILE]

KerasTuner's Bayesian optimization and kdl's, with pruning and without, search the
whole space of `kdl.recipes.Images`, one after the other, each in a process of its own,
on 400 of the images, so that three minutes have some forty trials. Time is that of the
processor, on one thread, so that what else the machine does has little part in it. Each
search ends after the first epoch beyond its time.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from kept import Kept, add_option

OPTIMIZERS = {
    "keras_tuner": "KerasTuner",
    "kdl": "kdl",
    "kdl_pruned": "kdl, median stopping",
}
IMAGES = 400
# Where the compiler of JAX takes all cores otherwise.
ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


def search(optimizer, seed, seconds, epochs):
    """Seconds and objective after each epoch of all trials."""
    import keras
    import keras_tuner

    from kdl import data, recipes, tuning

    (x, y), *rest = data.digits()
    recipe = recipes.Images(data.Splits((x[:IMAGES], y[:IMAGES]), *rest))
    seen = []

    class Over(Exception):
        """The time is."""

    class Watch(keras.callbacks.Callback):
        """Notes the time, in one list for all its copies, and ends the last trial."""

        def on_epoch_end(self, epoch, logs=None):
            now = time.process_time() - start
            seen.append([now, float(logs[recipe.objective.name])])
            if now >= seconds:
                self.model.stop_training = True

        def __deepcopy__(self, memo):
            return Watch()

    class Within:
        """Mixin that begins no trial when the time is over."""

        def pre_create_trial(self):
            if time.process_time() - start >= seconds:
                raise Over
            super().pre_create_trial()

    base = (
        keras_tuner.BayesianOptimization
        if optimizer == "keras_tuner"
        else tuning.BayesianOptimization
    )
    options = {"pruner": tuning.MedianStopping()} if optimizer == "kdl_pruned" else {}
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        tuner = type("Search", (Within, base), {})(
            recipe,
            recipe.objective,
            max_trials=1000,
            seed=seed,
            directory=folder,
            **options,
        )
        with contextlib.suppress(Over):
            tuner.search(**recipe.data(), epochs=epochs, callbacks=[Watch()], verbose=0)
        return {"seen": seen, "trials": len(tuner.oracle.trials)}


def searched(jobs, keep):
    """What came of each job, those that `keep` has from an earlier run among them."""
    known = Kept(keep)
    for number, job in enumerate(jobs):
        if job not in known:
            command = [sys.executable, __file__, "--child", json.dumps(job)]
            environment = os.environ | {"XLA_FLAGS": ONE_THREAD}
            with tempfile.TemporaryFile() as noise:
                output = subprocess.run(
                    command,
                    env=environment,
                    check=True,
                    stdout=subprocess.PIPE,
                    stderr=noise,
                ).stdout
            known[job] = json.loads(output.splitlines()[-1])
        if sys.stderr.isatty():
            print(f"{number + 1} of {len(jobs)}", end="\r", file=sys.stderr)
    return {job: known[job] for job in jobs}


def best_at(found, grid):
    """Best objective by each of some times, infinite before the first epoch."""
    times, values = np.transpose(found["seen"])
    best = np.minimum.accumulate(np.where(np.isfinite(values), values, np.inf))
    return np.r_[np.inf, best][np.searchsorted(times, grid, side="right")]


def report(results, seeds, seconds, epochs):
    print(
        f"\n{seeds} seeds, {seconds} s of one processor each, {epochs} epochs a trial"
    )
    print("\n| search | trials | epochs | best val_crossentropy |", end="")
    print(" s to KerasTuner's final best |\n|---|---|---|---|---|")
    jobs = {name: [job for job in results if job[0] == name] for name in OPTIMIZERS}
    goals = [min(v for _, v in results[job]["seen"]) for job in jobs["keras_tuner"]]
    for name, label in OPTIMIZERS.items():
        found = [results[job] for job in jobs[name]]
        best = [min(value for _, value in one["seen"]) for one in found]
        times = [
            next((t for t, value in one["seen"] if value <= goal), np.inf)
            for one, goal in zip(found, goals, strict=True)
        ]
        cells = [
            label,
            f"{np.median([one['trials'] for one in found]):.0f}",
            f"{np.median([len(one['seen']) for one in found]):.0f}",
            quartiles(best, "{:.4f}"),
            quartiles(times, "{:.0f}"),
        ]
        print(f"| {' | '.join(cells)} |")
    print("\nMedians [quartiles]")


def quartiles(values, form):
    low, middle, high = (
        form.format(value) if value < np.inf else "never"
        for value in np.percentile(values, [25, 50, 75], method="lower")
    )
    return f"{middle} [{low}, {high}]"


def plot(results, seconds, path):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    grid, last = np.linspace(0, seconds, 400), []
    for (name, label), color in zip(
        OPTIMIZERS.items(), ("#8a8f98", "#2f6fb0", "#d1662a"), strict=True
    ):
        runs = [best_at(results[job], grid) for job in results if job[0] == name]
        low, middle, high = np.percentile(runs, [25, 50, 75], axis=0, method="lower")
        known = np.isfinite(high)
        last += [low[-1], high[-1]]
        axes.step(grid, middle, where="post", color=color, label=label, linewidth=2)
        axes.fill_between(
            grid[known],
            low[known],
            high[known],
            step="post",
            color=color,
            alpha=0.18,
            linewidth=0,
        )
    axes.set_yscale("log")
    # The first epochs are the same for all, and far above.
    axes.set_ylim(0.8 * min(last), 5 * max(last))
    axes.set_xlabel("seconds of one processor")
    axes.set_ylabel("best val_crossentropy so far")
    axes.grid(alpha=0.3, which="both")
    axes.spines[["top", "right"]].set_visible(False)
    title = "median and quartiles of the seeds"
    figure.legend(loc="outside upper center", ncols=3, frameon=False, title=title)
    figure.savefig(path, dpi=150)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--epochs", type=int, default=10)
    add_option(parser)
    parser.add_argument("--plot", type=Path, help="where to draw it")
    parser.add_argument("--child", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(search(*arguments.child)))
        return
    print(f"python {' '.join(sys.argv)}")
    # Far apart: near seeds of KerasTuner draw the same values.
    jobs = [
        (name, 1000 + 7919 * k, arguments.seconds, arguments.epochs)
        for k in range(arguments.seeds)
        for name in OPTIMIZERS
    ]
    results = searched(jobs, arguments.keep)
    report(results, arguments.seeds, arguments.seconds, arguments.epochs)
    if arguments.plot:
        plot(results, arguments.seconds, arguments.plot)


if __name__ == "__main__":
    main()
