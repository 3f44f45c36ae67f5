"""How often searches propose what fails: kdl's and KerasTuner's.

The figures are in docs/benchmarks/search.md.

KERAS_BACKEND=jax OMP_NUM_THREADS=1 \\
    python benchmarks/search_failures.py [--seeds 16] [--jobs 2] [--keep FILE]

Three spaces, of each of which a part has an infinite score, or raises. To kdl both
are one thing, a failure, so that its rows are the same.
"""

import argparse
import contextlib
import io
import itertools
import math
import sys
import tempfile

import keras_tuner
import numpy as np
from kept import add_option
from search import ORACLES, predict_quickly, searched, seed_of

# The first ones are spread over the space, in both searches.
TRIALS, FIRST = 30, 6
TARGETS = {"inf": 0.05, "raises": 0.1}


def wall_space(hp):
    hp.Float("a", 0.0, 1.0)
    hp.Float("b", 0.0, 1.0)


def wall(v):
    """A third of two dimensions."""
    if v["a"] < 0.7:
        return 5 + (v["b"] - 0.5) ** 2 + (v["a"] - 0.4) ** 2


def rates_space(hp):
    optimizer = hp.Choice("optimizer", ["sgd", "adam"])
    hp.Float("rate", 1e-4, 10.0, sampling="log")
    with hp.conditional_scope("optimizer", ["sgd"]):
        if optimizer == "sgd":
            hp.Float("momentum", 0.0, 0.99)
    with hp.conditional_scope("optimizer", ["adam"]):
        hp.Float("beta_1", 0.5, 0.99)


def rates(v):
    """Rates that are too high, by optimizer; the best are a fifth of those."""
    sgd = v["optimizer"] == "sgd"
    place = math.log10(v["rate"] / (1 - v["momentum"]) if sgd else v["rate"] / 0.03)
    if place < 0:
        own = (v["momentum"] - 0.9 if sgd else v["beta_1"] - 0.9) ** 2
        return 5 + 0.1 * (place + 0.7) ** 2 + own + 0.05 * sgd


def corner_space(hp):
    for name in "abcd":
        hp.Float(name, 0.0, 1.0)


def corner(v):
    """A third of four dimensions, beyond a plane that lies across all of them."""
    x = np.array(list(v.values()))
    if x.sum() < 2.25:
        return float(5 + ((x - [0.2, 0.8, 0.4, 0.6]) ** 2).sum())


# Space, and score, `None` where there is none.
SPACES = {
    "wall": (wall_space, wall),
    "rates": (rates_space, rates),
    "corner": (corner_space, corner),
}
LEAST = 5.0


def run(job):
    """For each trial its score, and `None` where it had none."""
    optimizer, name, kind, seed = job
    predict_quickly()
    space, score = SPACES[name]
    hp = keras_tuner.HyperParameters()
    space(hp)
    oracle = ORACLES[optimizer](
        objective=keras_tuner.Objective("score", "min"),
        max_trials=TRIALS,
        num_initial_points=FIRST,
        seed=seed,
        hyperparameters=hp,
        max_consecutive_failed_trials=TRIALS,
    )
    scores = []
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.redirect_stdout(io.StringIO()),
    ):
        oracle._set_project_dir(folder, "search")
        for _ in range(TRIALS):
            trial = oracle.create_trial("tuner0")
            scores.append(score(trial.hyperparameters.values))
            if scores[-1] is None and kind == "raises":
                trial.status = "FAILED"
            else:
                value = math.inf if scores[-1] is None else scores[-1]
                oracle.update_trial(trial.trial_id, {"score": value})
                trial.status = "COMPLETED"
            oracle.end_trial(trial)
    return job, scores


def report(results, names, seeds):
    print(f"\nProposals that fail, among trials {FIRST + 1} to {TRIALS}\n")
    print("| search | what fails is | space | share ± standard error |", end="")
    print(" median regret [quartiles] | target |\n|---|---|---|---|---|---|")
    for optimizer, kind in itertools.product(ORACLES, TARGETS):
        shares = []
        for name in names:
            runs = [results[optimizer, name, kind, seed_of(k)] for k in range(seeds)]
            shares.append([np.mean([s is None for s in run[FIRST:]]) for run in runs])
            best = [min(score for score in run if score is not None) for run in runs]
            low, middle, high = np.percentile(np.array(best) - LEAST, [25, 50, 75])
            print(f"| {optimizer} | {kind} | {name} | {share(shares[-1])} |", end="")
            print(f" {middle:.2g} [{low:.2g}, {high:.2g}] | |")
        # Of searches, whose trials hang together.
        together = np.mean(shares, axis=0)
        met = "met" if together.mean() <= TARGETS[kind] else "missed"
        target = f"{TARGETS[kind]:.0%}: {met}" if optimizer == "kdl" else ""
        print(f"| {optimizer} | {kind} | all | {share(together)} | | {target} |")


def share(values):
    error = np.std(values, ddof=1) / len(values) ** 0.5
    return f"{100 * np.mean(values):.1f} ± {100 * error:.1f} %"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=16)
    parser.add_argument("--jobs", type=int, default=2)
    add_option(parser)
    arguments = parser.parse_args()
    print(f"python {' '.join(sys.argv)}")
    jobs = [
        (optimizer, name, kind, seed_of(k))
        for optimizer, name, kind, k in itertools.product(
            ORACLES, SPACES, TARGETS, range(arguments.seeds)
        )
    ]
    results = searched(run, jobs, arguments.keep, arguments.jobs)
    report(results, list(SPACES), arguments.seeds)


if __name__ == "__main__":
    main()
