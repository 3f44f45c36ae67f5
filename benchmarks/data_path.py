"""An epoch of the digits on the recipe's data path and on plain arrays.

Targets: no longer than `model.fit` on arrays, and for each option of `Batches` 1.05
times as long as plain batches at most. The recipe's path also augments.

The figures are in docs/benchmarks/recipes.md.

KERAS_BACKEND=jax python benchmarks/data_path.py
"""

import time

import keras
import numpy as np
from paired import report, report_added

from kdl.data import Batches, RandomAffine
from kdl.recipes import Images, hyperparameters


def main():
    recipe = Images()
    hp = hyperparameters(recipe, {})
    p = recipe.space(hp)
    x, y = recipe.splits.train
    # A whole number of batches on either path: one compilation, one amount of work.
    count = len(x) // p.batch_size * p.batch_size
    x, y = x[:count], y[:count]
    model = recipe.build(hp)
    warp = RandomAffine(p.shift, p.rotation, p.zoom, p.shear)
    weights = np.linspace(0.1, 1.0, count)
    options = {
        "weights": {"weights": weights},
        "weights, no replacement": {"weights": weights, "replacement": False},
        "balance": {"balance": True},
        "classes and examples": {
            "classes_per_batch": 8,
            "examples_per_class": p.batch_size // 8,
        },
        "shard": {"shard": (0, 1)},
        "collate": {"collate": np.stack},
        "remainder": {"remainder": "pad"},
        "augment": {"augment": [warp]},
    }

    def epoch(clock=time.perf_counter, **given):
        batches = Batches(x, y, p.batch_size, **given)
        return lambda: timed(model, batches, shuffle=False, clock=clock)

    title = f"An epoch of {count} digits, {keras.backend.backend()}"
    compare(
        title,
        lambda: timed(model, x, y, batch_size=p.batch_size),
        {"batches": epoch(), "batches, augmented": epoch(augment=[warp])},
        target=1.0,
    )
    # A small difference is seen in the time of the CPU alone.
    cpu = time.process_time
    compare(
        f"{title}, by options of Batches, in seconds of CPU",
        epoch(cpu),
        {name: epoch(cpu, **given) for name, given in options.items()},
        target=1.05,
    )
    # What an option costs is far less than a fit varies by.
    step = np.median([epoch(cpu)() for _ in range(5)]) / (count // p.batch_size)
    report_added(
        f"Making a batch, of a step of {step * 1e6:.0f} µs of CPU",
        making(Batches(x, y, p.batch_size)),
        {
            name: making(Batches(x, y, p.batch_size, **given))
            for name, given in options.items()
        },
        dict.fromkeys(options, round(0.05 * step * 1e6)),
        pairs=41,
    )


def compare(title, base, others, target):
    """Compiles what each of them needs, and reports their times."""
    for run in (base, *others.values()):
        run()
    report(title, base, others, target)


def making(batches):
    """Function that makes an epoch, and returns the seconds of CPU of a batch."""

    def make():
        batches.on_epoch_end()
        start = time.process_time()
        for index in range(len(batches)):
            batches[index]
        return (time.process_time() - start) / len(batches)

    return make


def timed(model, *data, clock=time.perf_counter, **options):
    start = clock()
    model.fit(*data, verbose=0, **options)
    return clock() - start


if __name__ == "__main__":
    main()
