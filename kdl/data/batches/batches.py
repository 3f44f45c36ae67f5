"""Batches that a seed reproduces."""

import functools
import hashlib
import inspect

import keras
import numpy as np
from keras import tree

from kdl.checks import check_boolean, check_integer
from kdl.data.batches.classes_and_examples import ClassesAndExamples
from kdl.data.batches.prefetch import Prefetch
from kdl.data.on_disk import OnDisk
from kdl.seeds import AUGMENTATION, ORDER, generator


class Batches(keras.utils.PyDataset):
    """Batches of arrays, each a pure function of the seed, the epoch and its index.

    `fit` shuffles arrays with a generator of its own, so that a training that is
    cut off cannot be taken up where it was. Here the order of an epoch is a function
    of the seed and the epoch, and the augmentation of a batch of these and its index,
    on every backend. The epochs are counted as Keras
    announces them, of a `fit` as of `evaluate` and `predict`: give each `fit` batches
    of its own.

    Inputs that stay on disk, such as those of `kdl.data.load("images:DIR")`, are read
    batch by batch, augmentation and all: a few threads make the next batches, those of
    the next epoch too, while the model trains. They end when there is nothing to make.

    Pass it to `fit` with `shuffle=False`; `fit` would shuffle the batches again,
    with Python's `random`. A training that goes on at `initial_epoch` sees what it
    would have seen, if it is given batches that begin with that `epoch`;
    `kdl.callbacks.Resume` sees to it.

    Args:
        x: Array of shape `(examples, ...)`, or anything that `numpy.asarray` takes, or
            inputs on disk; or a dict or tuple of such, for a model of several inputs.
        y: The targets, of the same kinds.
        batch_size: Optional integer in `[1, inf)`. Defaults to `None`, which is `32`,
            or `classes_per_batch * examples_per_class`.
        seed: Integer in `[0, inf)`. Defaults to `0`.
        shuffle: Boolean. Whether each epoch has an order of its own. Defaults to
            `True`.
        drop_remainder: Boolean. Whether to leave out the examples that do not fill
            a batch, other ones in each epoch. One batch size is one compilation.
            Ignored when there is less than one batch. Defaults to `False`.
        augment: Sequence of functions `(x, y, rng) -> (x, y)` of a batch of arrays
            and a `numpy.random.Generator`, applied in turn. One that mixes examples
            takes the weights as well, as `kdl.data.MixUp` does: with an argument
            `sample_weight`, it is given them, or `None` if there are none, and returns
            them third, if there are any then. With inputs on disk, threads call them
            side by side. Defaults to none.
        epoch: Integer in `[0, inf)`. The epoch that the first `fit` begins with, its
            `initial_epoch`. Defaults to `0`.
        sample_weight: Optional array of shape `(examples, ...)`, or for a model of
            several outputs a dict or tuple of such: how much each example, or each of
            its steps, counts in the loss. Defaults to `None`, all alike.
        classes_per_batch: Optional integer in `[1, classes]`. With
            `examples_per_class`, each batch holds so many classes, and so many
            different examples of each, one class after the other. Losses that compare
            examples need that, such as `kdl.losses.TripletLoss`. `y` are then integers
            of shape `(examples,)`. All batches are full, and an epoch has as many as
            without. All classes are drawn equally often, but for one time, and so are
            the examples of a class. Those of a rare class come several times in an
            epoch, and where there are fewer than `examples_per_class`, in a batch.
            Defaults to `None`.
        examples_per_class: Optional integer in `[1, inf)`. Examples of each class in a
            batch. Defaults to `None`.

    Attributes:
        error: The last error that reading inputs on disk raised, or `None`. TensorFlow
            raises another one of many lines in its place.

    Raises:
        ValueError: If `x`, `y` and the weights differ in length or are empty, or if an
            argument is not as described.

    Example:

    >>> (x, y), validation, test = kdl.data.digits()
    >>> batches = kdl.data.Batches(x, y, batch_size=64)
    >>> model.fit(batches, shuffle=False, epochs=5, validation_data=validation)
    >>> batches = kdl.data.Batches(x, y, classes_per_batch=8, examples_per_class=4)

    References:
        - [Hermans, Beyer and Leibe, 2017](https://arxiv.org/abs/1703.07737), batches of
          classes and examples
    """

    def __init__(
        self,
        x,
        y,
        batch_size=None,
        seed=0,
        shuffle=True,
        drop_remainder=False,
        augment=(),
        epoch=0,
        sample_weight=None,
        classes_per_batch=None,
        examples_per_class=None,
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
        self.classes_per_batch = self.examples_per_class = self._by_class = None
        if classes_per_batch is not None or examples_per_class is not None:
            by_class = ClassesAndExamples(self.y, classes_per_batch, examples_per_class)
            self.classes_per_batch = by_class.classes
            self.examples_per_class = by_class.examples
            self._by_class = by_class
        self.batch_size = _check_batch_size(batch_size, self._by_class)
        self.seed = check_integer("seed", seed, "[0, inf)")
        self.shuffle = check_boolean("shuffle", shuffle)
        self.drop_remainder = check_boolean("drop_remainder", drop_remainder)
        self.augment = _check_augment(augment)
        self.epoch = check_integer("epoch", epoch, "[0, inf)")
        self._ends = 0
        self._orders = {}
        self._asked = []
        on_disk = any(isinstance(part, OnDisk) for part in tree.flatten(self._parts))
        self._prefetch = Prefetch() if on_disk else None
        self._passed_over, self._stand_in = (None, 0), None
        self.error = None

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
        epoch = self._epoch
        if self._prefetch is None:
            return self._made(epoch, index, self._rows_of(epoch, index))
        is_passed_over = self._is_passed_over(epoch, index)
        if is_passed_over and self._stand_in is not None:
            return self._stand_in
        try:
            batch = self._prefetch.get(self._following(epoch, index))
        except Exception as error:
            self.error = error
            raise
        self._stand_in = batch if is_passed_over else None
        return batch

    def _following(self, epoch, index):
        """A batch and those after it, each by its place with a function that makes it.

        Of batches that are passed over, the first one alone is made.
        """
        first = epoch, index
        while True:
            if (epoch, index) == first or not self._is_passed_over(epoch, index):
                rows = self._rows_of(epoch, index)
                make = functools.partial(self._made, epoch, index, rows)
                yield (epoch, index), make
            index += 1
            if index == self.num_batches:
                epoch, index = epoch + 1, 0

    def _is_passed_over(self, epoch, index):
        passing, count = self._passed_over
        return epoch == passing and index < count

    def _rows_of(self, epoch, index):
        """The examples of a batch."""
        start = index * self.batch_size
        return self._rows(epoch)[start : start + self.batch_size]

    def _made(self, epoch, index, rows):
        """The batch of some examples, augmented."""
        x, y, *weight = self._take(rows)
        if self.augment:
            rng = generator(self.seed, AUGMENTATION, epoch, index)
            for function in self.augment:
                if "sample_weight" in inspect.signature(function).parameters:
                    given = weight[0] if weight else None
                    x, y, *weight = function(x, y, rng, sample_weight=given)
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
            ValueError: If there are not as many rows as examples, or not such ones, or
                if each batch is of classes and examples.
        """
        if self._by_class is not None:
            raise ValueError(
                "Batches of `classes_per_batch` and `examples_per_class` choose their "
                "examples themselves and take no others, such as those of a "
                "kdl.callbacks.Curriculum: use `batch_size` with one."
            )
        count = self.examples
        rows = np.asarray(rows)
        is_integer = rows.shape == (count,) and rows.dtype.kind in "iu"
        if not is_integer or rows.min() < 0 or rows.max() >= count:
            raise ValueError(
                f"`rows` must be {count} integers from 0 to {count - 1}, as many as "
                f"there are examples. Received: rows={rows!r}"
            )
        self.release()
        self._orders = {self._epoch: self._arranged(rows)}
        self._asked = []
        return self._asked

    def pairs_in_order(self):
        """Returns batches of all examples in order, for a model that takes `(x, y)`."""
        nothing = np.zeros(self.examples)
        return Batches((self.x, self.y), nothing, self.batch_size, shuffle=False)

    def begin_at(self, epoch):
        """Has a `fit` that has not yet asked for a batch begin with an epoch.

        Args:
            epoch: Integer in `[0, inf)`.
        """
        epoch = check_integer("epoch", epoch, "[0, inf)")
        self.release()
        self.epoch = epoch - max(0, self._ends - 1)

    def pass_over(self, count):
        """Has the current epoch not read the first batches, of inputs on disk.

        They are asked for, but not trained, by a fit that goes on in the middle of an
        epoch. The first of them is given for all.

        Args:
            count: Integer in `[0, inf)`.
        """
        count = check_integer("count", count, "[0, inf)")
        self.release()
        self._passed_over = self._epoch, count

    def release(self):
        """Forgets the batches that have been made ahead, of inputs on disk."""
        self._stand_in = None
        if self._prefetch is not None:
            self._prefetch.clear()

    @functools.cached_property
    def digest(self):
        """Tells inputs on disk from others, a string; `None` without any.

        It is a digest of their names, in order, which `kdl.callbacks.Resume` keeps.
        """
        if self._prefetch is None:
            return None
        digest = hashlib.sha256()
        for part in tree.flatten(self._parts):
            if isinstance(part, OnDisk):
                names = "\0".join([*part.names(), str(part.shape), ""])
                digest.update(names.encode("utf-8", "surrogateescape"))
        return digest.hexdigest()

    def on_epoch_end(self):
        self._ends += 1
        self._asked = []

    def _rows(self, epoch):
        """The order of the examples in an epoch."""
        # Set at once: TensorFlow draws from threads of its own.
        orders = self._orders
        if epoch not in orders:
            kept = {n: rows for n, rows in orders.items() if n >= self._epoch - 1}
            orders = self._orders = {**kept, epoch: self._drawn(epoch)}
        return orders[epoch]

    def _drawn(self, epoch):
        """The order of an epoch that was given no rows."""
        if self._by_class is not None:
            rng = generator(self.seed, ORDER, epoch) if self.shuffle else None
            return self._by_class.rows(self.num_batches, rng)
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
    if isinstance(data, OnDisk):
        return data
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


def _check_batch_size(batch_size, by_class):
    """Returns the size of batches, which may be of classes and examples."""
    if by_class is None:
        return check_integer(
            "batch_size", 32 if batch_size is None else batch_size, "[1, inf)"
        )
    size = by_class.classes * by_class.examples
    if (
        batch_size is not None
        and check_integer("batch_size", batch_size, "[1, inf)") != size
    ):
        raise ValueError(
            f"`batch_size` must be {size}, classes_per_batch * examples_per_class, or "
            f"None. Received: batch_size={batch_size}"
        )
    return size


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
