"""Ratios of two durations on a noisy machine."""

import sys

import numpy as np


def report(title, base, others, target=None, pairs=15):
    """Prints how much longer than `base` other things take, and `base` itself.

    Each pair runs everything once, one after the other, so that what slows the
    machine down slows all of them down. The ratio of the base to itself says what
    the machine makes of no difference at all.

    Args:
        title: String.
        base: Function without arguments that returns seconds.
        others: Dict of such functions by name.
        target: Optional float. The ratio that the median is not to exceed.
        pairs: Integer. Number of repetitions.
    """
    runs = {"base": base, **others, "base again": base}
    seconds = {name: [] for name in runs}
    for _ in range(pairs):
        for name, run in runs.items():
            seconds[name].append(run())
    print(f"{title}\n$ python {' '.join(sys.argv)}\n")
    print("| what | seconds, median | ratio to the base, median | quartiles |")
    print("|---|---|---|---|")
    for name, values in seconds.items():
        ratios = np.array(values) / np.array(seconds["base"])
        low, median, high = np.quantile(ratios, [0.25, 0.5, 0.75])
        print(
            f"| {name} | {np.median(values):.3f} | {median:.3f} | "
            f"{low:.3f} to {high:.3f} |"
        )
        if target and name in others:
            verdict = "met" if median <= target else "missed"
            print(f"\n{name}: target of {target} {verdict}\n")
