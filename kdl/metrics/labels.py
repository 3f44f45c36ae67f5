"""Labels that metrics compare and count."""

from keras import ops

from kdl.checks import check_targets
from kdl.losses.masks import mask_of


def read(y_true, y_pred, sample_weight, num_classes, threshold, dtype):
    """Returns true labels, predicted labels and weights, of one axis each.

    Args:
        y_true: Labels of the shape of `y_pred` without its last axis, or with a size
            of 1 there.
        y_pred: Scores of shape `(batch, ..., num_classes)`, or, of two classes, of
            shape `(batch, ..., 1)`. A mask of Keras leaves labels out.
        sample_weight: `None`, or weights of the labels or, by leading axes, of groups
            of them.
        num_classes: Integer. Number of classes.
        threshold: Float. The score of one column above which class 1 is predicted.
        dtype: String. Dtype of weights that are given.

    Returns:
        Tuple of int32 labels, int32 labels, and weights: int32 if there are none but
            those of a mask. Where `y_true` is no class, both labels are `num_classes`.

    Raises:
        ValueError: If `y_pred` has another number of scores, or `y_true` another
            shape.
    """
    if not hasattr(y_pred, "shape"):
        y_pred = ops.convert_to_tensor(y_pred)
    columns = y_pred.shape[-1] if len(y_pred.shape) > 1 else None
    if columns == num_classes:
        predicted = ops.cast(ops.argmax(y_pred, -1), "int32")
    elif columns == 1 and num_classes == 2:
        predicted = ops.cast(ops.cast(y_pred[..., 0], "float32") > threshold, "int32")
    else:
        scores = "2 scores, or 1," if num_classes == 2 else f"{num_classes} scores"
        raise ValueError(
            f"`y_pred` must have {scores} on the last of two or more axes, as "
            f"num_classes={num_classes}. Received: shape={tuple(y_pred.shape)}"
        )
    # `fit` casts labels to float32 as well. NaN is no class either.
    true = ops.cast(y_true, "float32")
    true = check_targets(true, y_pred.shape[:-1], "integer labels")
    is_class = (true >= 0) & (true < num_classes) & (true == ops.floor(true))
    true = ops.cast(ops.where(is_class, true, num_classes), "int32")
    predicted = ops.where(is_class, predicted, num_classes)
    weights = weights_of(y_pred, sample_weight, dtype)
    return tuple(ops.reshape(x, (-1,)) for x in (true, predicted, weights))


def weights_of(y_pred, sample_weight, dtype):
    """Returns the weight of each label of predictions, with those of Keras's mask.

    Args:
        y_pred: Scores of shape `(batch, ..., num_classes)`.
        sample_weight: `None`, or weights of the labels or of groups of them.
        dtype: String. Dtype of weights that are given.

    Returns:
        Tensor `(batch, ...)`, int32 if there are none but those of a mask.
    """
    weights = mask_of(y_pred)
    if sample_weight is None:
        return ops.cast(weights, "int32")
    given = _spread(ops.cast(sample_weight, dtype), ops.shape(y_pred)[:-1])
    return ops.cast(weights, dtype) * given


def mistakes(y_true, y_pred, sample_weight, ignore_class, dtype):
    """Returns which tokens are not predicted, and the weight of each.

    Args:
        y_true: Integer tokens of the shape of `y_pred` without its last axis.
        y_pred: Scores of shape `(batch, ..., vocabulary_size)`.
        sample_weight: `None`, or weights of the tokens or of groups of them.
        ignore_class: Optional integer. Token of weight 0.
        dtype: String. Dtype of weights that are given.

    Returns:
        Tuple of a boolean tensor and of weights, each `(batch, ...)`.

    Raises:
        ValueError: If `y_true` has another shape.
    """
    # As `fit` does; to int32, a token that is none might become one.
    true = ops.cast(y_true, "float32")
    true = check_targets(true, y_pred.shape[:-1], "integer tokens")
    wrong = ops.not_equal(ops.cast(ops.argmax(y_pred, -1), "float32"), true)
    weights = weights_of(y_pred, sample_weight, dtype)
    if ignore_class is not None:
        weights = ops.where(true == ignore_class, 0, weights)
    return wrong, weights


def count(labels, weights, size, dtype):
    """Returns the sum of the weights of each label from 0 to `size - 1`."""
    # Not `ops.segment_sum`, which Dynamo cannot trace on PyTorch.
    zeros = ops.zeros(size, weights.dtype)
    return ops.cast(ops.scatter_update(zeros, labels[:, None], weights, "add"), dtype)


def _spread(weight, shape):
    """Spreads weights of leading axes, or with a last one of size 1, over labels."""
    if len(weight.shape) == len(shape) + 1 and weight.shape[-1] == 1:
        weight = weight[..., 0]
    ones = [1] * (len(shape) - len(weight.shape))
    return ops.broadcast_to(ops.reshape(weight, (*ops.shape(weight), *ones)), shape)
