"""Searches whose scores have noise: regret of the trial that each of them recommends.

The noise is normal. Its standard deviation is a tenth of the range of the scores,
which is from the least to the upper quartile of 400 random trials. kdl recommends the
trial of the best expected score, BoTorch that of the best posterior mean, the others
that of the best score. The regret is that without noise, in units of the range.

The figures are in docs/benchmarks/search.md.

KERAS_BACKEND=jax OMP_NUM_THREADS=1 \\
    python benchmarks/search_noise.py [--seeds 16] [--trials 40] [--jobs 2] \\
    [--keep FILE] [--botorch PYTHON] [--botorch-seeds 6] [--problems NAME ...] \\
    [--beside NAME ...]

BoTorch runs in the interpreter of an environment where it is installed, on problems of
numbers alone.
"""

import contextlib
import functools
import io
import itertools
import json
import math
import subprocess
import tempfile

import numpy as np
from search import (
    begin_optuna,
    begin_oracle,
    predict_quickly,
    record,
    searched,
    seed_of,
)
from search_options import BOTORCH as THEIRS
from search_options import OURS, given_with, options
from search_problems import PROBLEMS

from kdl.tuning import expected_scores
from kdl.tuning.encoding import Encoding

OTHERS = ("keras_tuner", "optuna_gp", "optuna_tpe", "random", THEIRS)
NAMES = ("branin", "hartmann3", "hartmann6", "network", "branches", "ackley5")
SHARE = 0.1  # Of the range of the scores.

# Expected improvement under noise, of one candidate at a time.
BOTORCH = """
import json, sys, warnings
import torch
from botorch.acquisition.logei import qLogNoisyExpectedImprovement
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.models.transforms.outcome import Standardize
from botorch.optim import optimize_acqf
from botorch.utils.sampling import draw_sobol_samples
from gpytorch.mlls import ExactMarginalLogLikelihood

warnings.simplefilter("ignore")
torch.set_num_threads(1)
size, trials, seed = map(int, sys.argv[1:])
torch.manual_seed(seed)
bounds = torch.tensor([[0.0] * size, [1.0] * size], dtype=torch.double)
x = draw_sobol_samples(bounds, n=2 * (size + 1), q=1, seed=seed).squeeze(1)
y = torch.empty((0, 1), dtype=torch.double)


def score(point):
    print(json.dumps(point.tolist()), flush=True)
    return torch.tensor([[-json.loads(sys.stdin.readline())]], dtype=torch.double)


def model():
    found = SingleTaskGP(x[: len(y)], y, outcome_transform=Standardize(1))
    fit_gpytorch_mll(ExactMarginalLogLikelihood(found.likelihood, found))
    return found


for point in x:
    y = torch.cat([y, score(point)])
while len(y) < trials:
    acquisition = qLogNoisyExpectedImprovement(model(), x, prune_baseline=True)
    candidate, _ = optimize_acqf(
        acquisition, bounds, q=1, num_restarts=10, raw_samples=512
    )
    x = torch.cat([x, candidate.detach()])
    y = torch.cat([y, score(x[-1])])
print(int(model().posterior(x).mean.argmax()), flush=True)
"""


@functools.cache
def spread(name):
    """Range of the scores of a problem."""
    problem, rng = PROBLEMS[name], np.random.default_rng(0)
    encoding = Encoding(problem.hyperparameters().space)
    scores = [
        problem.score(encoding.decode(rng.random(encoding.size))) for _ in range(400)
    ]
    return float(np.quantile(scores, 0.75) - problem.minimum)


def regret(job, python):
    """Regret of what a search recommends."""
    optimizer, name, seed, trials = job
    problem, rng = PROBLEMS[name], np.random.default_rng(seed)
    tried, scores = [], []

    def seen(values):
        tried.append(dict(values))
        noise = SHARE * spread(name) * rng.standard_normal()
        scores.append(float(problem.score(values) + noise))
        return scores[-1]

    if optimizer == THEIRS:
        best = of_botorch(problem, seed, trials, python, seen)
    else:
        begins = begin_optuna if optimizer.startswith("optuna") else begin_oracle
        with tempfile.TemporaryDirectory() as folder:
            begin = begins(optimizer, problem, seed, trials, folder)
            for _ in range(trials):
                values, end = begin()
                end(seen(values))
        best = int(np.argmin(scores))
        if optimizer == OURS:
            expected = expected_scores(record(problem, tried, scores))
            best = expected[0].trial.number - 1
    return float(problem.score(tried[best]) - problem.minimum) / spread(name)


def of_botorch(problem, seed, trials, python, seen):
    encoding = Encoding(problem.hyperparameters().space)
    command = [python, "-c", BOTORCH, str(encoding.size), str(trials), str(seed)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        for _ in range(trials):
            point = np.array(json.loads(process.stdout.readline()))
            process.stdin.write(f"{seen(encoding.decode(point))}\n")
            process.stdin.flush()
        return int(process.stdout.readline())


def run(job, python):
    predict_quickly()
    with contextlib.redirect_stdout(io.StringIO()):
        return job, regret(job, python)


def report(results, names, others, seeds, trials):
    """Prints median regrets, and ratios to the others."""

    def of(optimizer, name):
        jobs = [(optimizer, name, seed_of(k), trials) for k in range(seeds[optimizer])]
        return np.array([results[job] for job in jobs if job in results])

    optimizers = (OURS, *others)
    print(f"\nMedian regret after {trials} trials [quartiles]\n")
    print("| problem |" + "".join(f" {name} |" for name in optimizers))
    print("|---|" + "---|" * len(optimizers))
    for name in names:
        cells = []
        for optimizer in optimizers:
            found = of(optimizer, name)
            if len(found):
                low, middle, high = np.percentile(found, [25, 50, 75])
                cells.append(f"{middle:.3f} [{low:.3f}, {high:.3f}]")
            else:
                cells.append("")
        print(f"| {name} |" + "".join(f" {cell} |" for cell in cells))
    print("\n| beside | ratio of medians, geometric mean | paired runs won |")
    print("|---|---|---|")
    for other in others:
        ratios, won = [], []
        for name in names:
            theirs = of(other, name)
            ours = of(OURS, name)[: len(theirs)]
            if len(theirs):
                ratios.append(math.log(np.median(ours) / np.median(theirs)))
                won += list((ours < theirs) + 0.5 * (ours == theirs))
        mean = math.exp(np.mean(ratios))
        print(f"| {other} | {mean:.2f} | {100 * np.mean(won):.0f} % |")


def main():
    parser = options(__doc__, list(NAMES), OTHERS, trials=40)
    given, others, seeds = given_with(parser, THEIRS)
    jobs = [
        (optimizer, name, seed_of(k), given.trials)
        for optimizer, name in itertools.product((OURS, *others), given.problems)
        for k in range(seeds[optimizer])
        if optimizer != THEIRS or is_of_numbers(name)
    ]
    work = functools.partial(run, python=given.botorch)
    results = searched(work, jobs, given.keep, given.jobs)
    report(results, given.problems, others, seeds, given.trials)


def is_of_numbers(name):
    return Encoding(PROBLEMS[name].hyperparameters().space).numeric.all()


if __name__ == "__main__":
    main()
