import numpy as np
import pytest

from kdl.evaluation import slices
from kdl_cli.examination import scores
from kdl_cli.examination.advice import advice
from kdl_cli.examination.findings import Findings

pytestmark = pytest.mark.one_backend


def findings(labels, predicted, names="abc", **changes):
    labels, predicted = np.array(labels), np.array(predicted)
    probabilities = 0.8 * np.eye(3)[predicted] + 0.2 / 3
    return Findings(
        examples=None,
        train=None,
        features={},
        targets=labels,
        predicted=predicted,
        losses=np.zeros(len(labels)),
        metrics=[],
        **{
            "slices": [],
            "duplicates": [],
            "names": list(names),
            "probabilities": probabilities,
            "classes": scores.class_rows(labels, probabilities, list(names)),
            **changes,
        },
    )


def test_names_the_class_that_is_found_least_and_what_it_is_taken_for():
    labels = np.repeat([0, 1, 2], 40)
    predicted = labels.copy()
    predicted[:24], predicted[24:27] = 2, 1
    (sentence,) = advice(findings(labels, predicted))
    assert sentence == (
        "Collect examples of a, above all such as look like c: 32% of them are found, "
        "of all classes 78%."
    )


def test_says_nothing_of_differences_that_may_be_chance():
    labels = np.repeat([0, 1, 2], 10)
    predicted = labels.copy()
    predicted[0] = 1
    assert list(advice(findings(labels, predicted))) == []


def test_says_nothing_of_a_perfect_model():
    for count in (1, 2, 6, 21, 31):
        labels = np.repeat([0, 1, 2], count)
        assert list(advice(findings(labels, labels))) == []


def test_labels_and_doubles_come_first():
    labels = np.repeat([0, 1, 2], 10)
    found = findings(
        labels, labels, mislabelled=np.array([1, 2]), duplicates=[(0, 1, 1.0)] * 3
    )
    first, second = advice(found)
    assert first.startswith("Look at the labels first: 2 of 30 are likely wrong")
    assert second.startswith("3 of 30 test examples are nearly in the training set")


def test_names_the_worst_slice():
    dark = np.arange(300) % 3 == 0
    wrong = (dark & (np.arange(300) % 2 == 0)).astype("float64")
    found = slices({"brightness": np.where(dark, 0.1, 0.8)}, wrong)
    labels = np.arange(300) % 3
    predicted = np.where(wrong, (labels + 1) % 3, labels)
    (*_, sentence) = advice(findings(labels, predicted, slices=found))
    assert sentence.startswith("Collect examples where brightness <= 0.45: ")
    assert sentence.endswith("are wrong there, 0% are wrong elsewhere.")


def test_a_weak_model_says_nothing_of_labels():
    labels = np.repeat([0, 1, 2], 10)
    found = findings(labels, (labels + 1) % 3, mislabelled=np.arange(20))
    assert not any("labels" in sentence for sentence in advice(found))


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        (
            [2.0, 1.5],
            "More examples help: from 50 to 100, 2 times as many, the loss fell by "
            "25%.",
        ),
        (
            [1.0, 0.99],
            "More of the same examples help little: from 50 to 100, the loss changed "
            "by -1%. A larger model, or other inputs, may.",
        ),
    ],
)
def test_says_whether_more_data_help(losses, expected):
    labels = np.repeat([0, 1, 2], 10)
    (sentence,) = advice(findings(labels, labels), ([50, 100], losses, "the loss"))
    assert sentence == expected
