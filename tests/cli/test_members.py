"""Weights of members by the validation set, of models of all kinds of outputs."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from lookups import lookup
from scipy.optimize import minimize_scalar
from scipy.special import expit
from sklearn.metrics import log_loss

from kdl_cli.commands.members import GREEDY, VALIDATION, combined

pytestmark = pytest.mark.one_backend

ROWS = np.arange(60)
RECIPE = SimpleNamespace(name="own", scores=lambda *args: {})
WAYS = pytest.mark.parametrize("way", [VALIDATION, GREEDY])


def weights_of(way, tables, y, loss):
    """Weights of models that look up their outputs."""
    models = [lookup(table) for table in tables]
    for model in models:
        model.compile("sgd", loss)
    return combined(RECIPE, models, (ROWS, y), weights=way).weights


def best(loss):
    """The share of the first of two members with the least loss."""
    return minimize_scalar(loss, bounds=(0, 1), method="bounded").x


@WAYS
@pytest.mark.parametrize("from_logits", [True, False])
def test_one_output_is_the_score_of_the_second_of_two_classes(way, from_logits):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 60)
    logits = 2 * rng.normal(size=(2, 60, 1)) + 2 * y[:, None] - 1
    p = expit(logits)
    loss = keras.losses.BinaryCrossentropy(from_logits=from_logits)
    found = weights_of(way, logits if from_logits else p, y, loss)
    share = best(lambda w: log_loss(y, (w * p[0] + (1 - w) * p[1])[:, 0]))
    assert 0.05 < share < 0.95
    # Greedy selection has shares of at most fifty members.
    assert found[0] == pytest.approx(share, abs=0.03 if way == GREEDY else 1e-3)


@WAYS
def test_labels_are_compared_with_probabilities(way):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, (60, 4)).astype("float32")
    # Those of the first one are far from 0 and 1, and mostly right.
    logits = (rng.normal(size=(2, 60, 4)) + 2 * y - 1) * [[[5]], [[1]]]
    p = expit(logits)
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    found = weights_of(way, logits, y, loss)
    share = best(lambda w: np.mean((w * p[0] + (1 - w) * p[1] - y) ** 2))
    wrong = best(lambda w: np.mean((w * logits[0] + (1 - w) * logits[1] - y) ** 2))
    assert abs(share - wrong) > 0.1
    assert found[0] == pytest.approx(share, abs=0.03 if way == GREEDY else 1e-3)


@WAYS
def test_rows_with_a_one_are_of_one_class(way):
    """Softmax, rather than sigmoid, makes probabilities of their logits."""
    rng = np.random.default_rng(0)
    y = np.eye(3, dtype="float32")[rng.integers(0, 3, 60)]
    logits = rng.normal(size=(2, 60, 3)) * 2 + 2 * y + [[[4]], [[-4]]]
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    found = weights_of(way, logits, y, loss)
    share = best(lambda w: np.mean((w * p[0] + (1 - w) * p[1] - y) ** 2))
    assert found[0] == pytest.approx(share, abs=0.03 if way == GREEDY else 1e-3)


@WAYS
def test_refuses_outputs_of_another_size_than_the_targets(way):
    """Such as quantiles of a number."""
    rng = np.random.default_rng(0)
    y = rng.normal(size=60).astype("float32")
    with pytest.raises(ValueError) as error:
        weights_of(way, rng.normal(size=(2, 60, 3)), y, "mse")
    assert str(error.value) == (
        f"Weights by the validation set ({way}) need a number of the targets for each "
        "one of the outputs. Received: outputs of shape (60, 3) for targets of shape "
        "(60,)"
    )
