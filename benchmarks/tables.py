"""The recipe for tables with its defaults, beside scikit-learn.

Five tables, each with five seeds, which draw the parts and the weights: R² of a number,
or the accuracy, on the test set. Beside it stand gradient boosting by histograms of 300
trees, and ridge or logistic regression of standardized numbers and one-hot categories,
fitted to the same training rows; the network also uses the validation rows, to know
when to stop. Of diamonds, the logarithm of the price is predicted; their table comes
with plotnine, and is left out where that is not installed.

Targets: on diamonds within 0.001 of the better of the two; on no table worse than the
better by more than two standard errors of the difference by seed.

The figures are in docs/benchmarks/recipes.md.

KERAS_BACKEND=jax python benchmarks/tables.py [--only diamonds]
"""

import argparse
import importlib.util
import sys
import time
from pathlib import Path

import keras
import numpy as np
from sklearn import compose, datasets, ensemble, impute, linear_model, pipeline
from sklearn import preprocessing as prepare

import kdl
from kdl.data.splits import hold_out_each

SEEDS = range(5)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    only = parser.parse_args().only
    print(f"$ KERAS_BACKEND={keras.backend.backend()} python {' '.join(sys.argv)}\n")
    print("| table | rows | | kdl | boosting | linear | CPU s | verdict |")
    print("|---|---|---|---|---|---|---|---|")
    for name, load in TABLES.items():
        if only not in name:
            continue
        if name == "diamonds" and importlib.util.find_spec("plotnine") is None:
            print("| diamonds | | needs plotnine | | | | | |")
            continue
        report(name, load)


def report(name, load):
    scores, seconds = {"kdl": [], "boosting": [], "linear": []}, {}
    for seed in SEEDS:
        splits = load(seed)
        for method, found in scores.items():
            begun = time.process_time()
            found.append(METHODS[method](splits, seed))
            seconds.setdefault(method, []).append(time.process_time() - begun)
    scores = {method: np.array(found) for method, found in scores.items()}
    rival = max(("boosting", "linear"), key=lambda method: scores[method].mean())
    difference = scores["kdl"] - scores[rival]
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    least = -0.001 if name == "diamonds" else -2 * error
    verdict = "met" if difference.mean() >= least else "missed"
    rows = sum(len(y) for _, y in splits)
    what = "accuracy" if splits.classes else "R²"
    values = " | ".join(
        f"{found.mean():.4f} ± {found.std(ddof=1) / np.sqrt(len(found)):.4f}"
        for found in scores.values()
    )
    times = " / ".join(f"{np.median(found):.1f}" for found in seconds.values())
    print(
        f"| {name} | {rows} | {what} | {values} | {times} | {verdict}: "
        f"{difference.mean():+.4f} ± {error:.4f} |",
        flush=True,
    )


def of_scikit_learn(load):
    def split(seed):
        data = load()
        y = data.target
        is_class = y.dtype.kind == "i"
        labels = y if is_class else np.zeros(len(y))
        y = y.astype("int32") if is_class else y.astype("float32")[:, None]
        x = dict(zip(data.feature_names, data.data.T, strict=True))
        parts = hold_out_each(labels, 2, seed)
        taken = [({name: x[name][rows] for name in x}, y[rows]) for rows in parts]
        return kdl.data.Splits(*taken, data.target_names if is_class else None)

    return split


def diamonds(seed):
    folder = Path(importlib.util.find_spec("plotnine").origin).parent
    splits = kdl.data.table(folder / "data" / "diamonds.csv", "price", seed=seed)
    return kdl.data.Splits(*((x, np.log(y)) for x, y in splits))


TABLES = {
    "penguins": lambda seed: kdl.data.penguins(seed),
    "wine": of_scikit_learn(datasets.load_wine),
    "breast cancer": of_scikit_learn(datasets.load_breast_cancer),
    "diabetes": of_scikit_learn(datasets.load_diabetes),
    "diamonds": diamonds,
}


def with_kdl(splits, seed):
    keras.utils.set_random_seed(seed)
    recipe = kdl.recipes.Tabular(splits)
    model, _ = kdl.recipes.run(recipe, **recipe.data(), seed=seed, verbose=0)
    scores = recipe.evaluate(model)
    return scores["accuracy" if splits.classes else "r2"]


def fitted(splits, model, categories, numbers):
    """The score of a model of scikit-learn on the test set."""
    import pandas

    x = pandas.DataFrame(splits.train[0])
    texts = [name for name in x if x[name].dtype.kind not in "fiu"]
    columns = compose.ColumnTransformer(
        [("texts", categories, texts)], remainder=numbers
    )
    whole = pipeline.make_pipeline(columns, model)
    whole.fit(x, np.ravel(splits.train[1]))
    return whole.score(pandas.DataFrame(splits.test[0]), np.ravel(splits.test[1]))


def with_boosting(splits, seed):
    kinds = (
        ensemble.HistGradientBoostingClassifier,
        ensemble.HistGradientBoostingRegressor,
    )
    model = kinds[splits.classes is None](max_iter=300, random_state=seed)
    codes = prepare.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    return fitted(splits, model, codes, "passthrough")


def with_a_line(splits, seed):
    if splits.classes:
        model = linear_model.LogisticRegression(max_iter=5000)
    else:
        model = linear_model.RidgeCV(np.logspace(-3, 3, 13))
    numbers = pipeline.make_pipeline(impute.SimpleImputer(), prepare.StandardScaler())
    return fitted(
        splits, model, prepare.OneHotEncoder(handle_unknown="ignore"), numbers
    )


METHODS = {"kdl": with_kdl, "boosting": with_boosting, "linear": with_a_line}

if __name__ == "__main__":
    main()
