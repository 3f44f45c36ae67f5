import collections
import json
import os
import signal
import sys

import keras
import keras_tuner
import numpy as np
import pytest

from kdl.tuning import RandomSearch, read_search, search_on_ray
from kdl.tuning.engines.ray_search import _Worker, bury

pytestmark = pytest.mark.one_backend

X = np.linspace(-1, 1, 32, dtype="float32")[:, np.newaxis]


def line(hp):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    rate = hp.Float("rate", 1e-3, 1.0, sampling="log")
    model.compile(keras.optimizers.SGD(rate), "mse")
    return model


class Killing(keras.callbacks.Callback):
    """Kills its process within the third epoch, once."""

    def __init__(self, file):
        super().__init__()
        self.file = file

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2 and not self.file.exists():
            self.file.touch()
            os.kill(os.getpid(), signal.SIGKILL)


LOSS = keras_tuner.Objective("loss", "min")


def make(folder, objective=LOSS):
    return RandomSearch(
        line,
        objective,
        max_trials=4,
        seed=0,
        directory=folder,
        project_name="search",
    )


def outcomes(tuner):
    return [
        (trial_id, trial.status, trial.hyperparameters.values, trial.score)
        for trial_id, trial in sorted(tuner.oracle.trials.items())
    ]


@pytest.fixture
def cluster():
    ray = pytest.importorskip("ray")
    # The workers cannot import this file.
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


class TestSearchOnRay:
    def test_two_workers_one_killed_find_what_a_search_does(self, tmp_path, cluster):
        """With two objectives, of which each worker reports both."""
        data = {"x": X, "y": 2 * X, "epochs": 3, "verbose": 0, "shuffle": False}
        objectives = [LOSS, "params"]
        alone = make(tmp_path / "alone", objectives)
        alone.search(**data)
        tuner = make(tmp_path / "ray", objectives)
        killing = Killing(tmp_path / "killed")
        ended = []
        search_on_ray(tuner, 2, **data, callbacks=[killing], on_trial_end=ended.append)
        assert killing.file.exists()
        assert outcomes(tuner) == outcomes(alone)
        assert sorted(trial.trial_id for trial in ended) == ["0", "1", "2", "3"]
        journal = tmp_path / "ray" / "search" / "journal.jsonl"
        events = [json.loads(row) for row in journal.read_text().splitlines()]
        # The trial went on after its last epoch: none is there twice.
        epochs = [
            (event["trial"], event["epoch"])
            for event in events
            if event["event"] == "epoch"
        ]
        assert len(epochs) == len(set(epochs)) == 12
        assert [event.get("again") for event in events].count(True) == 1
        (model,) = tuner.get_best_models()
        assert model.count_params() == 2
        # The directory is that of any search.
        assert outcomes(make(tmp_path / "ray", objectives)) == outcomes(alone)
        front = read_search(tuner.project_dir).front()
        assert [trial.metrics["params"] for trial in front] == [2]

    def test_workers_know_objectives_and_constraints(self, tmp_path):
        """What one is sent, without a cluster: a model too large is not trained."""
        ray = pytest.importorskip("ray")

        def build(hp):
            model = keras.Sequential([keras.Input((1,))])
            model.add(keras.layers.Dense(hp.Choice("units", [1, 50])))
            model.compile("sgd", "mse")
            return model

        tuner = RandomSearch(
            build,
            [LOSS, "params"],
            constraints=["params<=10"],
            seed=0,
            max_trials=2,
            directory=tmp_path,
        )
        oracle = tuner.oracle
        objective = ray.cloudpickle.loads(ray.cloudpickle.dumps(oracle.objective))
        worker = _Worker((tuner, objective, 1, (X, 2 * X), {"verbose": 0}))
        request = worker.step()
        while request is not None:
            method, args, kwargs = request
            request = worker.step(getattr(oracle, method)(*args, **kwargs))
        found = read_search(tuner.project_dir).trials
        assert {trial.values["units"]: trial.status for trial in found} == {
            1: "completed",
            50: "infeasible",
        }
        assert [sorted(t.metrics) for t in found if t.status == "completed"] == [
            ["loss", "params"]
        ]

    def test_a_trial_with_which_three_workers_die_has_failed(self, tmp_path):
        oracle, deaths = make(tmp_path).oracle, collections.Counter()
        for number in range(3):
            name = f"worker{number}"
            assert oracle.create_trial(name).trial_id == "0"
            bury(oracle, name, "killed", deaths)
        assert oracle.trials["0"].status == "FAILED"
        assert oracle.trials["0"].message == "3 workers died with it.\n\nkilled"
        assert oracle.create_trial("worker3").trial_id == "1"

    def test_workers_that_die_without_a_trial_end_the_search(self, tmp_path):
        oracle, deaths = make(tmp_path).oracle, collections.Counter()
        bury(oracle, "worker0", "no kdl", deaths)
        bury(oracle, "worker1", "no kdl", deaths)
        with pytest.raises(RuntimeError) as error:
            bury(oracle, "worker2", "no kdl", deaths)
        assert str(error.value) == "3 workers died without a trial. no kdl"

    def test_an_error_that_ends_a_search_comes_out_of_the_worker(self, tmp_path):
        tuner = make(tmp_path, keras_tuner.Objective("f1", "min"))
        oracle = tuner.oracle
        sent = tuner, oracle.objective, 1, (X, 2 * X), {"verbose": 0}
        worker = _Worker(sent)
        method, args, _ = worker.step()
        assert (method, args) == ("create_trial", ("tuner0",))
        with pytest.raises(keras_tuner.errors.FatalValueError, match="'f1'"):
            reply = oracle.create_trial("worker0")
            while True:
                method, args, _ = worker.step(reply)
                reply = getattr(oracle, method)(*args)

    def test_refuses_what_is_not_durable(self, tmp_path):
        pytest.importorskip("ray")
        tuner = keras_tuner.RandomSearch(line, "loss", directory=tmp_path)
        with pytest.raises(ValueError) as error:
            search_on_ray(tuner, 2)
        assert str(error.value) == (
            "`tuner` must be one of kdl.tuning, with a DurableOracle. Received: "
            "tuner=RandomSearch"
        )

    def test_refuses_several_devices_where_each_is_a_process(self, tmp_path):
        pytest.importorskip("ray")
        if keras.backend.backend() != "torch":
            pytest.skip("JAX and TensorFlow have one process.")
        with pytest.raises(ValueError) as error:
            search_on_ray(make(tmp_path), 2, devices=2)
        assert str(error.value) == (
            "`devices` must be 1 for trials on PyTorch, where each device needs a "
            "process; JAX and TensorFlow train a trial on several, and several workers "
            "run trials side by side. Received: devices=2"
        )

    def test_says_what_to_install(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "ray", None)
        with pytest.raises(ImportError) as error:
            search_on_ray(make(tmp_path), 2)
        message = "search_on_ray needs Ray: pip install 'keras-kdl[ray]'"
        assert str(error.value) == message
