from pathlib import Path

import keras_tuner
import numpy as np
import pytest

from kdl.tuning import expected_scores
from kdl.tuning.store.records import SearchRecord, TrialRecord

pytestmark = pytest.mark.one_backend

HP = keras_tuner.HyperParameters()
HP.Float("a", 0.0, 1.0)
SPACE = [
    {"class_name": type(parameter).__name__, "config": parameter.get_config()}
    for parameter in HP.space
]


def record(places, scores, direction="min"):
    """A search of one hyperparameter; a score may be a list of several."""
    scores = [np.atleast_1d(score).tolist() for score in scores]
    trials = [
        TrialRecord(
            number,
            {"a": float(place)},
            "completed",
            score=float(np.mean(some)),
            scores=some,
        )
        for number, (place, some) in enumerate(zip(places, scores, strict=True), 1)
    ]
    return SearchRecord(Path(), "score", direction, SPACE, trials)


PLACES = np.linspace(0, 1, 15)


def true(places):
    return 10 + (places - 0.3) ** 2


class TestExpectedScores:
    @pytest.mark.parametrize("direction", ["min", "max"])
    def test_without_noise_are_the_scores(self, direction):
        sign = 1 if direction == "min" else -1
        found = expected_scores(record(PLACES, sign * true(PLACES), direction))
        scores = [sign * expected.score for expected in found]
        assert scores == sorted(scores)
        for trial, score, error in found:
            assert score == pytest.approx(trial.score, abs=5e-3)
            assert 0 <= error < 5e-3

    def test_noise_is_averaged_out(self):
        """The trial that is expected to be the best, beside that of the best score."""
        seen, chosen, away = [], [], []
        places = np.repeat(np.linspace(0, 1, 6), 5)
        for seed in range(20):
            noise = 0.2 * np.random.default_rng(seed).normal(size=30)
            search = record(places, true(places) + noise)
            trial, score, error = expected_scores(search)[0]
            regret = true(trial.values["a"]) - 10
            seen.append(true(search.ranked()[0].values["a"]) - 10)
            chosen.append(regret)
            away.append((score - true(trial.values["a"])) / error)
        error = np.std(np.subtract(seen, chosen)) / np.sqrt(20)
        assert np.mean(seen) - np.mean(chosen) > 2 * error
        # It is chosen for being low, and is low by less than two errors all the same.
        assert np.abs(np.mean(away)) < 2

    def test_known_errors_count(self):
        """One lucky score, in a search whose scores are known to vary so much."""
        scores = [[value, value] for value in true(PLACES)]
        scores[12] = [9.0, 10.6]
        trial, _, _ = expected_scores(record(PLACES, scores))[0]
        assert trial.number != 13

    def test_few_are_taken_as_they_are(self):
        found = expected_scores(record(PLACES[:2], [[3.0, 5.0], 2.0]))
        assert [(trial.number, score) for trial, score, _ in found] == [(2, 2), (1, 4)]
        assert [error for *_, error in found] == [None, pytest.approx(1.0)]

    def test_refuses_other_things(self):
        with pytest.raises(ValueError) as error:
            expected_scores("runs/search")
        assert str(error.value) == (
            "`search` must be what kdl.tuning.read_search returns. Received: "
            "search='runs/search'"
        )
