import numpy as np
import pytest
from bars import NAMES, splits
from scipy.stats import mannwhitneyu

from kdl.data import Splits
from kdl.recipes.generative.anomalies import (
    are_anomalous,
    measured,
    methods,
    normal_only,
)
from kdl.recipes.generative.reconstruction import PrincipalComponents

pytestmark = pytest.mark.one_backend
RNG = np.random.default_rng(0)


def test_scores_are_measured_by_their_order():
    scores, is_anomaly = RNG.normal(size=60), np.arange(60) % 3 == 0
    scores[is_anomaly] += 1
    found = measured(scores, is_anomaly, threshold=0.5)
    u = mannwhitneyu(scores[is_anomaly], scores[~is_anomaly]).statistic
    assert found["auroc"] == pytest.approx(u / (20 * 40))
    order = is_anomaly[np.argsort(-scores)]
    precision = np.cumsum(order) / np.arange(1, 61)
    assert found["average_precision"] == pytest.approx(precision[order].mean())
    above = scores > 0.5
    assert found["precision"] == pytest.approx(is_anomaly[above].mean())
    assert found["recall"] == pytest.approx(above[is_anomaly].mean())


def test_of_one_kind_alone_there_is_no_order():
    found = measured(np.arange(4.0), np.ones(4, bool), threshold=1.0)
    assert found == {"precision": 1.0, "recall": 0.5}


def test_other_methods_find_what_is_far_away():
    train, far = RNG.normal(size=(200, 4)), 9 + RNG.normal(size=(20, 4))
    # Data lie in a plane.
    train[:, 2:], far[:, 3] = train[:, :2], -9
    test = np.concatenate([train[:50] + 1e-3, far])
    found = methods(train, test, PrincipalComponents(train, 2))
    assert list(found) == ["5 nearest neighbours", "PCA error", "isolation forest"]
    for scores in found.values():
        assert measured(scores, np.arange(70) >= 50)["auroc"] > 0.999
    distances = np.sort(np.linalg.norm(train - test[0], axis=1))[:5]
    np.testing.assert_allclose(found["5 nearest neighbours"][0], distances.mean())


def test_training_and_validation_keep_what_is_normal():
    whole = splits()
    for options, kept in ((("rows", None), [0]), ((None, "rows"), [1, 2, 3])):
        found = normal_only(whole, *options)
        for (x, y), (all_x, all_y) in zip(found[:2], whole[:2], strict=True):
            assert sorted(np.unique(y)) == kept
            np.testing.assert_array_equal(x, all_x[np.isin(all_y, kept)])
        assert len(found.test[1]) == len(whole.test[1])
        flags = are_anomalous(found.test[1], NAMES, *options)
        np.testing.assert_array_equal(flags, ~np.isin(found.test[1], kept))
    assert not are_anomalous(whole.test[1], NAMES, None, None).any()


def part(labels):
    return np.zeros((len(labels), 2)), np.array(labels)


@pytest.mark.parametrize(
    ("parts", "options", "message"),
    [
        (
            splits(),
            ("hats", None),
            "`normal` must be a class of the data: 'rows', 'columns', 'falling', "
            "'rising'. Received: normal='hats'",
        ),
        (
            Splits(*[part([0.5, 1.5])] * 3),
            (None, "1"),
            "`source` must have a class for each example, an integer of 0 or more, to "
            "tell what is anomalous. Received: targets of float64 (2,)",
        ),
        (
            Splits(*[part([0, 0])] * 3),
            ("0", None),
            "`source` must have two classes or more to tell anomalies from what is "
            "normal. Received: '0' alone",
        ),
        (
            Splits(part([0, 1]), part([0, 0]), part([0, 1])),
            (None, "0"),
            "The validation set must have examples that are normal. Received: none, "
            "for anomalous='0'",
        ),
    ],
)
def test_refuses_what_has_no_such_class(parts, options, message):
    with pytest.raises(ValueError) as error:
        normal_only(parts, *options)
    assert str(error.value) == message
