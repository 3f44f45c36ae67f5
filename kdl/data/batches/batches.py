"""Batches that a seed reproduces."""

import inspect

import keras
import numpy as np
from keras import tree

from kdl.checks import check_boolean, check_integer
from kdl.seeds import AUGMENTATION, ORDER, generator


class Batches(keras.utils.PyDataset):
    """Batches of arrays, each a pure function of the seed, the epoch and its index.

    `fit` shuffles arrays with a generator of its own, so that a training that is
    cut off cannot be taken up where it was. Here the order of an epoch is a function
    of the seed and the epoch, and the augmentation of a batch of these and its index,
    on every backend. The epochs are counted as Keras
    announces them, of a `fit` as of `evaluate` and `predict`: give each `fit` batches
    of its own.

    Pass it to `fit` with `shuffle=False`; `fit` would shuffle the batches again,
    with Python's `random`. A training that goes on at `initial_epoch` sees what it
    would have seen, if it is given batches that begin with that `epoch`;
    `kdl.callbacks.Resume` sees to it.

    Args:
        x: Array of shape `(examples, ...)`, or anything that `numpy.asarray` takes; or
            a dict or tuple of such, for a model of several inputs.
        y: The targets, of the same kinds.
        batch_size: Integer in `[1, inf)`. Defaults to `32`.
        seed: Integer in `[0, inf)`. Defaults to `0`.
        shuffle: Boolean. Whether each epoch has an order of its own. Defaults to
            `True`.
        drop_remainder: Boolean. Whether to leave out the examples that do not fill
            a batch, other ones in each epoch. One batch size is one compilation.
            Ignored when there is less than one batch. Defaults to `False`.
        augment: Sequence of functions `(x, y, rng) -> (x, y)` of a batch of arrays
            and a `numpy.random.Generator`, applied in turn. One that mixes examples
            takes the weights as well, as `kdl.data.MixUp` does: with an argument
            `sample_weight`, it is given them, if there are any, and returns them
            third. Defaults to none.
        epoch: Integer in `[0, inf)`. The epoch that the first `fit` begins with, its
            `initial_epoch`. Defaults to `0`.
        sample_weight: Optional array of shape `(examples, ...)`, or for a model of
            several outputs a dict or tuple of such: how much each example, or each of
            its steps, counts in the loss. Defaults to `None`, all alike.

    Raises:
        ValueError: If `x`, `y` and the weights differ in length or are empty, or if an
            argument is not as described.

    Example:

    >>> (x, y), validation, test = kdl.data.digits()
    >>> batches = kdl.data.Batches(x, y, batch_size=64)
    >>> model.fit(batches, shuffle=False, epochs=5, validation_data=validation)
    """

    def __init__(
        self,
        x,
        y,
        batch_size=32,
        seed=0,
        shuffle=True,
        drop_remainder=False,
        augment=(),
        epoch=0,
        sample_weight=None,
    ):
        # Keras's workers can pass a batch of one epoch on to the next, so that there
        # is no argument for them.
        super().__init__()
        self.x, self.y = _arrays(x), _arrays(y)
        self.sample_weight = None if sample_weight is None else _arrays(sample_weight)
        parts = {"x": self.x, "y": self.y}
        if sample_weight is not None:
            parts["sample_weight"] = self.sample_weight
        _check_counts(parts)
        self._parts = tuple(parts.values())
        self.batch_size = check_integer("batch_size", batch_size, "[1, inf)")
        self.seed = check_integer("seed", seed, "[0, inf)")
        self.shuffle = check_boolean("shuffle", shuffle)
        self.drop_remainder = check_boolean("drop_remainder", drop_remainder)
        self.augment = _check_augment(augment)
        self.epoch = check_integer("epoch", epoch, "[0, inf)")
        self._ends = 0
        self._order = None, None
        self._asked = []

    @property
    def examples(self):
        """Number of examples."""
        return len(tree.flatten(self.x)[0])

    @property
    def num_batches(self):
        """Number of batches in an epoch."""
        if self.drop_remainder:
            return max(1, self.examples // self.batch_size)
        return -(-self.examples // self.batch_size)

    def __len__(self):
        return self.num_batches

    def __getitem__(self, index):
        if not 0 <= index < self.num_batches:
            raise IndexError(
                f"`index` must be below {self.num_batches}. Received: index={index}"
            )
        self._asked.append(index)
        epoch, start = self._epoch, index * self.batch_size
        rows = self._rows(epoch)[start : start + self.batch_size]
        x, y, *weight = self._take(rows)
        if self.augment:
            rng = generator(self.seed, AUGMENTATION, epoch, index)
            for function in self.augment:
                if weight and "sample_weight" in inspect.signature(function).parameters:
                    x, y, *weight = function(x, y, rng, sample_weight=weight[0])
                else:
                    x, y = function(x, y, rng)
        return (x, y, *weight)

    def use_rows(self, rows):
        """Has the current epoch consist of other rows than those it would draw.

        Args:
            rows: Integer array of shape `(examples,)`. Indices of examples, in order.
                An example may be there several times or not at all.

        Returns:
            List that gets the index of each batch that is asked for from now on.

        Raises:
            ValueError: If there are not as many rows as examples, or not such ones.
        """
        count = self.examples
        rows = np.asarray(rows)
        is_integer = rows.shape == (count,) and rows.dtype.kind in "iu"
        if not is_integer or rows.min() < 0 or rows.max() >= count:
            raise ValueError(
                f"`rows` must be {count} integers from 0 to {count - 1}, as many as "
                f"there are examples. Received: rows={rows!r}"
            )
        self._order = self._epoch, self._arranged(rows)
        self._asked = []
        return self._asked

    def begin_at(self, epoch):
        """Has a `fit` that has not yet asked for a batch begin with an epoch.

        Args:
            epoch: Integer in `[0, inf)`.
        """
        epoch = check_integer("epoch", epoch, "[0, inf)")
        self.epoch = epoch - max(0, self._ends - 1)

    def on_epoch_end(self):
        self._ends += 1
        self._asked = []

    def _rows(self, epoch):
        """The order of the examples in an epoch."""
        # Kept for the epoch, as one pair: TensorFlow draws from threads of its own.
        known, order = self._order
        if known != epoch:
            order = self._drawn(epoch)
            self._order = epoch, order
        return order

    def _drawn(self, epoch):
        """The order of an epoch that was given no rows."""
        order = np.arange(self.examples)
        if self.shuffle:
            order = generator(self.seed, ORDER, epoch).permutation(order)
        return order

    def _arranged(self, rows):
        """Rows that an epoch was given, as its batches are to have them."""
        return rows

    def _take(self, rows):
        """The batch of some examples: inputs, targets, and weights if there are any."""
        return tree.map_structure(lambda part: part[rows], self._parts)

    @property
    def _epoch(self):
        # `fit` once calls `on_epoch_end` before its first epoch.
        return self.epoch + max(0, self._ends - 1)


def _arrays(data):
    """Data as arrays; a list is data, a dict or a tuple holds some."""
    if isinstance(data, dict):
        return {name: _arrays(part) for name, part in data.items()}
    if isinstance(data, tuple):
        return tuple(map(_arrays, data))
    return np.asarray(data)


def _check_counts(parts):
    """Refuses parts, by name, that do not all hold as many examples."""
    counts = {name: tree.map_structure(_count, part) for name, part in parts.items()}
    known = [set(tree.flatten(count)) for count in counts.values()]
    if any(len(some) != 1 or some != known[0] or 0 in some for some in known):
        *first, last = (f"`{name}`" for name in parts)
        received = ", ".join(f"len({name})={count}" for name, count in counts.items())
        raise ValueError(
            f"{', '.join(first)} and {last} must hold the same number of examples, at "
            f"least one. Received: {received}"
        )


def _check_augment(augment):
    if not isinstance(augment, (list, tuple)) or not all(map(callable, augment)):
        raise ValueError(
            "`augment` must be a sequence of functions `(x, y, rng) -> (x, y)`. "
            f"Received: augment={augment!r}"
        )
    return tuple(augment)


def _count(array):
    """How many examples an array holds; a number holds none."""
    return len(array) if array.ndim else 0
