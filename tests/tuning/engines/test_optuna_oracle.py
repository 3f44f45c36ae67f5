import copy
import sys

import keras_tuner
import numpy as np
import optuna
import pytest
from optuna.samplers import (
    CmaEsSampler,
    GPSampler,
    GridSampler,
    NSGAIISampler,
    QMCSampler,
    RandomSampler,
    TPESampler,
)
from searches import side_by_side

from kdl.tuning import MedianStopping, OptunaOracle, OptunaSearch
from kdl.tuning.store import stored_oracle as oracle_module

pytestmark = [
    pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning"),
    pytest.mark.one_backend,
]
TPE = TPESampler(seed=1, n_startup_trials=3)
LOSS = keras_tuner.Objective("loss", "min")


def flat(hp):
    """A space that Optuna has too, and a loss."""
    x = hp.Float("x", -1.0, 1.0)
    rate = hp.Float("rate", 1e-4, 1.0, sampling="log")
    units = hp.Int("units", 8, 64, step=8)
    layers = hp.Int("layers", 1, 100, sampling="log")
    kind = hp.Choice("kind", ["a", "b", "c"])
    norm = hp.Boolean("norm")
    return loss(x, rate, units, layers, kind, norm)


def flat_optuna(trial):
    x = trial.suggest_float("x", -1, 1)
    rate = trial.suggest_float("rate", 1e-4, 1, log=True)
    units = trial.suggest_int("units", 8, 64, step=8)
    layers = trial.suggest_int("layers", 1, 100, log=True)
    kind = trial.suggest_categorical("kind", ["a", "b", "c"])
    norm = trial.suggest_categorical("norm", [False, True])
    return loss(x, rate, units, layers, kind, norm)


def loss(x, rate, units, layers, kind, norm):
    return float(
        x**2 + np.log10(rate) ** 2 + units / 64 + layers / 100 + (kind == "a") + norm
    )


def small(hp):
    """Six combinations."""
    size = hp.Choice("size", [1, 2, 3])
    return size + hp.Boolean("flag")


def ordered(hp):
    """What Optuna has not."""
    momentum = hp.Float("momentum", 0.5, 0.999, sampling="reverse_log")
    width = hp.Float("width", 0.5, 2.0, step=0.25)
    units = hp.Int("units", 64, 512, step=2, sampling="log")
    heads = hp.Choice("heads", [8, 1, 4, 2])
    return momentum + width + units / 512 + heads


def ordered_optuna(trial):
    """The same by ranks and places, by the formulas of KerasTuner's pages."""
    place = trial.suggest_float("momentum", 0, 1)
    momentum = 0.999 - 0.5 * ((0.999 / 0.5) ** (1 - place) - 1)
    width = 0.5 + 0.25 * trial.suggest_int("width", 0, 6)
    units = 64 * 2 ** trial.suggest_int("units", 0, 3)
    heads = [1, 2, 4, 8][trial.suggest_int("heads", 0, 3)]
    values = {"momentum": momentum, "width": width, "units": units, "heads": heads}
    trial.set_user_attr("values", values)
    return momentum + width + units / 512 + heads


def conditional(hp):
    kind = hp.Choice("kind", ["conv", "dense"])
    with hp.conditional_scope("kind", "conv"):
        filters = hp.Int("filters", 1, 8)
    with hp.conditional_scope("kind", "dense"):
        units = hp.Float("units", 10.0, 100.0, sampling="log")
    size = filters if kind == "conv" else units
    return size + hp.Fixed("constant", 3) + hp.Float("x", -1.0, 1.0)


class Instant(OptunaSearch):
    """Trials without a model, which are a function of their hyperparameters."""

    def run_trial(self, trial, *args, **kwargs):
        score = self.hypermodel.build(trial.hyperparameters)
        if self.fails(len(self.oracle.trials)):
            raise RuntimeError("no luck")
        if self.stops(len(self.oracle.trials)):
            raise KeyboardInterrupt
        return score

    def fails(self, count):
        return False

    def stops(self, count):
        return False


def instant(folder, function=flat, kind=Instant, **options):
    return kind(
        function,
        **{
            "objective": LOSS,
            "directory": folder,
            "project_name": "search",
            "seed": 0,
            "defaults_first": False,
            **options,
        },
    )


def studied(sampler, count, function=flat_optuna, direction="minimize", pruner=None):
    """What a study of Optuna tries, but for what it repeats."""
    study = optuna.create_study(
        sampler=copy.deepcopy(sampler), direction=direction, pruner=pruner
    )
    found = []
    while len(found) < count:
        study.optimize(function, 1, catch=RuntimeError)
        if study.trials[-1].params not in found:
            found.append(study.trials[-1].params)
    return found


def tried(tuner):
    return [trial.hyperparameters.values for trial in tuner.oracle.trials.values()]


def searched(*args, **options):
    tuner = instant(*args, **options)
    tuner.search(verbose=0)
    return tuner


class TestOptunaOracle:
    @pytest.mark.parametrize(
        ("kind", "options"),
        [
            (RandomSampler, {}),
            (TPESampler, {"n_startup_trials": 3}),
            (GPSampler, {"n_startup_trials": 10}),
            (CmaEsSampler, {"popsize": 4, "warn_independent_sampling": False}),
            (QMCSampler, {"scramble": True, "warn_independent_sampling": False}),
            (NSGAIISampler, {"population_size": 4}),
        ],
    )
    def test_suggests_what_the_sampler_does_in_a_study(self, tmp_path, kind, options):
        sampler = kind(seed=1, **options)
        found = tried(searched(tmp_path, sampler=sampler, max_trials=13))
        assert found == studied(sampler, 13)

    @pytest.mark.parametrize("sampler", ["tpe", "gp", "cmaes", "random", "qmc"])
    def test_workers_do_not_try_the_same(self, tmp_path, sampler):
        def make(hyperparameters):
            return OptunaOracle(
                keras_tuner.Objective("score", "min"),
                sampler,
                24,
                seed=0,
                hyperparameters=hyperparameters,
            )

        proposed, least = side_by_side(make, tmp_path / "first")
        assert least >= 0.01
        if sampler != "gp":  # Which takes its time.
            again, _ = side_by_side(make, tmp_path / "again")
            assert again == proposed

    def test_maximizes(self, tmp_path):
        objective = keras_tuner.Objective("loss", "max")
        tuner = searched(tmp_path, sampler=TPE, objective=objective, max_trials=9)
        assert tried(tuner) == studied(TPE, 9, direction="maximize")

    def test_tells_of_failures(self, tmp_path):
        class Failing(Instant):
            def fails(self, count):
                return count % 3 == 0

        def failing(trial):
            value = flat_optuna(trial)
            if trial.number % 3 == 2:
                raise RuntimeError
            return value

        found = tried(searched(tmp_path, flat, Failing, sampler=TPE, max_trials=12))
        assert found == studied(TPE, 12, failing)

    def test_tells_of_pruned_trials(self, tmp_path):
        class Reporting(Instant):
            def run_trial(self, trial, *args, **kwargs):
                self._execution = 0
                score = self.hypermodel.build(trial.hyperparameters)
                for epoch in range(3):
                    told = self._report(trial, epoch, {"loss": score - epoch})
                    if told.status == "STOPPED":
                        break
                return score - epoch

        def pruned(trial):
            value = flat_optuna(trial)
            for epoch in range(3):
                trial.report(value - epoch, epoch)
                if trial.should_prune():
                    states.append("PRUNED")
                    raise optuna.TrialPruned
            return value - epoch

        class Median(optuna.pruners.BasePruner):
            """Ours, for a study of Optuna."""

            def prune(self, study, trial):
                mine, *others = (
                    np.array(list(other.intermediate_values.values()))
                    for other in (trial, *study.trials[: trial.number])
                )
                return pruner.prunes(mine, others)

        states, pruner = [], MedianStopping(2, 1)
        options = {"sampler": TPE, "max_trials": 12, "pruner": pruner}
        found = tried(searched(tmp_path, flat, Reporting, **options))
        assert found == studied(TPE, 12, pruned, pruner=Median())
        assert 0 < len(states) < 12

    @pytest.mark.parametrize("name", ["tpe", "gp", "cmaes", "random", "qmc"])
    def test_goes_on_as_if_it_had_not_been_interrupted(self, tmp_path, name):
        class Stopping(Instant):
            def stops(self, count):
                return count == 13

        options = {"sampler": name, "max_trials": 15, "defaults_first": True}
        whole = searched(tmp_path / "whole", conditional, **options)
        with pytest.raises(KeyboardInterrupt):
            searched(tmp_path / "cut", conditional, Stopping, **options)
        rest = searched(tmp_path / "cut", conditional, **options)
        assert tried(rest) == tried(whole)
        assert len({str(values) for values in tried(whole)}) == 15

    def test_a_kill_between_any_two_files_changes_nothing(self, tmp_path, monkeypatch):
        write, left = oracle_module.write_json, [-1]

        def cut(path, value):
            if left[0] == 0:
                raise KeyboardInterrupt
            left[0] -= 1
            write(path, value)

        monkeypatch.setattr(oracle_module, "write_json", cut)
        options = {"sampler": TPE, "max_trials": 4}
        whole = tried(searched(tmp_path / "whole", small, **options))
        for files in range(100):
            left[0] = files
            try:
                searched(tmp_path / str(files), small, **options)
            except KeyboardInterrupt:
                left[0] = -1
                assert tried(searched(tmp_path / str(files), small, **options)) == whole
            else:
                break
        assert files > 15

    def test_workers_are_told_of_each_other(self, tmp_path):
        tuner = instant(tmp_path, sampler=TPE, max_trials=9)
        study = optuna.create_study(sampler=copy.deepcopy(TPE))
        for _ in range(3):
            ours = [tuner.oracle.create_trial(f"tuner{n}") for n in range(3)]
            theirs = [study.ask() for _ in range(3)]
            values = [flat_optuna(trial) for trial in theirs]
            assert [trial.hyperparameters.values for trial in ours] == [
                trial.params for trial in theirs
            ]
            for trial, other, value in zip(ours, theirs, values, strict=True):
                tuner.oracle.update_trial(trial.trial_id, {"loss": value})
                trial.status = "COMPLETED"
                tuner.oracle.end_trial(trial)
                study.tell(other, value)

    @pytest.mark.parametrize("name", ["tpe", "gp"])
    def test_several_objectives_are_those_of_a_study(self, tmp_path, name):
        kinds = {"tpe": TPESampler, "gp": GPSampler}
        sampler = kinds[name](seed=1, n_startup_trials=4)

        def two(trial):
            x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
            return x + y, x * (1 - y)

        hp = keras_tuner.HyperParameters()
        hp.Float("x", 0.0, 1.0)
        hp.Float("y", 0.0, 1.0)

        def search(folder, trials):
            oracle = OptunaOracle(
                [LOSS, keras_tuner.Objective("other", "max")],
                sampler,
                max_trials=8,
                hyperparameters=hp.copy(),
            )
            oracle._set_project_dir(folder, "search")
            oracle.verbose = 0
            if (folder / "search/oracle.json").exists():
                oracle.reload()
            for _ in range(trials):
                trial = oracle.create_trial("tuner0")
                x, y = trial.hyperparameters.values.values()
                report = {"loss": x + y, "other": x * (1 - y)}
                oracle.update_trial(trial.trial_id, report)
                trial.status = "COMPLETED"
                oracle.end_trial(trial)
            return [trial.hyperparameters.values for trial in oracle.trials.values()]

        study = optuna.create_study(
            sampler=copy.deepcopy(sampler), directions=["minimize", "maximize"]
        )
        study.optimize(two, 8)
        expected = [trial.params for trial in study.trials]
        assert search(tmp_path / "whole", 8) == expected
        search(tmp_path / "parts", 5)
        assert search(tmp_path / "parts", 3) == expected

    def test_refuses_constraints(self):
        with pytest.raises(ValueError) as error:
            OptunaOracle(LOSS, constraints=["params<=3"])
        assert str(error.value) == (
            "`constraints` are for BayesianOptimization, RandomSearch and GridSearch, "
            "since samplers of Optuna are not told of them. Received: "
            "constraints=['params<=3']"
        )

    @pytest.mark.parametrize("name", ["tpe", "cmaes", "qmc"])
    def test_tries_all_there_is_once(self, tmp_path, name):
        found = tried(searched(tmp_path, small, sampler=name, max_trials=20))
        assert len(found) == 6
        assert len({tuple(values.items()) for values in found}) == 6

    def test_a_grid_ends_the_search(self, tmp_path):
        sampler = GridSampler({"size": [0, 2], "flag": [True]}, seed=0)
        found = tried(searched(tmp_path, small, sampler=sampler, max_trials=20))
        # An ordered choice is drawn by its rank.
        assert sorted(values["size"] for values in found) == [1, 3]

    def test_learns_of_trials_it_was_not_asked_for(self, tmp_path):
        first = {"x": 0.5, "rate": 0.1, "units": 16, "layers": 7, "kind": "b"}
        tuner = instant(tmp_path, sampler=TPE, max_trials=8)
        tuner.oracle.enqueue([first])
        tuner.search(verbose=0)
        study = optuna.create_study(sampler=copy.deepcopy(TPE))
        study.enqueue_trial({**first, "norm": False})
        study.optimize(flat_optuna, 8)
        assert tried(tuner) == [trial.params for trial in study.trials]

    def test_ranks_and_places_are_values(self, tmp_path):
        found = tried(searched(tmp_path, ordered, sampler=TPE, max_trials=8))
        study = optuna.create_study(sampler=copy.deepcopy(TPE))
        study.optimize(ordered_optuna, 8)
        for values, trial in zip(found, study.trials, strict=True):
            assert values == pytest.approx(trial.user_attrs["values"], rel=1e-12)

    def test_one_name_has_a_range_for_each_condition(self, tmp_path):
        hp = keras_tuner.HyperParameters()
        hp.Boolean("deep")
        for deep, low, high in [(False, 1, 8), (True, 100, 200)]:
            with hp.conditional_scope("deep", deep):
                hp.Int("size", low, high)
        oracle = OptunaOracle(LOSS, "random", seed=0, hyperparameters=hp)
        oracle._set_project_dir(tmp_path, "search")
        seen = set()
        for number in range(10):
            values = oracle.populate_space(str(number))["values"]
            low, high = (100, 200) if values["deep"] else (1, 8)
            assert low <= values["size"] <= high
            seen.add(values["deep"])
            trial = keras_tuner.engine.trial.Trial(hp.copy(), str(number))
            trial.hyperparameters.values = values
            oracle.trials[str(number)] = trial
            oracle.start_order.append(str(number))
        assert seen == {False, True}

    @pytest.mark.parametrize("default", [100, 10, 900])
    def test_a_default_off_the_steps_is_tried_and_told(self, tmp_path, default):
        def build(hp):
            return hp.Int("units", 32, 512, step=32, default=default)

        options = {"max_trials": 3, "defaults_first": True}
        first, *others = tried(searched(tmp_path, build, **options))
        assert first == {"units": default}
        assert all(values["units"] % 32 == 0 for values in others)

    def test_leaves_the_sampler_and_the_verbosity_as_they_are(self, tmp_path, capfd):
        sampler = RandomSampler(seed=1)
        first = tried(searched(tmp_path / "a", sampler=sampler, max_trials=2))
        assert tried(searched(tmp_path / "b", sampler=sampler, max_trials=2)) == first
        assert optuna.logging.get_verbosity() == optuna.logging.INFO
        assert "study" not in capfd.readouterr().err

    @pytest.mark.parametrize("sampler", ["TPE", None, TPESampler])
    def test_refuses_another_sampler(self, sampler):
        with pytest.raises(ValueError) as error:
            OptunaOracle("loss", sampler)
        assert str(error.value) == (
            "`sampler` must be one of 'tpe', 'gp', 'cmaes', 'random', 'qmc', or an "
            "instance of optuna.samplers.BaseSampler. Received: "
            f"sampler={sampler!r}"
        )

    @pytest.mark.parametrize(
        ("missing", "name", "message"),
        [
            (
                "optuna",
                "tpe",
                "OptunaOracle needs Optuna: pip install 'keras-kdl[optuna]'",
            ),
            (
                "torch",
                "gp",
                "The sampler 'gp' needs PyTorch: pip install 'keras-kdl[torch]'",
            ),
            (
                "cmaes",
                "cmaes",
                "The sampler 'cmaes' needs cmaes: pip install 'keras-kdl[optuna]'",
            ),
        ],
    )
    def test_says_what_to_install(self, monkeypatch, missing, name, message):
        monkeypatch.setitem(sys.modules, missing, None)
        with pytest.raises(ImportError) as error:
            OptunaOracle("loss", name)
        assert str(error.value) == message
