"""What a model of all trials expects of each."""

from typing import NamedTuple

import numpy as np
from keras_tuner.engine import hyperparameters as kinds

from kdl.seeds import POINTS, generator
from kdl.tuning.encoding import Encoding
from kdl.tuning.oracles.surrogate import Surrogate
from kdl.tuning.store.records import SearchRecord, TrialRecord

# Trials with a score below which there is no model of them.
_FEWEST = 5


class ExpectedScore(NamedTuple):
    """What is expected of a trial.

    Attributes:
        trial: `TrialRecord`.
        score: Float. The score to be expected, without the noise of its own.
        standard_error: Float, of that, or `None` if it is not known.
    """

    trial: TrialRecord
    score: float
    standard_error: float | None


def expected_scores(search: SearchRecord) -> list[ExpectedScore]:
    """Says which trial is the best, where the best score may have been luck.

    The best of many noisy scores is better than what it would be on average. The model
    of `kdl.tuning.BayesianOptimization` is fitted to all trials, learns how large the
    noise is, and says what each would score without: trials with similar values vote.
    Where scores have no noise, it says what they are. With fewer than five scores it is
    the scores themselves.

    Args:
        search: What `kdl.tuning.read_search` returns, of any tuner of `kdl.tuning`.

    Returns:
        List of tuples `(trial, score, standard_error)`, of the trials with a score, the
        best expected score first.

    Example:

    >>> def best(folder):  # Of a search.
    ...     search = kdl.tuning.read_search(folder)
    ...     trial, score, error = kdl.tuning.expected_scores(search)[0]
    ...     return trial.values, score, error
    """
    if not isinstance(search, SearchRecord):
        raise ValueError(
            "`search` must be what kdl.tuning.read_search returns. Received: "
            f"search={search!r}"
        )
    trials = search.ranked()
    space = [kinds.deserialize(config) for config in search.space]
    encoding = Encoding(space)
    if len(trials) < _FEWEST or not encoding.size:
        return [
            ExpectedScore(trial, trial.score, trial.standard_error) for trial in trials
        ]
    sign = -1.0 if search.direction == "max" else 1.0
    features = encoding.features_of([trial.values for trial in trials])
    surrogate = Surrogate(
        features,
        encoding.groups,
        sign * np.array([trial.score for trial in trials]),
        np.array([(trial.standard_error or 0.0) ** 2 for trial in trials]),
        np.empty((0, features.shape[1])),
        generator(0, POINTS),
    )
    scores, errors = surrogate.scores(features)
    order = np.argsort(scores, kind="stable")
    return [
        ExpectedScore(trials[row], float(sign * scores[row]), float(errors[row]))
        for row in order
    ]
