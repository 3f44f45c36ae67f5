"""Scores of several ways to train, over the same seeds, with their intervals."""

import sys
import time
from pathlib import Path

import keras
import numpy as np
from scipy import stats

# The folder of the other benchmarks.
sys.path.append(str(Path(__file__).resolve().parents[1]))

from kept import Kept


def compare(title, arms, seeds, digits=3, cases="seeds", keep=None):
    """Trains each arm with each seed, and prints the scores beside the first arm's.

    Intervals are of 95 %, by Student's t over the seeds. Differences are taken seed
    by seed, which leaves out what the seeds have in common, such as the split.

    Args:
        title: String.
        arms: Dict of functions by name, that take a seed and return a score. The
            first is what the others are compared with.
        seeds: Integer. Number of seeds, from 0.
        digits: Integer. Number of digits after the point.
        cases: String. What the seeds stand for, if the arms take them for something
            else, such as the number of a class.
        keep: Optional path of a file that keeps each score, so that a second run of
            the same command goes on where the first one stopped.
    """
    start = time.perf_counter()
    known = Kept(keep)
    for seed in range(seeds):
        for name, arm in arms.items():
            if (title, name, seed) not in known:
                keras.utils.clear_session()
                keras.utils.set_random_seed(seed)
                known[title, name, seed] = float(arm(seed))
        print(f"seed {seed}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
    scores = {
        name: [known[title, name, seed] for seed in range(seeds)] for name in arms
    }
    command = " ".join(sys.argv)
    print(f"{title}\n$ KERAS_BACKEND={keras.backend.backend()} python {command}\n")
    base, *others = arms
    print(f"| arm | mean of {seeds} {cases} | interval | beside {base} | interval | |")
    print("|---|---|---|---|---|---|")
    mean, (low, high) = interval(scores[base])
    print(
        f"| {base} | {mean:.{digits}f} | {low:.{digits}f} to {high:.{digits}f} | | | |"
    )
    for name in others:
        mean, (low, high) = interval(scores[name])
        differences = np.subtract(scores[name], scores[base])
        difference, (least, most) = interval(differences)
        verdict = "no difference seen"
        if least > 0 or most < 0:
            verdict = "higher" if least > 0 else "lower"
        print(
            f"| {name} | {mean:.{digits}f} | {low:.{digits}f} to {high:.{digits}f} | "
            f"{difference:+.{digits}f} | {least:+.{digits}f} to {most:+.{digits}f} | "
            f"{verdict} |"
        )
    print(f"\n{time.perf_counter() - start:.0f} s\n", flush=True)


def chosen(train, options):
    """The test score of the option that is best on the validation set.

    Args:
        train: Function of an option that returns a validation and a test score,
            higher for better.
        options: Sequence. The first of those that are equally good is taken.
    """
    results = [train(option) for option in options]
    return max(results, key=lambda result: result[0])[1]


def interval(values):
    """Mean of values, and its interval of 95 %."""
    mean = np.mean(values)
    half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
    return mean, (mean - half, mean + half)
