"""How much a search's score depends on each hyperparameter."""

import dataclasses
import functools

import numpy as np
from scipy.stats import rankdata
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.inspection import permutation_importance
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

LEAST_TRIALS = 10
REPEATS = 10
TREES = 100


@dataclasses.dataclass
class Importances:
    """Permutation importances, and the model that they are of.

    Attributes:
        means: Dict of floats by hyperparameter, the greatest first. How much `r2` of
            the trials themselves falls when the hyperparameter is shuffled.
        errors: Dict of floats. Standard deviations over `REPEATS` shuffles.
        trials: Integer. Number of trials with a score.
        r2: Float in `(-inf, 1]`. Of the ranks of trials that a tree did not see.
    """

    means: dict
    errors: dict
    trials: int
    r2: float


def importances(search, dimensions):
    """Fits a random forest to the ranks of the trials, and shuffles it.

    Ranks, since one diverged trial would outweigh all others. Where a hyperparameter
    does not apply it takes its median, or most frequent, value, which carries no
    information.

    Args:
        search: `kdl.tuning.SearchRecord`.
        dimensions: List of `Dimension`.

    Returns:
        `Importances`, or `None` for fewer than `LEAST_TRIALS` trials with a score, or
        if there is nothing that differs.
    """
    trials = search.ranked()
    ranks = rankdata([trial.score for trial in trials])
    if len(trials) < LEAST_TRIALS or not dimensions or len(set(ranks)) == 1:
        return None
    x = np.full((len(trials), len(dimensions)), np.nan)
    for row, trial in enumerate(trials):
        for column, dimension in enumerate(dimensions):
            if dimension.name in trial.values:
                value = trial.values[dimension.name]
                x[row, column] = dimension.coordinate(value)
    # The columns are shuffled before they are encoded, so that the columns of one
    # hyperparameter stay together.
    categories = [n for n, d in enumerate(dimensions) if d.scale == "category"]
    # A hyperparameter that applies in none of these trials keeps its column.
    impute = functools.partial(SimpleImputer, keep_empty_features=True)
    encode = make_column_transformer(
        (make_pipeline(impute(strategy="most_frequent"), OneHotEncoder()), categories),
        remainder=impute(strategy="median"),
    )
    forest = RandomForestRegressor(TREES, oob_score=True, random_state=0)
    model = make_pipeline(encode, forest).fit(x, ranks)
    result = permutation_importance(model, x, ranks, n_repeats=REPEATS, random_state=0)
    order = np.argsort(-result.importances_mean)
    names = [dimensions[n].name for n in order]
    return Importances(
        dict(zip(names, result.importances_mean[order].tolist(), strict=True)),
        dict(zip(names, result.importances_std[order].tolist(), strict=True)),
        len(trials),
        forest.oob_score_,
    )
