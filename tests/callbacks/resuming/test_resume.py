import copy
import errno
import functools
import json
import re
import shutil
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
from contracts import CallbackContract, array, begin_anew, same
from on_disk import Stored

import kdl
from kdl.callbacks import (
    Curriculum,
    EarlyStopping,
    GradualUnfreezing,
    ReduceOnPlateau,
    Resume,
    StochasticWeightAveraging,
    TrainingDoctor,
)
from kdl.data import Batches, RandomAffine
from kdl.data.batches.prefetch import Prefetch

X = np.random.default_rng(0).normal(size=(26, 4, 4, 1)).astype("float32")
Y = np.arange(26) % 3
BATCHES = 4  # Of an epoch.
GROUPS = [".*last/.*", ".*"]
BARE = keras.callbacks.Callback()


class Count(keras.callbacks.Callback):
    """Remembers how many epochs it has seen, in an array."""

    def on_train_begin(self, logs=None):
        self.epochs = np.zeros(1, "int64")

    def on_epoch_end(self, epoch, logs=None):
        self.epochs += 1

    def get_state(self):
        return {"nested": [{"epochs": self.epochs}]}

    def set_state(self, state):
        self.epochs = state["nested"][0]["epochs"]


class TestResume(CallbackContract):
    component = Resume
    alternatives = {"directory": ["checkpoint"]}
    writes = True
    refused = [
        *(
            (
                {"directory": nothing},
                "`directory` must be a path, a string that is not empty or a "
                f"`pathlib.Path`. Received: directory={nothing!r}",
            )
            # The first of them would be the working directory.
            for nothing in ("", " ", None, 3)
        ),
        (
            {"data": 3},
            "`data` must be a kdl.data.Batches, another data set with a method "
            "`begin_at(epoch)`, or None. Received: data=3",
        ),
        (
            {"callbacks": 3},
            "`callbacks` must be a list or tuple. Received: callbacks=3",
        ),
        (
            {"callbacks": [BARE]},
            "`callbacks` must have `get_state` and `set_state`, as those of kdl that "
            "remember something: the others go into `fit` alone. Received: "
            f"{BARE!r}",
        ),
        (
            {"save_freq": 0},
            "`save_freq` must be 'epoch' or an integer in [1, inf). "
            "Received: save_freq=0",
        ),
        (
            {"delete_checkpoint": 1},
            "`delete_checkpoint` must be one of True, False. "
            "Received: delete_checkpoint=1",
        ),
    ]

    @pytest.fixture(autouse=True)
    def has_a_folder(self, tmp_path):
        count = Count()
        count.on_train_begin()
        self.arguments = {
            "directory": tmp_path / "checkpoint",
            "data": Batches(X, Y),
            "callbacks": [count],
            "save_freq": 2,
            "delete_checkpoint": False,
        }

    def small_model(self, *args, **options):
        # What goes on with another model is tested below.
        shutil.rmtree(self.arguments["directory"], ignore_errors=True)
        return super().small_model(*args, **options)

    def test_goes_on_where_it_was(self):
        model = self.small_model()
        self.train(model, [self.make()], epochs=1)
        history = self.train(model, [self.make()])
        assert same((history, self.state(model)), self.expected)

    def test_a_fit_that_is_done_does_nothing(self):
        model = self.small_model()
        histories = [self.train(model, [self.make()]) for _ in range(2)]
        assert same((histories[1], self.state(model)), self.expected)
        assert same(*histories)

    @pytest.mark.parametrize(
        ("killed", "save_freq"),
        # In the first batch, before anything was saved, in the middle of an epoch, in
        # its last batch, between two epochs, and after several batches unsaved.
        [
            pytest.param(0, 1, marks=pytest.mark.one_backend),
            pytest.param(1, "epoch", marks=pytest.mark.one_backend),
            pytest.param(2, 1, marks=pytest.mark.one_backend),
            (3, 1),
            pytest.param(4, "epoch", marks=pytest.mark.one_backend),
            (7, 2),
            pytest.param(7, "epoch", marks=pytest.mark.one_backend),
        ],
    )
    def test_ends_as_if_it_had_not_been_killed(self, killed, save_freq, whole):
        directory = self.arguments["directory"]
        with pytest.raises(KeyboardInterrupt):
            fitted(directory, save_freq, [Kill(killed)])
        assert (directory / "checkpoint.npz").exists() == (killed > 1)
        history, states = fitted(directory, save_freq)
        assert history == whole[0]
        for actual, expected in zip(states, whole[1], strict=True):
            assert same(actual, expected)
        assert not (directory / "checkpoint.npz").exists()

    def test_is_killed_twice(self, whole):
        directory = self.arguments["directory"]
        for killed in (6, 9):
            with pytest.raises(KeyboardInterrupt):
                fitted(directory, 1, [Kill(killed)])
        assert same(fitted(directory, 1), whole)

    def test_survives_a_kill_of_the_process(self, whole):
        directory = self.arguments["directory"]
        code = (
            "import os, pathlib, signal, sys, keras; sys.path[:0] = sys.argv[1:3];"
            "from test_resume import Kill, fitted;"
            "kill = Kill(6, lambda: os.kill(os.getpid(), signal.SIGKILL));"
            "fitted(pathlib.Path(sys.argv[3]), 2, [kill])"
        )
        folders = [Path(__file__).parent, Path(__file__).parents[2], directory]
        command = [sys.executable, "-c", code, *map(str, folders)]
        assert subprocess.run(command).returncode == -signal.SIGKILL
        assert same(fitted(directory, 2), whole)

    def test_copies_go_on_with_the_same_data(self):
        resume = self.make()
        copied, counts = copy.deepcopy([resume, resume.callbacks])
        assert copied.data is resume.data
        assert copied.callbacks is counts

    def test_stays_stopped(self):
        class Stop(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                self.model.stop_training = epoch == 0

        class Interrupt(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                raise KeyboardInterrupt

        model = self.small_model()
        with pytest.raises(KeyboardInterrupt):
            self.train(model, [Stop(), self.make(), Interrupt()])
        state = self.state(model)
        history = self.train(model, [self.make(delete_checkpoint=True)])
        assert len(history["loss"]) == 1
        assert same(self.state(model), state)
        # Once it is done, the next fit is one of its own.
        assert len(self.train(model, [self.make()])["loss"]) == 3

    def test_step_of_a_fit_interrupted_while_passing_over_is_put_back(self):
        model = self.small_model()
        with pytest.raises(KeyboardInterrupt):
            self.train(model, [self.make(save_freq=2), Kill(2)])
        step = model.train_function
        with pytest.raises(KeyboardInterrupt):
            self.train(model, [self.make(save_freq=2), Kill(1)])
        assert model.train_function is not step
        weights = self.state(model)
        self.train(model, [])
        assert model.train_function is step
        assert not same(self.state(model), weights)

    @pytest.fixture
    def killed(self):
        """A checkpoint after one batch."""
        with pytest.raises(KeyboardInterrupt):
            self.train(self.small_model(), [Kill(2), self.make(save_freq=1)])

    @pytest.mark.parametrize(
        ("units", "options", "message"),
        [
            (
                3,
                {"steps": 2},
                "its epochs have 3 batches, where this has 2",
            ),
            (
                3,
                {"callbacks": ()},
                "its callbacks are ['Count'], where this fit has []",
            ),
            (
                5,
                {},
                "where this fit has model/dense/kernel (4, 5), it has one of ()",
            ),
        ],
    )
    def test_refuses_a_checkpoint_of_another_fit(self, killed, units, options, message):
        layers = [keras.Input((4,)), keras.layers.Dense(units, name="dense")]
        model = keras.Sequential(layers, name="model")
        model.compile("sgd", "mse")
        x = np.ones((8 * options.pop("steps", 3), 4))
        with pytest.raises(ValueError) as error:
            model.fit(x, x[:, :1], 8, callbacks=[self.make(**options)], verbose=0)
        path = self.arguments["directory"] / "checkpoint.npz"
        assert str(error.value) == (
            f"{path} is of another fit: {message}. Delete it to begin anew."
        )

    @pytest.mark.one_backend
    def test_refuses_data_that_end_before(self):
        def batches(count):
            for _ in range(count):
                yield np.ones((8, 4)), np.ones((8, 3))

        model = self.small_model()
        with pytest.raises(KeyboardInterrupt):
            model.fit(batches(9), callbacks=[self.make(), Kill(5)], verbose=0)
        with pytest.raises(ValueError) as error:
            model.fit(batches(3), callbacks=[self.make()], verbose=0)
        path = self.arguments["directory"] / "checkpoint.npz"
        assert str(error.value) == (
            f"{path} is of another fit: it goes on at batch 4, but the epoch ended "
            "before. Delete it to begin anew."
        )

    def test_refuses_a_model_without_weights(self, killed):
        model = keras.Sequential([keras.layers.Dense(3)], name="m")
        model.compile("sgd", "mse")
        if keras.backend.backend() != "tensorflow":
            pytest.skip("Keras builds it before callbacks are called")
        with pytest.raises(ValueError) as error:
            model.fit(np.ones((24, 4)), np.ones((24, 3)), 8, callbacks=[self.make()])
        assert str(error.value) == (
            "The model 'm' has no weights yet that could be restored. Begin it with a "
            "`keras.Input`, or call it on a batch before `fit`."
        )

    @pytest.fixture
    def two(self):
        """The checkpoints after 8 batches and, before, after 7."""
        directory = self.arguments["directory"]
        with pytest.raises(KeyboardInterrupt):
            fitted(directory, 1, [Kill(8)])
        names = {path.name for path in directory.iterdir()}
        assert names == {"checkpoint.npz", "previous.npz"}
        return directory / "checkpoint.npz", directory / "previous.npz"

    def test_goes_on_from_the_one_before(self, two, whole):
        last, previous = two
        # An empty file, and a fit of another number of batches.
        last.write_bytes(b"")
        directory = self.arguments["directory"]
        with pytest.warns(UserWarning) as caught:
            actual = fitted(directory, 1)
        messages = [str(w.message) for w in caught if w.category is UserWarning]
        (message,) = (text for text in messages if "checkpoint" in text)
        assert re.search(
            rf"^{last} cannot be read as a checkpoint: .*\. The fit goes on from the "
            rf"checkpoint before, {previous}\.$",
            message,
        )
        assert same(actual, whole)
        assert not list(directory.iterdir())

    @pytest.mark.one_backend
    def test_every_damage_is_told_with_its_file(self, two, begun):
        last, previous = two
        contents = last.read_bytes()
        for case, damage in DAMAGES.items():
            last.write_bytes(contents)
            damage(last)
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                resume = begun()
            texts = [str(w.message) for w in caught if w.category is UserWarning]
            assert len(texts) == 1, case
            assert str(last) in texts[0].partition(". The fit goes on from")[0], case
            assert resume._saved[1]["batch"] == 3, case
            if last.is_dir():
                last.rmdir()
        # An error it is where both are.
        last.write_bytes(contents)
        for case in ("half", "no 'callbacks'", "a state of another type"):
            for path in two:
                path.write_bytes(contents)
                DAMAGES[case](path)
            with pytest.raises(ValueError) as error:
                begun()
            for path in two:
                assert str(error.value).count(str(path)) == 2
            assert str(error.value).endswith(
                f"Delete {last} and {previous} to begin the fit anew."
            )
        assert last.exists() and previous.exists()

    @pytest.fixture
    def begun(self, monkeypatch):
        """A callback of another fit of the same network, which has just begun."""
        model, anew = network()
        anew()
        monkeypatch.setattr(model, "_initial_epoch", None)
        batches = Batches(X, Y, 7, seed=3)
        callbacks = remembering(batches)
        resume = Resume(self.arguments["directory"], batches, callbacks)
        for callback in (*callbacks, resume):
            callback.set_model(model)
            callback.set_params({"epochs": 3, "steps": BATCHES})

        def begin():
            for callback in (*callbacks, resume):
                callback.on_train_begin()
            return resume

        return begin

    def test_a_system_that_cannot_read_it_is_no_damage(self, two, begun, monkeypatch):
        def refuse(*args, **options):
            raise OSError(errno.EMFILE, "Too many open files")

        monkeypatch.setattr(np, "load", refuse)
        with pytest.raises(OSError) as error:
            begun()
        assert str(error.value) == f"Cannot read {two[0]}: Too many open files"

    def test_a_full_disk_loses_nothing_it_had(self, two, whole, monkeypatch):
        def full(*args, **options):
            raise OSError(errno.ENOSPC, "No space left on device")

        contents = [path.read_bytes() for path in two]
        with monkeypatch.context() as patch:
            patch.setattr(np, "savez", full)
            warns = pytest.warns(UserWarning, match="No space left on device")
            with warns, pytest.raises(KeyboardInterrupt):
                fitted(self.arguments["directory"], 1, [Kill(11)])
        assert [path.read_bytes() for path in two] == contents
        assert same(fitted(self.arguments["directory"], 1), whole)

    def test_refuses_a_folder_that_cannot_be(self, tmp_path):
        (tmp_path / "file").write_text("")
        self.arguments["directory"] = tmp_path / "file" / "checkpoint"
        with pytest.raises(ValueError, match="`directory` must be a folder that can"):
            self.train(super().small_model(), [self.make()])


def rewritten(change):
    """A damage of the notes of a checkpoint, which stay well-formed."""

    def damage(path):
        with np.load(path) as contents:
            arrays = dict(contents)
        notes = json.loads(arrays["notes"].item())
        change(notes)
        np.savez(path, **{**arrays, "notes": json.dumps(notes)})

    return damage


def noted(**values):
    return rewritten(lambda notes: notes["notes"].update(values))


def without(name):
    return rewritten(lambda notes: notes["notes"].pop(name))


def stated(kind, name, value):
    """A damage of the state of a callback."""

    def change(notes):
        states = dict(notes["notes"]["callbacks"])
        states[kind].pop(name)
        states[kind].update({} if value is ... else {name: value})

    return rewritten(change)


NOTES = "backend epoch batch steps stopped epochs history metrics random callbacks"
DAMAGES = {
    "empty": lambda path: path.write_bytes(b""),
    "half": lambda path: path.write_bytes(
        path.read_bytes()[: path.stat().st_size // 2]
    ),
    "garbage": lambda path: path.write_bytes(b"\x93NUMPY, or not" * 99),
    "a pickle": lambda path: np.save(path.open("wb"), [{}], allow_pickle=True),
    "deleted": Path.unlink,
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    **{f"no {name!r}": without(name) for name in NOTES.split()},
    **{
        f"{name} is {value!r}": noted(**{name: value})
        for name in NOTES.split()
        for value in (None, 7.5, {"a": 1}, [["x"]])
        # A data set need not know its length.
        if (name, value) != ("steps", None)
    },
    "a huge epoch": noted(epoch=10**30),
    "a huge epoch without any before": noted(epoch=10**30, epochs=[]),
    "a huge batch": noted(batch=10**30),
    "before the first batch": noted(batch=-1),
    "an epoch that is true": noted(epoch=True),
    "many metrics": noted(metrics=10**9),
    "no notes": rewritten(lambda notes: notes.pop("notes")),
    "notes that are a list": rewritten(lambda notes: notes.update(notes=[1])),
    "many arrays": rewritten(lambda notes: notes.update(count=10**9)),
    "arrays of no type": rewritten(lambda notes: notes["dtypes"].__setitem__(0, "x")),
    "an array of another type": rewritten(
        lambda notes: notes["dtypes"].__setitem__(0, "float64")
    ),
    "an array that is not there": noted(random=[{"number of an array": 10**6}]),
    "a state without a part": stated("ReduceOnPlateau", "best", ...),
    "a state of another type": stated("ReduceOnPlateau", "bad", "x"),
    "a state of nothing": stated("StochasticWeightAveraging", "count", None),
    "a state of no metrics": stated("EarlyStopping", "metrics", []),
    "a state of a user": stated("Count", "nested", ...),
}


class TestOnDisk:
    """Inputs on disk go on as the array that they are."""

    def fitted(self, directory, x, callbacks=(), y=Y):
        model, anew = network()
        anew()
        batches = Batches(x, y, 7, seed=3, augment=[RandomAffine(1.0, 10.0)])
        count = Count()
        resume = Resume(directory, batches, [count], save_freq=1)
        history = model.fit(
            batches,
            shuffle=False,
            epochs=3,
            callbacks=[count, *callbacks, resume],
            verbose=0,
        )
        variables = model.variables + model.optimizer.variables
        return history.history, [array(variable) for variable in variables]

    def killed(self, directory, x, batch):
        with pytest.raises(KeyboardInterrupt):
            self.fitted(directory, x, [Kill(batch)])

    @pytest.mark.parametrize(
        "batch", [4, pytest.param(7, marks=pytest.mark.one_backend)]
    )
    def test_goes_on_as_if_it_had_not_been_killed(self, tmp_path, batch):
        expected = self.fitted(tmp_path / "whole", X)
        assert same(self.fitted(tmp_path / "disk", Stored(X)), expected)
        self.killed(tmp_path, Stored(X), batch)
        assert same(self.fitted(tmp_path, Stored(X)), expected)

    def test_reads_no_batch_that_it_passes_over_but_the_first(
        self, tmp_path, monkeypatch
    ):
        make = functools.partial(Prefetch, ahead=1)
        monkeypatch.setattr("kdl.data.batches.batches.Prefetch", make)
        self.killed(tmp_path, Stored(X), 11)
        x = Stored(X)

        class Forget(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None):
                # Some backends look at batches before a fit begins.
                x.rows.clear()

        with pytest.raises(KeyboardInterrupt):
            self.fitted(tmp_path, x, [Forget(), Kill(11)])
        batches = [y for _, y in Batches(X, np.arange(26), 7, seed=3, epoch=2)]
        # The third was under way when the fit was killed.
        assert {*batches[0], *batches[2], *batches[3]} <= {*x.rows}
        # Besides, at most the first one of the next epoch.
        assert len(x.rows) <= 7 + 7 + 5 + 7

    def test_refuses_a_folder_that_has_changed(self, tmp_path):
        self.killed(tmp_path, Stored(X), 7)
        for other in (Stored(X)[::-1], X):
            with pytest.raises(ValueError) as error:
                self.fitted(tmp_path, other)
            assert str(error.value) == (
                f"{tmp_path / 'checkpoint.npz'} is of another fit: the files it "
                "trained on are others, or in another order, than here. Delete it to "
                "begin anew."
            )


class Kill(keras.callbacks.Callback):
    """Ends a fit at the beginning of a batch, counted from the start."""

    def __init__(self, batch, kill=None):
        super().__init__()
        self.batch, self.kill = batch, kill or interrupt

    def on_epoch_begin(self, epoch, logs=None):
        self.first = epoch * BATCHES

    def on_train_batch_begin(self, batch, logs=None):
        if self.first + batch == self.batch:
            self.kill()


def interrupt():
    raise KeyboardInterrupt


@functools.cache
def network():
    """Has a clock, random layers, moving averages and numbers that change.

    Returns:
        Tuple of the model and a function that has it begin anew.
    """
    keras.utils.set_random_seed(0)
    rate = kdl.schedules.Adjustable(schedule=kdl.schedules.Warmup(0.5, 8))
    model = keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            kdl.layers.Clock(name="clock"),
            keras.layers.Flatten(name="flat"),
            keras.layers.Dense(6, name="first"),
            keras.layers.BatchNormalization(name="norm"),
            kdl.layers.Dropout(rate, name="drop"),
            keras.layers.Dropout(0.2, name="drop_more"),
            keras.layers.Dense(3, "softmax", name="last"),
        ],
        # As in a script that is run again.
        name="model",
    )
    inner = keras.optimizers.AdamW(
        kdl.schedules.OneCycle(0.05, 3 * BATCHES),
        gradient_accumulation_steps=2,
        use_ema=True,
        ema_overwrite_frequency=3,
    )
    optimizer = kdl.optimizers.ControlledOptimizer(
        inner,
        multipliers=GradualUnfreezing(GROUPS).multipliers,
        hyperparameters={"beta_1": kdl.schedules.OneCycleMomentum(6)},
        watch=True,
    )
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, begin_anew(model, X[:7], Y[:7])


def remembering(batches):
    """Callbacks that have something in mind."""
    return [
        ReduceOnPlateau("loss", "drop/rate", patience=0, min_delta=10.0),
        EarlyStopping("val_loss", patience=9, restore_best_weights=True, verbose=0),
        # The batch normalization is frozen for two epochs.
        GradualUnfreezing(GROUPS, every=2),
        Curriculum(batches, "loss", share=0.8, every=2),
        StochasticWeightAveraging(1, X, by="update", start_from_update=3),
        TrainingDoctor(data=(X[:8], Y[:8]), verbose=0),
        Count(),
    ]


def fitted(directory, save_freq, callbacks=()):
    """History and states of a fit that knows of another by its file alone."""
    model, anew = network()
    anew()
    batches = Batches(X, Y, 7, seed=3, augment=[RandomAffine(1.0, 10.0)])
    callbacks = [*remembering(batches), *callbacks]
    kept = [callback for callback in callbacks if hasattr(callback, "get_state")]
    resume = Resume(directory, batches, kept, save_freq)
    history = model.fit(
        batches,
        shuffle=False,
        epochs=3,
        validation_data=(X, Y),
        callbacks=[*callbacks, resume],
        verbose=0,
    )
    variables = model.variables + model.optimizer.variables
    states = [[array(variable) for variable in variables]]
    for callback in kept:
        state = callback.get_state()
        state.pop("seconds", None)  # Of the clock on the wall.
        states.append(state)
    return (history.epoch, history.history), states


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return fitted(tmp_path_factory.mktemp("whole") / "checkpoint", "epoch")
