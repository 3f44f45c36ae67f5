"""What pruning finds within as many epochs, of real training on digits.

The figures are in docs/benchmarks/search.md.

KERAS_BACKEND=jax OMP_NUM_THREADS=1 \\
    python benchmarks/search_pruning.py [--pool 200] [--orders 60] [--keep FILE]

Trains a pool of random configurations of a small network once, and then has searches
that take them in many random orders stop their trials as kdl's pruners say.
"""

import argparse
import functools
import itertools
import sys

import keras
import numpy as np
from kept import Kept, add_option

from kdl import data
from kdl.tuning import Hyperband, MedianStopping, SuccessiveHalving
from kdl.tuning.trial.pruned import is_pruned

EPOCHS, BATCH = 27, 64
# In trials of all epochs.
BUDGETS = (10, 20, 40)
PRUNERS = {
    "none": None,
    "MedianStopping": MedianStopping(),
    "SuccessiveHalving": SuccessiveHalving(),
    "Hyperband": Hyperband(min_epochs=1),
}
RATIO, SHARE = 0.3, 0.4


def draw(rng):
    return {
        "layers": int(rng.integers(1, 4)),
        "units": int(rng.choice([16, 64, 256])),
        "optimizer": str(rng.choice(["sgd", "adam"])),
        "rate": float(10 ** rng.uniform(-4, 0)),
        # Of the initial weights, and of the pixels, beside their usual ones.
        "weights": float(10 ** rng.uniform(-1, 1)),
        "pixels": float(10 ** rng.uniform(-1, 1)),
    }


@functools.cache
def network(layers, units, optimizer):
    """A compiled model, which those of the same parts share, as it costs seconds."""
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()])
    for _ in range(layers):
        model.add(keras.layers.Dense(units, "relu"))
    model.add(keras.layers.Dense(10))
    momentum = {"sgd": {"momentum": 0.9}, "adam": {}}[optimizer]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.get(optimizer).__class__(**momentum), loss)
    model.optimizer.build(model.trainable_variables)
    return model


def curve(configuration, seed):
    """Validation losses of the epochs."""
    (x, y), (test, labels), _ = data.digits()
    parts = (configuration[name] for name in ("layers", "units", "optimizer"))
    model = network(*parts)
    keras.utils.set_random_seed(seed)
    for layer in model.layers[1:]:
        kernel = keras.initializers.GlorotUniform(seed)(layer.kernel.shape)
        layer.kernel.assign(kernel * configuration["weights"])
        layer.bias.assign(np.zeros(layer.bias.shape))
    for variable in model.optimizer.variables:
        variable.assign(np.zeros(variable.shape))
    model.optimizer.learning_rate = configuration["rate"]
    history = model.fit(
        x * configuration["pixels"],
        y,
        batch_size=BATCH,
        epochs=EPOCHS,
        validation_data=(test * configuration["pixels"], labels),
        verbose=0,
    )
    return history.history["val_loss"]


def curves(count, keep):
    """Curves of the pool, those that `keep` has from an earlier run among them."""
    known = Kept(keep)
    for number in range(count):
        if (number,) not in known:
            known[number,] = curve(draw(np.random.default_rng(number)), number)
        if sys.stderr.isatty():
            print(f"{number + 1} of {count}", end="\r", file=sys.stderr)
    return [np.array(known[number,]) for number in range(count)]


def searched(pool, order, pruner, most):
    """Best loss after each of `most` epochs, and trials begun by then."""
    best, begun, curves = [], [], {}
    for number, losses in enumerate(pool[place] for place in order):
        # What a trial before has reached counts; an end in no number is a failure.
        so_far = best[-1] if best else np.inf
        for epochs in range(1, EPOCHS + 1):
            if len(best) == most:
                return np.array(best), np.array(begun)
            mine = losses[:epochs]
            least = np.nanmin(mine, initial=np.inf) if np.isfinite(mine[-1]) else np.inf
            best.append(min(so_far, least))
            begun.append(number + 1)
            curves[number] = mine
            if pruner is not None and is_pruned(pruner, number, curves):
                break
        if not np.isfinite(mine[-1]):
            del curves[number]
    # The pool is used up.
    left = most - len(best)
    return np.r_[best, [best[-1]] * left], np.r_[begun, [begun[-1]] * left]


def report(pool, orders):
    least = min(np.nanmin(losses) for losses in pool if np.isfinite(losses[-1]))
    most = max(BUDGETS) * EPOCHS
    rng = np.random.default_rng(0)
    orders = [rng.permutation(len(pool)) for _ in range(orders)]
    runs = {
        name: [searched(pool, order, pruner, most) for order in orders]
        for name, pruner in PRUNERS.items()
    }
    print(f"\n{len(pool)} configurations, {EPOCHS} epochs, {len(orders)} orders\n")
    print(
        "| budget, full trials | pruning | median regret [quartiles] | ratio |", end=""
    )
    print(" epochs to the best of none [quartiles] | configurations seen | target |")
    print("|---|---|---|---|---|---|---|")
    for budget, name in itertools.product(BUDGETS, PRUNERS):
        at = budget * EPOCHS - 1
        plain = np.array([best[at] for best, _ in runs["none"]])
        mine = np.array([best[at] for best, _ in runs[name]])
        low, middle, high = np.percentile(mine - least, [25, 50, 75])
        seen = np.median([begun[at] for _, begun in runs[name]])
        cells = [f"{budget}", name, f"{middle:.4f} [{low:.4f}, {high:.4f}]"]
        if name == "none":
            cells += ["", "", f"{seen:.0f}", ""]
        else:
            # Of nothing at all, there is no ratio.
            ratio = middle / (np.median(plain - least) or np.nan)
            shares = [
                (np.flatnonzero(best <= goal)[0] + 1) / (at + 1)
                if best[-1] <= goal
                else np.inf
                for (best, _), goal in zip(runs[name], plain, strict=True)
            ]
            low, share, high = np.percentile(shares, [25, 50, 75], method="lower")
            met = "met" if ratio <= RATIO or share <= SHARE else "missed"
            low, middle, high = (
                f"{part:.0%}" if part < np.inf else "never"
                for part in (low, share, high)
            )
            cells += [f"{ratio:.2f}", f"{middle} [{low}, {high}]"]
            cells += [f"{seen:.0f}", f"{RATIO} or {SHARE:.0%}: {met}"]
        print(f"| {' | '.join(cells)} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pool", type=int, default=200)
    parser.add_argument("--orders", type=int, default=60)
    add_option(parser)
    arguments = parser.parse_args()
    print(f"python {' '.join(sys.argv)}")
    report(curves(arguments.pool, arguments.keep), arguments.orders)


if __name__ == "__main__":
    main()
