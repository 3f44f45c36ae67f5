"""Kills a search at random moments, and looks at what is left of it.

KERAS_BACKEND=jax python benchmarks/search_kills.py [--kills 20]

A search of some trials of some epochs runs in a process of its own, which is killed by
SIGKILL at a random moment and begun again, so often that each begin is killed, and at
last let go to its end. It is compared with one that nobody killed.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TRIALS, EPOCHS = 12, 6


def search(folder):
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
        keras_tuner.Objective("loss", "min"),
        max_trials=TRIALS,
        seed=0,
        directory=folder,
        project_name="search",
    )
    data = {"x": x, "y": 2 * x, "epochs": EPOCHS, "shuffle": False, "verbose": 0}
    tuner.search(**data, callbacks=[Slow()])


def begin(folder):
    command = [sys.executable, __file__, "--child", str(folder)]
    return subprocess.Popen(command, env=os.environ, stdout=subprocess.DEVNULL)


def states(folder):
    """Status, score, values and curves of the trials that ended, as text, by number.

    As text, since what is no number does not equal itself.
    """
    from kdl.tuning import read_search

    if not (folder / "search" / "oracle.json").exists():
        return {}
    return {
        trial.number: repr((trial.status, trial.score, trial.values, trial.curves))
        for trial in read_search(folder / "search").trials
        if trial.status != "running"
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        search(arguments.child)
        return
    print(f"python {' '.join(sys.argv)}\n")
    rng = random.Random(0)
    lost = changed = 0
    with tempfile.TemporaryDirectory() as name:
        folder, whole = Path(name) / "killed", Path(name) / "whole"
        start = time.monotonic()
        begin(whole).wait()
        # A begin takes most of it; a kill comes between then and the end.
        once = time.monotonic() - start
        for _ in range(arguments.kills):
            before = states(folder)
            process = begin(folder)
            time.sleep(rng.uniform(0.3, 0.7) * once)
            process.send_signal(signal.SIGKILL)
            process.wait()
            after = states(folder)
            lost += sum(number not in after for number in before)
            changed += sum(after.get(n) != state for n, state in before.items())
        begin(folder).wait()
        ended, expected = states(folder), states(whole)
    same = sum(ended.get(n) == state for n, state in expected.items())
    print(f"kills: {arguments.kills}")
    print(f"finished trials lost: {lost}, changed: {changed}")
    print(
        f"trials in the end: {len(ended)} of {TRIALS}, with values, scores and curves "
        f"bit-equal to those of a search that nobody killed: {same}"
    )


if __name__ == "__main__":
    main()
