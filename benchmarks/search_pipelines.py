"""Problems of scikit-learn with branches, for benchmarks/search.py.

Each chooses among models, or steps before them, that have hyperparameters of their own.
"""

import functools
import warnings

import numpy as np
from sklearn import datasets
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.feature_selection import SelectKBest
from sklearn.kernel_approximation import Nystroem
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import ElasticNet, LogisticRegression, Ridge
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier


@functools.cache
def data(name, count=None):
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))[:count]
    return x[order], y[order]


def loss(pipeline, x, y, scoring, folds=3):
    """Mean loss of cross-validation."""
    kinds = KFold if scoring.startswith("neg_root") else StratifiedKFold
    splits = kinds(folds, shuffle=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scores = cross_val_score(pipeline, x, y, cv=splits, scoring=scoring)
    return float(-scores.mean())


def log(hp, name, low, high):
    hp.Float(name, low, high, sampling="log")


def branch(hp, parent, *names):
    return hp.conditional_scope(parent, list(names))


def classifiers_space(hp):
    hp.Choice("model", ["logistic", "svm", "neighbors", "forest"])
    with branch(hp, "model", "logistic"):
        log(hp, "c", 1e-4, 1e3)
    with branch(hp, "model", "svm"):
        log(hp, "svm_c", 1e-3, 1e3)
        log(hp, "gamma", 1e-5, 10.0)
    with branch(hp, "model", "neighbors"):
        hp.Int("neighbors", 1, 60, sampling="log")
        hp.Choice("weights", ["uniform", "distance"])
        hp.Float("power", 1.0, 4.0)
    with branch(hp, "model", "forest"):
        hp.Int("depth", 1, 12)
        hp.Float("features", 0.05, 1.0)
        hp.Int("leaf", 1, 20, sampling="log")


def classifiers(v):
    """Log loss on breast cancer."""
    model = {
        "logistic": lambda: LogisticRegression(C=v["c"], max_iter=200),
        "svm": lambda: SVC(
            C=v["svm_c"], gamma=v["gamma"], probability=True, random_state=0
        ),
        "neighbors": lambda: KNeighborsClassifier(
            v["neighbors"], weights=v["weights"], p=v["power"]
        ),
        "forest": lambda: RandomForestClassifier(
            20,
            max_depth=v["depth"],
            max_features=v["features"],
            min_samples_leaf=v["leaf"],
            random_state=0,
        ),
    }[v["model"]]()
    pipeline = make_pipeline(StandardScaler(), model)
    return loss(pipeline, *data("breast_cancer", 300), "neg_log_loss")


def regressors_space(hp):
    hp.Choice("model", ["ridge", "elastic_net", "svr", "neighbors", "boosting"])
    with branch(hp, "model", "ridge"):
        log(hp, "alpha", 1e-3, 1e4)
    with branch(hp, "model", "elastic_net"):
        log(hp, "penalty", 1e-4, 1e2)
        hp.Float("l1_ratio", 0.0, 1.0)
    with branch(hp, "model", "svr"):
        log(hp, "c", 1e-2, 1e4)
        log(hp, "gamma", 1e-5, 1.0)
        log(hp, "epsilon", 1e-2, 1e2)
    with branch(hp, "model", "neighbors"):
        hp.Int("neighbors", 1, 100, sampling="log")
        hp.Choice("weights", ["uniform", "distance"])
    with branch(hp, "model", "boosting"):
        hp.Int("trees", 5, 60, sampling="log")
        log(hp, "rate", 1e-2, 1.0)
        hp.Int("depth", 1, 5)


def regressors(v):
    """Root mean squared error on diabetes."""
    model = {
        "ridge": lambda: Ridge(v["alpha"]),
        "elastic_net": lambda: ElasticNet(v["penalty"], l1_ratio=v["l1_ratio"]),
        "svr": lambda: SVR(C=v["c"], gamma=v["gamma"], epsilon=v["epsilon"]),
        "neighbors": lambda: KNeighborsRegressor(v["neighbors"], weights=v["weights"]),
        "boosting": lambda: GradientBoostingRegressor(
            n_estimators=v["trees"],
            learning_rate=v["rate"],
            max_depth=v["depth"],
            random_state=0,
        ),
    }[v["model"]]()
    pipeline = make_pipeline(StandardScaler(), model)
    return loss(pipeline, *data("diabetes"), "neg_root_mean_squared_error")


def kernels_space(hp):
    log(hp, "alpha", 1e-4, 1e2)
    hp.Choice("kernel", ["rbf", "laplacian", "polynomial", "linear"])
    with branch(hp, "kernel", "rbf", "laplacian", "polynomial"):
        log(hp, "gamma", 1e-5, 10.0)
    with branch(hp, "kernel", "polynomial"):
        hp.Int("degree", 1, 5)
        hp.Float("coef0", 0.0, 3.0)


def kernels(v):
    """Root mean squared error of kernel ridge regression on diabetes."""
    rest = {name: v[name] for name in ("gamma", "degree", "coef0") if name in v}
    model = KernelRidge(alpha=v["alpha"], kernel=v["kernel"], **rest)
    x, y = data("diabetes")
    pipeline = make_pipeline(StandardScaler(), model)
    return loss(pipeline, x, y - y.mean(), "neg_root_mean_squared_error")


def steps_space(hp):
    hp.Choice("step", ["none", "pca", "select", "nystroem"])
    with branch(hp, "step", "pca"):
        hp.Int("components", 2, 60)
        hp.Boolean("whiten")
    with branch(hp, "step", "select"):
        hp.Int("features", 2, 60)
    with branch(hp, "step", "nystroem"):
        hp.Int("landmarks", 10, 120, sampling="log")
        log(hp, "gamma", 1e-5, 1.0)
    hp.Choice("model", ["logistic", "neighbors", "tree", "bayes"])
    with branch(hp, "model", "logistic"):
        log(hp, "c", 1e-4, 1e3)
    with branch(hp, "model", "neighbors"):
        hp.Int("neighbors", 1, 30, sampling="log")
    with branch(hp, "model", "tree"):
        hp.Int("depth", 1, 15)
        hp.Int("leaf", 1, 20, sampling="log")
    with branch(hp, "model", "bayes"):
        log(hp, "smoothing", 1e-9, 1.0)


def steps(v):
    """Error on digits, and a twentieth of the log loss."""
    step = {
        "none": lambda: "passthrough",
        "pca": lambda: PCA(v["components"], whiten=v["whiten"], random_state=0),
        "select": lambda: SelectKBest(k=v["features"]),
        "nystroem": lambda: Nystroem(
            gamma=v["gamma"], n_components=v["landmarks"], random_state=0
        ),
    }[v["step"]]()
    model = {
        "logistic": lambda: LogisticRegression(C=v["c"], max_iter=50),
        "neighbors": lambda: KNeighborsClassifier(v["neighbors"]),
        "tree": lambda: DecisionTreeClassifier(
            max_depth=v["depth"], min_samples_leaf=v["leaf"], random_state=0
        ),
        "bayes": lambda: GaussianNB(var_smoothing=v["smoothing"]),
    }[v["model"]]()
    pipeline = make_pipeline(StandardScaler(), step, model)
    x, y = data("digits", 300)
    error = loss(pipeline, x, y, "accuracy", 2) + 1
    return error + 0.05 * min(loss(pipeline, x, y, "neg_log_loss", 2), 20.0)


def networks_space(hp):
    hp.Int("units", 2, 64, sampling="log")
    log(hp, "alpha", 1e-6, 10.0)
    hp.Choice("activation", ["relu", "tanh", "logistic"])
    hp.Choice("solver", ["sgd", "adam", "lbfgs"])
    with branch(hp, "solver", "sgd", "adam"):
        log(hp, "rate", 1e-4, 1.0)
        hp.Int("batch_size", 8, 64, sampling="log")
    with branch(hp, "solver", "sgd"):
        hp.Float("momentum", 0.0, 0.99)
    with branch(hp, "solver", "adam"):
        hp.Float("beta_1", 0.5, 0.99)


def networks(v):
    """Log loss of a network on wine, of 15 epochs."""
    own = {
        "rate": "learning_rate_init",
        "batch_size": "batch_size",
        "momentum": "momentum",
        "beta_1": "beta_1",
    }
    model = MLPClassifier(
        (v["units"],),
        activation=v["activation"],
        solver=v["solver"],
        alpha=v["alpha"],
        max_iter=15,
        random_state=0,
        **{argument: v[name] for name, argument in own.items() if name in v},
    )
    pipeline = make_pipeline(StandardScaler(), model)
    found = loss(pipeline, *data("wine"), "neg_log_loss")
    return found if np.isfinite(found) else 20.0


def trees_space(hp):
    hp.Choice("model", ["tree", "forest", "extra"])
    hp.Int("depth", 1, 12)
    hp.Int("leaf", 1, 20, sampling="log")
    with branch(hp, "model", "forest", "extra"):
        hp.Float("features", 0.05, 1.0)
        hp.Choice("rows", ["all", "some"])
        with branch(hp, "rows", "some"):
            hp.Float("share", 0.1, 1.0)


def trees(v):
    """Log loss on wine."""
    common = {"max_depth": v["depth"], "min_samples_leaf": v["leaf"], "random_state": 0}
    if v["model"] == "tree":
        model = DecisionTreeClassifier(**common)
    else:
        kind = {"forest": RandomForestClassifier, "extra": ExtraTreesClassifier}
        model = kind[v["model"]](
            15,
            max_features=v["features"],
            bootstrap=True,
            max_samples=v.get("share"),
            **common,
        )
    return loss(model, *data("wine"), "neg_log_loss")
