"""Options that the benchmarks of searches share."""

import argparse
import sys

from kept import add_option

OURS, BOTORCH, SMAC = "kdl", "botorch", "smac"


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
    add_option(parser)
    parser.add_argument("--problems", nargs="*", default=problems)
    parser.add_argument("--beside", nargs="*", choices=others, default=list(others))
    return parser


def given(parser):
    """Returns the arguments of the command line, which it prints."""
    print(f"python {' '.join(sys.argv)}")
    return parser.parse_args()


def given_with(parser, name):
    """As `given`, where one of the others is installed in another environment.

    Args:
        parser: What `options` returned.
        name: `BOTORCH` or `SMAC`, which runs fewer seeds.

    Returns:
        Tuple of the arguments, the others to compare with, and a dict of the number of
        seeds of each.
    """
    parser.add_argument(f"--{name}", help="interpreter in which it is installed")
    parser.add_argument(f"--{name}-seeds", type=int, default=6)
    found = given(parser)
    python, fewer = getattr(found, name), getattr(found, f"{name}_seeds")
    others = [other for other in found.beside if other != name or python]
    seeds = dict.fromkeys((OURS, *others), found.seeds)
    seeds[name] = min(fewer, found.seeds)
    return found, others, seeds
