"""A search on a Ray cluster."""

import collections
import contextlib
import copy
import functools
import importlib.util
import os
import queue
import threading
from collections.abc import Callable, Mapping
from typing import Any

import keras
import keras_tuner
from keras_tuner.engine import trial as trials

from kdl.checks import check_integer
from kdl.parallel import DataParallel
from kdl.parallel.devices import check_one_process
from kdl.tuning.oracle import DurableOracle

# Workers that a trial may bring down, for instance by taking more memory than there
# is, and those that may die without one.
_DEATHS = 3


def search_on_ray(
    tuner: keras_tuner.Tuner,
    workers: int,
    *args: Any,
    devices: int = 1,
    worker_options: Mapping[str, Any] | None = None,
    on_trial_end: Callable[[keras_tuner.engine.trial.Trial], None] | None = None,
    **kwargs: Any,
) -> None:
    """Searches as `tuner.search`, with trials side by side on a Ray cluster.

    The oracle stays where this is called; each worker is an actor of Ray that has a
    copy of the tuner and runs one trial after the other. So the search is the same
    one: space, oracle, pruning, directory and report. The directory must be one that
    all nodes share. When a worker dies, its trial goes on in another, after its last
    epoch; a trial with which three workers died has failed. The search itself goes on
    when the same lines run again.

    Args:
        tuner: Tuner of `kdl.tuning`. Hypermodel and callbacks are sent to the
            workers, by `cloudpickle`.
        workers: Integer in `[1, inf)`. Number of trials side by side.
        *args: Arguments of `tuner.search`.
        devices: Integer in `[1, inf)`. Number of devices on which a recipe trains a
            trial, by `kdl.parallel.DataParallel`, on JAX and TensorFlow: cores of a
            CPU, or the GPUs that `worker_options` give a worker. Defaults to `1`.
        worker_options: Optional dict of options of `ray.remote` for a worker, such as
            `{"num_gpus": 1}`. Defaults to `None`: a CPU for each device and no GPU.
        on_trial_end: Optional function of a `keras_tuner.engine.trial.Trial`, called
            here when it has ended. What the tuner does then, the workers do.
        **kwargs: Arguments of `tuner.search`.

    Raises:
        ImportError: If Ray is not installed.
        RuntimeError: If three workers die without a trial, as where kdl is not
            installed.
        ValueError: If `tuner` is not one of `kdl.tuning`, if `workers` or `devices` is
            outside its interval, or if `devices` is more than 1 on PyTorch.

    Example:

    >>> tuner = kdl.tuning.RandomSearch(
    ...     kdl.recipes.Images(), "val_loss", max_trials=4, directory=folder
    ... )
    >>> def run():  # Where Ray is installed.
    ...     kdl.tuning.search_on_ray(tuner, 2, **recipe.data(), epochs=1)
    """
    if importlib.util.find_spec("ray") is None:
        raise ImportError("search_on_ray needs Ray: pip install 'keras-kdl[ray]'")
    check_integer("workers", workers, "[1, inf)")
    check_one_process(check_integer("devices", devices, "[1, inf)"))
    if not isinstance(worker_options, dict | None):
        raise ValueError(
            "`worker_options` must be a dict of options of ray.remote, or None. "
            f"Received: worker_options={worker_options!r}"
        )
    if on_trial_end is not None and not callable(on_trial_end):
        raise ValueError(
            "`on_trial_end` must be a function of a trial, or None. "
            f"Received: on_trial_end={on_trial_end!r}"
        )
    if not isinstance(getattr(tuner, "oracle", None), DurableOracle):
        raise ValueError(
            "`tuner` must be one of kdl.tuning, with a DurableOracle. Received: "
            f"tuner={type(tuner).__name__}"
        )
    import ray

    if "verbose" in kwargs:
        tuner.oracle.verbose = kwargs["verbose"]
    with tuner.exclusively():
        tuner.save()
        begins_ray = not ray.is_initialized()
        if begins_ray:
            ray.init()
        options = {"num_cpus": devices, **(worker_options or {})}
        crew = _Crew(tuner, args, kwargs, devices, options, on_trial_end)
        try:
            crew.search(workers)
        finally:
            crew.dismiss()
            if begins_ray:
                ray.shutdown()
        tuner.tell_unmet()


class _Crew:
    """The workers of a search, and what they are waiting for."""

    def __init__(self, tuner, args, kwargs, devices, options, on_trial_end):
        import ray

        self.oracle, self._on_trial_end = tuner.oracle, on_trial_end
        sent = copy.copy(tuner)
        # Each worker has a stand-in for it.
        sent.oracle = None
        sent.directory = os.path.abspath(tuner.directory)
        self._sent = ray.put((sent, tuner.oracle.objective, devices, args, kwargs))
        environment = {"env_vars": {"KERAS_BACKEND": keras.backend.backend()}}
        options = {"runtime_env": environment, **options}
        self._worker = ray.remote(**options)(_Worker)
        # Name and worker by the call of `step` that is under way.
        self._steps = {}
        self._hired = 0
        self._deaths = collections.Counter()

    def search(self, workers):
        import ray

        for _ in range(workers):
            self._hire()
        while self._steps:
            (step,), _ = ray.wait(list(self._steps))
            name, worker = self._steps.pop(step)
            try:
                request = ray.get(step)
            except ray.exceptions.RayActorError as error:
                # It may be out of reach and not dead: two would write to one folder.
                ray.kill(worker)
                bury(self.oracle, name, str(error), self._deaths)
                self._hire()
                continue
            if request is not None:
                reply = self._answer(name, *request)
                self._steps[worker.step.remote(reply)] = name, worker

    def dismiss(self):
        import ray

        for _, worker in self._steps.values():
            ray.kill(worker)

    def _hire(self):
        name, worker = f"worker{self._hired}", self._worker.remote(self._sent)
        self._hired += 1
        self._steps[worker.step.remote()] = name, worker

    def _answer(self, name, method, args, kwargs):
        if method == "create_trial":
            # A worker does not know its name.
            args = (name,)
        reply = getattr(self.oracle, method)(*args, **kwargs)
        if method == "end_trial" and self._on_trial_end is not None:
            (trial,) = args
            self._on_trial_end(self.oracle.get_trial(trial.trial_id))
        return reply


def bury(oracle, name, error, deaths):
    """Has the trial of a worker that died go on, unless too many died with it.

    Args:
        oracle: `DurableOracle`.
        name: String. Of the worker.
        error: String. How it died.
        deaths: `Counter` of workers that died, by trial.

    Raises:
        RuntimeError: If so many died without a trial.
    """
    trial = oracle.ongoing_trials.get(name)
    trial_id = trial and trial.trial_id
    deaths[trial_id] += 1
    if deaths[trial_id] < _DEATHS:
        oracle.give_back(name)
    elif trial is None:
        raise RuntimeError(f"{_DEATHS} workers died without a trial. {error}")
    else:
        oracle.tuner_ids.discard(name)
        trial.status = trials.TrialStatus.FAILED
        trial.message = f"{_DEATHS} workers died with it.\n\n{error}"
        oracle.end_trial(trial)


class _Worker:
    """An actor that searches, and hands out its calls of the oracle one by one."""

    def __init__(self, sent):
        tuner, objective, devices, args, kwargs = sent
        self._requests, self._replies = queue.Queue(), queue.Queue()
        tuner.oracle = _Oracle(objective, self._call)
        # The file is there, and is the same for all.
        tuner.save = lambda: None
        search = functools.partial(self._search, tuner, devices, args, kwargs)
        threading.Thread(target=search, daemon=True).start()

    def step(self, *reply):
        """Takes the reply to the last call, and returns the next, `None` at the end."""
        for value in reply:
            self._replies.put(value)
        request = self._requests.get()
        if isinstance(request, BaseException):
            raise request
        return request

    def _search(self, tuner, devices, args, kwargs):
        end = None
        try:
            with DataParallel(devices) if devices > 1 else contextlib.nullcontext():
                tuner.search(*args, **kwargs)
        except BaseException as error:
            end = error
        self._requests.put(end)

    def _call(self, method, *args, **kwargs):
        self._requests.put((method, args, kwargs))
        return self._replies.get()


class _Oracle:
    """What a worker has in place of the oracle."""

    def __init__(self, objective, call):
        self.objective, self._call = objective, call

    def __getattr__(self, method):
        return functools.partial(self._call, method)
