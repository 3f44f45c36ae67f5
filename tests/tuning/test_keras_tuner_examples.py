"""What KerasTuner's guides show, with its tuner and with kdl's in its place.

The models are never compiled, each for an epoch or two: that would take minutes.
"""

import gc

import keras
import keras_tuner
import numpy as np
import pytest

from kdl import tuning

pytestmark = pytest.mark.one_backend

RNG = np.random.default_rng(0)
X, Y = RNG.random((40, 4, 4), "float32"), RNG.integers(0, 3, 40)
VALIDATION = RNG.random((10, 4, 4), "float32"), RNG.integers(0, 3, 10)
DATA = {"x": X, "y": Y, "validation_data": VALIDATION, "verbose": 0}
WHOLE = DATA | {"batch_size": len(X)}
TUNERS = {
    "keras_tuner": keras_tuner.BayesianOptimization,
    "kdl": tuning.BayesianOptimization,
}


@pytest.fixture(autouse=True)
def collects_nothing(monkeypatch):
    """KerasTuner collects garbage before each trial, which takes longer than these."""
    monkeypatch.setattr(gc, "collect", lambda: 0)


@pytest.fixture(params=TUNERS)
def make(request, tmp_path):
    """Makes a tuner, of a kind that a subclass may be made of."""

    def make(*args, kind=lambda base: base, **options):
        options = {"max_trials": 2, "seed": 1, "directory": tmp_path, **options}
        return kind(TUNERS[request.param])(*args, **options)

    return make


def classifier(units=4, rate=1e-3, dropout=False, **options):
    model = keras.Sequential([keras.layers.Flatten()])
    model.add(keras.layers.Dense(units, "relu"))
    if dropout:
        model.add(keras.layers.Dropout(0.25))
    model.add(keras.layers.Dense(3, "softmax"))
    options = {"metrics": ["accuracy"], **options}
    return compiled(model, rate, **options)


def compiled(model, rate=1e-3, loss="sparse_categorical_crossentropy", **options):
    sgd = keras.optimizers.SGD(rate)
    model.compile(sgd, loss, run_eagerly=True, jit_compile=False, **options)
    return model


def tailored(hp):
    """Three hyperparameters with defaults."""
    return classifier(
        hp.Int("units", 4, 12, step=4, default=8),
        hp.Choice("learning_rate", [1e-2, 1e-3, 1e-4]),
        hp.Boolean("dropout"),
    )


class Fits(keras_tuner.HyperModel):
    """Has the rest of a hypermodel in a function of `hp`, `model` and `kwargs`."""

    def __init__(self, fit):
        super().__init__()
        self.own = fit

    def build(self, hp):
        return classifier(hp.Int("units", 4, 8))

    def fit(self, hp, model, **kwargs):
        return self.own(hp, model, kwargs)


def scores(tuner):
    return [trial.score for trial in tuner.oracle.get_best_trials(9)]


def statuses(tuner):
    trials = sorted(tuner.oracle.trials.items())
    return [trial.status for _, trial in trials]


class TestGettingStarted:
    def test_searches_and_shows_what_it_found(self, make, capsys):
        def build(hp):
            model = keras.Sequential([keras.layers.Flatten()])
            # More hyperparameters where there are more layers.
            for layer in range(hp.Int("layers", 1, 2)):
                units = hp.Int(f"units_{layer}", 4, 8, step=4)
                activation = hp.Choice("activation", ["relu", "tanh"])
                model.add(keras.layers.Dense(units, activation))
            model.add(keras.layers.Dense(3, "softmax"))
            rate = hp.Float("rate", 1e-4, 1e-2, sampling="log")
            return compiled(model, rate, metrics=["accuracy"])

        tuner = make(build, "val_accuracy", executions_per_trial=2, overwrite=True)
        tuner.search_space_summary()
        printed = capsys.readouterr().out
        assert "Default search space size: 4" in printed
        assert "activation (Choice)" in printed
        tuner.search(**WHOLE, epochs=2)
        tuner.results_summary()
        printed = capsys.readouterr().out
        best, second = tuner.get_best_models(num_models=2)
        values, *others = tuner.get_best_hyperparameters(5)
        assert len(others) == 1
        assert f"Score: {scores(tuner)[0]}" in printed
        for name, value in values.values.items():
            assert f"{name}: {value}" in printed
        assert best.count_params() > 0
        assert second.predict(X, verbose=0).shape == (40, 3)
        # Higher is better.
        assert scores(tuner) == sorted(scores(tuner), reverse=True)
        model = build(values)
        everything = np.concatenate([X, VALIDATION[0]]), np.r_[Y, VALIDATION[1]]
        model.fit(*everything, verbose=0)
        assert len(model.layers) == 2 + values["layers"]

    def test_the_best_model_has_the_weights_of_its_best_epoch(self, make):
        tuner = make(tailored, "val_loss", max_trials=1)
        tuner.search(**WHOLE, epochs=3)
        (model,) = tuner.get_best_models()
        loss, _ = model.evaluate(*VALIDATION, verbose=0)
        np.testing.assert_allclose(loss, scores(tuner)[0], rtol=1e-5)

    def test_the_score_is_the_mean_over_executions(self, make):
        losses = iter([1.0, 2.0, 5.0, 6.0])
        hypermodel = Fits(lambda hp, model, kwargs: next(losses))
        tuner = make(hypermodel, executions_per_trial=2)
        tuner.search()
        assert scores(tuner) == [1.5, 5.5]

    def test_overwrite_begins_anew_and_else_the_search_goes_on(self, make):
        hypermodel = Fits(lambda hp, model, kwargs: float(hp["units"]))
        make(hypermodel).search()
        again = make(hypermodel)
        assert len(again.oracle.trials) == 2
        again.search()
        assert len(again.oracle.trials) == 2
        assert not make(hypermodel, overwrite=True).oracle.trials


class TestTheFitOfAHyperModel:
    def test_tunes_how_to_train(self, make):
        sizes = []

        def fit(hp, model, kwargs):
            sizes.append(hp.Choice("batch_size", [10, 20]))
            return model.fit(
                batch_size=sizes[-1], shuffle=hp.Boolean("shuffle"), **kwargs
            )

        tuner = make(Fits(fit), "val_accuracy")
        tuner.search(**DATA)
        (values,) = tuner.get_best_hyperparameters()
        assert values.values.keys() == {"units", "batch_size", "shuffle"}
        model = tuner.hypermodel.build(values)
        history = tuner.hypermodel.fit(values, model, **DATA)
        assert history.params["steps"] == 40 // values["batch_size"]
        assert sizes[-1] == values["batch_size"]

    def test_tunes_how_to_prepare_data_that_the_model_is_built_for(self, make):
        class Cropped(keras_tuner.HyperModel):
            def build(self, hp):
                size = hp.Int("size", 2, 4)
                model = classifier()
                model.build((None, size, size))
                return model

            def fit(self, hp, model, x, y, validation_data, **kwargs):
                size = hp.get("size")
                if hp.Boolean("normalize"):
                    x = (x - x.mean()) / x.std()
                held = validation_data[0][:, :size, :size], validation_data[1]
                return model.fit(x[:, :size, :size], y, validation_data=held, **kwargs)

        tuner = make(Cropped(), "val_accuracy")
        tuner.search(**WHOLE)
        assert statuses(tuner) == ["COMPLETED"] * 2
        (values,) = tuner.get_best_hyperparameters()
        (model,) = tuner.get_best_models()
        assert model.input_shape == (None, values["size"], values["size"])

    @pytest.mark.parametrize(
        ("result", "objective", "best"),
        [
            (lambda units: float(units), None, min),
            (lambda units: np.float32(units), None, min),
            (
                lambda units: {"a": -units, "b": 0.0},
                keras_tuner.Objective("a", "max"),
                min,
            ),
            (lambda units: {"a": units}, keras_tuner.Objective("a", "max"), max),
            (lambda units: [units - 1.0, units + 1.0], None, min),
            (
                lambda units: [{"a": units - 1.0}, {"a": units + 1.0}],
                keras_tuner.Objective("a", "min"),
                min,
            ),
        ],
        ids=["float", "numpy", "dict", "dict, max", "list", "list of dicts"],
    )
    def test_may_return_a_score(self, make, result, objective, best):
        tried = []

        def fit(hp, model, kwargs):
            tried.append(hp["units"])
            return result(tried[-1])

        tuner = make(Fits(fit), objective)
        tuner.search()
        assert abs(scores(tuner)[0]) == best(tried)
        assert tuner.get_best_hyperparameters()[0]["units"] == best(tried)

    def test_may_return_several_histories(self, make):
        seen = []

        def fit(hp, model, kwargs):
            seen.extend(model.fit(**kwargs) for _ in range(2))
            return seen[-2:]

        tuner = make(Fits(fit), "val_loss", max_trials=1)
        tuner.search(**WHOLE, epochs=2)
        expected = np.mean([min(history.history["val_loss"]) for history in seen])
        np.testing.assert_allclose(scores(tuner), [expected], rtol=1e-6)

    def test_may_have_a_loop_of_its_own(self, make):
        """Which calls `on_epoch_end` of the callbacks, and nothing else of them."""
        losses = iter([3.0, 1.0, 2.0, 6.0, 5.0, 4.0])
        kept = []

        def fit(hp, model, kwargs):
            assert hp.Int("batch_size", 32, 128, step=32, default=64) % 32 == 0
            model.build((None, 4, 4))
            for callback in kwargs["callbacks"]:
                callback.set_model(model)
            found = []
            for epoch in range(3):
                model.layers[-1].bias.assign(np.full(3, epoch))
                found.append(next(losses))
                for callback in kwargs["callbacks"]:
                    callback.on_epoch_end(epoch, logs={"mine": found[-1]})
            kept.append(int(np.argmin(found)))
            return min(found)

        tuner = make(Fits(fit), keras_tuner.Objective("mine", "min"))
        tuner.search()
        assert statuses(tuner) == ["COMPLETED"] * 2
        assert scores(tuner) == [1.0, 4.0]
        (model,) = tuner.get_best_models()
        bias = keras.ops.convert_to_numpy(model.layers[-1].bias)
        np.testing.assert_array_equal(bias, np.full(3, kept[0]))


class TestTheObjective:
    @pytest.mark.parametrize("own", [False, True], ids=["built-in", "custom"])
    def test_may_be_a_metric(self, make, own):
        class Custom(keras.metrics.MeanMetricWrapper):
            def __init__(self, name="custom"):
                super().__init__(keras.losses.mean_absolute_error, name=name)

        def build(hp):
            model = keras.Sequential(
                [keras.layers.Dense(hp.Int("units", 4, 8, step=4))]
            )
            model.add(keras.layers.Dense(1))
            metric = Custom() if own else keras.metrics.MeanAbsoluteError()
            return compiled(model, loss="mse", metrics=[metric])

        name = "val_custom" if own else "val_mean_absolute_error"
        tuner = make(build, keras_tuner.Objective(name, "min"), max_trials=1)
        x, y = RNG.random((20, 3), "float32"), RNG.random((20, 1), "float32")
        tuner.search(x, y, validation_split=0.5, verbose=0)
        (model,) = tuner.get_best_models()
        error = np.mean(np.abs(model.predict(x[10:], verbose=0) - y[10:]))
        np.testing.assert_allclose(scores(tuner), [error], rtol=1e-5)


class TestTheTrialOfASubclass:
    def test_may_minimize_a_function_without_a_model(self, make):
        def kind(base):
            class Function(base):
                def run_trial(self, trial, *args, **kwargs):
                    x = trial.hyperparameters.Float("x", -1.0, 1.0)
                    return x * x + 1

            return Function

        tuner = make(kind=kind, max_trials=6)
        tuner.search()
        (values,) = tuner.get_best_hyperparameters()
        assert abs(values.get("x")) < 0.5
        assert scores(tuner)[0] == values.get("x") ** 2 + 1

    def test_may_score_a_model_of_scikit_learn(self, make):
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.linear_model import RidgeClassifier

        def kind(base):
            class Scikit(base):
                def run_trial(self, trial, x, y):
                    hp = trial.hyperparameters
                    if hp.Choice("model", ["forest", "ridge"]) == "forest":
                        with hp.conditional_scope("model", ["forest"]):
                            trees = hp.Int("trees", 2, 9)
                        model = RandomForestClassifier(trees, random_state=0)
                    else:
                        with hp.conditional_scope("model", ["ridge"]):
                            alpha = hp.Float("alpha", 1e-3, 1, sampling="log")
                        model = RidgeClassifier(alpha=alpha)
                    return {"accuracy": model.fit(x, y).score(x, y)}

            return Scikit

        tuner = make(
            kind=kind, objective=keras_tuner.Objective("accuracy", "max"), max_trials=4
        )
        tuner.search(X.reshape(40, -1), Y)
        assert statuses(tuner) == ["COMPLETED"] * 4
        assert scores(tuner) == sorted(scores(tuner), reverse=True)

    def test_may_keep_what_it_made_by_the_number_of_the_trial(self, make, tmp_path):
        def kind(base):
            class Separate(base):
                def run_trial(self, trial, **kwargs):
                    hp = trial.hyperparameters
                    units = hp.Int("units", 4, 8, step=4)
                    model = classifier(units, metrics=[])
                    model.fit(X, Y, verbose=0)
                    model.save(tmp_path / f"{trial.trial_id}.keras")
                    return model.evaluate(*VALIDATION, verbose=0)

            return Separate

        tuner = make(kind=kind)
        tuner.search()
        (best,) = tuner.oracle.get_best_trials()
        model = keras.saving.load_model(tmp_path / f"{best.trial_id}.keras")
        loss = model.evaluate(*VALIDATION, verbose=0)
        np.testing.assert_allclose(loss, best.score, rtol=1e-5)


class TestATailoredSpace:
    def test_searches_a_few_and_leaves_the_rest(self, make, capsys):
        hp = keras_tuner.HyperParameters()
        hp.Float("learning_rate", 1e-4, 1e-2, sampling="log")
        tuner = make(tailored, "val_loss", hyperparameters=hp, tune_new_entries=False)
        tuner.search(**WHOLE)
        tuner.search_space_summary()
        assert "Default search space size: 1\n" in capsys.readouterr().out
        rates = set()
        for trial in tuner.oracle.trials.values():
            values = trial.hyperparameters
            rates.add(values["learning_rate"])
            assert (values.get("units"), values.get("dropout")) == (8, False)
        assert len(rates) == 2
        assert all(1e-4 <= rate <= 1e-2 for rate in rates)

    def test_searches_a_few_that_have_defaults(self, make):
        hp = keras_tuner.HyperParameters()
        hp.Float("learning_rate", 1e-4, 1e-2, sampling="log", default=1e-3)
        tuner = make(
            tailored,
            "val_loss",
            hyperparameters=hp,
            tune_new_entries=False,
            max_trials=3,
        )
        tuner.search(**WHOLE)
        trials = tuner.oracle.trials.values()
        rates = [trial.hyperparameters["learning_rate"] for trial in trials]
        assert len({*rates}) == 3

    def test_fixes_a_few_and_searches_the_rest(self, make):
        hp = keras_tuner.HyperParameters()
        hp.Fixed("learning_rate", 1e-4)
        tuner = make(tailored, "val_loss", hyperparameters=hp, max_trials=3)
        tuner.search(**WHOLE)
        values = [t.hyperparameters.values for t in tuner.oracle.trials.values()]
        assert {some["learning_rate"] for some in values} == {1e-4}
        assert len({(some["units"], some["dropout"]) for some in values}) > 1

    def test_no_other_hyperparameter_may_come_if_that_was_said(self, make):
        hp = keras_tuner.HyperParameters()
        hp.Choice("learning_rate", [1e-2, 1e-3])
        with pytest.raises(RuntimeError, match="allow_new_entries"):
            make(
                tailored,
                "val_loss",
                hyperparameters=hp,
                tune_new_entries=False,
                allow_new_entries=False,
            )

    def test_takes_the_place_of_optimizer_loss_and_metrics(self, make):
        tuner = make(
            tailored,
            "val_loss",
            optimizer=keras.optimizers.Adam(0.5),
            loss="kl_divergence",
            metrics=["mse"],
            max_trials=1,
        )
        held = VALIDATION[0], keras.utils.to_categorical(VALIDATION[1])
        y = keras.utils.to_categorical(Y)
        tuner.search(X, y, validation_data=held, verbose=0)
        (model,) = tuner.get_best_models()
        assert model.loss == "kl_divergence"
        assert isinstance(model.optimizer, keras.optimizers.Adam)
        names = {"val_loss", "val_mse"}
        (trial,) = tuner.oracle.trials.values()
        assert names <= trial.metrics.metrics.keys()


class TestFailures:
    def test_a_failure_is_tried_again_as_often_as_asked(self, make):
        tried = []

        def fit(hp, model, kwargs):
            tried.append(hp["units"])
            if tried[-1] == tried[0]:
                raise ValueError("too large")
            return 1.0

        tuner = make(Fits(fit), max_retries_per_trial=2)
        tuner.search()
        assert tried == tried[:1] * 3 + tried[3:]
        assert len(tried) == 4
        assert statuses(tuner) == ["FAILED", "COMPLETED"]

    def test_what_is_marked_as_failed_is_not(self, make):
        tried = []

        def fit(hp, model, kwargs):
            tried.append(0)
            raise keras_tuner.errors.FailedTrialError("too large")

        tuner = make(Fits(fit), max_retries_per_trial=2)
        tuner.search()
        assert len(tried) == 2
        assert statuses(tuner) == ["FAILED"] * 2
        assert all("too large" in t.message for t in tuner.oracle.trials.values())

    def test_a_fatal_one_ends_the_search(self, make):
        def fit(hp, model, kwargs):
            raise keras_tuner.errors.FatalError("a mistake")

        tuner = make(Fits(fit))
        with pytest.raises(keras_tuner.errors.FatalError, match="a mistake"):
            tuner.search()

    def test_how_many_in_a_row_end_the_search(self, make):
        def fit(hp, model, kwargs):
            raise ValueError("no")

        tuner = make(Fits(fit), max_trials=5, max_consecutive_failed_trials=2)
        with pytest.raises(RuntimeError, match="consecutive failures"):
            tuner.search()
        assert len(tuner.oracle.trials) == 2


class TestCallbacks:
    def test_each_execution_has_copies_of_its_own(self, make):
        ended = []

        class Counts(keras.callbacks.Callback):
            epochs = 0

            def on_epoch_end(self, epoch, logs=None):
                self.epochs += 1

            def on_train_end(self, logs=None):
                ended.append(self.epochs)

        counts = Counts()
        stop = keras.callbacks.EarlyStopping("loss", min_delta=9.0)
        tuner = make(tailored, "val_loss", executions_per_trial=2)
        tuner.search(**WHOLE, epochs=4, callbacks=[counts, stop])
        # The loss does not fall by 9 in the second epoch, where each one stops.
        assert ended == [2] * 4
        assert counts.epochs == 0

    def test_the_directory_of_a_project_holds_all(self, make, tmp_path):
        tuner = make(tailored, "val_loss", project_name="own")
        tuner.search(**WHOLE)
        folders = {path.name for path in (tmp_path / "own").glob("trial_*")}
        assert folders == {f"trial_{name}" for name in tuner.oracle.trials}
        for name in folders:
            assert (tmp_path / "own" / name / "trial.json").exists()


class TestWhereKdlDiffersOnPurpose:
    """The last table of docs/search.md."""

    @pytest.mark.parametrize(
        ("kind", "failed", "best"), [("keras_tuner", 0, np.inf), ("kdl", 1, 1.0)]
    )
    def test_an_infinite_loss_is_a_failure(self, tmp_path, kind, failed, best):
        losses = iter([np.inf, 1.0])
        hypermodel = Fits(lambda hp, model, kwargs: next(losses))
        tuner = TUNERS[kind](hypermodel, max_trials=2, directory=tmp_path)
        tuner.search()
        assert statuses(tuner).count("FAILED") == failed
        assert max(scores(tuner)) == best

    @pytest.mark.parametrize(("kind", "repeats"), [("keras_tuner", 1), ("kdl", 0)])
    def test_a_retry_has_a_score_of_its_own(self, tmp_path, kind, repeats):
        losses = iter([np.nan, 0.5])
        hypermodel = Fits(lambda hp, model, kwargs: next(losses))
        tuner = TUNERS[kind](
            hypermodel, max_trials=1, max_retries_per_trial=1, directory=tmp_path
        )
        tuner.search()
        assert statuses(tuner) == ["FAILED" if repeats else "COMPLETED"]

    @pytest.mark.parametrize(
        ("kind", "trials"), [("keras_tuner", 3), ("kdl", 5)], ids=TUNERS
    )
    def test_three_failures_in_a_row_do_not_end_the_search(
        self, tmp_path, kind, trials
    ):
        def fit(hp, model, kwargs):
            raise ValueError("no")

        tuner = TUNERS[kind](Fits(fit), max_trials=5, directory=tmp_path)
        if kind == "kdl":
            tuner.search()
        else:
            with pytest.raises(RuntimeError):
                tuner.search()
        assert len(tuner.oracle.trials) == trials

    @pytest.mark.parametrize(("kind", "first"), [("keras_tuner", None), ("kdl", 8)])
    def test_defaults_that_were_chosen_come_first(self, tmp_path, kind, first):
        seen = set()
        for seed in range(1, 4):
            tuner = TUNERS[kind](
                tailored, "val_loss", seed=seed, directory=tmp_path / str(seed)
            )
            trial = tuner.oracle.create_trial("tuner0")
            seen.add(trial.hyperparameters["units"])
        assert (seen == {8}) == (first == 8)
