"""Batches that a seed reproduces."""

import functools
import hashlib
import inspect
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, Self

import keras
import numpy as np
from keras import tree
from numpy.typing import ArrayLike

from kdl.checks import (
    check_boolean,
    check_choice,
    check_exclusive,
    check_integer,
    check_optional,
    check_shard,
)
from kdl.data.batches.prefetch import Prefetch
from kdl.data.batches.samplers import Balanced, ClassesAndExamples, Shuffled, Weighted
from kdl.data.on_disk import OnDisk
from kdl.seeds import AUGMENTATION, ORDER, generator
from kdl.typing import Arrays


class Planned(NamedTuple):
    """What a batch is made of, before any of it is read.

    Attributes:
        rows: Integer array. Its examples.
        size: Integer. How many examples it has once it is padded.
        weight: Float, how much each of its examples counts beside the padding, or
            `None` where there is no padding.
        bucket: Integer, the bucket of its lengths, or `None`.
    """

    rows: np.ndarray
    size: int
    weight: float | None = None
    bucket: int | None = None


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

    A batch is made in this order: its examples are drawn, it is padded, a process takes
    its share, `collate` joins the examples, and the functions of `augment` change them.

    Args:
        x: Array of shape `(examples, ...)`, or anything that `numpy.asarray` takes, or
            inputs on disk; or a dict or tuple of such, for a model of several inputs.
            With `collate`, a sequence of examples of any kind.
        y: The targets, of the same kinds. With `collate`, it may be `None`.
        batch_size: Optional integer in `[1, inf)`. Defaults to `None`, which is `32`,
            or `classes_per_batch * examples_per_class`.
        seed: Integer in `[0, inf)`. Defaults to `0`.
        shuffle: Boolean. Whether each epoch has an order of its own. Defaults to
            `True`.
        remainder: `"keep"`, `"drop"` or `"pad"`. What becomes of the last batch of an
            epoch if it is not full. It is kept as it is; or its examples are left out,
            other ones in each epoch, unless there is less than one batch; or it is
            padded with copies of them of weight 0. One batch size is one compilation.
            Where a batch may be padded, all batches have weights. Keras divides the
            loss of a batch by all of its rows; so the examples weigh `rows / examples`
            of an epoch instead of 1, and the loss of an epoch is that without padding.
            Padding counts in `metrics`, but not in `weighted_metrics`. Defaults to
            `"keep"`.
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
            of shape `(examples,)` or `(examples, 1)`. All batches are full, and an
            epoch has as many as without. All classes are drawn equally often, but for
            one time, and so are the examples of a class. Those of a rare class come
            several times in an epoch, and where there are fewer than
            `examples_per_class`, in a batch. Defaults to `None`.
        examples_per_class: Optional integer in `[1, inf)`. Examples of each class in a
            batch. Defaults to `None`.
        weights: Optional array of shape `(examples,)` of numbers in `[0, inf)`.
            Examples are drawn with probabilities in proportion to these. Defaults to
            `None`, all alike. Unlike `sample_weight`, they leave the loss as it is.
        replacement: Boolean. How `weights` are used. `True`: by systematic resampling,
            an example comes `examples_per_epoch * weight / sum(weights)` times in each
            epoch, rounded up or down at random so that this is its mean, in a random
            order. `False`: an example comes once at most. Each next one is drawn from
            those that are left, in proportion to their weights. So heavy ones come
            early in an epoch, and where it holds fewer examples than there are, light
            ones are often left out. Those of weight 0 never come. Without `shuffle`,
            the draws of all epochs are the same. Defaults to `True`.
        balance: Boolean. Whether all classes come equally often, in an epoch and in
            each batch, but for one time. `y` are then integers of shape `(examples,)`
            or `(examples, 1)`. The examples of a class come equally often as well, but
            for one time. All batches are full. Defaults to `False`.
        examples_per_epoch: Optional integer in `[1, inf)`. How many examples an epoch
            draws. Where none comes twice, it is at most the number of those that can
            be drawn. Defaults to `None`, that number, or else the number of examples.
        shard: Optional tuple `(index, count)` of integers. One of `count` processes
            that train together gets the part `index`, from 0, of each batch, whose
            `batch_size` is that of all together and a multiple of `count`. The parts
            make up the batch, and all processes have as many batches. They are equally
            large, but for a last batch that is kept as it is: there they may differ by
            one example. Give all processes the same other arguments. Each augments its
            part with random numbers of its own. Defaults to `None`, the whole batch.
        collate: Optional function of a list of examples of `x`, which returns the
            inputs of a batch, an array or a dict or tuple of such. `x` is then a
            sequence of anything, such as a list of arrays of several lengths. If `y` is
            `None`, it returns inputs and targets `(x, y)`. Defaults to `None`.

    Attributes:
        error: The last error that reading inputs on disk raised, or `None`. TensorFlow
            raises another one of many lines in its place.
        seconds: Float. How long the batches so far took, in seconds: to make them, or
            to wait for threads that do. The model may train meanwhile, as on
            TensorFlow, where Keras asks for batches ahead.

    Raises:
        ValueError: If `x`, `y` and the weights differ in length or are empty, if an
            argument is not as described, if arguments exclude each other, or if a last
            batch has too few examples for all processes.

    Example:

    >>> (x, y), validation, test = kdl.data.digits()
    >>> batches = kdl.data.Batches(x, y, batch_size=64)
    >>> model.fit(batches, shuffle=False, epochs=5, validation_data=validation)
    >>> batches = kdl.data.Batches(x, y, classes_per_batch=8, examples_per_class=4)
    >>> batches = kdl.data.Batches(x, y, weights=np.where(y == 3, 5.0, 1.0))
    >>> batches = kdl.data.Batches(x, y, balance=True, shard=(0, 2))

    References:
        - [Hermans, Beyer and Leibe, 2017](https://arxiv.org/abs/1703.07737), batches of
          classes and examples
        - [Kitagawa, 1996](https://doi.org/10.2307/1390750), systematic resampling
        - [Efraimidis and Spirakis, 2006](https://doi.org/10.1016/j.ipl.2005.11.003),
          weights without replacement
    """

    def __init__(
        self,
        x: Arrays,
        y: Arrays,
        batch_size: int | None = None,
        seed: int = 0,
        shuffle: bool = True,
        remainder: Literal["keep", "drop", "pad"] = "keep",
        augment: Sequence[Callable[..., Any]] = (),
        epoch: int = 0,
        sample_weight: Arrays | None = None,
        classes_per_batch: int | None = None,
        examples_per_class: int | None = None,
        weights: ArrayLike | None = None,
        replacement: bool = True,
        balance: bool = False,
        examples_per_epoch: int | None = None,
        shard: tuple[int, int] | None = None,
        collate: Callable[[list[Any]], Any] | None = None,
    ) -> None:
        # Keras's workers can pass a batch of one epoch on to the next, so that there
        # is no argument for them.
        super().__init__()
        self.collate = _check_collate(collate)
        self.x = _arrays("x", x) if collate is None else _check_sequence(x)
        self.y = self.sample_weight = None
        if y is not None or collate is None:
            self.y = _arrays("y", y)
        if sample_weight is not None:
            self.sample_weight = _arrays("sample_weight", sample_weight)
        self.examples = self._count_examples()
        self.balance = check_boolean("balance", balance)
        self.replacement = check_boolean("replacement", replacement)
        self.classes_per_batch = self.examples_per_class = self.weights = None
        self._sampler = sampler = self._chosen_sampler(
            batch_size, classes_per_batch, examples_per_class, weights
        )
        self.examples_per_epoch = check_integer(
            "examples_per_epoch",
            sampler.count if examples_per_epoch is None else examples_per_epoch,
            sampler.interval,
        )
        self.seed = check_integer("seed", seed, "[0, inf)")
        self.shuffle = check_boolean("shuffle", shuffle)
        self.remainder = check_choice("remainder", remainder, ("keep", "drop", "pad"))
        self.augment = augment
        self.epoch = check_integer("epoch", epoch, "[0, inf)")
        self.shard = check_optional(check_shard, "shard", shard)
        if self.shard is not None:
            self._check_shares()
        self._ends = 0
        self._plans = {}
        self._asked = []
        self._prefetch = Prefetch() if self._on_disk() else None
        self._passed_over, self._stand_in = (None, 0), None
        self.error = None
        self.seconds = 0.0

    @property
    def augment(self) -> tuple[Callable[..., Any], ...]:
        """Tuple of functions that change a batch."""
        return self._augment

    @augment.setter
    def augment(self, functions: Sequence[Callable[..., Any]]) -> None:
        self._augment = _check_augment(functions)
        # Looked up once: it takes a fifth of the time in which small images are moved.
        self._weighs = [
            "sample_weight" in inspect.signature(function).parameters
            for function in self._augment
        ]

    @property
    def num_batches(self) -> int:
        """Number of batches in an epoch."""
        if self.remainder == "drop":
            return max(1, self.examples_per_epoch // self.batch_size)
        return -(-self.examples_per_epoch // self.batch_size)

    @property
    def kept(self) -> int:
        """How many of the rows of an epoch its batches hold, those that come first."""
        return min(self.examples_per_epoch, self.num_batches * self.batch_size)

    def __len__(self) -> int:
        return self.num_batches

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        if not 0 <= index < self.num_batches:
            raise IndexError(
                f"`index` must be below {self.num_batches}. Received: index={index}"
            )
        self._asked.append(index)
        begun = time.perf_counter()
        try:
            return self._get(self._epoch, index)
        finally:
            self.seconds += time.perf_counter() - begun

    def _get(self, epoch, index):
        """A batch, which threads may have made before."""
        if self._prefetch is None:
            return self._made(epoch, index, self._plan(epoch)[index])
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
                planned = self._plan(epoch)[index]
                make = functools.partial(self._made, epoch, index, planned)
                yield (epoch, index), make
            index += 1
            if index == self.num_batches:
                epoch, index = epoch + 1, 0

    def _is_passed_over(self, epoch, index):
        passing, count = self._passed_over
        return epoch == passing and index < count

    def _made(self, epoch, index, planned):
        """A planned batch, or the share of this process, augmented."""
        part = self._share(planned.size)
        # Padding repeats the examples of the batch, so that it is as long as these.
        x, y, *weight = self._take(np.resize(planned.rows, planned.size)[part], planned)
        if planned.weight is not None:
            weight = [_weigh(planned, part, *weight)]
        if self.augment:
            # Shares of a batch are not to have the same noise.
            place = (epoch, index, *(() if self.shard is None else self.shard[:1]))
            rng = generator(self.seed, AUGMENTATION, *place)
            for function, weighs in zip(self.augment, self._weighs, strict=True):
                if weighs:
                    given = weight[0] if weight else None
                    x, y, *weight = function(x, y, rng, sample_weight=given)
                else:
                    x, y = function(x, y, rng)
        return (x, y, *weight)

    def _chosen_sampler(
        self, batch_size, classes_per_batch, examples_per_class, weights
    ):
        """Returns what draws the examples, and notes its arguments and batch size."""
        check_exclusive(
            weights=weights, balance=self.balance, classes_per_batch=classes_per_batch
        )
        if weights is None and not self.replacement:
            raise ValueError(
                "`replacement` must be True without `weights`. "
                f"Received: replacement={self.replacement}"
            )
        if classes_per_batch is not None or examples_per_class is not None:
            sampler = ClassesAndExamples(self.y, classes_per_batch, examples_per_class)
            self.classes_per_batch = sampler.classes
            self.examples_per_class = sampler.examples
            self.batch_size = _check_size_of_classes(batch_size, sampler.size)
            return sampler
        self.batch_size = check_integer(
            "batch_size", 32 if batch_size is None else batch_size, "[1, inf)"
        )
        if self.balance:
            return Balanced(self.y, self.batch_size)
        if weights is None:
            return Shuffled(self.examples)
        sampler = Weighted(weights, self.examples, self.replacement)
        self.weights = sampler.weights
        return sampler

    def _share(self, size):
        """Slice of what this process has of a batch."""
        index, count = self.shard or (0, 1)
        return slice(size * index // count, size * (index + 1) // count)

    def use_rows(self, rows: ArrayLike) -> list[int]:
        """Has the current epoch consist of other rows than those it would draw.

        Args:
            rows: Integer array of shape `(examples_per_epoch,)`. Indices of examples,
                in order. An example may be there several times or not at all.

        Returns:
            List that gets the index of each batch that is asked for from now on.

        Raises:
            ValueError: If there are not as many rows as an epoch has, or not such ones,
                or if the batches choose their examples themselves.
        """
        if self._sampler.option is not None:
            raise ValueError(
                f"Batches with `{self._sampler.option}` choose their examples "
                "themselves and take no others, such as those of a "
                "kdl.callbacks.Curriculum."
            )
        count = self.examples_per_epoch
        rows = np.asarray(rows)
        is_integer = rows.shape == (count,) and rows.dtype.kind in "iu"
        if not is_integer or rows.min() < 0 or rows.max() >= self.examples:
            raise ValueError(
                f"`rows` must be {count} integers from 0 to {self.examples - 1}, as "
                f"many as an epoch has examples. Received: rows={rows!r}"
            )
        self.release()
        self._plans = {self._epoch: self._weighed(self._split(rows))}
        self._asked = []
        return self._asked

    def pairs_in_order(self) -> Self:
        """Returns batches of all examples in order, for a model that takes `(x, y)`."""
        nothing = np.zeros(self.examples)
        if self.collate is None:
            return Batches((self.x, self.y), nothing, self.batch_size, shuffle=False)

        def collate(rows):
            x, y, *_ = self._take(np.array(rows), None)
            return (x, y), np.zeros(len(rows))

        rows = range(self.examples)
        return Batches(rows, None, self.batch_size, shuffle=False, collate=collate)

    def begin_at(self, epoch: int) -> None:
        """Has a `fit` that has not yet asked for a batch begin with an epoch.

        Args:
            epoch: Integer in `[0, inf)`.
        """
        epoch = check_integer("epoch", epoch, "[0, inf)")
        self.release()
        self.epoch = epoch - max(0, self._ends - 1)

    def pass_over(self, count: int) -> None:
        """Has the current epoch not read the first batches, of inputs on disk.

        They are asked for, but not trained, by a fit that goes on in the middle of an
        epoch. The first of them is given for all.

        Args:
            count: Integer in `[0, inf)`.
        """
        count = check_integer("count", count, "[0, inf)")
        self.release()
        self._passed_over = self._epoch, count

    def release(self) -> None:
        """Forgets the batches that have been made ahead, of inputs on disk."""
        self._stand_in = None
        if self._prefetch is not None:
            self._prefetch.clear()

    @functools.cached_property
    def digest(self) -> str | None:
        """Tells inputs on disk from others, a string; `None` without any.

        It is a digest of their names, in order, which `kdl.callbacks.Resume` keeps.
        """
        if self._prefetch is None:
            return None
        digest = hashlib.sha256()
        for part in self._on_disk():
            names = "\0".join([*part.names(), str(part.shape), ""])
            digest.update(names.encode("utf-8", "surrogateescape"))
        return digest.hexdigest()

    def on_epoch_end(self) -> None:
        self._ends += 1
        self._asked = []

    def _plan(self, epoch):
        """The batches of an epoch, a list of `Planned`."""
        # Set at once: TensorFlow draws from threads of its own.
        plans = self._plans
        if epoch not in plans:
            kept = {n: plan for n, plan in plans.items() if n >= self._epoch - 1}
            rng = generator(self.seed, ORDER, epoch) if self.shuffle else None
            rows = self._sampler.rows(self.examples_per_epoch, rng)
            plan = self._weighed(self._arranged(rows, rng))
            plans = self._plans = {**kept, epoch: plan}
        return plans[epoch]

    def _arranged(self, rows, rng):
        """The batches of an epoch that was given no rows."""
        return self._split(rows)

    def _split(self, rows):
        """The batches of rows, in their order, a list of `Planned`."""
        size = self.batch_size
        starts = range(0, min(len(rows), self.num_batches * size), size)
        return [self._planned(rows[start : start + size]) for start in starts]

    def _planned(self, rows, bucket=None):
        size = self.batch_size if self.remainder == "pad" else len(rows)
        return Planned(rows, size, bucket=bucket)

    def _weighed(self, plan):
        """Batches with the weight of an example, if one may be padded."""
        if self.remainder != "pad":
            return plan
        examples = sum(len(planned.rows) for planned in plan)
        weight = sum(planned.size for planned in plan) / examples
        return [Planned(rows, size, weight, bucket) for rows, size, _, bucket in plan]

    def _take(self, rows, planned):
        """The batch of some examples: inputs, targets, and weights if there are any."""

        def take(part):
            return tree.map_structure(lambda array: array[rows], part)

        weight = () if self.sample_weight is None else (take(self.sample_weight),)
        if self.collate is None:
            return take(self.x), take(self.y), *weight
        inputs = self.collate([self.x[row] for row in rows.tolist()])
        if self.y is not None:
            return inputs, take(self.y), *weight
        if not isinstance(inputs, tuple) or len(inputs) != 2:
            raise ValueError(
                "`collate` must return a tuple (x, y) where `y` is None. Received: "
                f"{type(inputs).__name__}"
            )
        return *inputs, *weight

    def _parts(self):
        """What there is of inputs, targets and weights, by name."""
        parts = {"x": self.x, "y": self.y, "sample_weight": self.sample_weight}
        return {name: part for name, part in parts.items() if part is not None}

    def _on_disk(self):
        """What stays on disk of inputs, targets and weights."""
        parts = self._parts()
        if self.collate is not None and not isinstance(self.x, OnDisk):
            del parts["x"]
        return [part for part in tree.flatten(parts) if isinstance(part, OnDisk)]

    def _count_examples(self):
        """Returns the number of examples, provided that all parts hold as many."""
        counts = {
            name: len(part)
            if name == "x" and self.collate is not None
            else tree.map_structure(_count, part)
            for name, part in self._parts().items()
        }
        known = [set(tree.flatten(count)) for count in counts.values()]
        if any(len(some) != 1 or some != known[0] or 0 in some for some in known):
            *first, last = (f"`{name}`" for name in counts)
            received = ", ".join(f"len({n})={count}" for n, count in counts.items())
            names = f"{', '.join(first)} and {last}" if first else last
            raise ValueError(
                f"{names} must hold the same number of examples, at least one. "
                f"Received: {received}"
            )
        return known[0].pop()

    def _check_shares(self):
        """Refuses batches of which not every process has its share."""
        _, count = self.shard
        for name in ("classes_per_batch", "batch_size"):
            value = getattr(self, name)
            if value is not None and value % count:
                raise ValueError(
                    f"`{name}` must be a multiple of {count}, the number of processes "
                    f"in `shard`. Received: {name}={value}"
                )
        last = self.examples_per_epoch - (self.num_batches - 1) * self.batch_size
        is_full = self.remainder == "pad" or self._sampler.fills
        if last < count and not is_full:
            raise ValueError(
                "The last batch must have an example for each process of `shard`, or "
                f"be padded by remainder='pad'. Received: {last} examples, "
                f"shard={self.shard}"
            )

    @property
    def _epoch(self):
        # `fit` once calls `on_epoch_end` before its first epoch.
        return self.epoch + max(0, self._ends - 1)


def _arrays(name, data):
    """Data as arrays; a list is data, a dict or a tuple holds some."""
    if isinstance(data, dict):
        return {key: _arrays(name, part) for key, part in data.items()}
    if isinstance(data, tuple):
        return tuple(_arrays(name, part) for part in data)
    if isinstance(data, OnDisk):
        return data
    try:
        return np.asarray(data)
    except ValueError:
        unless = ", unless `collate` joins them" if name == "x" else ""
        raise ValueError(
            f"`{name}` must hold examples of one shape{unless}. "
            f"Received: {name} of type {type(data).__name__}"
        ) from None


def _check_sequence(x):
    """Returns examples that a function is to collate."""
    is_sequence = hasattr(x, "__getitem__") and not isinstance(x, (dict, str))
    try:
        len(x)
    except TypeError:
        is_sequence = False
    if not is_sequence:
        raise ValueError(
            "`x` must be a sequence of examples, such as a list, for `collate`. "
            f"Received: x of type {type(x).__name__}"
        )
    return x


def _check_size_of_classes(batch_size, size):
    """Returns the size of batches of classes and examples."""
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


def _check_collate(collate):
    if collate is not None and not callable(collate):
        raise ValueError(
            "`collate` must be a function of a list of examples, or None. "
            f"Received: collate={collate!r}"
        )
    return collate


def _count(array):
    """How many examples an array holds; a number holds none."""
    return len(array) if array.ndim else 0


def _weigh(planned, part, given=None):
    """The weights of a part of a batch, 0 for padding."""
    is_example = np.arange(planned.size)[part] < len(planned.rows)
    weight = np.where(is_example, planned.weight, 0).astype("float32")
    if given is None:
        return weight
    return tree.map_structure(
        lambda own: own * weight.reshape(-1, *(1,) * (own.ndim - 1)), given
    )
