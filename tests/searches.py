"""Searches as their page meets them, made up, and some that workers share."""

import math
import random
from pathlib import Path

import keras_tuner
import numpy as np
import scipy.spatial

from kdl.tuning.store.records import SearchRecord, TrialRecord

# What must be escaped wherever it stands.
EVIL = "<script>alert('x')</script>\"&<b>"
LONG = "optimizer/sgd_with_momentum/a_name_that_is_too_long_for_a_phone"
OPTIMIZERS = ["adam", "sgd_with_momentum", EVIL]


def parameter(kind, name, conditions=(), **config):
    config = {"name": name, "conditions": list(conditions), **config}
    return {"class_name": kind, "config": config}


def number(name, low, high, sampling="linear", **config):
    kind = "Int" if isinstance(low, int) else "Float"
    config |= {"min_value": low, "max_value": high, "sampling": sampling}
    return parameter(kind, name, default=low, **config)


IF_SGD = {
    "class_name": "Parent",
    "config": {"name": "optimizer", "values": ["sgd_with_momentum"]},
}
SPACE = [
    parameter("Choice", "optimizer", values=OPTIMIZERS, default="adam"),
    number("rate", 1e-5, 1e-1, "log"),
    number(LONG, 0.0, 1.0, conditions=[IF_SGD]),
    number("layers", 1, 5),
    parameter("Boolean", "norm", default=False),
    number(EVIL, 0.0, 1.0),
    parameter("Fixed", "constant", value=3),
]


def search(size=24, direction="min", directory=Path("search")):
    """A search whose score depends on `rate` most, with trials of every kind."""
    random = np.random.default_rng(0)
    trials = [trial(number, random, direction) for number in range(1, size + 1)]
    return SearchRecord(directory, "val_loss", direction, SPACE, trials)


def trial(number, random, direction):
    values = {
        "optimizer": OPTIMIZERS[random.integers(3)],
        "rate": float(10 ** random.uniform(-5, -1)),
        "layers": int(random.integers(1, 6)),
        "norm": bool(random.integers(2)),
        EVIL: float(random.random()),
        "constant": 3,
    }
    if values["optimizer"] == "sgd_with_momentum":
        values[LONG] = float(random.random())
    loss = 0.1 + (math.log10(values["rate"]) + 3) ** 2
    sign = 1 if direction == "min" else -1
    status = ("completed", "pruned", "completed", "failed")[(number - 1) % 4]
    epochs = {"completed": 5, "pruned": 2, "failed": 1}[status]
    executions = 2 if status == "completed" else 1
    curves = [
        {
            "val_loss": [
                sign * (loss + 0.01 * n + 1 / epoch) for epoch in range(1, epochs + 1)
            ]
        }
        for n in range(executions)
    ]
    record = TrialRecord(
        number, values, status, curves=curves, began=1.7e9 + number - 1, seconds=10.0
    )
    if status == "failed":
        record.error, record.traceback = f"ValueError: {EVIL}", f"line 1\n{EVIL}"
    else:
        record.scores = [curve["val_loss"][-1] for curve in curves]
        record.score = sum(record.scores) / len(record.scores)
        record.best_epoch = epochs - 1
    return record


def side_by_side(make, folder, trials=24, workers=8):
    """Runs trials of an oracle side by side, without models, on a narrow bowl.

    Args:
        make: Function of hyperparameters that returns an oracle.
        folder: `Path` of the search.
        trials: Integer. How many there are.
        workers: Integer. How many run at once; they end in a random order.

    Returns:
        List of the values that were proposed, and the least distance between two
        trials that ran at once, in diagonals of the space.
    """
    hp = keras_tuner.HyperParameters()
    hp.Float("a", -5.0, 5.0)
    hp.Float("b", 1e-4, 1.0, sampling="log")
    oracle = make(hp)
    oracle._set_project_dir(folder, "search")
    oracle.verbose = 0
    order, running, proposed, least = random.Random(0), [], [], math.inf
    while running or len(proposed) < trials:
        while len(running) < workers and len(proposed) < trials:
            trial = oracle.create_trial(f"tuner{len(proposed)}")
            values = trial.hyperparameters.values
            proposed.append(dict(values))
            running.append((trial, ((values["a"] + 5) / 10, log_place(values["b"]))))
            if len(running) > 1:
                places = [place for _, place in running]
                closest = scipy.spatial.distance.pdist(places).min()
                least = min(least, closest / math.sqrt(2))
        trial, (a, b) = running.pop(order.randrange(len(running)))
        score = (a - 0.3) ** 2 + 10 * (b - 0.8) ** 2
        oracle.update_trial(trial.trial_id, {"score": score})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
    return proposed, least


def log_place(value):
    return 1 + math.log10(value) / 4
