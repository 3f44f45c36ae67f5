"""A search that learns from an earlier one, against one that begins anew.

The earlier search is of 30 trials, over the same space: of the same scores, of similar
ones (an optimum elsewhere, other data), and of ones that mislead (better is worse). For
each, the median regret after some trials, and the trials that a search needs to be as
good as one that begins anew after 30.

The figures are in docs/benchmarks/search.md.

KERAS_BACKEND=jax OMP_NUM_THREADS=1 python benchmarks/search_earlier.py [--seeds 16]
"""

import argparse
import contextlib
import functools
import io
import tempfile
from pathlib import Path

import numpy as np
from search import begin_oracle, record, seed_of
from search_options import OURS
from search_problems import PROBLEMS, digits, svc_on

TRIALS, AT = 30, (5, 10, 20, 30)


def shifted(problem, share=0.1):
    """The score of a problem with its numbers moved by a share of their ranges."""
    space = problem.hyperparameters().space

    def score(values):
        moved = dict(values)
        for parameter in space:
            if parameter.name in values and hasattr(parameter, "min_value"):
                place = parameter.value_to_prob(values[parameter.name]) + share
                place = place if place <= 1 else 2 - place
                moved[parameter.name] = parameter.prob_to_value(place)
        return problem.score(moved)

    return score


def other_digits(values):
    """The score of the problem `svc` on digits that it does not use."""
    x, y = digits(700)
    return svc_on(values, x[400:], y[400:])


def negated(problem):
    return lambda values: -problem.score(values)


@functools.cache
def pairs():
    """Function of the earlier search and problem of the later one, by name."""
    found = {}
    for name in ("hartmann6", "network", "branches"):
        problem = PROBLEMS[name]
        found[f"{name}, the same"] = problem.score, problem
        found[f"{name}, shifted"] = shifted(problem), problem
        found[f"{name}, misleading"] = negated(problem), problem
    found["svc, other digits"] = other_digits, PROBLEMS["svc"]
    return found


def search(score, problem, seed, folder, earlier=None):
    """Returns the scores of a search and its record."""
    begin = begin_oracle(OURS, problem, seed, TRIALS, folder, earlier)
    tried, scores = [], []
    for _ in range(TRIALS):
        values, end = begin()
        tried.append(dict(values))
        scores.append(score(values))
        end(scores[-1])
    return scores, record(problem, tried, scores)


def compare(name, seeds):
    """Returns the best scores so far `(seeds, trials)`, anew and from the earlier."""
    earlier_score, problem = pairs()[name]
    anew, later = [], []
    for k in range(seeds):
        with (
            tempfile.TemporaryDirectory() as folder,
            contextlib.redirect_stdout(io.StringIO()),
        ):
            place = Path(folder)
            _, record = search(earlier_score, problem, seed_of(k + 100), place / "a")
            anew.append(search(problem.score, problem, seed_of(k), place / "b")[0])
            scores, _ = search(problem.score, problem, seed_of(k), place / "c", record)
            later.append(scores)
    return np.minimum.accumulate(anew, 1), np.minimum.accumulate(later, 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=16)
    parser.add_argument("--pairs", nargs="+", default=list(pairs()))
    given = parser.parse_args()
    head = "".join(f" after {at} |" for at in AT)
    print(f"| earlier search |{head} trials to the 30 of anew |")
    print("|---|" + "---|" * (len(AT) + 1))
    for name in given.pairs:
        anew, later = compare(name, given.seeds)
        minimum = pairs()[name][1].minimum
        least = min(anew.min(), later.min()) if minimum is None else minimum
        cells = []
        for at in AT:
            ours, theirs = (np.median(x[:, at - 1] - least) for x in (later, anew))
            cells.append(f"{ours:.3g} to {theirs:.3g}")
        reached = np.median(later, 0) <= np.median(anew[:, -1])
        trials = np.argmax(reached) + 1 if reached.any() else f"more than {TRIALS}"
        print(f"| {name} | {' | '.join(cells)} | {trials} |", flush=True)


if __name__ == "__main__":
    main()
