"""Triplet loss, mined within the batch."""

from typing import Any, Literal

import keras
from keras import ops

from kdl.checks import check_choice, check_targets
from kdl.schedules import now, number
from kdl.typing import FloatOrSchedule, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class TripletLoss(keras.losses.Loss):
    """Brings embeddings of one class closer to each other than to other classes.

    With `d` the distance, an anchor `a`, a positive `p` of its class and a negative `n`
    of another cost

        max(d(a, p) - d(a, n) + margin, 0)

    or, with a margin of `None`, `log(1 + exp(d(a, p) - d(a, n)))`, which never rests.
    Which triplets count is mined in the batch, by `mining`:

    - `"hard"`: for each anchor, its farthest positive with its nearest negative.
    - `"semihard"`: for each anchor and positive, the nearest negative that is farther
      than the positive, and the farthest negative if there is none.

    Keras has no loss of triplets. Batches should hold several examples of several
    classes. Hard negatives may make all embeddings collapse into one point early on,
    where the loss is the margin; semihard ones were made against that.

    The mean is that of TensorFlow Addons: with hard triplets over anchors, with
    semihard ones over pairs of anchor and positive, for which the value of an anchor
    is multiplied by the batch size and divided by the number of pairs. Two things
    differ. An anchor without a positive, or without a negative, is zero here; Addons
    lets another distance stand in. And semihard triplets take the soft margin, too.

    Semihard mining of `n` embeddings of size `d` takes memory for `n * n * max(n, d)`
    numbers, hard mining for `n * max(n, d)`.

    Args:
        margin: Float in `[0, inf)`, a schedule of it, or `None` for the soft margin.
            How much farther negatives are to be than positives; 0.2 is usual for
            embeddings of length one. Defaults to `1.0`.
        mining: String, `"hard"` or `"semihard"`. Defaults to `"hard"`.
        distance: String, `"euclidean"`, `"squared_euclidean"` or `"cosine"`, one minus
            the cosine of the angle. Defaults to `"euclidean"`.
        **kwargs: Arguments of `keras.losses.Loss`: `name`, `reduction`, `dtype`.

    Call arguments:
        y_true: Integer labels of shape `(batch,)` or `(batch, 1)`. Keras casts them to
            the dtype of the loss: float32 tells them apart up to `2**24`, bfloat16 up
            to 256.
        y_pred: Float tensor of embeddings, of shape `(batch, size)`.
        sample_weight: Optional tensor of weights, one for each anchor.

    Returns:
        Scalar tensor, or one value for each anchor with `reduction=None`.

    Raises:
        ValueError: If an argument is outside its interval or choices.

    Example:

    >>> loss = kdl.losses.TripletLoss(margin=0.2, mining="semihard")
    >>> layers = [model, keras.layers.UnitNormalization()]
    >>> embed = keras.Sequential(layers)
    >>> embed.compile("adam", loss)
    >>> history = embed.fit(x, y, verbose=0)

    References:
        - [Schroff, Kalenichenko and Philbin, 2015](https://arxiv.org/abs/1503.03832),
          semihard triplets
        - [Hermans, Beyer and Leibe, 2017](https://arxiv.org/abs/1703.07737), hard
          triplets and the soft margin
        - [TensorFlow Addons](
          https://github.com/tensorflow/addons/blob/master/tensorflow_addons/losses/triplet.py)
    """

    def __init__(
        self,
        margin: FloatOrSchedule | None = 1.0,
        mining: Literal["hard", "semihard"] = "hard",
        distance: Literal["euclidean", "squared_euclidean", "cosine"] = "euclidean",
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"name": "triplet_loss", **kwargs})
        self.margin = margin
        if margin is not None:
            self.margin = number("margin", margin, "[0, inf)")
        self.mining = check_choice("mining", mining, ("hard", "semihard"))
        distances = ("euclidean", "squared_euclidean", "cosine")
        self.distance = check_choice("distance", distance, distances)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        labels = check_targets(y_true, y_pred.shape[:1], "integer labels")
        if y_pred.shape[0] == 0:
            return ops.zeros((0,), y_pred.dtype)
        same = ops.equal(labels[:, None], labels[None])
        negative = ops.logical_not(same)
        itself = ops.arange(ops.shape(y_pred)[0])
        positive = ops.logical_and(same, itself[:, None] != itself[None])
        if self.distance == "cosine":
            squares = ops.sum(ops.square(y_pred), -1, keepdims=True)
            y_pred = y_pred / _root(squares, at_zero=1)
        if self.mining == "hard":
            return self._hard(y_pred, positive, negative)
        return self._semihard(y_pred, positive, negative)

    def _hard(self, y_pred, positive, negative):
        # Products find the triplets without a tensor of all differences; what a
        # triplet costs comes from its differences, for the products cancel badly.
        order = _products(ops.stop_gradient(y_pred))
        farthest = ops.argmax(ops.where(positive, order, -float("inf")), -1)
        nearest = ops.argmin(ops.where(negative, order, float("inf")), -1)
        pairs = (y_pred - ops.take(y_pred, other, 0) for other in (farthest, nearest))
        loss = self._triplet(
            *(self._distance(ops.sum(ops.square(pair), -1)) for pair in pairs)
        )
        mined = ops.logical_and(ops.any(positive, -1), ops.any(negative, -1))
        return ops.where(mined, loss, 0)

    def _semihard(self, y_pred, positive, negative):
        distances = self._distance(_squares(y_pred))
        # Axes: anchor, positive, negative. (Dynamo cannot trace `ops.min` on PyTorch.)
        others = distances[:, None]
        farther = ops.logical_and(negative[:, None], others > distances[..., None])
        nearest = ops.amin(ops.where(farther, others, float("inf")), -1)
        farthest = ops.amax(ops.where(negative, distances, 0), -1, keepdims=True)
        loss = self._triplet(
            distances, ops.where(ops.any(farther, -1), nearest, farthest)
        )
        mined = ops.logical_and(positive, ops.any(negative, -1, keepdims=True))
        pairs = ops.sum(ops.cast(positive, loss.dtype), -1)
        per_anchor = ops.sum(ops.where(mined, loss, 0), -1)
        return ops.divide_no_nan(per_anchor, ops.mean(pairs))

    def _triplet(self, positive, negative):
        if self.margin is None:
            return ops.softplus(positive - negative)
        return ops.relu(positive - negative + now(self.margin, dtype=positive.dtype))

    def _distance(self, squares):
        match self.distance:
            case "euclidean":
                return _root(squares)
            case "squared_euclidean":
                return squares
        # Of embeddings of length one.
        return squares / 2

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "margin": keras.saving.serialize_keras_object(self.margin),
            "mining": self.mining,
            "distance": self.distance,
        }


def _squares(x):
    """The squared distances of all pairs.

    Their values come from differences and their gradients from products, which need no
    tensor of all differences to be kept.
    """
    products, x = _products(x), ops.stop_gradient(x)
    squares = ops.sum(ops.square(x[:, None] - x[None]), -1)
    return products + ops.stop_gradient(squares - products)


def _products(x):
    """The squared distances of all pairs, less accurate where they are small."""
    x = x - ops.stop_gradient(ops.mean(x, 0, keepdims=True))
    squares = ops.sum(ops.square(x), -1)
    return squares[:, None] + squares[None] - 2 * ops.matmul(x, ops.transpose(x))


def _root(squares, at_zero=0):
    """The square root, with a gradient of zero at zero rather than an infinite one."""
    nonzero = squares > 0
    return ops.where(nonzero, ops.sqrt(ops.where(nonzero, squares, 1)), at_zero)
