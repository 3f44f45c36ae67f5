"""Hypervolume of searches with two objectives: kdl's, Optuna's and BoTorch's.

The figures are in docs/benchmarks/search.md.

KERAS_BACKEND=jax OMP_NUM_THREADS=1 \\
    python benchmarks/search_fronts.py [--seeds 16] [--trials 50] [--jobs 1] \\
    [--keep FILE] [--botorch PYTHON] [--botorch-seeds 6] [--problems NAME ...] \\
    [--beside NAME ...]

BoTorch runs in the interpreter of an environment where it is installed.
"""

import contextlib
import functools
import io
import itertools
import json
import math
import subprocess
import tempfile
import warnings

import numpy as np
from search import searched, seed_of, suggest
from search_options import BOTORCH as THEIRS
from search_options import OURS, given_with, options

OTHERS = "optuna_nsga2", "optuna_tpe", THEIRS
# Dimensions of ZDT1 and DTLZ2; its last five make the distance from the front.
SIZE = 6


def zdt1(x):
    """Zitzler, Deb and Thiele, 2000."""
    g = 1 + 9 * np.mean(x[1:])
    return [x[0], g * (1 - math.sqrt(x[0] / g))]


def dtlz2(x):
    """Deb, Thiele, Laumanns and Zitzler, 2002, of two objectives."""
    g = 1 + ((x[1:] - 0.5) ** 2).sum()
    angle = x[0] * math.pi / 2
    return [g * math.cos(angle), g * math.sin(angle)]


@functools.cache
def digits():
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    x, y = load_digits(return_X_y=True)
    return train_test_split(x / 16, y, test_size=0.4, random_state=0, stratify=y)


# Ranges of the network's hyperparameters, and whether they are logarithmic.
NETWORK = {
    "units": (2, 128, True),
    "rate": (1e-4, 1e-1, True),
    "decay": (1e-6, 1.0, True),
    "batch": (16, 256, True),
}


def network(values):
    """Error of a network of one layer for digits, and the logarithm of its size."""
    from sklearn.neural_network import MLPClassifier

    x, x_test, y, y_test = digits()
    model = MLPClassifier(
        [values["units"]],
        learning_rate_init=values["rate"],
        alpha=values["decay"],
        batch_size=values["batch"],
        max_iter=15,
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # That it has not converged.
        model.fit(x, y)
    parameters = sum(part.size for part in (*model.coefs_, *model.intercepts_))
    return [1 - model.score(x_test, y_test), math.log10(parameters)]


# The score of a point of the cube, or of the network's values, and the reference point.
PROBLEMS = {
    "zdt1": (zdt1, [1.1, 7.0]),
    "dtlz2": (dtlz2, [2.0, 2.0]),
    "network": (network, [0.9, 4.1]),
}


def hyperparameters(problem):
    import keras_tuner

    hp = keras_tuner.HyperParameters()
    if problem != "network":
        for number in range(SIZE):
            hp.Float(f"x{number}", 0.0, 1.0)
        return hp
    for name, (low, high, _) in NETWORK.items():
        (hp.Int if isinstance(low, int) else hp.Float)(name, low, high, sampling="log")
    return hp


def score(problem, values):
    function, _ = PROBLEMS[problem]
    if problem != "network":
        values = np.array(list(values.values()))
    return [float(part) for part in function(values)]


def search_kdl(problem, seed, trials):
    """Scores of the trials, in their order."""
    import keras_tuner

    from kdl.tuning import BayesianOptimizationOracle

    scores = []
    with tempfile.TemporaryDirectory() as folder:
        oracle = BayesianOptimizationOracle(
            objective=[keras_tuner.Objective(name, "min") for name in "ab"],
            max_trials=trials,
            seed=seed,
            hyperparameters=hyperparameters(problem),
        )
        oracle.verbose = 0
        oracle._set_project_dir(folder, "search")
        for _ in range(trials):
            trial = oracle.create_trial("tuner0")
            scores.append(score(problem, trial.hyperparameters.values))
            a, b = scores[-1]
            oracle.update_trial(trial.trial_id, {"a": a, "b": b})
            trial.status = "COMPLETED"
            oracle.end_trial(trial)
    return scores


def search_optuna(kind, problem, seed, trials):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    samplers = {
        "optuna_nsga2": optuna.samplers.NSGAIISampler,
        "optuna_tpe": optuna.samplers.TPESampler,
    }
    study = optuna.create_study(
        sampler=samplers[kind](seed=seed), directions=["minimize", "minimize"]
    )
    space, scores = hyperparameters(problem).space, []
    for _ in range(trials):
        trial = study.ask()
        values = {part.name: suggest(trial, part) for part in space}
        scores.append(score(problem, values))
        study.tell(trial, scores[-1])
    return scores


# The search of its tutorial: Sobol points, then qLogEHVI over the whole cube, one point
# at a time, its reference point inferred from the trials so far.
BOTORCH = """
import json, sys, warnings
import torch
from botorch.acquisition.multi_objective.logei import (
    qLogExpectedHypervolumeImprovement,
)
from botorch.fit import fit_gpytorch_mll
from botorch.models import ModelListGP, SingleTaskGP
from botorch.models.transforms.outcome import Standardize
from botorch.optim import optimize_acqf
from botorch.sampling.normal import SobolQMCNormalSampler
from botorch.utils.multi_objective.box_decompositions.non_dominated import (
    FastNondominatedPartitioning,
)
from botorch.utils.multi_objective.hypervolume import infer_reference_point
from botorch.utils.multi_objective.pareto import is_non_dominated
from botorch.utils.sampling import draw_sobol_samples
from gpytorch.mlls import SumMarginalLogLikelihood

warnings.simplefilter("ignore")
torch.set_num_threads(1)
size, trials, seed = map(int, sys.argv[1:])
torch.manual_seed(seed)
bounds = torch.tensor([[0.0] * size, [1.0] * size], dtype=torch.double)
first = 2 * (size + 1)
x = draw_sobol_samples(bounds, n=first, q=1, seed=seed).squeeze(1)
y = torch.empty((0, 2), dtype=torch.double)


def score(point):
    print(json.dumps(point.tolist()), flush=True)
    return torch.tensor([json.loads(sys.stdin.readline())], dtype=torch.double)


for point in x:
    y = torch.cat([y, -score(point)])
while len(x) < trials:
    models = [
        SingleTaskGP(x, y[:, i : i + 1], outcome_transform=Standardize(1))
        for i in range(2)
    ]
    model = ModelListGP(*models)
    fit_gpytorch_mll(SumMarginalLogLikelihood(model.likelihood, model))
    front = y[is_non_dominated(y)]
    point = infer_reference_point(front, scale=0.1) if len(front) > 1 else y.amin(0)
    acquisition = qLogExpectedHypervolumeImprovement(
        model,
        ref_point=point.tolist(),
        partitioning=FastNondominatedPartitioning(ref_point=point, Y=y),
        sampler=SobolQMCNormalSampler(torch.Size([128]), seed=seed),
    )
    candidate, _ = optimize_acqf(
        acquisition,
        bounds,
        q=1,
        num_restarts=10,
        raw_samples=512,
        options={"batch_limit": 5, "maxiter": 200},
    )
    x = torch.cat([x, candidate.detach()])
    y = torch.cat([y, -score(candidate[0].detach())])
"""


def search_botorch(problem, seed, trials, python):
    space = hyperparameters(problem).space
    command = [python, "-c", BOTORCH, str(len(space)), str(trials), str(seed)]
    scores = []
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        for line in process.stdout:
            point = json.loads(line)
            values = {
                part.name: part.prob_to_value(min(place, 1 - 1e-9))
                for part, place in zip(space, point, strict=True)
            }
            scores.append(score(problem, values))
            process.stdin.write(json.dumps(scores[-1]) + "\n")
            process.stdin.flush()
    if len(scores) < trials:
        raise RuntimeError(f"BoTorch ended after {len(scores)} trials.")
    return scores


def run(job, python=None):
    optimizer, problem, seed, trials = job
    with contextlib.redirect_stdout(io.StringIO()):
        if optimizer == OURS:
            scores = search_kdl(problem, seed, trials)
        elif optimizer == THEIRS:
            scores = search_botorch(problem, seed, trials, python)
        else:
            scores = search_optuna(optimizer, problem, seed, trials)
    return job, scores


def report(results, problems, others, seeds, trials):
    from kdl.tuning.oracles.hypervolume import hypervolume

    def found(optimizer, problem):
        _, reference = PROBLEMS[problem]
        return np.array(
            [
                hypervolume(results[optimizer, problem, seed_of(k), trials], reference)
                for k in range(seeds[optimizer])
            ]
        )

    print(
        "| problem | kdl | beside | hypervolume | ratio of means | pairs won | target |"
    )
    print("|---|---|---|---|---|---|---|")
    for problem, other in itertools.product(problems, others):
        theirs = found(other, problem)
        ours = found(OURS, problem)[: len(theirs)]
        ratio, target = ours.mean() / theirs.mean(), 0.97 if other == THEIRS else 1.0
        won = (ours > theirs).sum() + 0.5 * (ours == theirs).sum()
        verdict = "met" if ratio >= target else "missed"
        print(
            f"| {problem} | {_told(ours)} | {other} | {_told(theirs)} | {ratio:.3f} | "
            f"{won:g} of {len(ours)} | {target}: {verdict} |"
        )


def _told(values):
    error = values.std(ddof=1) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return f"{values.mean():.4f} ± {error:.4f}"


def main():
    parser = options(__doc__, list(PROBLEMS), OTHERS, trials=50, jobs=1)
    given, others, seeds = given_with(parser, THEIRS)
    jobs = [
        (optimizer, problem, seed_of(k), given.trials)
        for optimizer in (OURS, *others)
        for problem in given.problems
        for k in range(seeds[optimizer])
    ]
    work = functools.partial(run, python=given.botorch)
    results = searched(work, jobs, given.keep, given.jobs)
    report(results, given.problems, others, seeds, given.trials)


if __name__ == "__main__":
    main()
