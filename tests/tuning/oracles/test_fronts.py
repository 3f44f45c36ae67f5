import keras_tuner
import numpy as np
import pytest

from kdl.tuning import (
    BayesianOptimizationOracle,
    GridSearchOracle,
    RandomSearchOracle,
    read_search,
)
from kdl.tuning.goals.constraints import parse
from kdl.tuning.oracles.fronts import FrontSurrogate
from kdl.tuning.oracles.hypervolume import hypervolume

pytestmark = pytest.mark.one_backend

OBJECTIVES = [keras_tuner.Objective(name, "min") for name in ("near", "far")]


def space(size=3):
    hp = keras_tuner.HyperParameters()
    for name in "abcdef"[:size]:
        hp.Float(name, 0.0, 1.0)
    return hp


def two_ends(values):
    """Squared distances to two corners; the front is the line between them."""
    x = np.array(list(values.values()))
    return {"near": float(((x - 0.2) ** 2).sum()), "far": float(((x - 0.8) ** 2).sum())}


def make(folder, kind=BayesianOptimizationOracle, **options):
    options = {"objective": OBJECTIVES, "hyperparameters": space(), "seed": 0} | options
    oracle = kind(**options)
    oracle._set_project_dir(folder, "search")
    oracle.verbose = 0
    return oracle


def drive(oracle, report=two_ends, trials=None, tuner="tuner0"):
    """Runs trials without models, and returns what they reported."""
    reports = []
    for _ in range(trials or oracle.max_trials):
        trial = oracle.create_trial(tuner)
        if trial.status == "STOPPED":
            break
        try:
            reports.append(report(trial.hyperparameters.values))
            oracle.update_trial(trial.trial_id, reports[-1])
            trial.status = "COMPLETED"
        except RuntimeError:
            trial.status = "FAILED"
        oracle.end_trial(trial)
    return reports


def losses(reports):
    return np.array([[report["near"], report["far"]] for report in reports])


def values_of(oracle):
    return [trial.hyperparameters.values for trial in oracle.trials.values()]


class TestSurrogate:
    def surrogate(self, failed=(), **options):
        rng = np.random.default_rng(0)
        x = rng.random((20, 3))
        y = np.c_[((x - 0.2) ** 2).sum(1), ((x - 0.8) ** 2).sum(1)]
        y[list(failed)] = np.inf
        return FrontSurrogate(
            **{
                "features": x,
                "groups": np.arange(3),
                "losses": y,
                "variances": np.zeros((20, 2)),
                "constraints": [parse("constraint", "size<=1.2")],
                "metrics": np.exp(x[:, :1]),
                "spreads": np.zeros((20, 1)),
                "pending": np.empty((0, 3)),
                "rng": rng,
                **options,
            }
        )

    @pytest.mark.parametrize("failed", [(), (3, 7)])
    def test_gradient_is_that_of_differences(self, failed):
        surrogate = self.surrogate(failed)
        for x in np.random.default_rng(1).random((4, 3)):
            value, slope = surrogate.gradient(x)
            np.testing.assert_allclose(value, surrogate.values(x[None])[0], rtol=1e-6)
            for column in range(3):
                move = np.zeros(3)
                move[column] = 1e-5
                up, down = surrogate.values(np.array([x + move, x - move]))
                np.testing.assert_allclose(
                    slope[column], (up - down) / 2e-5, rtol=1e-3, atol=1e-4
                )

    def test_expects_most_between_the_ends_where_the_constraint_is_met(self):
        points = np.random.default_rng(2).random((4000, 3))
        free = self.surrogate(
            constraints=[], metrics=np.empty((20, 0)), spreads=np.empty((20, 0))
        )
        best = points[free.values(points).argsort()[-20:]]
        assert (np.ptp(best, axis=1) < 0.45).all()
        bound = self.surrogate()
        best = points[bound.values(points).argsort()[-20:]]
        assert (np.exp(best[:, 0]) < 1.4).all()

    def test_goes_where_the_constraint_is_met_while_no_trial_meets_it(self):
        surrogate = self.surrogate(constraints=[parse("constraint", "size<=0.9")])
        points = np.random.default_rng(2).random((500, 3))
        assert points[surrogate.values(points).argmax(), 0] < 0.2

    def test_knows_constraints_before_it_knows_objectives(self):
        unknown = np.full((20, 2), np.nan)
        surrogate = self.surrogate(losses=unknown)
        points = np.random.default_rng(2).random((500, 3))
        assert points[surrogate.values(points).argmax(), 0] < 0.2
        value, slope = surrogate.gradient(points[0])
        assert np.isfinite(value) and np.isfinite(slope).all()

    def test_less_is_expected_where_a_trial_runs(self):
        before = self.surrogate()
        points = np.random.default_rng(2).random((500, 3))
        best = points[before.values(points).argmax()]
        after = self.surrogate(pending=best[None])
        assert after.values(best[None]) < before.values(best[None]) - 1


class TestSearch:
    def test_dominates_more_than_a_random_one(self, tmp_path):
        """In each of three seeds, it leaves a third of what the random one leaves."""
        reference, most = np.ones(2), 0.0
        ideal = np.linspace(0.2, 0.8, 200)[:, None] * np.ones(3)
        front = losses([two_ends(dict(enumerate(x))) for x in ideal])
        most = hypervolume(front, reference)
        for seed in range(3):
            left = []
            for kind in (BayesianOptimizationOracle, RandomSearchOracle):
                folder = tmp_path / f"{kind.__name__}{seed}"
                oracle = make(folder, kind, max_trials=25, seed=seed)
                left.append(most - hypervolume(losses(drive(oracle)), reference))
            assert left[0] < left[1] / 3

    def test_front_comes_first_and_each_front_by_the_leading_objective(self, tmp_path):
        oracle = make(tmp_path, RandomSearchOracle, max_trials=12)
        reports = losses(drive(oracle))
        dominated = [
            any((b <= a).all() and (b < a).any() for b in reports) for a in reports
        ]
        front = [n for n in reports[:, 0].argsort() if not dominated[n]]
        best = [int(t.trial_id) for t in oracle.get_best_trials(12)]
        assert best[: len(front)] == front and sorted(best) == list(range(12))
        record = read_search(tmp_path / "search")
        assert [trial.number - 1 for trial in record.front()] == front
        assert [trial.number - 1 for trial in record.ranked()] == best

    def test_three_objectives_of_both_directions(self, tmp_path):
        def report(values):
            return two_ends(values) | {"size": 1 + values["a"]}

        objective = [*OBJECTIVES, keras_tuner.Objective("size", "max")]
        oracle = make(tmp_path, objective=objective, max_trials=12)
        reports = drive(oracle, report)
        record = read_search(tmp_path / "search")
        directions = [part.direction for part in record.goal.objectives]
        assert directions == ["min", "min", "max"]
        found = np.c_[losses(reports), [-report["size"] for report in reports]]
        front = {
            number
            for number, a in enumerate(found, 1)
            if not any((b <= a).all() and (b < a).any() for b in found)
        }
        assert {trial.number for trial in record.front()} == front

    @pytest.mark.parametrize("constraints", [None, ["near<=0.5"]])
    def test_a_search_that_was_killed_goes_on_as_if_it_had_not(
        self, tmp_path, constraints
    ):
        options = {"max_trials": 9, "constraints": constraints}
        whole = make(tmp_path / "whole", **options)
        drive(whole)
        for taken in (2, 5, 7):
            parts = make(tmp_path / f"parts{taken}", **options)
            drive(parts, trials=taken)
            # A trial that began and did not end.
            begun = parts.create_trial("tuner0").hyperparameters.values
            again = make(tmp_path / f"parts{taken}", **options)
            again.reload()
            drive(again)
            assert values_of(again) == values_of(whole)
            assert values_of(again)[taken] == begun

    def test_where_no_trial_has_met_a_constraint_yet(self, tmp_path):
        """What is known are whole numbers alone, those of weights."""
        from kdl.tuning.report import INFEASIBLE, packed

        oracle = make(tmp_path, constraints=["params<=3"], max_trials=8)
        for number in range(8):
            trial = oracle.create_trial("tuner0")
            known = packed({"params": 9 + number}, 0, INFEASIBLE)
            oracle.update_trial(trial.trial_id, known)
            trial.status = "FAILED"
            oracle.end_trial(trial)
        assert len({tuple(values.values()) for values in values_of(oracle)}) == 8

    def test_workers_that_were_killed_together_go_on_with_what_they_had(self, tmp_path):
        oracle = make(tmp_path, max_trials=12)
        drive(oracle, trials=6)
        begun = [
            oracle.create_trial(f"tuner{n}").hyperparameters.values for n in (0, 1, 2)
        ]
        again = make(tmp_path, max_trials=12)
        again.reload()
        trials = [again.create_trial(f"tuner{n}") for n in (2, 0, 3, 1)]
        assert [trial.trial_id for trial in trials] == ["06", "07", "08", "09"]
        assert [t.hyperparameters.values for t in trials[:3]] == begun
        assert trials[3].hyperparameters.values not in begun

    def test_side_by_side_nobody_tries_the_same(self, tmp_path):
        oracle = make(tmp_path, max_trials=20)
        drive(oracle, trials=8)
        running = [oracle.create_trial(f"tuner{n}") for n in range(6)]
        places = np.array([list(t.hyperparameters.values.values()) for t in running])
        away = np.linalg.norm(places[:, None] - places, axis=-1)
        assert away[np.triu_indices(6, 1)].min() > 0.01 * np.sqrt(3)

    def test_failures_are_avoided(self, tmp_path):
        def report(values):
            if values["a"] > 0.5:
                raise RuntimeError
            return two_ends(values)

        oracle = make(tmp_path, max_trials=24)
        drive(oracle, report)
        late = [trial.status for trial in list(oracle.trials.values())[12:]]
        assert late.count("FAILED") <= 3

    def test_an_objective_that_is_not_finite_is_a_failure(self, tmp_path):
        oracle = make(tmp_path, max_trials=1)
        drive(oracle, lambda values: {"near": 1.0, "far": np.inf})
        (trial,) = oracle.trials.values()
        assert (trial.status, trial.message) == ("FAILED", "far was inf")

    def test_nothing_is_tried_twice_and_a_space_may_be_exhausted(self, tmp_path):
        hp = keras_tuner.HyperParameters()
        for name in "abc":
            hp.Choice(name, [0.0, 0.5])
        oracle = make(tmp_path, hyperparameters=hp, max_trials=20)
        assert len(drive(oracle)) == 8
        assert len({tuple(v.values()) for v in values_of(oracle)}) == 8

    def test_repeated_objectives_are_known_to_be_noisy(self, tmp_path):
        """Each of several objectives has the standard error of its executions."""
        from kdl.tuning.report import END, packed

        oracle = make(tmp_path, max_trials=1)
        trial = oracle.create_trial("tuner0")
        for execution, far in enumerate([1.0, 3.0]):
            report = packed({"near": 2.0, "far": far}, execution, END)
            oracle.update_trial(trial.trial_id, report)
        oracle.update_trial(trial.trial_id, {"near": 2.0, "far": 2.0})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
        (found,) = read_search(tmp_path / "search").trials
        assert found.metrics == {"near": 2.0, "far": 2.0}
        assert found.scores == [2.0, 2.0]

    def test_lost_files_are_made_up_by_others(self, tmp_path):
        oracle = make(tmp_path, max_trials=4)
        drive(oracle)
        before = read_search(tmp_path / "search")
        (tmp_path / "search/oracle.json").write_text("{")
        with pytest.warns(UserWarning, match="damaged"):
            again = make(tmp_path, max_trials=6)
            again.reload()
        drive(again)
        after = read_search(tmp_path / "search")
        assert [t.metrics for t in after.trials[:4]] == [
            t.metrics for t in before.trials
        ]
        assert len(after.trials) == 6

    def test_another_goal_is_refused(self, tmp_path):
        drive(make(tmp_path, max_trials=1))
        for options, text in (
            ({"objective": OBJECTIVES[::-1]}, "far:min, near:min"),
            ({"constraints": ["size<=3"]}, "near:min, far:min, size<=3"),
            ({"objective": OBJECTIVES[0]}, "['near', 'min']"),
        ):
            oracle = make(tmp_path, max_trials=1, **options)
            with pytest.raises(ValueError) as error:
                oracle.reload()
            assert str(error.value) == (
                f"The search in {tmp_path / 'search'} has the objective near:min, "
                f"far:min, not {text}. Choose another directory."
            )


class TestConstraints:
    @pytest.mark.parametrize(
        "kind", [BayesianOptimizationOracle, RandomSearchOracle, GridSearchOracle]
    )
    def test_what_breaks_them_is_never_the_best(self, tmp_path, kind):
        oracle = make(
            tmp_path,
            kind,
            objective=keras_tuner.Objective("near", "min"),
            constraints=["far<=0.5"],
            max_trials=10,
        )
        reports = losses(drive(oracle))
        met = reports[:, 1] <= 0.5
        best = [int(t.trial_id) for t in oracle.get_best_trials(10)]
        expected = [n for n in reports[:, 0].argsort() if met[n]]
        assert best == expected
        record = read_search(tmp_path / "search")
        assert [trial.number - 1 for trial in record.ranked()] == expected
        statuses = [trial.status for trial in record.trials]
        assert statuses == ["completed" if m else "infeasible" for m in met]

    def test_the_best_that_meets_one_is_found(self, tmp_path):
        """The least is at 0.2, and the constraint asks for 0.5 and more."""
        oracle = make(
            tmp_path,
            objective=keras_tuner.Objective("near", "min"),
            constraints=["sum>=1.5"],
            max_trials=25,
        )
        drive(oracle, lambda values: two_ends(values) | {"sum": sum(values.values())})
        (best,) = oracle.get_best_trials()
        assert best.score < 3 * 0.3**2 + 0.02

    def test_a_metric_that_is_not_reported_ends_the_search_and_lists_what_is(
        self, tmp_path
    ):
        oracle = make(tmp_path, max_trials=1, constraints=["size<=3"])
        with pytest.raises(ValueError) as error:
            drive(oracle)
        assert str(error.value) == (
            "The constraint is size<=3, which the trial did not report. It reported: "
            "far, near."
        )

    def test_one_that_no_trial_meets_is_told(self, tmp_path):
        oracle = make(tmp_path, max_trials=6, constraints=["near<=0", "far>=0.1"])
        reports = losses(drive(oracle))
        assert oracle.unmet() == (
            f"No trial meets near<=0: the least near is {reports[:, 0].min():.12g}."
        )
        assert oracle.get_best_trials() == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"acquisition": "ei"},
            "`acquisition` must be 'log_ei' with constraints or several objectives. "
            "Received: acquisition='ei'",
        ),
        (
            {"objective": [OBJECTIVES[0], OBJECTIVES[0]]},
            "Objectives must be of different metrics. Received: 'near' is there twice",
        ),
        (
            {"objective": [OBJECTIVES[0], keras_tuner.Objective("near", "max")]},
            "Objectives must be of different metrics. Received: 'near' is to be both "
            "min and max",
        ),
    ],
)
def test_refuses_bad_arguments(options, message):
    with pytest.raises(ValueError) as error:
        BayesianOptimizationOracle(**{"objective": OBJECTIVES, **options})
    assert str(error.value) == message
