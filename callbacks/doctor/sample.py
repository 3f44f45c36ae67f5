"""What the targets of a sample say."""

import contextlib

import keras
import numpy as np
from keras import ops


class Sample:
    """Some training examples, and what is known of them before any training.

    Attributes:
        spoilt: `"inputs"` or `"targets"`, which hold values that are not finite, or
            `None`.
        share: Share of the largest class, of labels or one-hot vectors, or `None`.
        constant: Loss of a constant prediction that is best for most losses, or
            `None`. It is the best of a few: the mean and the median of the targets,
            the shares of the classes, and their logits.
        outside: What the targets are that the loss cannot take, a clause, or `None`.

    Args:
        model: Compiled `keras.Model`. Without one output and one loss, nothing is
            known of a constant prediction.
        data: Tuple `(x, y)` of arrays or nests of arrays.
    """

    def __init__(self, model, data):
        inputs, targets = ([_array(x) for x in keras.tree.flatten(d)] for d in data)
        self.spoilt = next(
            (
                name
                for name, arrays in (("inputs", inputs), ("targets", targets))
                if not all(_is_finite(x) for x in arrays)
            ),
            None,
        )
        self.share = self.constant = self._targets = self.outside = None
        is_known = len(targets) == 1 and targets[0].dtype.kind in "biuf"
        if is_known and not self.spoilt:
            self.outside = _outside(model, targets[0])
            self.share = _largest_share(targets[0])
            self._take_loss(model, targets[0])

    def loss(self, outputs):
        """Returns the loss of outputs, without penalties and weights of classes."""
        targets = ops.convert_to_tensor(self._targets)
        value = self._loss(targets, ops.convert_to_tensor(outputs, "float32"))
        return float(ops.convert_to_numpy(ops.mean(value)))

    def _take_loss(self, model, targets):
        outputs = getattr(model, "outputs", None) or ()
        if len(outputs) != 1 or not (
            isinstance(model.loss, str) or callable(model.loss)
        ):
            return
        shape = (len(targets), *outputs[0].shape[1:])
        if None in shape:
            return
        self._loss = keras.losses.get(model.loss)
        if targets.size == len(targets) and len(shape) == 2 and shape[1] > 1:
            self._targets = targets.reshape(-1).astype("int32")
            constants = _shares(self._targets, shape[1])
        elif targets.size == np.prod(shape):
            self._targets = targets.reshape(shape).astype("float32")
            constants = [f(self._targets, axis=0) for f in (np.mean, np.median)]
        else:
            return
        for share in [c for c in constants if c.min() >= 0 and c.max() <= 1]:
            # Whose logarithms are finite.
            share = np.clip(share, 1e-7, 1 - 1e-7)
            constants += [np.log(share), np.log(share / (1 - share))]
        # A loss of one's own may need more than targets and outputs.
        with contextlib.suppress(Exception):
            losses = [self.loss(np.broadcast_to(c, shape)) for c in constants]
            self.constant = min(filter(np.isfinite, losses), default=None)


def classes_of(model):
    """Returns how many classes the integer labels of a model's loss may be of.

    `None` if its loss takes none, or if it has several losses or outputs.
    """
    loss, outputs = _loss_of(model), getattr(model, "outputs", None) or ()
    if len(outputs) == 1 and _name_of(loss) in _OF_INTEGERS:
        return outputs[0].shape[getattr(loss, "axis", -1)]
    return None


def _outside(model, targets):
    """What targets are that the loss of a model makes NaN or worse of."""
    loss, classes = _loss_of(model), classes_of(model)
    if classes:
        allowed = (targets >= 0) & (targets < classes) & (targets == np.round(targets))
        allowed |= targets == getattr(loss, "ignore_class", None)
        what = f"integers from 0 to {classes - 1}"
    elif _name_of(loss) in _OF_SHARES:
        allowed, what = (targets >= 0) & (targets <= 1), "from 0 to 1"
    else:
        return None
    others = targets[~allowed]
    if not others.size:
        return None
    return (
        f"{others.size} of {targets.size} targets of the sample, such as "
        f"{others[0]:g}, are not {what}"
    )


def _loss_of(model):
    """The loss of a model, if it has one alone, without what it is wrapped in."""
    loss = getattr(model, "loss", None)
    if isinstance(loss, (list, tuple)) and len(loss) == 1:
        (loss,) = loss
    loss = keras.losses.get(loss) if isinstance(loss, str) else loss
    return getattr(loss, "loss", loss)


def _name_of(loss):
    """The name of a class or a function, written alike."""
    name = getattr(loss, "__name__", type(loss).__name__)
    return name.lower().replace("_", "")


# Losses of integer labels, and those of targets from 0 to 1, by how Keras calls them.
_OF_INTEGERS = {"sparsecategoricalcrossentropy", "categoricalgeneralizedcrossentropy"}
_OF_SHARES = {
    f"{kind}{focal}crossentropy"
    for kind in ("binary", "categorical")
    for focal in ("", "focal")
}


def _largest_share(targets):
    if targets.ndim == 2 and targets.shape[1] > 1 and _is_one_hot(targets):
        targets = targets.argmax(axis=1)
    if targets.size != len(targets) or (targets != np.round(targets)).any():
        return None
    return float(np.unique(targets, return_counts=True)[1].max() / len(targets))


def _shares(labels, classes):
    if not 0 <= labels.min() <= labels.max() < classes:
        return []
    return [np.bincount(labels, minlength=classes) / len(labels)]


def _is_one_hot(targets):
    return np.isin(targets, (0, 1)).all() and (targets.sum(axis=1) == 1).all()


def _array(x):
    return np.asarray(ops.convert_to_numpy(x))


def _is_finite(x):
    if x.dtype.kind in "biuOSUMm":
        return True
    # Not all of what is a float to Keras is one to NumPy, such as bfloat16.
    return np.isfinite(x.astype("float32") if x.dtype.kind == "V" else x).all()
