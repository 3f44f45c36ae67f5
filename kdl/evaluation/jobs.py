"""Trainings of a recipe that are kept, and go on after a kill."""

import abc
import contextlib
import copy
import hashlib
import importlib.util
import shutil
import tempfile
from pathlib import Path

import keras
import keras_tuner
import numpy as np
from keras import tree

from kdl.callbacks import Resume
from kdl.callbacks.arguments import check_path, make_folder
from kdl.checks import check_integer, check_optional
from kdl.data.on_disk import OnDisk
from kdl.files import atomic, hold, write_json
from kdl.recipes import Recipe, hyperparameters, run
from kdl.recipes.load import read_json, read_model

_IDENTITY = "jobs.json"  # Of what the trainings in a directory are.


class Jobs(abc.ABC):
    """Trainings of a recipe, one after the other or side by side, kept in a directory.

    Attributes:
        what: String. What one is, in the name of its file.
        all_: String. What all of them are, in a sentence.
        count: Integer. Number of them.
        recipe: `kdl.recipes.Recipe`.
        directory: `Path`, where they are `kept`.
        keeps_models: Boolean. Whether their models are kept, too.
    """

    what = None
    all_ = None

    @abc.abstractmethod
    def identity(self):
        """Returns what tells these trainings from others, a dict of JSON."""

    @abc.abstractmethod
    def perform(self, number):
        """Trains, and returns model and results, a dict of JSON."""

    def is_whole(self, row):
        """Whether results that were kept have all that is asked for."""
        return True

    @contextlib.contextmanager
    def kept(self, directory):
        """Keeps what is done in a directory, and others from it meanwhile.

        Args:
            directory: String or `Path`, or `None` for one that goes at the end.

        Raises:
            ValueError: If the directory cannot be used, or is of other trainings.
        """
        with contextlib.ExitStack() as stack:
            if directory is None:
                directory = stack.enter_context(tempfile.TemporaryDirectory())
            self.directory = Path(check_path("directory", directory))
            make_folder(self.directory)
            stack.enter_context(hold(self.directory, "training"))
            self._check_identity()
            self._models = {}
            yield

    def rows(self, workers=None, on_end=None):
        """Returns the results of all, a list of dicts.

        Args:
            workers: Optional integer. How many train side by side, on Ray.
            on_end: Optional function that is called with number and results of each
                when it ends, or was found done.
        """
        found = {}
        for number, row in self._results(workers):
            found[number] = row
            if on_end is not None:
                on_end(number, row)
        return [found[number] for number in range(self.count)]

    def _results(self, workers):
        """Yields number and results of each: those that are done, then the rest."""
        rows = {number: self._read(number) for number in range(self.count)}
        yield from ((number, row) for number, row in rows.items() if row is not None)
        todo = [number for number, row in rows.items() if row is None]
        train = self._one_by_one if workers is None else self._side_by_side
        for number in train(todo, workers):
            yield number, self._read(number)

    def model(self, number):
        """Returns a model that was kept."""
        if number in self._models:
            return self._models[number]
        return read_model(self.path(number, ".keras"))

    def path(self, number, suffix):
        """`Path` of what is kept of a training."""
        return self.directory / f"{self.what}_{number}{suffix}"

    def fit(self, recipe, hp, number, seed, epochs, callbacks=()):
        """Builds a recipe and fits it, from where it was killed.

        Returns:
            Tuple `(model, history)`.
        """
        return run(
            recipe,
            **recipe.data(),
            hp=hp,
            epochs=epochs,
            seed=seed,
            # Put last, it saves what the others have done.
            callbacks=[*callbacks, Resume(self.path(number, ""))],
            verbose=0,
        )

    def _check_identity(self):
        identity = {
            **self.identity(),
            "backend": keras.backend.backend(),
            "digest of the data": _digest(self.recipe),
        }
        path = self.directory / _IDENTITY
        if not path.exists():
            write_json(path, identity)
            return
        there = read_json(path)
        other = [
            f"{name} {there.get(name)}, not {here}"
            for name, here in identity.items()
            if there.get(name) != here
        ]
        if other:
            raise ValueError(
                f"{self.directory} holds {self.all_} of another kind: "
                f"{'; '.join(other)}. Give `directory` a new name."
            )

    def _read(self, number):
        """Returns results that are kept, `None` unless all that is asked for is."""
        path, model = (self.path(number, suffix) for suffix in (".json", ".keras"))
        if not path.exists() or (self.keeps_models and not model.exists()):
            return None
        row = read_json(path)
        return row if self.is_whole(row) else None

    def _one_by_one(self, todo, workers):
        for number in todo:
            model = self._perform(number)
            if self.keeps_models:
                self._models[number] = model
            yield number

    def _side_by_side(self, todo, workers):
        import ray

        begins_ray = not ray.is_initialized()
        if begins_ray:
            ray.init()
        environment = {"env_vars": {"KERAS_BACKEND": keras.backend.backend()}}
        try:
            sent = copy.copy(self)
            sent.directory = self.directory.absolute()
            sent = ray.put(sent)
            # One that dies begins again, three times at most.
            perform = ray.remote(num_cpus=1, runtime_env=environment)(_perform)
            waiting, running = list(todo), {}
            while waiting or running:
                while waiting and len(running) < workers:
                    number = waiting.pop(0)
                    running[perform.remote(sent, number)] = number
                (done, *_), _ = ray.wait(list(running))
                ray.get(done)
                yield running.pop(done)
        finally:
            if begins_ray:
                ray.shutdown()

    def _perform(self, number):
        model, row = self.perform(number)
        if self.keeps_models:
            with atomic(self.path(number, ".keras")) as draft:
                model.save(draft)
        write_json(self.path(number, ".json"), row)
        shutil.rmtree(self.path(number, ""), ignore_errors=True)
        return model


def _perform(jobs, number):
    jobs._perform(number)


def _digest(recipe):
    """A digest of what a recipe learns, by which other data are known as others.

    Of what is on disk, it is one of the names.
    """
    found = hashlib.sha256()
    for part in tree.flatten(recipe.splits[:2]):
        if isinstance(part, OnDisk):
            content = "\n".join(part.names()).encode(errors="surrogatepass")
        else:
            array = np.asarray(part)
            # Objects have no bytes of their own.
            content = (array.astype(str) if array.dtype == object else array).tobytes()
        found.update(content + f"|{np.shape(part)}|".encode())
    return found.hexdigest()[:16]


def check_recipe(recipe):
    """Refuses what is no recipe."""
    if not isinstance(recipe, Recipe):
        raise ValueError(
            "`recipe` must be a kdl.recipes.Recipe. Received: "
            f"recipe={type(recipe).__name__}"
        )


def chosen(recipe, hp):
    """Returns hyperparameters of a recipe: given ones, or its own but for a dict."""
    if hp is None or isinstance(hp, dict):
        return hyperparameters(recipe, hp or {})
    if not isinstance(hp, keras_tuner.HyperParameters):
        raise ValueError(
            "`hp` must be keras_tuner.HyperParameters, a dict of values, or None. "
            f"Received: hp={hp!r}"
        )
    return hp


def check_options(seed, epochs, workers):
    """Refuses numbers outside their intervals, and workers without Ray."""
    check_integer("seed", seed, "[0, 4294967296)")
    check_optional(check_integer, "epochs", epochs, "[1, inf)")
    check_optional(check_integer, "workers", workers, "[1, inf)")
    if workers is not None and importlib.util.find_spec("ray") is None:
        raise ImportError("`workers` need Ray: pip install 'keras-kdl[ray]'")
