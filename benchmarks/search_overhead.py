"""CPU time that a search takes for a suggestion, after some number of trials.

The figures are in docs/benchmarks/search.md.

KERAS_BACKEND=jax OMP_NUM_THREADS=1 python benchmarks/search_overhead.py [--repeats 3]
"""

import argparse
import statistics
import sys
import tempfile
import time

import keras_tuner
import numpy as np
from search import suggest
from search_problems import PROBLEMS

from kdl.tuning import BayesianOptimizationOracle
from kdl.tuning.encoding import Encoding

COUNTS = (50, 100, 200, 1000)
# Beyond, those of the others take minutes.
MOST = {"kdl": 1000, "keras_tuner": 200, "optuna_gp": 200}


def random_values(problem, count):
    encoding = Encoding(problem.hyperparameters().space)
    cube = np.random.default_rng(0).random((count, encoding.size))
    return [encoding.decode(point) for point in cube]


def oracle_seconds(make, problem, tried, repeats):
    """CPU seconds of `repeats` suggestions, files included, after `tried` trials."""
    oracle = make(
        objective=keras_tuner.Objective("score", "min"),
        max_trials=10**4,
        seed=1,
        hyperparameters=problem.hyperparameters(),
    )
    oracle.verbose = 0
    with tempfile.TemporaryDirectory() as folder:
        oracle._set_project_dir(folder, "search")

        def perform(values=None):
            if values is not None:
                oracle.populate_space = lambda trial_id: {
                    "status": "RUNNING",
                    "values": values,
                }
            trial = oracle.create_trial("tuner0")
            score = problem.score(trial.hyperparameters.values)
            oracle.update_trial(trial.trial_id, {"score": score})
            trial.status = "COMPLETED"
            oracle.end_trial(trial)

        for values in tried:
            perform(values)
        # The method of the class again.
        del oracle.populate_space
        return [timed(perform) for _ in range(repeats)]


def optuna_seconds(problem, tried, repeats):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.GPSampler(seed=1))
    space = problem.hyperparameters().space

    def objective(trial):
        values = {}
        for parameter in space:
            if all(c.is_active(values) for c in parameter.conditions):
                values[parameter.name] = suggest(trial, parameter)
        return problem.score(values)

    sampler, study.sampler = study.sampler, optuna.samplers.RandomSampler(seed=0)
    study.optimize(objective, n_trials=len(tried))
    study.sampler = sampler
    return [
        timed(lambda: study.optimize(objective, n_trials=1)) for _ in range(repeats)
    ]


def timed(perform):
    start = time.process_time()
    perform()
    return time.process_time() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    print(f"python {' '.join(sys.argv)}\n")
    print("| problem | trials | kdl, ms | keras_tuner, ms | optuna_gp, ms |", end="")
    print(" kdl / keras_tuner | kdl / optuna_gp |\n|---|---|---|---|---|---|---|")
    searches = {
        "kdl": lambda *job: oracle_seconds(BayesianOptimizationOracle, *job),
        "keras_tuner": lambda *job: oracle_seconds(
            keras_tuner.oracles.BayesianOptimizationOracle, *job
        ),
        "optuna_gp": optuna_seconds,
    }
    for name in ("hartmann6", "network"):
        for count in COUNTS:
            tried = random_values(PROBLEMS[name], count)
            spent = {
                kind: 1000 * statistics.median(seconds(PROBLEMS[name], tried, repeats))
                for kind, seconds in searches.items()
                if count <= MOST[kind]
            }
            cells = [f"{spent[kind]:.0f}" if kind in spent else "" for kind in searches]
            for other in ("keras_tuner", "optuna_gp"):
                known = other in spent
                cells.append(f"{spent['kdl'] / spent[other]:.3f}" if known else "")
            print(f"| {name} | {count} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
