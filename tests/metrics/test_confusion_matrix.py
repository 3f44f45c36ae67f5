import keras
import numpy as np
import pytest
from contracts import MetricContract, array, assert_close
from sklearn.metrics import confusion_matrix

from kdl.metrics import ConfusionMatrix

RNG = np.random.default_rng(0)
LABELS = np.array([0, 1, 2, 0, -1, 2, 4, 0, 2, 9])
SCORES = RNG.normal(size=(10, 4)).astype("float32")


class TestConfusionMatrix(MetricContract):
    component = ConfusionMatrix
    arguments = {"num_classes": 4, "threshold": 0.25}
    refused = [
        (
            {"num_classes": 1},
            "`num_classes` must be an integer in [2, inf). Received: num_classes=1",
        ),
        (
            {"threshold": None},
            "`threshold` must be a number in (-inf, inf). Received: threshold=None",
        ),
    ]
    # No label is 3, and three are no class.
    y_true = LABELS
    y_pred = SCORES

    def reference(self, y_true, y_pred, sample_weight=None):
        outside = (y_true < 0) | (y_true > 3)
        count = (outside * (1 if sample_weight is None else sample_weight)).sum()
        return {f"{self.name()}_out_of_range": count}

    def name(self):
        return self.made.name

    def make(self, **overrides):
        # Keras numbers the names it makes up.
        self.made = super().make(**overrides)
        return self.made

    def assert_counts(self, metric, y_true, predicted, sample_weight=None):
        inside = (y_true >= 0) & (y_true < metric.num_classes)
        for normalize in (None, "true", "pred", "all"):
            desired = confusion_matrix(
                y_true[inside],
                predicted[inside],
                labels=range(metric.num_classes),
                sample_weight=None if sample_weight is None else sample_weight[inside],
                normalize=normalize,
            )
            assert_close(metric.matrix(normalize), desired)

    def test_is_that_of_scikit_learn(self):
        predicted = SCORES.argmax(axis=1)
        weights = RNG.uniform(size=10)
        self.assert_counts(self.updated(self.make()), LABELS, predicted)
        metric = self.updated(self.make(), weights)
        self.assert_counts(metric, LABELS, predicted, weights)

    def test_rows_are_true_and_columns_predicted(self):
        metric = ConfusionMatrix(3)
        metric.update_state([0, 0, 2], np.eye(3)[[1, 1, 2]])
        assert_close(metric.matrix(), [[0, 2, 0], [0, 0, 0], [0, 0, 1]])
        assert_close(metric.matrix("true"), [[0, 1, 0], [0, 0, 0], [0, 0, 1]])
        with pytest.raises(ValueError) as error:
            metric.matrix("rows")
        assert str(error.value) == (
            "`normalize` must be one of None, 'true', 'pred', 'all'. "
            "Received: normalize='rows'"
        )

    @pytest.mark.parametrize("threshold", [0.5, 0.0])
    def test_takes_one_column_of_two_classes(self, threshold):
        metric, scores = ConfusionMatrix(2, threshold), SCORES[:, :1]
        for y_true in (LABELS, LABELS[:, None].astype("float32")):
            metric.reset_state()
            metric.update_state(y_true, scores)
            self.assert_counts(metric, LABELS, (scores[:, 0] > threshold).astype(int))

    @pytest.mark.parametrize(
        "weight_shape", [None, (2,), (2, 1), (2, 3), (2, 3, 5), (2, 3, 5, 1)]
    )
    def test_takes_pixels(self, weight_shape):
        labels = RNG.integers(0, 4, (2, 3, 5))
        scores = RNG.normal(size=(2, 3, 5, 4)).astype("float32")
        weights = spread = None
        if weight_shape:
            weights = RNG.uniform(size=weight_shape)
            spread = weights.reshape([*weight_shape, 1, 1][:3])
            spread = np.broadcast_to(spread, labels.shape).ravel()
        metric = ConfusionMatrix(4)
        for y_true in (labels, labels[..., None]):
            metric.reset_state()
            metric.update_state(y_true, scores, weights)
            predicted = scores.argmax(axis=-1).ravel()
            self.assert_counts(metric, labels.ravel(), predicted, spread)

    def test_leaves_out_what_is_masked(self):
        x = np.array([[1, 2, 0], [3, 0, 0], [2, 2, 2]])
        y = np.array([[1, 0, 1], [0, 9, 1], [1, 1, 9]])
        metric = ConfusionMatrix(2, name="m")
        model = keras.Sequential(
            [
                keras.layers.Embedding(4, 3, mask_zero=True),
                keras.layers.Dense(2),
            ]
        )
        loss = lambda y_true, y_pred: keras.ops.mean(y_pred, -1)  # noqa: E731
        model.compile("sgd", loss, metrics=[metric])
        logs = model.evaluate(x, y, verbose=0, return_dict=True)
        assert logs["m_out_of_range"] == 1
        if keras.backend.backend() != "jax":
            # JAX has lost the mask when metrics are updated in training.
            assert model.fit(x, y, verbose=0).history["m_out_of_range"] == [1]
        metric.reset_state()
        metric.update_state(y, model(x))
        predicted = array(model(x)).argmax(axis=-1)
        self.assert_counts(metric, y[x > 0], predicted[x > 0])
        # A weight multiplies the mask.
        metric.reset_state()
        metric.update_state(y, model(x), np.array([0, 2, 1]))
        weights = np.repeat([[0], [2], [1]], 3, axis=1)[x > 0]
        self.assert_counts(metric, y[x > 0], predicted[x > 0], weights)

    def test_counts_apart_whatever_is_no_class(self):
        metric = ConfusionMatrix(3, name="m")
        labels = np.array([0, 3, -1, 0.5, np.nan, np.inf, 2**24 + 1.0])
        metric.update_state(labels, np.tile(np.eye(3)[0], (7, 1)))
        assert_close(metric.matrix(), np.diag([1, 0, 0]))
        assert_close(metric.result()["m_out_of_range"], 6)

    @pytest.mark.parametrize(
        ("num_classes", "shape", "scores"),
        [
            (3, (5, 4), "3 scores"),
            (3, (5, 1), "3 scores"),
            (2, (2,), "2 scores, or 1,"),
        ],
    )
    def test_refuses_other_scores(self, num_classes, shape, scores):
        metric = ConfusionMatrix(num_classes)
        with pytest.raises(ValueError) as error:
            metric.update_state(np.zeros(shape[0]), np.ones(shape))
        assert str(error.value) == (
            f"`y_pred` must have {scores} on the last of two or more axes, as "
            f"{num_classes=}. Received: {shape=}"
        )

    def test_is_up_to_date_after_fit_and_in_callbacks(self):
        metric, seen = ConfusionMatrix(4, name="m"), []

        class Reader(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                assert self.model is model
                seen.append((logs, metric.matrix()))

        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])
        loss = lambda y_true, y_pred: keras.ops.mean(y_pred, -1)  # noqa: E731
        # Without steps, so that every epoch predicts alike.
        model.compile(keras.optimizers.SGD(0.0), loss, metrics=[metric])
        fit = {"batch_size": 4, "callbacks": [Reader()], "verbose": 0}
        history = model.fit(SCORES, LABELS, epochs=2, **fit).history
        predicted = array(model(SCORES)).argmax(axis=1)
        self.assert_counts(metric, LABELS, predicted)
        assert history.keys() == {"loss", "m_out_of_range"}
        for logs, matrix in seen:
            assert logs["m_out_of_range"] == 3
            assert_close(matrix, metric.matrix())
        half = slice(0, 4)
        model.fit(SCORES, LABELS, validation_data=(SCORES[half], LABELS[half]), **fit)
        self.assert_counts(metric, LABELS[half], predicted[half])
        assert_close(seen[-1][1], metric.matrix())
        model.evaluate(SCORES, LABELS, verbose=0)
        self.assert_counts(metric, LABELS, predicted)
