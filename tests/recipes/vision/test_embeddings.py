import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import normalized_mutual_info_score

from kdl.recipes.vision.embeddings import (
    embedding_figure,
    mutual_information,
    nearest,
    neighbours_figure,
    recall,
    recall_table,
)

pytestmark = pytest.mark.one_backend


def draw(count=200, classes=5, size=4, seed=0):
    """Embeddings of length one around the centres of classes."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, count)
    points = rng.normal(size=(classes, size))[labels] + 0.7 * rng.normal(
        size=(count, size)
    )
    return labels, points / np.linalg.norm(points, axis=-1, keepdims=True)


def by_hand(labels, embeddings, k):
    """Recall at k, of all distances."""
    distances = np.linalg.norm(embeddings[:, None] - embeddings[None], axis=-1)
    np.fill_diagonal(distances, np.inf)
    hits = []
    for n, row in enumerate(distances):
        if (labels == labels[n]).sum() > 1:
            hits.append(labels[n] in labels[np.argsort(row)[:k]])
    return np.mean(hits)


@pytest.mark.parametrize("classes", [2, 5, 150])
def test_recall_is_that_of_all_distances(classes):
    labels, embeddings = draw(classes=classes)
    scores = recall(labels, embeddings)
    assert list(scores) == ["recall_at_1", "recall_at_5"]
    for k in (1, 5):
        np.testing.assert_allclose(
            scores[f"recall_at_{k}"], by_hand(labels, embeddings, k)
        )


def test_nearest_are_sorted_and_never_the_example_itself():
    _, embeddings = draw(50)
    embeddings[1] = embeddings[0]
    distances, indices = nearest(embeddings)
    assert indices.shape == (50, 5) and (np.diff(distances) >= 0).all()
    assert (indices != np.arange(50)[:, None]).all()
    assert (indices[0, 0], indices[1, 0]) == (1, 0)
    assert nearest(embeddings[:3])[1].shape == (3, 2)


def test_recall_of_few_examples():
    assert recall(np.array([0]), np.ones((1, 2)))["recall_at_1"] == 0
    assert recall(np.array([0, 1]), np.eye(2))["recall_at_5"] == 0
    scores = recall(np.array([0, 0, 1]), np.array([[0.0], [0.1], [0.5]]))
    # The nearest of the second is the first, and the third is alone in its class.
    assert scores == {"recall_at_1": 1.0, "recall_at_5": 1.0}


def test_mutual_information_is_that_of_clusters():
    labels, embeddings = draw(classes=3)
    clusters = KMeans(3, n_init=20, random_state=1).fit_predict(embeddings)
    desired = normalized_mutual_info_score(labels, clusters)
    np.testing.assert_allclose(
        mutual_information(labels, embeddings), desired, atol=0.02
    )
    apart = np.eye(4)[labels]
    np.testing.assert_allclose(mutual_information(labels, apart), 1)


def test_table_has_each_class_and_what_it_is_taken_for():
    labels = np.array([0, 0, 0, 2, 2])
    embeddings = np.array([[0.0], [0.1], [5.0], [5.1], [5.3]])
    first, second = recall_table(labels, embeddings, ["a", "b", "c"])
    assert first == {
        "class": "a",
        "examples": 3,
        "recall_at_1": 2 / 3,
        "recall_at_5": 1.0,
        "mistaken_for": "c",
    }
    assert (second["class"], second["mistaken_for"]) == ("c", "a")


@pytest.mark.parametrize(("count", "classes"), [(40, 3), (60, 25), (3, 2), (1, 1)])
def test_figures_of_many_and_few_examples(count, classes):
    labels, embeddings = draw(count, classes)
    names = [f"class {n}" for n in range(classes)]
    figure = embedding_figure(labels, embeddings, names, "Test set")
    assert len(figure.axes) == (2 if count > 4 else 1)
    assert bool(figure.legends) == (classes <= 20)
    images = np.random.default_rng(0).random((count, 6, 6, 1))
    figure = neighbours_figure(images, labels, embeddings, names, "Test set")
    shown = min(8, count)
    assert len(figure.axes) == shown * (1 + min(5, count - 1))


def test_half_of_the_images_shown_are_wrong_ones():
    labels, embeddings = draw(100, 2)
    images = np.zeros((100, 4, 4, 3))
    figure = neighbours_figure(images, labels, embeddings, ["a", "b"], "Test set")
    red = [axes.title.get_color() == "C3" for axes in figure.axes]
    assert np.reshape(red, (8, 6)).any(-1).sum() == 4
