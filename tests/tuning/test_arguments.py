"""What the public classes of `kdl.tuning` take for arguments, and what they refuse."""

import keras_tuner
import numpy as np
import pytest

from kdl import tuning

pytestmark = pytest.mark.one_backend

ODD = (None, "x", -1, 0, 1.5, float("nan"), float("inf"), [], {}, object(), 10**30)
ODD = (*ODD, True)
ORACLE = {
    "max_trials": "[1, inf)",
    "seed": "optional [0, inf)",
    "max_total_epochs": "optional [1, inf)",
    "max_seconds": "optional (0, inf)",
    "max_retries_per_trial": "[0, inf)",
    "max_consecutive_failed_trials": "optional [1, inf)",
    "objective": "optional text",
    "hyperparameters": "optional",
    "tune_new_entries": "boolean",
    "allow_new_entries": "boolean",
    "defaults_first": "boolean",
    "pruner": "optional",
}
TUNER = ORACLE | {
    "folds": "optional [2, inf)",
    "resume_trials": "boolean",
    "directory": "optional text",
    "project_name": "optional text",
    "overwrite": "boolean",
    "executions_per_trial": "[1, inf)",
    "max_model_size": "optional [1, inf)",
    "hypermodel": "",
}
BAYESIAN = {
    "num_initial_points": "optional [1, inf)",
    "alpha": "optional (0, inf)",
    "beta": "real [0, inf)",
    "acquisition": "",
}
ARGUMENTS = {
    tuning.BayesianOptimizationOracle: ORACLE | BAYESIAN,
    tuning.RandomSearchOracle: ORACLE,
    tuning.GridSearchOracle: ORACLE | {"max_trials": "optional [1, inf)"},
    tuning.OptunaOracle: ORACLE | {"sampler": ""},
    tuning.BayesianOptimization: TUNER | BAYESIAN,
    tuning.RandomSearch: TUNER,
    tuning.GridSearch: TUNER | {"max_trials": "optional [1, inf)"},
    tuning.OptunaSearch: TUNER | {"sampler": ""},
    tuning.CrossValidation: {
        "folds": "[2, inf)",
        "repeats": "[1, 1000]",
        "stratified": "optional boolean",
        "seed": "[0, inf)",
    },
    tuning.MedianStopping: {"startup_trials": "[1, inf)", "warmup_epochs": "[0, inf)"},
    tuning.SuccessiveHalving: {"min_epochs": "[1, inf)", "factor": "[2, inf)"},
}
REAL = ("max_seconds", "alpha", "beta")


def is_meant(name, kind, value):
    """Whether a value is one that the argument may have."""
    if value is None:
        return "optional" in kind
    if "boolean" in kind:
        return value is True
    if "text" in kind:
        # KerasTuner knows the direction of no metric of this name.
        return value == "x" and name != "objective"
    if "[" not in kind and "(" not in kind:
        return False
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if isinstance(value, float) and (name not in REAL or value != 1.5):
        return False
    interval = kind.split(" ", 1)[1] if kind[0] not in "[(" else kind
    low, high = map(float, interval[1:-1].split(","))
    if isinstance(value, int) and value >= 2**63:
        return name in REAL
    return low <= value <= high and not (interval[0] == "(" and value == low)


def make(component, folder, **arguments):
    if issubclass(component, keras_tuner.Tuner):
        arguments = {
            "hypermodel": lambda hp: None,
            "directory": folder,
            **arguments,
        }
    if "objective" not in arguments and "objective" in ARGUMENTS[component]:
        arguments["objective"] = "val_loss"
    return component(**arguments)


@pytest.fixture(autouse=True)
def builds_nothing(monkeypatch, tmp_path):
    """The space is that of no model, and files are in a folder of the test."""
    monkeypatch.setattr(keras_tuner.Tuner, "_populate_initial_space", lambda self: None)
    monkeypatch.chdir(tmp_path)


class TestArguments:
    @pytest.mark.parametrize("component", ARGUMENTS, ids=lambda c: c.__name__)
    def test_are_checked_where_they_are_given(self, component, tmp_path):
        for name, kind in ARGUMENTS[component].items():
            for value in ODD:
                case = f"{name}={value!r}"
                if is_meant(name, kind, value):
                    make(component, tmp_path, **{name: value})
                    continue
                try:
                    make(component, tmp_path, **{name: value})
                except ValueError as error:
                    assert name in str(error), (case, str(error))
                except Exception as error:
                    raise AssertionError(case) from error
                else:
                    raise AssertionError(f"{case} is accepted")

    @pytest.mark.parametrize("component", ARGUMENTS, ids=lambda c: c.__name__)
    def test_may_be_scalars_of_numpy(self, component, tmp_path):
        for name, kind in ARGUMENTS[component].items():
            if "[" in kind or "(" in kind:
                for scalar in (np.int64(3), np.uint8(3), np.int32(3)):
                    make(component, tmp_path, **{name: scalar})
            if name in REAL:
                make(component, tmp_path, **{name: np.float32(0.5)})

    def test_objective_has_a_direction(self):
        objective = keras_tuner.Objective("loss", "minimal")
        with pytest.raises(ValueError, match="`objective` must be the name of a met"):
            tuning.RandomSearchOracle(objective)
        with pytest.raises(ValueError, match="`objective` must be"):
            tuning.RandomSearchOracle(["val_loss", objective])

    @pytest.mark.parametrize("value", ODD, ids=str)
    def test_of_functions(self, value):
        with pytest.raises(ValueError, match=r"directory|holds no search"):
            tuning.read_search(value)
        with pytest.raises(ValueError, match="`record` must be"):
            tuning.to_optuna(value)


def oracle(folder):
    hp = keras_tuner.HyperParameters()
    hp.Float("x", 0.0, 1.0)
    hp.Float("rate", 1e-4, 1.0, sampling="log")
    hp.Float("width", 0.0, 1.0, step=0.1)
    hp.Int("units", 2, 10, step=2)
    hp.Choice("c", ["a", "b"])
    hp.Choice("size", [1, 2])
    hp.Boolean("norm")
    with hp.conditional_scope("c", ["b"]):
        hp.Int("depth", 1, 5)
    oracle = tuning.RandomSearchOracle(hyperparameters=hp, seed=0)
    oracle._set_project_dir(folder, "search")
    oracle.verbose = 0
    return oracle


class TestEnqueue:
    @pytest.mark.parametrize(
        ("values", "message"),
        [
            (
                {"x": 99.0, "c": "zzz"},
                "The hyperparameter 'x' must be a number in [0.0, 1.0]. "
                "Received: x=99.0",
            ),
            (
                {"c": "zzz"},
                "The hyperparameter 'c' must be one of 'a', 'b'. Received: c='zzz'",
            ),
            (
                {"units": 3},
                "The hyperparameter 'units' must be an integer in [2, 10] in steps of "
                "2. Received: units=3",
            ),
            (
                {"depth": 2},
                "The hyperparameter 'depth' has no effect beside the other values. "
                "Leave it out, or give those on which it depends. "
                "Received: {'depth': 2}",
            ),
            (
                {"y": 1},
                "The space has no hyperparameter 'y'. It has: c, depth, norm, rate, "
                "size, units, width, x.",
            ),
        ],
    )
    def test_refuses_what_the_space_has_not(self, tmp_path, values, message):
        with pytest.raises(ValueError) as error:
            oracle(tmp_path).enqueue([values])
        assert str(error.value) == message

    @pytest.mark.parametrize("value", [v for v in ODD if v not in (0, True)], ids=str)
    def test_refuses_what_is_no_value(self, tmp_path, value):
        ours = oracle(tmp_path)
        for name in ("rate", "width", "units", "c", "size", "norm"):
            with pytest.raises(ValueError, match=f"'{name}' must be"):
                ours.enqueue([{name: value}])
        for wrong in (value, [value], {"x": 0.5}):
            if wrong != [[]] and wrong != [{}] and wrong != []:
                with pytest.raises(ValueError, match="`values` must be a list of di"):
                    ours.enqueue(wrong)

    def test_takes_scalars_of_numpy_and_close_steps(self, tmp_path):
        ours = oracle(tmp_path)
        values = {
            "x": np.float32(0.5),
            "width": 0.1 + 0.2,
            "units": np.int64(4),
            "size": np.int32(2),
            "norm": np.True_,
            "c": np.str_("b"),
            "depth": np.int8(3),
            "rate": 1,
        }
        ours.enqueue([values])
        found = ours.create_trial("tuner0").hyperparameters.values
        assert found == {name: pytest.approx(v) for name, v in values.items()} | {
            "c": "b",
            "norm": True,
        }
        assert all(type(v) in (float, int, str, bool) for v in found.values())
