"""Regret and overhead of searches: kdl's, KerasTuner's and Optuna's.

The figures are in docs/benchmarks/search.md.

KERAS_BACKEND=jax OMP_NUM_THREADS=1 \\
    python benchmarks/search.py [--seeds 16] [--trials 50] [--workers 1] [--jobs 2] \\
    [--keep FILE] [--problems NAME ...] [--beside NAME ...] \\
    [--smac PYTHON] [--smac-seeds 6]

SMAC3 runs in the interpreter of an environment where it is installed. With several
workers, as many trials run at once and end together: then others begin.
"""

import concurrent.futures
import contextlib
import functools
import io
import itertools
import json
import math
import multiprocessing
import subprocess
import sys
import tempfile
from pathlib import Path

import keras_tuner
import numpy as np
from kept import Kept
from scipy.linalg import solve_triangular
from search_options import OURS, SMAC, given_with, options
from search_problems import PROBLEMS
from sklearn.gaussian_process import GaussianProcessRegressor

from kdl.tuning import BayesianOptimizationOracle, RandomSearchOracle
from kdl.tuning.store.records import SearchRecord, TrialRecord

OTHERS = ("keras_tuner", "optuna_gp", "optuna_tpe", "random", SMAC)
ORACLES = {
    "kdl": BayesianOptimizationOracle,
    "keras_tuner": keras_tuner.oracles.BayesianOptimizationOracle,
    "random": RandomSearchOracle,
}

# Asks for lines: none for the values of a trial, or the number and score of one.
SMAC_SCRIPT = """
import json, sys, tempfile
import ConfigSpace as space
from smac import HyperparameterOptimizationFacade, Scenario
from smac.runhistory import TrialValue

parts, trials, seed = map(json.loads, sys.argv[1:])
configs = space.ConfigurationSpace(seed=seed)
for name, kind, low, high, log, conditions in parts:
    known = {condition: configs[condition] for condition, _ in conditions}
    if kind == "choice":
        part = space.CategoricalHyperparameter(name, range(low, high + 1))
    elif kind == "int":
        part = space.UniformIntegerHyperparameter(name, low, high, log=log)
    else:
        part = space.UniformFloatHyperparameter(name, low, high, log=log)
    configs.add(part)
    found = [space.InCondition(part, known[on], values) for on, values in conditions]
    if found:
        configs.add(found[0] if len(found) == 1 else space.AndConjunction(*found))
with tempfile.TemporaryDirectory() as folder:
    scenario = Scenario(
        configs, deterministic=True, n_trials=trials, seed=seed, output_directory=folder
    )
    smac = HyperparameterOptimizationFacade(
        scenario, lambda config, seed=0: 0.0, logging_level=50, overwrite=True
    )
    asked = []
    for line in sys.stdin:
        if line.split():
            number, score = line.split()
            smac.tell(asked[int(number)], TrialValue(cost=float(score)))
        else:
            asked.append(smac.ask())
            values = {name: float(x) for name, x in dict(asked[-1].config).items()}
            print(json.dumps(values), flush=True)
"""


def seed_of(number):
    # Far apart: near seeds of KerasTuner draw the same values.
    return 1000 + 7919 * number


def search(optimizer, problem, seed, trials, workers, python=None):
    """Scores of the trials of one search, in the order in which they ended."""
    begins = begin_optuna if optimizer.startswith("optuna") else begin_oracle
    if optimizer == SMAC:
        begins = functools.partial(begin_smac, python)
    scores, running = [], []
    with tempfile.TemporaryDirectory() as folder:
        begin = begins(optimizer, problem, seed, trials, folder)
        while True:
            while len(running) < workers and len(scores) + len(running) < trials:
                begun = begin()
                if begun is None:
                    break
                running.append(begun)
            if not running:
                return scores
            while running:
                values, end = running.pop(0)
                scores.append(problem.score(values))
                end(scores[-1])


def begin_oracle(optimizer, problem, seed, trials, folder, earlier=None):
    """Returns a function that begins a trial: its values, and how it is ended.

    `earlier` is the record of a search to learn from.
    """
    oracle = ORACLES[optimizer](
        objective=keras_tuner.Objective("score", "min"),
        max_trials=trials,
        seed=seed,
        hyperparameters=problem.hyperparameters(),
    )
    oracle.verbose = 0
    oracle._set_project_dir(folder, "search")
    if earlier is not None:
        oracle.learn_from(earlier)
    names = itertools.count()

    def begin():
        trial = oracle.create_trial(f"tuner{next(names)}")
        if trial.status == "STOPPED":
            return None

        def end(score):
            oracle.update_trial(trial.trial_id, {"score": score})
            trial.status = "COMPLETED"
            oracle.end_trial(trial)

        return trial.hyperparameters.values, end

    return begin


def begin_optuna(optimizer, problem, seed, trials, folder):
    """As `begin_oracle`."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    samplers = {"optuna_gp": optuna.samplers.GPSampler}
    samplers |= {"optuna_tpe": optuna.samplers.TPESampler}
    study = optuna.create_study(sampler=samplers[optimizer](seed=seed))
    space = problem.hyperparameters().space

    def begin():
        trial, values = study.ask(), {}
        for parameter in space:
            if all(c.is_active(values) for c in parameter.conditions):
                values[parameter.name] = suggest(trial, parameter)
        return values, functools.partial(study.tell, trial)

    return begin


def begin_smac(python, optimizer, problem, seed, trials, folder):
    """As `begin_oracle`, by the interpreter of an environment with SMAC3."""
    space = problem.hyperparameters().space
    parts = [smac_part(parameter, space) for parameter in space]
    arguments = [json.dumps(value) for value in (parts, trials, seed)]
    process = subprocess.Popen(
        [python, "-c", SMAC_SCRIPT, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    numbers = itertools.count()

    def say(line):
        process.stdin.write(f"{line}\n")
        process.stdin.flush()

    def begin():
        number = next(numbers)
        say("")
        found = json.loads(process.stdout.readline())
        values = {p.name: of_smac(p, found[p.name]) for p in space if p.name in found}

        def end(score):
            say(f"{number} {score}")
            if number == trials - 1:
                process.communicate()

        return values, end

    return begin


def smac_part(parameter, space):
    """What says a hyperparameter to SMAC3; the values of a choice are their places."""
    known = {other.name: values_of(other) for other in space}
    conditions = [
        (on.name, [known[on.name].index(value) for value in on.values])
        for on in parameter.conditions
    ]
    values = known[parameter.name]
    if values is None:
        kind, log = type(parameter).__name__.lower(), parameter.sampling == "log"
        low, high = parameter.min_value, parameter.max_value
        return parameter.name, kind, low, high, log, conditions
    return parameter.name, "choice", 0, len(values) - 1, False, conditions


def of_smac(parameter, value):
    values = values_of(parameter)
    if values is not None:
        return values[int(value)]
    return int(value) if type(parameter).__name__ == "Int" else value


def values_of(parameter):
    """The values that a hyperparameter chooses among; `None` of numbers in a range."""
    kind = type(parameter).__name__
    if kind in ("Float", "Int"):
        return None
    return [False, True] if kind == "Boolean" else list(parameter.values)


def suggest(trial, parameter):
    values = values_of(parameter)
    if values is not None:
        return trial.suggest_categorical(parameter.name, values)
    is_float = type(parameter).__name__ == "Float"
    take = trial.suggest_float if is_float else trial.suggest_int
    low, high = parameter.min_value, parameter.max_value
    return take(parameter.name, low, high, log=parameter.sampling == "log")


def record(problem, tried, scores):
    """The `SearchRecord` of a search, as `read_search` returns it."""
    trials = [
        TrialRecord(number, values, "completed", score)
        for number, (values, score) in enumerate(zip(tried, scores, strict=True), 1)
    ]
    space = problem.hyperparameters().get_config()["space"]
    return SearchRecord(Path(), "score", "min", space, trials)


def predict_quickly():
    """Has scikit-learn predict single points by NumPy alone, by the same formula.

    KerasTuner asks for one point at a time, thousands of times a trial. This changes
    its time, not its trials; its overhead is measured without.
    """
    predict = GaussianProcessRegressor.predict

    def quick(self, x, return_std=False, return_cov=False):
        if not return_std or len(x) != 1 or not hasattr(self, "alpha_"):
            return predict(self, x, return_std=return_std, return_cov=return_cov)
        kernel = self.kernel_
        scale = np.asarray(kernel.length_scale)
        distance = np.sqrt((((self.X_train_ - x) / scale) ** 2).sum(1))
        root = math.sqrt(5) * distance
        k = (1 + root + root**2 / 3) * np.exp(-root)
        half = solve_triangular(self.L_, k, lower=True, check_finite=False)
        variance = max(1 - half @ half, 0.0)
        mean = self._y_train_std * (k @ self.alpha_) + self._y_train_mean
        return np.array([mean]), np.array([math.sqrt(variance) * self._y_train_std])

    GaussianProcessRegressor.predict = quick


def run(job, python=None):
    optimizer, name, seed, trials, workers = job
    predict_quickly()
    with contextlib.redirect_stdout(io.StringIO()):
        return job, search(optimizer, PROBLEMS[name], seed, trials, workers, python)


def searched(run, jobs, keep, workers):
    """Scores by job, those that `keep` has from an earlier run among them."""
    known = Kept(keep)
    left = [job for job in jobs if job not in known]
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(workers, mp_context=context) as pool:
        futures = [pool.submit(run, job) for job in left]
        for done in concurrent.futures.as_completed(futures):
            job, scores = done.result()
            known[job] = scores
            if sys.stderr.isatty():
                print(f"{len(known)} of {len(jobs)}", end="\r", file=sys.stderr)
    return {job: known[job] for job in jobs}


def report(results, names, others, seeds, trials, workers):
    """Prints regrets, and ratios to the others."""
    least = {
        name: PROBLEMS[name].minimum
        if PROBLEMS[name].minimum is not None
        else min(min(scores) for job, scores in results.items() if job[1] == name)
        for name in names
    }

    def regrets(optimizer, name, at):
        return np.array(
            [
                min(results[optimizer, name, seed_of(k), trials, workers][:at])
                - least[name]
                for k in range(seeds[optimizer])
            ]
        )

    optimizers = (OURS, *others)
    for at in (20, trials):
        print(f"\nMedian regret after {at} trials [quartiles]\n")
        print("| problem |" + "".join(f" {name} |" for name in optimizers))
        print("|---|" + "---|" * len(optimizers))
        for name in names:
            cells = []
            for optimizer in optimizers:
                low, middle, high = np.percentile(
                    regrets(optimizer, name, at), [25, 50, 75]
                )
                cells.append(f"{middle:.3g} [{low:.3g}, {high:.3g}]")
            mark = " (held out)" if PROBLEMS[name].held_out else ""
            print(f"| {name}{mark} |" + "".join(f" {cell} |" for cell in cells))
        if not others:
            continue
        print(f"\nRatio of medians, kdl to the other, after {at} trials\n")
        print("| against |" + "".join(f" {name} |" for name in names), end="")
        print(" geometric mean, all but Branin | tuned on | held out | pairs won |")
        print("|---|" + "---|" * (len(names) + 4))
        for other in others:
            ratios, won = {}, []
            for name in names:
                theirs = regrets(other, name, at)
                ours = regrets(OURS, name, at)[: len(theirs)]
                ratios[name] = np.median(ours) / np.median(theirs)
                won += list((ours < theirs) + 0.5 * (ours == theirs))

            def mean(chosen, ratios=ratios):
                logs = [math.log(max(ratios[name], 1e-12)) for name in chosen]
                return f"{math.exp(np.mean(logs)):.2f}" if logs else ""

            rest = [name for name in names if name != "branin"]
            cells = [f"{ratios[name]:.3g}" for name in names]
            cells += [mean(rest)]
            cells += [mean([n for n in rest if not PROBLEMS[n].held_out])]
            cells += [mean([n for n in rest if PROBLEMS[n].held_out])]
            cells += [f"{100 * np.mean(won):.0f} %"]
            print(f"| {other} |" + "".join(f" {cell} |" for cell in cells))


def main():
    parser = options(__doc__, list(PROBLEMS), OTHERS, trials=50)
    parser.add_argument("--workers", type=int, default=1)
    given, others, seeds = given_with(parser, SMAC)
    size = given.trials, given.workers
    jobs = [
        (optimizer, name, seed_of(k), *size)
        for optimizer, name in itertools.product((OURS, *others), given.problems)
        for k in range(seeds[optimizer])
    ]
    work = functools.partial(run, python=given.smac)
    results = searched(work, jobs, given.keep, given.jobs)
    report(results, given.problems, others, seeds, *size)


if __name__ == "__main__":
    main()
