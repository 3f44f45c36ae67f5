from pathlib import Path

import keras_tuner
import numpy as np
import pytest
from scipy.optimize import approx_fprime

from kdl.tuning import BayesianOptimizationOracle
from kdl.tuning.encoding import Encoding
from kdl.tuning.oracles.earlier import Earlier
from kdl.tuning.oracles.surrogate import Surrogate
from kdl.tuning.store.records import SearchRecord, TrialRecord

pytestmark = pytest.mark.one_backend

SCORE = keras_tuner.Objective("score", "min")


def space(*names, high=1.0, default=None):
    hp = keras_tuner.HyperParameters()
    for name in names:
        hp.Float(name, 0.0, high, default=default)
    return hp


def bowl(values):
    return (values["a"] - 0.2) ** 2 + 3 * (values["b"] - 0.7) ** 2


def record(hp, score, count=25, seed=0, direction="min"):
    """A search at random; every fifth trial failed."""
    encoding, rng = Encoding(hp.space), np.random.default_rng(seed)
    trials = []
    for number in range(1, count + 1):
        values = encoding.decode(rng.random(encoding.size))
        if number % 5 == 0:
            trials.append(TrialRecord(number, values, "failed"))
        else:
            trials.append(TrialRecord(number, values, "completed", score(values)))
    configs = [
        {"class_name": type(p).__name__, "config": p.get_config()} for p in hp.space
    ]
    return SearchRecord(Path("earlier"), "score", direction, configs, trials)


def oracle(folder, *earlier, seed=0, hp=None, objective=SCORE, **options):
    found = BayesianOptimizationOracle(
        objective,
        max_trials=30,
        seed=seed,
        hyperparameters=hp or space("a", "b"),
        **options,
    )
    found.verbose = 0
    found._set_project_dir(folder, "search")
    for search in earlier:
        found.learn_from(search)
    return found


def drive(oracle, score, count):
    scores = []
    for _ in range(count):
        trial = oracle.create_trial("tuner")
        scores.append(score(trial.hyperparameters.values))
        oracle.update_trial(trial.trial_id, {"score": scores[-1]})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
    return scores


def values_of(oracle):
    numbers = sorted(oracle.trials, key=int)
    return [oracle.trials[number].hyperparameters.values for number in numbers]


class TestLearnFrom:
    def test_begins_with_what_was_found(self, tmp_path):
        search = record(space("a", "b"), bowl)
        found = oracle(tmp_path, search)
        drive(found, bowl, 3)
        best = search.ranked()[0].values
        first, *others = values_of(found)
        assert bowl(first) <= np.quantile([t.score for t in search.ranked()], 0.2)
        assert {tuple(first.values())} <= {
            tuple(t.values.values()) for t in search.trials
        }
        # Not three times about the same.
        for other in others:
            away = np.subtract(list(other.values()), list(best.values()))
            assert np.linalg.norm(away) > 0.1

    @pytest.mark.parametrize("direction", ["min", "max"])
    def test_is_ahead_of_one_that_begins_anew(self, tmp_path, direction):
        sign = 1 if direction == "min" else -1
        search = record(
            space("a", "b"), lambda v: sign * 10 * bowl(v), direction=direction
        )
        ahead = 0
        for seed in range(6):
            later = oracle(tmp_path / f"later{seed}", search, seed=seed)
            anew = oracle(tmp_path / f"anew{seed}", seed=seed)
            ahead += min(drive(later, bowl, 6)) < min(drive(anew, bowl, 6))
        assert ahead >= 5

    def test_one_that_misleads_costs_a_few_trials(self, tmp_path):
        search = record(space("a", "b"), lambda values: -bowl(values))
        for seed in range(3):
            scores = drive(oracle(tmp_path / str(seed), search, seed=seed), bowl, 20)
            assert min(scores[:3]) > 0.1
            assert min(scores) < 2e-3

    def test_no_branch_is_left_untried(self, tmp_path):
        """The earlier search has many trials of each, and the first is the best."""
        hp = keras_tuner.HyperParameters()
        hp.Choice("model", list("abcde"))
        for name in "abcde":
            with hp.conditional_scope("model", [name]):
                hp.Float(f"{name}_rate", 0.0, 1.0)

        def score(values):
            (rate,) = (values[n] for n in values if n.endswith("rate"))
            return 3 * "abcde".index(values["model"]) + rate

        found = oracle(tmp_path, record(hp, score, count=60), hp=hp)
        drive(found, score, 12)
        assert {values["model"] for values in values_of(found)} == set("abcde")

    def test_of_a_space_that_is_the_same_in_part(self, tmp_path):
        """It lacks `c`, has `d`, and a wider range of `a`."""
        hp = keras_tuner.HyperParameters()
        hp.Float("a", 0.0, 2.0)
        hp.Float("b", 0.0, 1.0)
        hp.Float("d", 0.0, 1.0)
        search = record(hp, bowl, count=40)
        found = oracle(tmp_path, search, hp=space("a", "b", "c", default=0.5))
        drive(found, lambda values: bowl(values) + values["c"] ** 2, 3)
        for values in values_of(found):
            assert values.keys() == {"a", "b", "c"}
            assert values["c"] == 0.5 and values["a"] <= 1

    def test_goes_on_as_one_that_was_not_interrupted(self, tmp_path):
        search = record(space("a", "b"), bowl)
        whole = oracle(tmp_path / "whole", search)
        drive(whole, bowl, 10)
        drive(oracle(tmp_path / "parts", search), bowl, 6)
        again = oracle(tmp_path / "parts")
        again.reload()
        # The same lines, run again.
        again.learn_from(search)
        drive(again, bowl, 4)
        assert values_of(again) == values_of(whole)

    def test_refuses_one_that_comes_too_late(self, tmp_path):
        found = oracle(tmp_path)
        drive(found, bowl, 1)
        with pytest.raises(ValueError) as error:
            found.learn_from(record(space("a", "b"), bowl))
        assert str(error.value) == (
            f"The search in {tmp_path / 'search'} has begun without the trials of "
            "earlier. Choose another directory."
        )

    def test_refuses_one_with_nothing_in_common(self, tmp_path):
        with pytest.raises(ValueError) as error:
            oracle(tmp_path, record(space("c", "d"), lambda values: values["c"]))
        assert str(error.value) == (
            "The search in earlier has no hyperparameter of this one. It has: c, d. "
            "This one has: a, b."
        )

    def test_refuses_one_of_too_few_trials(self, tmp_path):
        search = record(space("a", "b", high=50.0), bowl, count=20)
        with pytest.raises(ValueError) as error:
            oracle(tmp_path, search)
        assert str(error.value) == (
            "The search in earlier has 0 trials with a score whose values this space "
            "allows; 3 are needed."
        )

    def test_refuses_several_objectives(self, tmp_path):
        objectives = [SCORE, keras_tuner.Objective("params", "min")]
        search = record(space("a", "b"), bowl)
        with pytest.raises(ValueError) as error:
            oracle(tmp_path, search, objective=objectives)
        assert str(error.value).startswith(
            "An earlier search helps one with one objective and no constraints."
        )


class TestEarlier:
    ENCODING = Encoding(space("a", "b").space)

    def earlier(self, *scores):
        searches = [
            [(trial.values, trial.score or np.inf) for trial in search.trials]
            for search in (
                record(space("a", "b"), score, seed=n) for n, score in enumerate(scores)
            )
        ]
        return Earlier(self.ENCODING, searches, np.random.default_rng(0))

    def trials(self, count=5):
        cube = np.random.default_rng(7).random((count, 2))
        scores = np.array([bowl(self.ENCODING.decode(point)) for point in cube])
        return cube, scores, (scores - scores.mean()) / scores.std()

    def test_learns_which_search_to_believe(self):
        earlier = self.earlier(bowl, lambda values: -bowl(values))
        cube, _, targets = self.trials(8)
        (believed, other), _ = earlier.learn(cube, targets)
        assert believed > 0.3 > 0 > other

    def test_predictions_have_mean_0_over_the_trials(self):
        earlier = self.earlier(bowl)
        cube, _, targets = self.trials()
        weights, offset = earlier.learn(cube, targets)
        assert (earlier.predict(cube) @ weights).mean() == pytest.approx(offset)

    @pytest.mark.parametrize("noise", [0.0, 0.5])
    def test_gradient_of_a_model_that_begins_with_it(self, noise):
        cube, scores, _ = self.trials(20)
        scores = scores + noise * np.random.default_rng(0).normal(size=20)
        model = Surrogate(
            cube,
            self.ENCODING.groups,
            scores,
            np.zeros(20),
            np.array([[0.9, 0.9]]),
            np.random.default_rng(0),
            earlier=self.earlier(bowl, lambda values: values["a"]),
        )
        for x in np.random.default_rng(1).random((3, 2)):
            value, slope = model.gradient(x)
            assert value == pytest.approx(model.values(x[None])[0], rel=1e-6)
            expected = approx_fprime(x, lambda at: model.values(at[None])[0], 1e-6)
            np.testing.assert_allclose(slope, expected, rtol=1e-2, atol=1e-2)
