"""Ratios and differences of two durations on a noisy machine."""

import sys

import numpy as np

QUARTILES = [0.25, 0.5, 0.75]


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
    seconds = _interleaved({"base": base, **others, "base again": base}, pairs)
    print(f"{title}\n$ python {' '.join(sys.argv)}\n")
    print("| what | seconds, median | ratio to the base, median | quartiles |")
    print("|---|---|---|---|")
    for name, values in seconds.items():
        ratios = values / seconds["base"]
        low, median, high = np.quantile(ratios, QUARTILES)
        print(
            f"| {name} | {np.median(values):.3f} | {median:.3f} | "
            f"{low:.3f} to {high:.3f} |"
        )
        if target and name in others:
            verdict = "met" if median <= target else "missed"
            print(f"\n{name}: target of {target} {verdict}\n")


def report_added(title, base, others, targets=None, pairs=15):
    """Prints how many microseconds of CPU other things add to each step of `base`.

    Pairs are made as by `report`. Where a step is short, a difference says more than
    a ratio: it is what a hook costs, however long the step around it. What the base
    adds to itself is the noise, which a target cannot be below: a target of 0 is met
    by a median of no more than the noise's upper quartile.

    Args:
        title: String.
        base: Function without arguments that returns seconds of CPU per step, by
            `time.process_time`.
        others: Dict of such functions by name.
        targets: Optional dict of microseconds by name, that the median is not to
            exceed.
        pairs: Integer. Number of repetitions.
    """
    steps = _interleaved({"base": base, **others, "base again": base}, pairs)
    steps = {name: seconds * 1e6 for name, seconds in steps.items()}
    print(f"{title}\n$ python {' '.join(sys.argv)}\n")
    print("| what | µs of CPU a step, median | added, median | quartiles | target |")
    print("|---|---|---|---|---|")
    added = {name: values - steps["base"] for name, values in steps.items()}
    noise = np.quantile(added["base again"], 0.75)
    for name, differences in added.items():
        low, median, high = np.quantile(differences, QUARTILES)
        target = (targets or {}).get(name)
        verdict = "met" if target is None or median <= max(target, noise) else "missed"
        print(
            f"| {name} | {np.median(steps[name]):.0f} | {median:+.0f} | "
            f"{low:+.0f} to {high:+.0f} | "
            f"{'' if target is None else f'{target} {verdict}'} |"
        )


def report_each(title, rows, target, pairs=15):
    """Prints how much longer than its own base each of several things takes.

    The noise is the ratio of the base to itself. A target is met by a median that does
    not exceed it or, of a target above 1, the upper quartile of the noise.

    Args:
        title: String.
        rows: Iterable of tuples `(name, run, base name, base)`, of which the second
            and the last are functions without arguments that return seconds. It is
            asked for the next when one is done.
        target: Float. The ratio that the medians are not to exceed.
        pairs: Integer. Number of repetitions of each.
    """
    print(f"{title}\n$ python {' '.join(sys.argv)}\n")
    print(f"| what | beside | ratio, median | quartiles | noise | {target} |")
    print("|---|---|---|---|---|---|")
    for name, run, base_name, base in rows:
        runs = {"base": base, "run": run, "again": base}
        seconds = _interleaved(runs, pairs)
        low, median, high = np.quantile(seconds["run"] / seconds["base"], QUARTILES)
        least, _, most = np.quantile(seconds["again"] / seconds["base"], QUARTILES)
        limit = max(target, most) if target > 1 else target
        verdict = "met" if median <= limit else "missed"
        print(
            f"| {name} | {base_name} | {median:.3f} | {low:.3f} to {high:.3f} | "
            f"{least:.3f} to {most:.3f} | {verdict} |",
            flush=True,
        )


def _interleaved(runs, pairs):
    """What each of some functions returns, in rounds, as an array by name."""
    results = {name: [] for name in runs}
    for _ in range(pairs):
        for name, run in runs.items():
            results[name].append(run())
    return {name: np.array(values) for name, values in results.items()}
