import numpy as np
import pytest

from kdl.data import Splits
from kdl.recipes import Distillation, Images, MetricLearning, Transfer

pytestmark = pytest.mark.one_backend


@pytest.mark.parametrize("kind", [Distillation, Images, MetricLearning, Transfer])
def test_refuses_to_learn_a_single_class(kind):
    part = np.zeros((4, 8, 8, 1)), np.ones(4, int)
    with pytest.raises(ValueError) as error:
        kind(Splits(part, part, part)).data()
    assert str(error.value) == (
        "`source` must have two classes or more in its training set, such as "
        "`images:DIR` with a folder for each. Received: 1"
    )
