import copy
import functools
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from contracts import CallbackContract, array, same

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
from kdl.callbacks.states import variables_of
from kdl.data import Batches, RandomAffine

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
    refused = [
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
            "`save_freq` must be an integer in [1, inf). Received: save_freq=0",
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
        [(0, 1), (1, "epoch"), (2, 1), (3, 1), (4, "epoch"), (7, 2), (7, "epoch")],
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
        folders = [Path(__file__).parent, Path(__file__).parent.parent, directory]
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

    def test_refuses_a_file_that_is_no_checkpoint(self):
        path = self.arguments["directory"] / "checkpoint.npz"
        path.parent.mkdir()
        path.write_bytes(b"PK")
        with pytest.raises(ValueError, match="cannot be read as a checkpoint: "):
            self.train(super().small_model(), [self.make()])


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
        Tuple of the model and a function that makes all its variables what they were.
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
    variables = variables_of(model)
    values = [array(variable) for variable in variables]
    # On PyTorch, Keras draws random numbers when it makes the metrics.
    model.train_on_batch(X[:7], Y[:7])

    def reset():
        keras.utils.set_random_seed(1)
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)

    return model, reset


def fitted(directory, save_freq, callbacks=()):
    """History and states of a fit that knows of another by its file alone."""
    model, reset = network()
    reset()
    batches = Batches(X, Y, 7, seed=3, augment=[RandomAffine(1.0, 10.0)])
    remembering = [
        ReduceOnPlateau("loss", "drop/rate", patience=0, min_delta=10.0),
        EarlyStopping("val_loss", patience=9, restore_best_weights=True, verbose=0),
        # The batch normalization is frozen for two epochs.
        GradualUnfreezing(GROUPS, every=2),
        Curriculum(batches, "loss", share=0.8, every=2),
        StochasticWeightAveraging(1, X),
        TrainingDoctor(data=(X[:8], Y[:8]), verbose=0),
        Count(),
    ]
    resume = Resume(directory, batches, remembering, save_freq)
    history = model.fit(
        batches,
        shuffle=False,
        epochs=3,
        validation_data=(X, Y),
        callbacks=[*remembering, *callbacks, resume],
        verbose=0,
    )
    variables = model.variables + model.optimizer.variables
    states = [[array(variable) for variable in variables]]
    for callback in remembering:
        state = callback.get_state()
        state.pop("seconds", None)  # Of the clock on the wall.
        states.append(state)
    return (history.epoch, history.history), states


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return fitted(tmp_path_factory.mktemp("whole") / "checkpoint", "epoch")
