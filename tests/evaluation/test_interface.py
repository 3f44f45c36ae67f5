import keras
import pytest

from kdl.losses import SparseCategoricalCrossentropy, WeightedLoss
from kdl.models.interface import LOGITS, PROBABILITIES, scores_of

pytestmark = pytest.mark.one_backend

crossentropy = keras.losses.sparse_categorical_crossentropy
LOSSES = [
    (keras.losses.SparseCategoricalCrossentropy(from_logits=True), LOGITS),
    (keras.losses.CategoricalCrossentropy(), PROBABILITIES),
    (SparseCategoricalCrossentropy(True), LOGITS),
    (WeightedLoss(SparseCategoricalCrossentropy(True), 0.5), LOGITS),
    ("sparse_categorical_crossentropy", PROBABILITIES),
    (crossentropy, PROBABILITIES),
    ("mse", None),
    (keras.losses.MeanSquaredError(), None),
    (None, None),
]


@pytest.mark.parametrize(("loss", "scores"), LOSSES)
def test_loss_says_what_a_model_returns(loss, scores):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile("sgd", loss)
    assert scores_of(model) == scores


def test_a_model_that_is_not_compiled_says_nothing():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    assert scores_of(model) is None
