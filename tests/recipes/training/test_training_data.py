import math

import keras
import numpy as np
import pytest
from on_disk import Stored

from kdl.recipes.training.training_data import check_training_data


def model(*units):
    """Of three inputs, and of outputs of so many units after a batch axis."""
    return keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(math.prod(units))]
        + [keras.layers.Reshape(units)] * (len(units) > 1)
    )


X, Y = np.ones((4, 3)), np.array([0, 1, 2, 1])
NAN = np.where(np.arange(12).reshape(4, 3) == 7, np.nan, X)


class TestCheckTrainingData:
    @pytest.mark.parametrize(
        ("x", "y"),
        [
            (X, Y),
            (X, Y[:, None]),
            ({"a": X, "b": X}, Y),
            # Of a regression, or one-hot.
            (X, np.linspace(-1, 9, 4)),
            (X, np.eye(3)[Y]),
        ],
    )
    def test_takes(self, x, y):
        check_training_data(model(3), x, y, (x, y, np.ones(4)))

    @pytest.mark.parametrize(
        ("x", "y", "message"),
        [
            (
                X[:0],
                Y[:0],
                "must have an example at least. Received: inputs of shape (0, 3)",
            ),
            (
                NAN,
                Y,
                "must hold finite numbers: leave out what has others, or fill them in. "
                "Received: nan in the inputs of example 2",
            ),
            (
                {"a": X, "b": X * np.inf},
                Y,
                "must hold finite numbers: leave out what has others, or fill them in. "
                "Received: inf in the inputs of example 0",
            ),
            (
                X,
                np.array([0.0, 1.0, 2.0, -np.inf]),
                "must hold finite numbers: leave out what has others, or fill them in. "
                "Received: -inf in the targets of example 3",
            ),
            (
                X,
                Y + 1,
                "must have targets from 0 to 2, as the model has 3 classes. "
                "Received: 3 in example 2",
            ),
            (
                X,
                (Y - 1)[:, None],
                "must have targets from 0 to 2, as the model has 3 classes. "
                "Received: -1 in example 0",
            ),
        ],
    )
    def test_refuses(self, x, y, message):
        with pytest.raises(ValueError) as error:
            check_training_data(model(3), x, y)
        assert str(error.value) == f"The training set {message}"
        with pytest.raises(ValueError) as error:
            check_training_data(model(3), X, Y, (x, y))
        assert str(error.value) == f"The validation set {message}"

    def test_takes_inputs_on_disk_without_reading_them(self):
        x = Stored(X)
        check_training_data(model(3), x, Y, (x, Y))
        assert x.rows == []
        with pytest.raises(ValueError) as error:
            check_training_data(model(3), Stored(X[:, :2]), Y)
        assert str(error.value) == (
            "The training set must have inputs of shape (examples, 3), as the model "
            "takes. Received: (4, 2)"
        )

    def test_of_outputs_that_are_no_scores_takes_any_classes(self):
        many = np.array([0, 3, 7, 7])
        check_training_data(model(3), X, many, (X, many), scores_classes=False)

    def test_looks_at_each_step_of_a_sequence(self):
        tokens = np.array([[0, 1], [2, 4], [0, 0], [1, 1]])
        with pytest.raises(ValueError) as error:
            check_training_data(model(2, 4), X, tokens)
        assert str(error.value) == (
            "The training set must have targets from 0 to 3, as the model has 4 "
            "classes. Received: 4 in example 1"
        )
