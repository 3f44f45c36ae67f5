"""Kills a search at random moments, and looks at what is left of it.

The figures are in docs/benchmarks/search.md.

KERAS_BACKEND=jax python benchmarks/search_kills.py [--kills 20] [--beside 4] \\
    [--objectives loss params]

A search of some trials of some epochs runs in a process of its own. The process is
stopped at a random moment and begun again, as often as asked, and then runs to its end.
It is stopped by SIGKILL, SIGTERM, SIGHUP and two quick Ctrl-C's in turn. Its search is
compared with one that nobody stopped. Other searches are undisturbed but for a second
process that begins in the same folder meanwhile, and is to be refused.
"""

import argparse
import functools
import itertools
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TRIALS, EPOCHS = 12, 6
KINDS = {
    "SIGKILL": [signal.SIGKILL],
    "SIGTERM": [signal.SIGTERM],
    "SIGHUP": [signal.SIGHUP],
    "SIGINT twice": [signal.SIGINT, signal.SIGINT],
}
# Seconds within which a process is to be gone, and those between two signals.
PATIENCE, APART = 60, 0.01


def search(folder, objectives):
    """What the process that is killed does."""
    import keras
    import keras_tuner
    import numpy as np

    import kdl

    x = np.linspace(-1, 1, 64, dtype="float32")[:, np.newaxis]

    def build(hp):
        rate = hp.Float("rate", 1e-3, 1.0, sampling="log")
        units = hp.Int("units", 1, 8)
        model = keras.Sequential(
            [keras.Input((1,)), keras.layers.Dense(units), keras.layers.Dense(1)]
        )
        model.compile(keras.optimizers.SGD(rate), "mse")
        return model

    class Slow(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            time.sleep(0.1)

    tuner = kdl.tuning.BayesianOptimization(
        build,
        [keras_tuner.Objective(name, "min") for name in objectives],
        max_trials=TRIALS,
        seed=0,
        directory=folder,
        project_name="search",
    )
    data = {"x": x, "y": 2 * x, "epochs": EPOCHS, "shuffle": False, "verbose": 0}
    tuner.search(**data, callbacks=[Slow()])


def begin(folder, objectives, **options):
    command = [sys.executable, __file__, "--child", str(folder)]
    command += ["--objectives", *objectives]
    options = {"stdout": subprocess.DEVNULL, **options}
    return subprocess.Popen(command, env=os.environ, **options)


def wait_for_work(process, folder):
    """Waits until a search writes to its journal."""
    path = folder / "search" / "journal.jsonl"
    before = path.stat().st_size if path.exists() else 0
    while process.poll() is None:
        time.sleep(0.01)
        if path.exists() and path.stat().st_size > before:
            return


def is_stopped(process, kind):
    """Stops a process, and returns whether it took that for the end."""
    for number in KINDS[kind]:
        process.send_signal(number)
        time.sleep(APART)
    try:
        return process.wait(PATIENCE) != 0
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False


def is_refused(begin, folder):
    """Begins a second process, and returns whether it is told of the first."""
    process = begin(folder, stderr=subprocess.PIPE)
    _, error = process.communicate()
    return b"Another process is searching in" in error


def states(folder):
    """Status, scores, values and curves of the trials that ended, as text, by number.

    As text, since what is no number does not equal itself.
    """
    from kdl.tuning import read_search

    if not (folder / "search" / "oracle.json").exists():
        return {}
    return {
        trial.number: repr(
            (trial.status, trial.score, trial.metrics, trial.values, trial.curves)
        )
        for trial in read_search(folder / "search").trials
        if trial.status != "running"
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--beside", type=int, default=4)
    parser.add_argument("--objectives", nargs="+", default=["loss"])
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        # The parent process may have set them to be ignored, as `nohup` does.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        search(arguments.child, arguments.objectives)
        return
    start = functools.partial(begin, objectives=arguments.objectives)
    print(f"python {' '.join(sys.argv)}\n")
    rng = random.Random(0)
    lost = changed = refused = 0
    stopped = dict.fromkeys(KINDS, 0)
    with tempfile.TemporaryDirectory() as name:
        folder, whole = Path(name) / "stopped", Path(name) / "whole"
        start(whole).wait()
        for kind in itertools.islice(itertools.cycle(KINDS), arguments.kills):
            before = states(folder)
            process = start(folder)
            wait_for_work(process, folder)
            # Within some epochs, so that the search lasts for all stops.
            time.sleep(rng.uniform(0.0, 0.4))
            stopped[kind] += is_stopped(process, kind)
            after = states(folder)
            lost += sum(number not in after for number in before)
            changed += sum(after.get(n) != state for n, state in before.items())
        for number in range(arguments.beside):
            beside = Path(name) / f"beside{number}"
            process = start(beside)
            wait_for_work(process, beside)
            # So that it has not ended when the second one begins.
            process.send_signal(signal.SIGSTOP)
            refused += is_refused(start, beside)
            process.send_signal(signal.SIGCONT)
            process.wait()
            changed += states(beside) != states(whole)
        start(folder).wait()
        ended, expected = states(folder), states(whole)
    same = sum(ended.get(n) == state for n, state in expected.items())
    parts = ", ".join(f"{count} by {kind}" for kind, count in stopped.items())
    print(f"stops: {arguments.kills}; that ended the process: {parts}")
    print(f"processes beside another: {arguments.beside}, refused: {refused}")
    print(f"finished trials lost: {lost}, changed: {changed}")
    print(
        f"trials in the end: {len(ended)} of {TRIALS}, with values, scores and curves "
        f"bit-equal to those of a search that nobody stopped: {same}"
    )


if __name__ == "__main__":
    main()
