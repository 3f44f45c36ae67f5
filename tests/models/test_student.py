import json

import keras
import numpy as np
import pytest
from contracts import Contract, array, normal, same
from scipy.special import log_softmax, softmax

from kdl.layers import Clock
from kdl.models import Student, cnn

INPUTS = keras.Input((4,))
OUTPUTS = keras.layers.Dense(3)(INPUTS)
X = array(normal((6, 4)))
Y = np.array([0, 1, 2, 2, 1, 0])
WEIGHTS = np.array([1.0, 2.0, 0.0, 0.5, 1.0, 3.0], "float32")


def linear(classes=3, seed=1):
    """A model of one layer, of drawn weights."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(classes)])
    draw = np.random.default_rng(seed).normal
    model.set_weights([draw(size=w.shape).astype("float32") for w in model.weights])
    return model


def student_of(model, teacher=None, regularizer=None, **options):
    """A student with the weights of a model, compiled for steps of rate 1."""
    inputs = keras.Input((4,))
    dense = keras.layers.Dense(3, kernel_regularizer=regularizer)
    student = Student(inputs, dense(inputs), **options)
    student.set_weights(model.get_weights())
    if teacher is not None:
        student.learn_from(teacher)
    compile_(student)
    return student


def compile_(model):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(1.0), loss, weighted_metrics=["accuracy"])
    model.optimizer.build(model.trainable_variables)


def logits(model):
    kernel, bias = (w.astype("float64") for w in model.get_weights())
    return X @ kernel + bias


def expected(alpha, temperature, weights, penalty=0.0):
    """Loss and gradient of the kernel by hand."""
    z, t = logits(linear()), logits(linear(seed=2))
    hard = -log_softmax(z, -1)[np.arange(6), Y]
    soft = softmax(t / temperature, -1)
    kl = soft * (log_softmax(t / temperature, -1) - log_softmax(z / temperature, -1))
    loss = (1 - alpha) * hard + alpha * temperature**2 * kl.sum(-1)
    by_logits = (1 - alpha) * (softmax(z, -1) - np.eye(3)[Y])
    by_logits += alpha * temperature * (softmax(z / temperature, -1) - soft)
    kernel, _ = linear().get_weights()
    gradient = X.T @ (weights[:, None] * by_logits) / 6 + 2 * penalty * kernel
    return np.mean(weights * loss) + penalty * np.sum(kernel**2), gradient


class TestStudent(Contract):
    component = Student
    arguments = {
        "inputs": [INPUTS],
        "outputs": [OUTPUTS],
        "alpha": 0.5,
        "temperature": 2.0,
        "matching": "both",
        "feature_weight": 3.0,
        "layer": "dense",
    }
    refused = [
        (
            {"inputs": []},
            "`inputs` must be a keras.KerasTensor, as of keras.Model(inputs, outputs). "
            "Received: inputs=[]",
        ),
        (
            {"outputs": [OUTPUTS, OUTPUTS]},
            "`outputs` must be one keras.KerasTensor, the logits. Received: "
            f"outputs={[OUTPUTS, OUTPUTS]!r}",
        ),
        (
            {"alpha": 1.5},
            "`alpha` must be a number in [0, 1] or a LearningRateSchedule. Received: "
            "alpha=1.5",
        ),
        (
            {"temperature": 0},
            "`temperature` must be a number in (0, inf) or a LearningRateSchedule. "
            "Received: temperature=0",
        ),
        (
            {"matching": "logits"},
            "`matching` must be one of 'targets', 'features', 'both'. Received: "
            "matching='logits'",
        ),
        (
            {"layer": 1},
            "`layer` must be a string, or None. Received: layer=1",
        ),
    ]

    @pytest.mark.parametrize("weights", [None, WEIGHTS])
    @pytest.mark.parametrize(("alpha", "temperature"), [(0.3, 4.0), (1.0, 1.0)])
    def test_loss_and_gradient_are_those_of_the_paper(
        self, alpha, temperature, weights
    ):
        model = student_of(
            linear(), linear(seed=2), alpha=alpha, temperature=temperature
        )
        before, _ = model.get_weights()
        loss, *_ = model.train_on_batch(X, Y, sample_weight=weights)
        after, _ = model.get_weights()
        some = np.ones(6) if weights is None else weights
        desired, gradient = expected(alpha, temperature, some)
        np.testing.assert_allclose(loss, desired, rtol=1e-5)
        np.testing.assert_allclose(before - after, gradient, rtol=1e-4, atol=1e-6)

    def test_penalties_stay_whole(self):
        model = student_of(
            linear(),
            linear(seed=2),
            regularizer=keras.regularizers.L2(0.1),
            alpha=0.3,
            temperature=2.0,
        )
        before, _ = model.get_weights()
        loss, *_ = model.train_on_batch(X, Y)
        after, _ = model.get_weights()
        desired, gradient = expected(0.3, 2.0, np.ones(6), penalty=0.1)
        np.testing.assert_allclose(loss, desired, rtol=1e-5)
        np.testing.assert_allclose(before - after, gradient, rtol=1e-4, atol=1e-6)

    def test_is_an_ordinary_classifier_alone_and_in_evaluation(self):
        plain, alone = linear(), student_of(linear())
        compile_(plain)
        taught = student_of(linear(), linear(seed=2))
        losses = [model.evaluate(X, Y, verbose=0) for model in (plain, alone, taught)]
        np.testing.assert_allclose(losses[1:], [losses[0]] * 2, rtol=1e-6)
        unheard = student_of(linear(), linear(seed=2), alpha=0.0)
        for model in (plain, alone, unheard):
            model.train_on_batch(X, Y)
        for model in (alone, unheard):
            for one, other in zip(plain.weights, model.weights, strict=True):
                np.testing.assert_allclose(array(one), array(other), rtol=1e-6)

    @pytest.mark.parametrize(
        "matching", [pytest.param("features", marks=pytest.mark.one_backend), "both"]
    )
    def test_features_are_compared_by_what_they_find_alike(self, matching):
        """Of models whose features have other sizes."""
        x = np.random.default_rng(0).normal(size=(5, 8, 8, 1)).astype("float32")
        models = [
            cnn((8, 8, 1), 3, filters=(size,), units=(), normalization=None)
            for size in (4, 6)
        ]
        small, teacher = models
        student = Student(
            small.input,
            small.output,
            alpha=0.5,
            temperature=2.0,
            matching=matching,
            feature_weight=3.0,
        )
        student.learn_from(teacher)
        compile_(student)
        rows = []
        for model in models:
            part = keras.Model(model.input, model.get_layer("stage_1_block_1").output)
            seen = array(part(x)).reshape(5, -1).astype("float64")
            alike = seen @ seen.T
            rows.append(alike / np.linalg.norm(alike, axis=-1, keepdims=True))
        weights, labels = WEIGHTS[:5], Y[:5]
        z, t = (array(model(x)).astype("float64") for model in models)
        hard = -log_softmax(z, -1)[np.arange(5), labels]
        soft = 3.0 * np.sum((rows[0] - rows[1]) ** 2, -1)
        if matching == "both":
            kl = softmax(t / 2, -1) * (log_softmax(t / 2, -1) - log_softmax(z / 2, -1))
            soft += 4 * kl.sum(-1)
        desired = np.mean(weights * (hard + soft) / 2)
        before = [array(w) for w in student.trainable_variables]
        loss, *_ = student.train_on_batch(x, labels, sample_weight=weights)
        np.testing.assert_allclose(loss, desired, rtol=1e-4)
        after = [array(w) for w in student.trainable_variables]
        assert not any(same(*pair) for pair in zip(before, after, strict=True))

    def test_teacher_is_left_as_it_is_and_out_of_the_model(self, tmp_path):
        teacher = cnn((8, 8, 1), 3, filters=(64, 64), units=())
        before = [array(w) for w in teacher.weights]
        small = cnn((8, 8, 1), 3, filters=(2,), units=(), rate=0.5)
        student = Student(small.input, small.output, alpha=0.7, matching="both")
        student.learn_from(teacher)
        compile_(student)
        x = normal((6, 8, 8, 1))
        student.train_on_batch(x, Y)
        assert all(map(same, before, [array(w) for w in teacher.weights]))
        assert all(layer.trainable for layer in teacher.layers)
        assert student.count_params() == small.count_params()
        path = tmp_path / "student.keras"
        student.save(path)
        small.save(tmp_path / "small.keras")
        again = keras.saving.load_model(path)
        assert type(again) is Student and not again.has_teacher
        assert (again.alpha, again.matching) == (0.7, "both")
        np.testing.assert_allclose(array(again(x)), array(student(x)), rtol=1e-6)
        np.testing.assert_allclose(
            again.evaluate(x, Y, verbose=0),
            student.evaluate(x, Y, verbose=0),
            rtol=1e-5,
        )
        assert path.stat().st_size < 60_000 < 4 * teacher.count_params()
        again.learn_from(teacher)
        assert again.has_teacher

    @pytest.mark.one_backend
    def test_config_survives_json(self):
        student = self.make()
        text = json.dumps(keras.saving.serialize_keras_object(student))
        again = keras.saving.deserialize_keras_object(json.loads(text))
        assert json.dumps(again.get_config()) == json.dumps(student.get_config())
        assert keras.models.clone_model(student).count_params() == 15

    def test_numbers_follow_schedules(self):
        """By the clock of the student."""
        inputs = keras.Input((4,))
        outputs = keras.layers.Dense(3)(Clock()(inputs))
        decay = keras.optimizers.schedules.PiecewiseConstantDecay
        alpha = decay([0], [0.0, 1.0])
        student = Student(inputs, outputs, alpha=alpha, temperature=2.0)
        student.learn_from(linear(seed=2))
        compile_(student)
        for step in range(2):
            student.layers[-1].set_weights(linear().get_weights())
            loss, *_ = student.train_on_batch(X, Y)
            student.reset_metrics()
            desired, _ = expected(float(step), 2.0, np.ones(6))
            np.testing.assert_allclose(loss, desired, rtol=1e-5)

    @pytest.mark.one_backend
    @pytest.mark.parametrize(
        ("teacher", "received"),
        [
            (linear(4), "(None, 4) to (None, 4)"),
            ("runs/large", "'runs/large'"),
            (None, "None"),
        ],
    )
    def test_refuses_a_teacher_of_other_classes(self, teacher, received):
        with pytest.raises(ValueError) as error:
            student_of(linear()).learn_from(teacher)
        assert str(error.value) == (
            "`teacher` must be a keras.Model from inputs of shape (None, 4) to logits "
            f"of shape (None, 3), as the student is. Received: {received}"
        )
