import numpy as np
import pytest
from contracts import same

from kdl.data import Splits
from kdl.recipes.classes import relabelled

pytestmark = pytest.mark.one_backend


def test_labels_become_those_of_the_model():
    part = np.arange(3), np.array([0, 1, 1])
    splits = relabelled(Splits(part, part, part, ["cat", "dog"]), ["bee", "dog", "cat"])
    assert splits.classes == ["bee", "dog", "cat"]
    for x, y in splits:
        assert same(x, np.arange(3)) and y.tolist() == [2, 1, 1]


def test_refuses_a_class_that_the_model_does_not_know():
    part = np.arange(2), np.array([0, 1])
    with pytest.raises(ValueError) as error:
        relabelled(Splits(part, part, part, ["ant", "dog"]), ["bee", "dog"])
    assert str(error.value) == (
        "The data must have the classes of the model, 'bee', 'dog'. Received: 'ant'"
    )
