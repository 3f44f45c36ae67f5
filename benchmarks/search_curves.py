"""Searches by a model that guesses what pruned trials would have reached.

They are over the pool of trained networks of search_pruning.py, of which each takes the
one that its model expects most of. To kdl's model, the score of a pruned trial is its
best so far. A guess adds to it what trials that went on have gained since the same
epoch, in the median: as a difference or as a factor, and with its variance taken for
noise or without.

The figures are in docs/benchmarks/search.md.

KERAS_BACKEND=jax OMP_NUM_THREADS=1 \\
    python benchmarks/search_curves.py [--pool 500] [--seeds 8] [--keep FILE]
"""

import argparse
import math
import sys

import numpy as np
from kept import add_option
from search_pruning import EPOCHS, PRUNERS, curves, draw

from kdl.tuning.oracles.surrogate import Surrogate
from kdl.tuning.trial.pruned import is_pruned

AT = 10, 20, 30  # Trials of all epochs.
BEGIN = 6  # Trials at random.
NONE, DIFFERENCE, FACTOR = "none", "difference", "factor"
GUESSES = [(NONE, False), (DIFFERENCE, False), (DIFFERENCE, True)]
GUESSES += [(FACTOR, False), (FACTOR, True)]


def features(configuration):
    """The configuration as a point of a cube."""
    exponents = [(math.log10(configuration["rate"]) + 4) / 4]
    for name in ("weights", "pixels"):
        exponents.append((math.log10(configuration[name]) + 1) / 2)
    units = [16, 64, 256].index(configuration["units"]) / 2
    is_adam = float(configuration["optimizer"] == "adam")
    return [(configuration["layers"] - 1) / 2, units, is_adam, *exponents]


def reached(losses):
    """The least loss; infinite of a training that ended in no number."""
    return np.nanmin(losses) if np.isfinite(losses[-1]) else np.inf


def guessed(tried, pruned, guess, is_noisy):
    """Scores of the trials, and the variances of their noise."""
    scores, variances = np.array([reached(c) for c in tried]), np.zeros(len(tried))
    whole = [
        np.fmin.accumulate(losses)
        for number, losses in enumerate(tried)
        if number not in pruned and np.isfinite(losses[-1])
    ]
    for number in pruned if guess != NONE else ():
        epochs = len(tried[number])
        then, last = np.array([(w[epochs - 1], w[-1]) for w in whole]).reshape(-1, 2).T
        if len(then) < 3 or not np.isfinite(scores[number]):
            continue
        gains = last - then if guess == DIFFERENCE else np.log(last / then)
        middle, variance = np.median(gains), np.var(gains)
        if guess == DIFFERENCE:
            scores[number] += middle
        else:
            scores[number] *= math.exp(middle)
            variance *= scores[number] ** 2
        variances[number] = variance if is_noisy else 0.0
    return scores, variances


def search(pool, places, pruner, seed, guess, is_noisy):
    """Best loss after each epoch."""
    rng = np.random.default_rng(seed)
    left, order, tried, pruned, best = list(range(len(pool))), [], [], set(), []
    groups = np.arange(places.shape[1])
    while len(best) < max(AT) * EPOCHS and left:
        scores, variances = guessed(tried, pruned, guess, is_noisy)
        if len(order) < BEGIN or np.isfinite(scores).sum() < 3:
            chosen = left[rng.integers(len(left))]
        else:
            model = Surrogate(
                places[order],
                groups,
                scores,
                variances,
                np.empty((0, len(groups))),
                np.random.default_rng([seed, len(order)]),
            )
            chosen = left[int(np.argmax(model.values(places[left])))]
        left.remove(chosen)
        order.append(chosen)
        number, so_far = len(tried), best[-1] if best else np.inf
        others = {n: c for n, c in enumerate(tried) if np.isfinite(c[-1])}
        for epochs in range(1, EPOCHS + 1):
            losses = pool[chosen][:epochs]
            best.append(min(so_far, reached(losses)))
            if pruner is None or not np.isfinite(losses[-1]):
                continue
            if is_pruned(pruner, number, others | {number: losses}):
                if epochs < EPOCHS:
                    pruned.add(number)
                break
        tried.append(losses)
    return np.array(best)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pool", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=8)
    add_option(parser)
    given = parser.parse_args()
    print(f"python {' '.join(sys.argv)}\n")
    pool = curves(given.pool, given.keep)
    places = np.array(
        [features(draw(np.random.default_rng(n))) for n in range(len(pool))]
    )
    least = min(map(reached, pool))
    head = " | ".join(f"after {at} trials" for at in AT)
    print(f"Median regret, {given.seeds} seeds [quartiles]\n")
    print(f"| pruning | guess | as noise | {head} |\n|---|---|---|" + "---|" * len(AT))
    for name, pruner in PRUNERS.items():
        for guess, is_noisy in GUESSES if pruner else GUESSES[:1]:
            runs = [
                search(pool, places, pruner, seed, guess, is_noisy)
                for seed in range(given.seeds)
            ]
            cells = []
            for at in AT:
                found = [run[at * EPOCHS - 1] - least for run in runs]
                low, middle, high = np.percentile(found, [25, 50, 75])
                cells.append(f"{middle:.4f} [{low:.4f}, {high:.4f}]")
            noise = "yes" if is_noisy else ""
            print(f"| {name} | {guess} | {noise} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
