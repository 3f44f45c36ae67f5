"""Problems with known answers, for benchmarks/search.py."""

import dataclasses
import functools
import math
from collections.abc import Callable

import keras_tuner
import numpy as np
import search_pipelines as pipelines


@dataclasses.dataclass(frozen=True)
class Problem:
    """Something to minimize.

    Attributes:
        space: Function that declares the hyperparameters on its argument `hp`.
        score: Function of a dict of values.
        minimum: Float. Least score; `None` if it is not known.
        held_out: Boolean. Whether nothing was tuned on it.
        noise: Float. Standard deviation of the noise of a score that a search sees.
    """

    space: Callable
    score: Callable
    minimum: float | None
    held_out: bool = False
    noise: float = 0.0

    def hyperparameters(self):
        hp = keras_tuner.HyperParameters()
        self.space(hp)
        return hp


def cube(names, low, high):
    """Declares floats of one range."""

    def space(hp):
        for name in names.split():
            hp.Float(name, low, high)

    return space


def branin_space(hp):
    hp.Float("a", -5.0, 10.0)
    hp.Float("b", 0.0, 15.0)


def branin(v):
    a, b = v["a"], v["b"]
    curve = b - 5.1 / (4 * math.pi**2) * a**2 + 5 / math.pi * a - 6
    return curve**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(a) + 10


_ALPHA = np.array([1.0, 1.2, 3.0, 3.2])
_A6 = np.array(
    [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
)
_P6 = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)
_A3 = np.array([[3.0, 10, 30], [0.1, 10, 35], [3, 10, 30], [0.1, 10, 35]])
_P3 = 1e-4 * np.array(
    [[3689, 1170, 2673], [4699, 4387, 7470], [1091, 8732, 5547], [381, 5743, 8828]]
)


def hartmann(a, p, v):
    x = np.array(list(v.values()))
    return float(-_ALPHA @ np.exp(-(a * (x - p) ** 2).sum(1)))


def ackley(v):
    x = np.array(list(v.values()))
    near = 20 * np.exp(-0.2 * np.sqrt((x**2).mean()))
    return float(-near - np.exp(np.cos(2 * np.pi * x).mean()) + 20 + np.e)


def rosenbrock_space(hp):
    for name in "abcd":
        hp.Float(name, 0.1, 10.0, sampling="log")


def rosenbrock(v):
    x = np.array(list(v.values()))
    return float((100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum())


def network_space(hp):
    """Looks like that of a network: rates, sizes, and what belongs to a choice."""
    hp.Float("learning_rate", 1e-5, 1.0, sampling="log")
    hp.Float("weight_decay", 1e-6, 1e-1, sampling="log")
    hp.Int("units", 16, 512, sampling="log")
    hp.Int("layers", 1, 6)
    hp.Choice("activation", ["relu", "gelu", "tanh", "sigmoid", "selu"])
    optimizer = hp.Choice("optimizer", ["sgd", "adam", "rmsprop"])
    with hp.conditional_scope("optimizer", ["sgd"]):
        if optimizer == "sgd":
            hp.Float("momentum", 0.0, 0.99)
            hp.Boolean("nesterov")
    with hp.conditional_scope("optimizer", ["adam"]):
        hp.Float("beta_1", 0.5, 0.99)
    with hp.conditional_scope("optimizer", ["rmsprop"]):
        hp.Float("rho", 0.5, 0.99)


def network(v):
    best_rate = {"sgd": -1.5, "adam": -3.0, "rmsprop": -3.3}[v["optimizer"]]
    rate = math.log10(v["learning_rate"]) - best_rate + 0.15 * (v["layers"] - 3)
    decay = math.log10(v["weight_decay"]) + 3.5
    score = 0.12 * rate**2 + 0.01 * decay**2
    score += 0.03 * (math.log2(v["units"]) - 7.5) ** 2 + 0.02 * (v["layers"] - 4) ** 2
    score += {"relu": 0.02, "gelu": 0.0, "tanh": 0.1, "sigmoid": 0.3, "selu": 0.05}[
        v["activation"]
    ]
    score += {"sgd": 0.05, "adam": 0.0, "rmsprop": 0.03}[v["optimizer"]]
    if v["optimizer"] == "sgd":
        score += 0.4 * (v["momentum"] - 0.9) ** 2 - 0.02 * v["nesterov"] + 0.02
    elif v["optimizer"] == "adam":
        score += 0.3 * (v["beta_1"] - 0.9) ** 2
    else:
        score += 0.3 * (v["rho"] - 0.9) ** 2
    return score


def svc_space(hp):
    hp.Choice("scaler", ["none", "standard", "minmax"])
    hp.Int("components", 5, 60)
    hp.Float("c", 1e-3, 1e3, sampling="log")
    hp.Choice("kernel", ["linear", "rbf", "poly"])
    with hp.conditional_scope("kernel", ["rbf", "poly"]):
        hp.Float("gamma", 1e-5, 10.0, sampling="log")
    with hp.conditional_scope("kernel", ["poly"]):
        hp.Int("degree", 2, 5)
        hp.Float("coef0", 0.0, 2.0)


@functools.cache
def digits(count):
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    some = np.random.default_rng(0).permutation(len(x))[:count]
    return x[some], y[some]


def error_and_loss(pipeline, x, y):
    """Error of two-fold cross-validation, and a twentieth of the log loss."""
    import warnings

    from sklearn.metrics import log_loss
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    folds = StratifiedKFold(2, shuffle=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        raw = cross_val_predict(pipeline, x, y, cv=folds, method="decision_function")
    raw = np.nan_to_num(raw, posinf=50, neginf=-50).clip(-50, 50)
    shares = np.exp(raw - raw.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    labels = np.unique(y)
    error = np.mean(labels[shares.argmax(1)] != y)
    return float(error + 0.05 * log_loss(y, shares, labels=labels))


def svc(v):
    return svc_on(v, *digits(300))


def svc_on(v, x, y):
    """Error and loss of a support vector classifier on some digits."""
    from sklearn.decomposition import PCA
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler
    from sklearn.svm import SVC

    scalers = {
        "none": FunctionTransformer,
        "standard": StandardScaler,
        "minmax": MinMaxScaler,
    }
    rest = {k: value for k, value in v.items() if k in ("gamma", "degree", "coef0")}
    pipeline = make_pipeline(
        scalers[v["scaler"]](),
        PCA(v["components"], random_state=0),
        SVC(C=v["c"], kernel=v["kernel"], max_iter=5000, **rest),
    )
    return error_and_loss(pipeline, x, y)


def michalewicz(v):
    x = np.array(list(v.values()))
    places = np.arange(1, len(x) + 1)
    return float(-(np.sin(x) * np.sin(places * x**2 / np.pi) ** 20).sum())


def levy(v):
    w = 1 + (np.array(list(v.values())) - 1) / 4
    middle = (w[:-1] - 1) ** 2 * (1 + 10 * np.sin(np.pi * w[:-1] + 1) ** 2)
    last = (w[-1] - 1) ** 2 * (1 + np.sin(2 * np.pi * w[-1]) ** 2)
    return float(np.sin(np.pi * w[0]) ** 2 + middle.sum() + last)


def styblinski(v):
    x = np.array(list(v.values()))
    return float(0.5 * (x**4 - 16 * x**2 + 5 * x).sum())


def branches_space(hp):
    """Three models of which each has hyperparameters of its own."""
    hp.Choice("model", ["a", "b", "c"])
    hp.Float("shared", 0.0, 1.0)
    for name, parts in (("a", "uv"), ("b", "wx"), ("c", "yz")):
        with hp.conditional_scope("model", [name]):
            for part in parts:
                hp.Float(part, 0.0, 1.0)


def branches(v):
    level = {"a": 0.3, "b": 0.0, "c": 0.15}[v["model"]]
    middles = {"u": 0.2, "v": 0.8, "w": 0.7, "x": 0.3, "y": 0.5, "z": 0.9}
    own = sum((v[k] - middle) ** 2 for k, middle in middles.items() if k in v)
    return level + 2 * own + (v["shared"] - 0.6) ** 2 * (1 + level)


def boosting_space(hp):
    hp.Int("trees", 5, 50, sampling="log")
    hp.Float("learning_rate", 1e-3, 1.0, sampling="log")
    hp.Int("depth", 1, 8)
    hp.Int("leaf", 1, 30, sampling="log")
    hp.Float("subsample", 0.2, 1.0)
    hp.Choice("loss", ["squared_error", "absolute_error", "huber"])
    hp.Choice("features", ["sqrt", "log2", "all"])


@functools.cache
def diabetes():
    from sklearn.datasets import load_diabetes

    return load_diabetes(return_X_y=True)


def boosting(v):
    from sklearn.ensemble import GradientBoostingRegressor
    from sklearn.model_selection import KFold, cross_val_score

    model = GradientBoostingRegressor(
        n_estimators=v["trees"],
        learning_rate=v["learning_rate"],
        max_depth=v["depth"],
        min_samples_leaf=v["leaf"],
        subsample=v["subsample"],
        loss=v["loss"],
        max_features=None if v["features"] == "all" else v["features"],
        random_state=0,
    )
    folds = KFold(2, shuffle=True, random_state=0)
    scores = cross_val_score(
        model, *diabetes(), cv=folds, scoring="neg_root_mean_squared_error"
    )
    return float(-scores.mean())


def nested_space(hp):
    """A choice within a choice."""
    hp.Choice("kind", ["a", "b", "c"])
    hp.Float("shared", 0.0, 1.0)
    with hp.conditional_scope("kind", ["a"]):
        hp.Choice("way", ["p", "q"])
        for way in "pq":
            with hp.conditional_scope("way", [way]):
                hp.Float(f"{way}_first", 0.0, 1.0)
                hp.Float(f"{way}_second", 0.0, 1.0)
    with hp.conditional_scope("kind", ["b"]):
        for name in ("b_first", "b_second", "b_third"):
            hp.Float(name, 0.0, 1.0)
    with hp.conditional_scope("kind", ["c"]):
        hp.Int("c_count", 1, 20)


def nested(v):
    """Untuned, the best branch is the worst one."""
    score = (v["shared"] - 0.3) ** 2
    if v["kind"] == "b":
        middles = {"b_first": 0.15, "b_second": 0.85, "b_third": 0.4}
        return score + 0.2 + 0.5 * sum((v[k] - m) ** 2 for k, m in middles.items())
    if v["kind"] == "c":
        return score + 0.35 + 0.001 * (v["c_count"] - 13) ** 2
    way = v["way"]
    first, second = {"p": (0.1, 0.9), "q": (0.8, 0.75)}[way]
    bowl = 8 * ((v[f"{way}_first"] - first) ** 2 + (v[f"{way}_second"] - second) ** 2)
    return score + {"p": 0.1, "q": 0.0}[way] + bowl


PROBLEMS = {
    "branin": Problem(branin_space, branin, 0.397887),
    "hartmann6": Problem(
        cube("a b c d e f", 0.0, 1.0), functools.partial(hartmann, _A6, _P6), -3.32237
    ),
    "ackley5": Problem(cube("a b c d e", -5.0, 10.0), ackley, 0.0),
    "rosenbrock4": Problem(rosenbrock_space, rosenbrock, 0.0),
    "network": Problem(network_space, network, 0.0),
    "svc": Problem(svc_space, svc, None),
    "hartmann3": Problem(
        cube("a b c", 0.0, 1.0), functools.partial(hartmann, _A3, _P3), -3.86278, True
    ),
    "michalewicz5": Problem(
        cube("a b c d e", 0.0, math.pi), michalewicz, -4.687658, True
    ),
    "levy6": Problem(cube("a b c d e f", -10.0, 10.0), levy, 0.0),
    "styblinski4": Problem(cube("a b c d", -5.0, 5.0), styblinski, -156.66466, True),
    "branches": Problem(branches_space, branches, 0.0),
    "boosting": Problem(boosting_space, boosting, None, True),
    "nested": Problem(nested_space, nested, 0.0, True),
    "classifiers": Problem(pipelines.classifiers_space, pipelines.classifiers, None),
    "kernels": Problem(pipelines.kernels_space, pipelines.kernels, None),
    "networks": Problem(pipelines.networks_space, pipelines.networks, None, True),
    "regressors": Problem(pipelines.regressors_space, pipelines.regressors, None, True),
    "steps": Problem(pipelines.steps_space, pipelines.steps, None, True),
    "trees": Problem(pipelines.trees_space, pipelines.trees, None, True),
}
