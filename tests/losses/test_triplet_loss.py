import itertools

import keras
import numpy as np
import pytest
from contracts import LossContract, array, assert_close, compiled

import kdl
from kdl.layers import Clock
from kdl.losses import TripletLoss

DISTANCES = {
    "euclidean": lambda a, b: np.sqrt(((a - b) ** 2).sum()),
    "squared_euclidean": lambda a, b: ((a - b) ** 2).sum(),
    "cosine": lambda a, b: 1 - a @ b / np.sqrt((a @ a) * (b @ b)),
}
COMBINATIONS = list(itertools.product(["hard", "semihard"], DISTANCES))


def triplet_losses(labels, embeddings, margin, mining, distance):
    """The loss of each anchor, from all of its triplets, in float64."""
    embeddings = embeddings.astype("float64")
    n = len(labels)
    d = [[DISTANCES[distance](a, b) for b in embeddings] for a in embeddings]

    def cost(difference):
        if margin is None:
            return np.log1p(np.exp(difference))
        return max(difference + margin, 0)

    losses, pairs = [], 0
    for a in range(n):
        positives = [d[a][i] for i in range(n) if labels[i] == labels[a] and i != a]
        negatives = [d[a][i] for i in range(n) if labels[i] != labels[a]]
        pairs += len(positives)
        loss = 0.0
        if mining == "hard" and positives and negatives:
            # The worst of its triplets.
            loss = max(cost(p - n) for p in positives for n in negatives)
        if mining == "semihard" and negatives:
            for p in positives:
                farther = [n for n in negatives if n > p]
                loss += cost(p - (min(farther) if farther else max(negatives)))
        losses.append(loss)
    if mining == "semihard":
        losses = np.array(losses) * n / max(pairs, 1)
    return np.array(losses)


def batch(seed, size=9, classes=4):
    rng = np.random.default_rng(seed)
    # Some classes are rare, and some examples alone in theirs.
    labels = rng.choice(classes, size, p=np.arange(1, classes + 1) / 10)
    return labels, rng.normal(size=(size, 5)).astype("float32")


class TestTripletLoss(LossContract):
    component = TripletLoss
    arguments = {"margin": 0.7, "mining": "semihard", "distance": "cosine"}
    refused = [
        (
            {"margin": -1},
            "`margin` must be a number in [0, inf) or a LearningRateSchedule. "
            "Received: margin=-1",
        ),
        (
            {"mining": "easy"},
            "`mining` must be one of 'hard', 'semihard'. Received: mining='easy'",
        ),
        (
            {"distance": None},
            "`distance` must be one of 'euclidean', 'squared_euclidean', 'cosine'. "
            "Received: distance=None",
        ),
    ]
    y_true, y_pred = batch(0)
    minimum = np.eye(5)[y_true]
    # Some at one point, some at zero, some far away.
    extreme = np.repeat(y_pred[:3] * [[1e6], [0], [1]], 3, axis=0)

    def reference(self, y_true, y_pred):
        return triplet_losses(y_true, y_pred, **self.arguments)

    @pytest.mark.parametrize(("mining", "distance"), COMBINATIONS)
    @pytest.mark.parametrize("margin", [0.0, 1.0, None])
    def test_is_mined_from_all_triplets(self, mining, distance, margin):
        loss = TripletLoss(margin, mining, distance, reduction=None)
        alone = False
        for seed in range(4):
            labels, embeddings = batch(seed)
            alone = alone or 1 in np.bincount(labels)
            desired = triplet_losses(labels, embeddings, margin, mining, distance)
            assert_close(loss(labels, embeddings), desired)
            # As `fit` may give them.
            column = labels[:, None].astype("float32")
            assert_close(loss(column, embeddings), desired)
        assert alone

    @pytest.mark.parametrize("mining", ["hard", "semihard"])
    def test_is_zero_without_triplets(self, mining):
        _, embeddings = batch(0)
        for labels in (np.zeros(9), np.arange(9)):
            assert_close(TripletLoss(mining=mining)(labels, embeddings), 0)
            assert_close(TripletLoss(None, mining)(labels, embeddings), 0)

    def test_is_exact_far_from_the_origin(self):
        """Where the squares of the embeddings leave nothing of their differences."""
        labels, embeddings = batch(1)
        embeddings = (embeddings + np.float32(1000)).astype("float32")
        desired = triplet_losses(labels, embeddings, 1.0, "hard", "euclidean")
        assert_close(TripletLoss(reduction=None)(labels, embeddings), desired)

    def test_gradient_is_finite_where_embeddings_coincide(self):
        losses = [TripletLoss(1.0, *combination) for combination in COMBINATIONS]
        losses += [TripletLoss(None)]
        dense = keras.layers.Dense(5, kernel_initializer="identity", use_bias=False)
        model = keras.Sequential([keras.Input((5,)), dense])
        total = lambda *args: sum(loss(*args) for loss in losses)  # noqa: E731
        model.compile(keras.optimizers.SGD(0.01), total)
        labels = np.arange(9) % 2
        # First at one point each, then all at zero, then of one class.
        x = np.concatenate([self.extreme / 1e6, np.zeros((9, 5)), self.extreme / 1e6])
        y = np.concatenate([labels, labels, np.zeros(9)])
        model.fit(x, y, batch_size=9, shuffle=False, verbose=0)
        assert np.isfinite(array(dense.kernel)).all()

    @pytest.mark.parametrize("mining", ["hard", "semihard"])
    def test_compiles_in_each_mining(self, mining):
        loss = self.make(mining=mining, distance="euclidean")
        labels, embeddings = map(keras.ops.convert_to_tensor, batch(0))
        assert_close(compiled(loss)(labels, embeddings), loss(labels, embeddings))

    def test_margin_follows_a_schedule(self):
        margin = keras.optimizers.schedules.PolynomialDecay(0.0, 4, 4.0)
        model = keras.Sequential([keras.Input((5,)), Clock(), keras.layers.Dense(2)])
        model.compile("sgd", TripletLoss(margin))
        # All embeddings coincide, so that the loss is the margin.
        x, y = np.zeros((8, 5)), np.arange(8) % 2
        history = model.fit(x, y, epochs=4, verbose=0).history
        assert_close(history["loss"], [0, 1, 2, 3])

    @pytest.mark.parametrize("mining", ["hard", "semihard"])
    def test_separates_classes_in_fit(self, mining):
        keras.utils.set_random_seed(0)
        (x, y), (x_val, y_val), _ = kdl.data.digits()
        model = keras.Sequential(
            [
                keras.Input((8, 8, 1)),
                keras.layers.Flatten(),
                keras.layers.Dense(32, "relu"),
                keras.layers.Dense(8),
            ]
        )
        model.compile(keras.optimizers.Adam(0.005), TripletLoss(1.0, mining))
        # Whole batches, four times, without the cost of epochs.
        x, y = np.tile(x[:1408], (4, 1, 1, 1)), np.tile(y[:1408], 4)
        before = separation(array(model(x_val)), y_val)
        model.fit(x, y, batch_size=64, shuffle=False, verbose=0)
        after = separation(array(model(x_val)), y_val)
        assert before < 2 < after


def separation(embeddings, labels):
    """Mean squared distance of classes over that within them."""
    squares = ((embeddings[:, None] - embeddings[None]) ** 2).sum(axis=-1)
    same = labels[:, None] == labels
    return squares[~same].mean() / squares[same].mean()
