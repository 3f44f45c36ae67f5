import functools
import json
import math
import re

import keras
import numpy as np
import pytest
from contracts import CallbackContract, array, assert_close, same
from keras import layers, ops
from matplotlib.figure import Figure

import kdl
from kdl.callbacks import TrainingDoctor
from kdl.callbacks.doctor import training_doctor
from kdl.callbacks.doctor.activations import Activations
from kdl.callbacks.doctor.diagnoses import (
    DIAGNOSES,
    OF_GENERATORS,
    OF_LOSSES,
    diagnose,
)
from kdl.callbacks.doctor.findings import ADVICE, CAUSES
from kdl.callbacks.doctor.picture import draw
from kdl.callbacks.doctor.records import Records
from kdl.callbacks.doctor.sample import Sample
from kdl.optimizers import ControlledOptimizer

(X, Y), (VX, VY), _ = kdl.data.digits()
X, Y, VALIDATION = X[:320], Y[:320], (VX[:96], VY[:96])
HALVES = (Y >= 5).astype("float32")
RANDOM = np.random.default_rng(0)
SHUFFLED = RANDOM.permutation(Y)
POINTS = RANDOM.normal(size=(256, 6)).astype("float32")
NOISE = RANDOM.normal(size=(256, 1)).astype("float32")
LINE = POINTS[:, :1] - 2 * POINTS[:, 1:2] + 0.3 * NOISE
RARE = (NOISE[:, 0] > 1.5).astype("int32")
LABELS = kdl.losses.SparseCategoricalCrossentropy
SGD, Adam = keras.optimizers.SGD, keras.optimizers.Adam


def dense(*widths, activation="relu", outputs=10):
    hidden = [layers.Dense(width, activation) for width in widths]
    return [layers.Flatten(), *hidden, layers.Dense(outputs)]


def conv():
    return [
        layers.Conv2D(8, 3, use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(),
        *dense(),
    ]


def recurrent(layer, shape=(8, 8)):
    return [layers.Reshape(shape), layer, layers.Dense(10)]


def fitted(
    stack,
    optimizer=None,
    x=X,
    y=Y,
    epochs=8,
    batch=20,
    loss=None,
    metrics=("accuracy",),
    data=64,
    watch=True,
    validation_data=VALIDATION,
    doctor=None,
    **options,
):
    """The doctor and the model of a fit."""
    model = stack
    if isinstance(stack, list):
        model = keras.Sequential([keras.Input(np.shape(x)[1:]), *stack])
    optimizer = optimizer or Adam(0.01)
    model.compile(
        ControlledOptimizer(optimizer, watch=True) if watch else optimizer,
        loss or keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=list(metrics),
    )
    doctor = doctor or TrainingDoctor((x[:data], y[:data]) if data else None, verbose=0)
    model.fit(
        x,
        y,
        batch,
        epochs,
        validation_data=validation_data,
        callbacks=[doctor],
        verbose=0,
        **options,
    )
    return doctor, model


# On each backend weights begin at other values, and the order is another.
HEALTHY = {
    "dense, Adam": lambda: fitted(dense(32)),
    "SGD with momentum": lambda: fitted(dense(32, 32), SGD(0.05, 0.9)),
    "convolution, batch norm": lambda: fitted(conv(), epochs=5),
    "GRU": lambda: fitted(recurrent(layers.GRU(16)), epochs=5),
    "simple RNN": lambda: fitted(recurrent(layers.SimpleRNN(16)), Adam(3e-3), epochs=5),
    "regression": lambda: fitted(
        [layers.Dense(32, "tanh"), layers.Dense(1)],
        x=POINTS,
        y=LINE,
        epochs=12,
        loss="mse",
        metrics=(),
        validation_data=(POINTS[:64], LINE[:64]),
    ),
    "two classes": lambda: fitted(
        [*dense(32, outputs=1), layers.Activation("sigmoid")],
        y=HALVES,
        loss="binary_crossentropy",
        validation_data=(VALIDATION[0], VALIDATION[1] >= 5),
    ),
    "AdamW, schedule": lambda: fitted(
        dense(32, 32),
        keras.optimizers.AdamW(kdl.schedules.OneCycle(0.01, 8 * 16)),
    ),
    "dropout, penalty": lambda: fitted(
        [
            layers.Flatten(),
            layers.Dense(32, "relu", kernel_regularizer="l2"),
            layers.Dropout(0.5),
            layers.Dense(10),
        ],
        epochs=10,
    ),
    "few data": lambda: fitted(dense(32), x=X[:64], y=Y[:64], batch=16, epochs=12),
    "batches of one": lambda: fitted(
        [layers.Dense(32, "relu"), layers.Dense(1)],
        SGD(0.005),
        x=POINTS[:96],
        y=LINE[:96],
        batch=1,
        epochs=5,
        loss="mse",
        metrics=(),
        data=None,
        validation_data=(POINTS[96:], LINE[96:]),
    ),
}


class Root(layers.Layer):
    """The absolute value, but for its gradient at 0, which is not a number."""

    def call(self, inputs):
        return ops.sqrt(inputs * inputs)


class Logarithm(layers.Layer):
    def call(self, inputs):
        return ops.log(inputs)


class OneBadBatch(keras.utils.PyDataset):
    """The digits, with one batch in the third epoch multiplied by a number."""

    def __init__(self, factor):
        super().__init__()
        self.factor, self.epoch = factor, 0

    def __len__(self):
        return 16

    def on_epoch_end(self):
        self.epoch += 1

    def __getitem__(self, index):
        here = slice(20 * index, 20 * index + 20)
        factor = self.factor if self.epoch == 2 and index == 8 else 1
        return X[here] * factor, Y[here]


def one_bad_batch(factor, activation="tanh"):
    stack = [keras.Input((8, 8, 1)), *dense(32, activation=activation)]
    options = {"x": OneBadBatch(factor), "y": None, "batch": None, "shuffle": False}
    return planted(keras.Sequential(stack), epochs=4, **options)


def majority(shape, dtype=None):
    return ops.convert_to_tensor([2.0, -2.0], dtype)


def planted(*arguments, data=None, validation_data=None, **options):
    """A fit that looks at no more than it must, since each part is compiled."""
    return fitted(*arguments, data=data, validation_data=validation_data, **options)


LINEAR = {"x": POINTS, "y": LINE, "loss": "mse", "metrics": ()}
NEGATIVE = keras.initializers.Constant(-9)
CHAOTIC = keras.initializers.RandomNormal(0, 0.5, seed=0)

PLANTED = {
    "rate too high": (
        "rate_too_high",
        lambda: planted(dense(32, 32), Adam(3.0), epochs=3, data=64),
    ),
    "rate too high, seen by the loss alone": (
        "rate_too_high",
        lambda: planted(dense(32, 32), Adam(3.0), epochs=4, watch=False),
    ),
    "rate too high, to the end": (
        "rate_too_high",
        lambda: planted(dense(32, outputs=1), SGD(10.0), epochs=1, **LINEAR),
    ),
    "rate too low": ("rate_too_low", lambda: planted(dense(32), SGD(1e-6), epochs=4)),
    "dead ReLUs": (
        "dead_units",
        lambda: planted(
            [
                layers.Flatten(),
                layers.Dense(32, "relu", bias_initializer=NEGATIVE),
                layers.Dense(10),
            ],
            epochs=3,
            data=64,
        ),
    ),
    "deep sigmoid network": (
        "vanishing_gradients",
        lambda: planted(dense(*[32] * 9, activation="sigmoid"), SGD(0.1), epochs=3),
    ),
    "exploding RNN": (
        "exploding_gradients",
        lambda: planted(
            recurrent(layers.SimpleRNN(32, recurrent_initializer=CHAOTIC), (64, 1)),
            SGD(0.01),
            epochs=2,
        ),
    ),
    "shuffled labels": (
        "memorizing",
        lambda: fitted(dense(32, 32, activation="tanh"), y=SHUFFLED, epochs=12),
    ),
    "one bad batch": ("loss_spike", lambda: one_bad_batch(100.0, "relu")),
    "one batch of NaN": ("nan_from_batch", lambda: one_bad_batch(np.nan)),
    "a layer that makes NaN": (
        "nan_from_layer",
        lambda: planted(
            [layers.Flatten(), Logarithm(), layers.Dense(10)], epochs=1, data=64
        ),
    ),
    "a layer whose gradient is NaN": (
        "nan_from_layer",
        lambda: planted(
            [
                layers.Flatten(),
                layers.Dense(32, kernel_initializer="zeros"),
                Root(),
                layers.Dense(10),
            ],
            epochs=1,
        ),
    ),
    "NaN in the data": (
        "nan_in_data",
        lambda: planted(dense(32), x=np.where(X == 0, np.nan, X), epochs=1, data=64),
    ),
    "labels beyond the classes": (
        "labels_out_of_range",
        lambda: planted(
            dense(32), y=Y + 1, epochs=2, data=64, loss=LABELS(from_logits=True)
        ),
    ),
    "labels beyond the classes, unseen": (
        "nan_loss",
        lambda: planted(
            dense(32),
            y=np.where(np.arange(len(Y)) == 50, 10, Y),
            epochs=2,
            watch=False,
            shuffle=False,
            loss=LABELS(from_logits=True),
        ),
    ),
    "inputs not scaled": (
        "activation_scale",
        lambda: planted(dense(32), x=1e6 * X, epochs=2, data=64),
    ),
    "weights of classes": (
        "imbalance",
        lambda: planted(
            [layers.Dense(2, bias_initializer=majority)],
            SGD(0.05),
            x=POINTS,
            y=RARE,
            epochs=12,
            class_weight={0: 1.0, 1: 14.0},
        ),
    ),
    "one update an epoch": (
        "batch_and_rate",
        lambda: planted(dense(32), SGD(0.01), batch=320, epochs=11),
    ),
}


# What each backend computes in ways of its own. Of the rest the doctor judges curves.
BY_BACKEND = {
    *("dense, Adam", "convolution, batch norm", "GRU", "dropout, penalty"),
    "rate too high",
    "dead ReLUs",
    "deep sigmoid network",
    "exploding RNN",
    "one batch of NaN",
    "a layer that makes NaN",
    "a layer whose gradient is NaN",
    "NaN in the data",
    "labels beyond the classes",
    "labels beyond the classes, unseen",
}


def by_backend(cases):
    """Cases for `parametrize`, of which each backend has only some."""
    return [
        pytest.param(case, marks=() if case in BY_BACKEND else pytest.mark.one_backend)
        for case in cases
    ]


@functools.cache
def examined(case):
    """The doctor and the model of a planted disease, fitted once."""
    keras.utils.set_random_seed(0)
    return PLANTED[case][1]()


def recorded(batches=(), **columns):
    """Records of a fit of 20 batches an epoch, from the values of each curve."""
    names = {
        "start",
        "constant",
        "share",
        "kernels",
        "hidden",
        "window",
        "lost",
        "steps",
    }
    facts = {name: columns.pop(name) for name in names & set(columns)}
    records = Records(**{"steps": 20, **facts}, batches=list(batches))
    if "constant" in facts:
        columns.setdefault("sample_loss", columns["loss"])
    for name, column in columns.items():
        name = name.replace("__", "/")
        for epoch, value in enumerate(column):
            records.add(epoch, {name: float(value)})
    return records


FALL = np.geomspace(2, 0.2, 12)
RECORDS = {
    "healthy": (None, dict(loss=FALL, val_loss=1.2 * FALL, constant=2.3)),
    "overfitting": (
        "overfitting",
        dict(loss=FALL, val_loss=[*FALL[:6], *np.linspace(0.7, 1.5, 6)], constant=2.3),
    ),
    "surer of wrong answers, and more right ones": (
        None,
        dict(
            loss=FALL,
            val_loss=[*FALL[:6], *np.linspace(0.7, 1.5, 6)],
            val_accuracy=np.linspace(0.5, 0.9, 12),
            constant=2.3,
        ),
    ),
    "overfitting, of a loss below zero": (
        "overfitting",
        dict(loss=FALL - 4, val_loss=[*FALL[:6] - 4, *np.linspace(-3.3, -2.5, 6)]),
    ),
    "underfitting": (
        "underfitting",
        dict(loss=[2] * 2 + [1.6] * 12, sample_loss=[1.6] * 14, constant=2.3),
    ),
    "noise that cannot be learned": (
        None,
        dict(loss=[2] * 2 + [1] * 12, sample_loss=[1] * 14, constant=2.3),
    ),
    "no trend": ("no_trend", dict(loss=[2.5] + 9 * [2.4])),
    "no trend, but few updates": (None, dict(loss=[2.5] + 9 * [2.4], steps=5)),
    "rate too low": (
        "rate_too_low",
        dict(
            loss=[2.4] * 4,
            update_ratio__a=[1e-7] * 4,
            update_ratio__b=[1e-6] * 4,
            kernels=["a", "b"],
        ),
    ),
    "warming up": (
        None,
        dict(
            loss=[2.4] * 4, update_ratio__a=np.geomspace(1e-8, 8e-6, 4), kernels=["a"]
        ),
    ),
    "frozen": (None, dict(loss=[2.4] * 4, update_ratio__a=[0] * 4, kernels=["a"])),
    "rate too high, without divergence": (
        "rate_too_high",
        dict(loss=[2.4] * 4, update_ratio__a=[0.3] * 4, kernels=["a"]),
    ),
    "loss that goes up and down": (
        "batch_and_rate",
        dict(
            loss=[2, 1, 0.5, 0.4, 0.4, 0.5, 0.9, 0.4, 0.8, 0.6],
            sample_loss=[0.5] * 10,
            constant=2.3,
            update_ratio__a=[0.05] * 10,
            kernels=["a"],
        ),
    ),
    "loss that stays": (
        None,
        dict(
            loss=[2, 1, 0.5] + [0.45, 0.44] * 4,
            sample_loss=[0.44] * 11,
            constant=2.3,
            update_ratio__a=[0.05] * 11,
            kernels=["a"],
        ),
    ),
    "steady, then lost": (
        "nan_from_batch",
        dict(loss=[math.nan], batches=[1.0] * 12, lost={"epoch": 0, "batch": 12}),
    ),
    "lost at once": (
        "nan_loss",
        dict(loss=[math.nan], lost={"epoch": 0, "batch": 0}),
    ),
    "lost while growing": (
        "rate_too_high",
        dict(
            loss=[math.nan],
            batches=[1.0] * 9 + [4.0, 90.0, 1e9],
            lost={"epoch": 0, "batch": 12},
        ),
    ),
    "lost in validation": ("nan_loss", dict(loss=[2.0], val_loss=[math.inf])),
    "weights that are lost": (
        "activation_scale",
        dict(loss=FALL, scale__a=[1e6] * 12, hidden=["a"]),
    ),
    "outputs that shrink": (
        "activation_scale",
        dict(loss=FALL, scale__a=[1e-6] * 12, hidden=["a"]),
    ),
    "a hard example late": (
        None,
        dict(loss=[0.01], window=[0.01] * 30, batches=[1.5], start={"loss": 2.3}),
    ),
    "losses that hardly differ": (
        None,
        dict(loss=[2.3], window=[2.29] * 30, batches=[2.42], start={"loss": 2.3}),
    ),
    "a spike": (
        "loss_spike",
        dict(loss=[0.01], window=[0.01] * 30, batches=[9.0], start={"loss": 2.3}),
    ),
}


class Draw(layers.Layer):
    """Adds noise, also when it does not train."""

    def __init__(self):
        super().__init__()
        self.seed = keras.random.SeedGenerator(0)

    def call(self, inputs):
        return inputs + 0.1 * keras.random.normal(ops.shape(inputs), seed=self.seed)


class TestTrainingDoctor(CallbackContract):
    component = TrainingDoctor
    alternatives = {"directory": ["doctor"], "verbose": [True]}
    writes = True
    refused = [
        (
            {"data": np.ones((2, 4))},
            "`data` must be a tuple (x, y) of arrays of as many examples, or batches "
            "that can be read more than once, such as a keras.utils.PyDataset, a "
            "tf.data.Dataset or a DataLoader. Received: data of type ndarray",
        ),
        (
            {"data": (1, 2, 3)},
            "`data` must be a tuple (x, y) of arrays of as many examples, or batches "
            "that can be read more than once, such as a keras.utils.PyDataset, a "
            "tf.data.Dataset or a DataLoader. Received: data of type tuple",
        ),
        (
            {"batches": 1},
            "`batches` must be one of True, False. Received: batches=1",
        ),
        (
            {"verbose": 2},
            "`verbose` must be one of 0, 1, False, True. Received: verbose=2",
        ),
    ]

    @pytest.fixture(autouse=True)
    def folder_and_seed(self, tmp_path, monkeypatch):
        keras.utils.set_random_seed(0)
        # Drawing takes half a second; one test does it.
        monkeypatch.setattr(training_doctor, "draw", lambda *_: Figure((1, 1)))
        data = POINTS[:16, :4], POINTS[:16, :3]
        self.arguments = {
            "data": data,
            "directory": tmp_path / "new" / "folder",
            "batches": False,
            "verbose": 0,
        }

    @pytest.mark.parametrize("name", by_backend(HEALTHY))
    def test_is_silent_on_a_healthy_fit(self, name):
        doctor, _ = HEALTHY[name]()
        assert doctor.findings == []
        report = doctor.report()
        assert report.startswith("No findings in ")
        assert "Learned anything: in epoch" in report
        assert "Learned the right thing: in epoch" in report

    @pytest.mark.parametrize("case", by_backend(PLANTED))
    def test_names_a_planted_disease(self, case):
        doctor, _ = examined(case)
        assert [finding.name for finding in doctor.findings] == [PLANTED[case][0]]

    @pytest.mark.parametrize("case", RECORDS)
    def test_names_what_records_show(self, case):
        name, columns = RECORDS[case]
        findings = diagnose(recorded(**columns))
        assert [finding.name for finding in findings] == ([name] if name else [])
        assert diagnose(recorded(**columns), findings) == []

    def test_every_finding_has_a_cause_an_advice_and_a_place_in_the_docs(self):
        assert set(ADVICE) == set(CAUSES)
        count = len(DIAGNOSES) + len(OF_LOSSES) + len(OF_GENERATORS)
        assert count == len(CAUSES) + 1  # Of inputs, and of other activations.
        for name, causes in CAUSES.items():
            assert set(causes) <= set(CAUSES), name
            assert name in TrainingDoctor.__doc__

    def test_tells_where_and_since_when(self):
        doctor, _ = examined("one batch of NaN")
        (finding,) = doctor.findings
        assert (finding.epoch, finding.batch) == (1, 8)
        assert "nan_from_batch, since epoch 2, batch 9\n  Seen: " in doctor.report()
        doctor, model = examined("a layer that makes NaN")
        (finding,) = doctor.findings
        assert finding.where == model.layers[1].name

    def test_sees_weights_that_an_activation_hides(self):
        def relu(x):
            """Of NaN it is 0, as some of TensorFlow's are, and the loss is finite."""
            return ops.where(x > 0, x, 0.0)

        doctor, _ = one_bad_batch(np.nan, relu)
        (finding,) = doctor.findings
        assert finding.name == "nan_in_weights"

    def test_weights_are_those_of_an_unwatched_fit(self):
        def weights(**options):
            keras.utils.set_random_seed(0)
            stack = [*conv()[:-1], Draw(), layers.Dropout(0.2), layers.Dense(10)]
            _, model = fitted(stack, epochs=2, x=X[:60], y=Y[:60], **options)
            return [array(v) for v in model.variables + model.optimizer.variables]

        class Nothing(keras.callbacks.Callback):
            pass

        assert same(weights(), weights(doctor=Nothing()))

    def test_losses_of_batches_are_those_of_the_batches(self):
        doctor, model = fitted(
            dense(32), SGD(0.0), x=X[:90], y=Y[:90], epochs=2, shuffle=False
        )
        expected = [
            model.evaluate(X[n : n + 20], Y[n : n + 20], verbose=0)[0]
            for n in range(0, 80, 20)
        ]
        curve = doctor._records.values("batch_loss")
        assert_close(curve[:4], expected)
        assert_close(curve[5:9], expected)
        assert_close(doctor._records.epochs("batch_loss")[:2], [0.1, 0.3])

    def test_reads_scales_and_dead_units(self):
        kernel = np.array([[1, -1, 0.5], [1, -1, -2.0]])
        bias = np.array([0.1, -0.1, 0])
        inputs = keras.Input((2,))
        hidden = layers.Dense(3, "relu", name="hidden")(inputs)
        model = keras.Model(inputs, layers.Dense(1, name="last")(hidden))
        model.get_layer("hidden").set_weights([kernel, bias])
        x = np.abs(RANDOM.normal(size=(16, 2)))
        activations = Activations(model, x)
        scale, dead, (outputs,) = activations.read()
        units = np.maximum(x @ kernel + bias, 0)
        desired = {"inputs": x, "hidden": units, "last": array(model(x))}
        assert list(scale) == list(desired)
        for name, values in desired.items():
            assert_close(scale[name], np.sqrt(np.mean(np.square(values))))
        assert_close(dead["hidden"], np.mean((units == 0).all(axis=0)))
        assert_close(outputs, desired["last"])
        assert (activations.entrance, activations.hidden) == ("inputs", ["hidden"])

    @pytest.mark.parametrize(
        ("loss", "y", "outputs", "desired"),
        [
            ("mse", LINE, 1, np.var(LINE)),
            ("mae", LINE[:, 0], 1, np.mean(np.abs(LINE - np.median(LINE)))),
            ("binary_crossentropy", HALVES, 1, "entropy"),
            (keras.losses.BinaryCrossentropy(from_logits=True), HALVES, 1, "entropy"),
            ("sparse_categorical_crossentropy", Y, 10, "entropy"),
            (
                keras.losses.CategoricalCrossentropy(from_logits=True),
                np.eye(10)[Y],
                10,
                "entropy",
            ),
            (lambda y_true, y_pred: y_pred.missing, LINE, 1, None),
        ],
    )
    def test_knows_the_best_constant_prediction(self, loss, y, outputs, desired):
        model = keras.Sequential([keras.Input((2,)), layers.Dense(outputs)])
        model.compile("sgd", loss)
        sample = Sample(model, (np.ones((len(y), 2)), y))
        if desired == "entropy":
            labels = y if np.ndim(y) == 1 else y.argmax(axis=1)
            shares = np.unique(labels, return_counts=True)[1] / len(labels)
            desired = -np.sum(shares * np.log(shares))
            assert_close(sample.share, shares.max())
        if desired is None:
            assert sample.constant is None
        else:
            np.testing.assert_allclose(sample.constant, desired, rtol=1e-4)

    @pytest.mark.parametrize(
        ("loss", "y", "units", "outside"),
        [
            (LABELS(), [0, 1, 2, 3], 3, "1 of 4 .*, such as 3, are not integers from"),
            (
                keras.losses.SparseCategoricalCrossentropy(),
                [-1, 2, -1, 0],
                3,
                "2 of 4 ",
            ),
            ("sparse_categorical_crossentropy", [[0], [1], [0.5], [2]], 3, "as 0.5, "),
            (kdl.losses.WeightedLoss(LABELS(), 0.5), [9, 9, 9, 9], 3, "0 to 2$"),
            ("binary_crossentropy", [-1, 1, -1, 1], 1, "as -1, are not from 0 to 1"),
            ("binary_focal_crossentropy", [[1], [2], [1], [2]], 1, "as 2, are not"),
            ("categorical_crossentropy", 4 * [[0, 2, 0]], 3, "4 of 12 .* from 0 to 1"),
            (LABELS(), [0, 1, 2, 0], 3, None),
            (
                keras.losses.SparseCategoricalCrossentropy(ignore_class=-1),
                [0, -1, 2, 1],
                3,
                None,
            ),
            ("binary_crossentropy", [0, 0.5, 1, 1], 1, None),
            ("hinge", [-1, 1, -1, 1], 1, None),
            ("poisson", [9, 9, 9, 9], 1, None),
            (lambda y_true, y_pred: y_pred, [9, 9, 9, 9], 1, None),
        ],
    )
    def test_knows_which_targets_a_loss_takes(self, loss, y, units, outside):
        model = keras.Sequential([keras.Input((2,)), layers.Dense(units)])
        model.compile("sgd", loss)
        sample = Sample(model, (np.ones((4, 2)), np.array(y)))
        if outside is None:
            assert sample.outside is None
        else:
            assert re.search(outside, sample.outside)

    def test_names_the_labels_and_not_the_rate(self):
        for case in ("labels beyond the classes", "labels beyond the classes, unseen"):
            doctor, _ = examined(case)
            (finding,) = doctor.findings
            assert "from 0 to 9" in finding.seen
            advice = finding.advice
            assert "rate" not in advice or "labels" in advice.partition("rate")[0]

    def test_goes_without_anything(self):
        inputs = keras.Input((6,))
        outputs = {"a": layers.Dense(1)(inputs), "b": layers.Dense(2)(inputs)}
        doctor, _ = fitted(
            keras.Model(inputs, outputs),
            SGD(0.05),
            x=POINTS,
            y={"a": LINE, "b": POINTS[:, :2]},
            epochs=4,
            loss="mse",
            metrics=(),
            watch=False,
            validation_data=None,
            doctor=TrainingDoctor(batches=False, verbose=0),
        )
        assert doctor.report().split("\n")[-4:] == [
            "Learned the right thing: not known, there was no validation.",
            "Activations were not looked at: give some training examples, "
            "`data=(x, y)`.",
            "Gradients and updates were not looked at: put the optimizer in "
            "`kdl.optimizers.ControlledOptimizer(…, watch=True)`.",
            "Single batches were not looked at: leave `batches` at True.",
        ]
        assert doctor._records.group("a_loss") == {}

    def test_says_why_it_did_not_look_at_activations(self):
        class Mine(keras.Model):
            def __init__(self):
                super().__init__()
                self.dense = layers.Dense(10)

            def call(self, inputs):
                return self.dense(ops.reshape(inputs, (-1, 64)))

        doctor, _ = fitted(Mine(), epochs=1)
        assert doctor.report().endswith(
            "\nActivations were not looked at: the model is neither functional nor "
            "Sequential."
        )

    def test_takes_several_inputs_in_any_nest_and_a_model_without_an_input(self):
        first, second = (
            keras.Input((6,), name="first"),
            keras.Input((6,), name="second"),
        )
        hidden = layers.Dense(4, "relu", name="hidden")(first)
        model = keras.Model(
            {"first": first, "second": second},
            layers.Dense(1, name="last")(layers.Add()([hidden, second[:, :4]])),
        )
        x = {"first": POINTS, "second": POINTS}
        options = dict(y=LINE, loss="mse", metrics=(), validation_data=None, epochs=2)
        doctor = TrainingDoctor((x, LINE), verbose=0)
        fitted(model, x=x, doctor=doctor, **options)
        assert {"hidden", "last"} <= set(doctor._records.group("scale"))
        doctor = TrainingDoctor((POINTS, LINE), verbose=0)
        model = keras.Sequential([layers.Dense(4, "relu"), layers.Dense(1)])
        fitted(model, x=POINTS, doctor=doctor, **options)
        assert len(doctor._records.group("scale")) == 3

    def test_resumed_report_is_that_of_one_fit(self):
        def report(*parts):
            keras.utils.set_random_seed(0)
            dense = layers.Dense(1, name="dense")
            model = keras.Sequential([keras.Input((6,)), dense], name="model")
            model.compile(ControlledOptimizer(SGD(1e-7), watch=True), "mse")
            state, begin = None, 0
            for end in parts:
                doctor = TrainingDoctor((POINTS, LINE), verbose=0)
                restore = keras.callbacks.LambdaCallback(
                    on_train_begin=lambda logs, d=doctor, s=state: s and d.set_state(s)
                )
                model.fit(
                    *(POINTS, LINE, 32, end),
                    initial_epoch=begin,
                    validation_data=(POINTS, LINE),
                    callbacks=[doctor, restore],
                    shuffle=False,
                    verbose=0,
                )
                state, begin = doctor.get_state(), end
            return doctor.report(), state

        assert same(report(2, 9), report(9))
        assert "rate_too_low" in report(2, 3)[0]

    def test_writes_plain_json_and_a_picture(self, tmp_path, monkeypatch):
        monkeypatch.setattr(training_doctor, "draw", draw)
        data = POINTS, LINE * np.nan
        doctor = TrainingDoctor(data, directory=tmp_path, verbose=0)
        model = keras.Sequential([keras.Input((6,)), layers.Dense(1)])
        model.compile("sgd", "mse")
        model.fit(*data, epochs=2, callbacks=[doctor], verbose=0)
        assert sorted(path.name for path in tmp_path.iterdir()) == [
            "doctor.json",
            "doctor.png",
        ]

        def refuse(constant):
            raise ValueError(constant)

        text = (tmp_path / "doctor.json").read_text()
        value = json.loads(text, parse_constant=refuse)
        (finding,) = value["findings"]
        assert finding["name"] == "nan_in_data"
        assert finding[
            "seen"
        ] == "The targets of the sample hold values that are not " + ("finite.")
        assert value["curves"]["loss"] == {"epochs": [0, 1], "values": [None, None]}

    def test_leaves_out_panels_without_data(self):
        bare = recorded(loss=FALL, val_loss=FALL)
        assert len(draw(bare, []).axes) == 1
        names = [f"layer_{n}/kernel" for n in range(20)]
        curves = {
            f"{kind}__{n}": FALL
            for kind in ("gradient_norm", "update_ratio")
            for n in names
        }
        watched = recorded(loss=FALL, kernels=names, **curves)
        figure = draw(watched, diagnose(watched))
        # A bar of colours in place of 20 names.
        assert [axes.get_legend() for axes in figure.axes[1:]] == [None] * 4
        assert draw(Records(), []).axes

    def test_prints_below_the_progress_bar_what_it_finds_and_once(self, capsys):
        doctor = TrainingDoctor((X[:64] * np.nan, Y[:64]))
        fitted(dense(32), epochs=2, doctor=doctor)
        assert capsys.readouterr().out == f"\n{doctor.findings[0]}\n"

    def test_bare_it_works_or_refuses(self):
        model = keras.Sequential([keras.Input((6,)), layers.Dense(1)])
        model.compile("sgd", "mse")
        doctor = TrainingDoctor(verbose=0)
        if keras.backend.backend() == "tensorflow":
            model.fit(POINTS, LINE, callbacks=doctor, verbose=0)
            assert len(doctor._records.values("batch_loss")) == 8
            return
        with pytest.raises(RuntimeError) as error:
            model.fit(POINTS, LINE, callbacks=doctor, verbose=0)
        assert str(error.value) == "`fit` must get its callbacks in a list"

    def test_counts_batches_that_keras_runs_at_once(self):
        if keras.backend.backend() == "torch":
            pytest.skip("Keras has no steps_per_execution on PyTorch")
        model = keras.Sequential([keras.Input((6,)), layers.Dense(1)])
        model.compile(SGD(0.0), "mse", steps_per_execution=3)
        doctor = TrainingDoctor(verbose=0)
        model.fit(POINTS, LINE, 32, shuffle=False, callbacks=[doctor], verbose=0)
        parts = (POINTS[:96], LINE[:96]), (POINTS[96:192], LINE[96:192])
        expected = [model.evaluate(*part, verbose=0) for part in parts]
        assert_close(doctor._records.values("batch_loss")[:2], expected)
