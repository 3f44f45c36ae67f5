"""Options that the benchmarks of searches share."""

import argparse
import sys
from pathlib import Path

OURS, BOTORCH = "kdl", "botorch"


def options(doc, problems, others, trials, jobs=2):
    """Returns a parser.

    Args:
        doc: String. Docstring of the script.
        problems: List of strings. Names of all problems.
        others: Sequence of strings. What kdl is compared with.
        trials: Integer. Of a search, by default.
        jobs: Integer. Searches side by side, by default.
    """
    parser = argparse.ArgumentParser(description=doc.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=16)
    parser.add_argument("--trials", type=int, default=trials)
    parser.add_argument("--jobs", type=int, default=jobs)
    parser.add_argument("--keep", type=Path, help="go on with what this file has")
    parser.add_argument("--problems", nargs="*", default=problems)
    parser.add_argument("--beside", nargs="*", choices=others, default=list(others))
    return parser


def given(parser):
    """Returns the arguments of the command line, which it prints."""
    print(f"python {' '.join(sys.argv)}")
    return parser.parse_args()


def given_with_botorch(parser):
    """As `given`, where BoTorch is in another environment and runs fewer seeds.

    Returns:
        Tuple of the arguments, the others to compare with, and a dict of the number of
        seeds of each.
    """
    parser.add_argument("--botorch", help="interpreter in which BoTorch is installed")
    parser.add_argument("--botorch-seeds", type=int, default=6)
    found = given(parser)
    others = [name for name in found.beside if name != BOTORCH or found.botorch]
    seeds = dict.fromkeys((OURS, *others), found.seeds)
    seeds[BOTORCH] = min(found.botorch_seeds, found.seeds)
    return found, others, seeds
