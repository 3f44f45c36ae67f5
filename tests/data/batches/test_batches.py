import sys
import threading
import types

import keras
import numpy as np
import pytest
from contracts import Contract, array, same
from on_disk import Stored

from kdl.data import Batches, BucketedBatches


def noise(x, y, rng):
    return x + rng.normal(size=x.shape), y


# Arguments of which a contract of their own has values.
WEIGHTED = {"weights", "replacement", "collate"}
BALANCED = {"balance"}


def without(parameters, names):
    return {name: part for name, part in parameters.items() if name not in names}


class TestBatches(Contract):
    component = Batches
    x = np.arange(10.0)[:, np.newaxis]
    y = np.arange(10)
    arguments = {
        "x": x,
        "y": y,
        "batch_size": 4,
        "seed": 1,
        "shuffle": False,
        "remainder": "drop",
        "augment": (noise,),
        "epoch": 2,
        "sample_weight": np.ones(10),
        "classes_per_batch": 2,
        "examples_per_class": 2,
        "examples_per_epoch": 9,
        "shard": (1, 2),
    }
    refused = [
        (
            {"y": y[1:]},
            "`x`, `y` and `sample_weight` must hold the same number of examples, at "
            "least one. Received: len(x)=10, len(y)=9, len(sample_weight)=10",
        ),
        (
            {"x": {"a": x, "b": (y, y[2:])}},
            "`x`, `y` and `sample_weight` must hold the same number of examples, at "
            "least one. Received: len(x)={'a': 10, 'b': (10, 8)}, len(y)=10, "
            "len(sample_weight)=10",
        ),
        (
            {"x": {}},
            "`x`, `y` and `sample_weight` must hold the same number of examples, at "
            "least one. Received: len(x)={}, len(y)=10, len(sample_weight)=10",
        ),
        (
            {"y": None},
            "`x`, `y` and `sample_weight` must hold the same number of examples, at "
            "least one. Received: len(x)=10, len(y)=0, len(sample_weight)=10",
        ),
        (
            {"batch_size": 0},
            "`batch_size` must be an integer in [1, inf). Received: batch_size=0",
        ),
        ({"seed": None}, "`seed` must be an integer in [0, inf). Received: seed=None"),
        (
            {"shuffle": "yes"},
            "`shuffle` must be one of True, False. Received: shuffle='yes'",
        ),
        (
            {"remainder": True},
            "`remainder` must be one of 'keep', 'drop', 'pad'. Received: "
            "remainder=True",
        ),
        (
            {"augment": noise},
            "`augment` must be a sequence of functions `(x, y, rng) -> (x, y)`. "
            f"Received: augment={noise!r}",
        ),
        ({"epoch": -1}, "`epoch` must be an integer in [0, inf). Received: epoch=-1"),
        (
            {"batch_size": 5},
            "`batch_size` must be 4, classes_per_batch * examples_per_class, or None. "
            "Received: batch_size=5",
        ),
        (
            {"classes_per_batch": 11},
            "`classes_per_batch` must be at most 10, the number of classes in `y`. "
            "Received: classes_per_batch=11",
        ),
        (
            {"examples_per_class": 0},
            "`examples_per_class` must be an integer in [1, inf). Received: "
            "examples_per_class=0",
        ),
        (
            {"classes_per_batch": None},
            "`classes_per_batch` and `examples_per_class` must be given both, or "
            "neither. Received: classes_per_batch=None, examples_per_class=2",
        ),
        (
            {"y": x},
            "`y` must be an array of integers of shape (examples,) or (examples, 1), "
            "the class of each example, for `classes_per_batch`. Received: "
            "ndarray of float64 (10, 1)",
        ),
        (
            {"y": {"a": y}},
            "`y` must be an array of integers of shape (examples,) or (examples, 1), "
            "the class of each example, for `classes_per_batch`. Received: dict",
        ),
        (
            {"y": Stored(y)},
            "`y` must be an array of integers of shape (examples,) or (examples, 1), "
            "the class of each example, for `classes_per_batch`. Received: "
            "Stored of float32 (10,)",
        ),
        (
            {"balance": True},
            "`weights`, `balance` and `classes_per_batch` exclude each other. "
            "Received: balance=True, classes_per_batch=2",
        ),
        (
            {"replacement": False},
            "`replacement` must be True without `weights`. Received: replacement=False",
        ),
        (
            {"examples_per_epoch": 0},
            "`examples_per_epoch` must be an integer in [1, inf). Received: "
            "examples_per_epoch=0",
        ),
        (
            {"shard": (2, 2)},
            "`shard` must be (index, count), integers with 0 <= index < count. "
            "Received: shard=(2, 2)",
        ),
        (
            {"shard": (0, 3)},
            "`classes_per_batch` must be a multiple of 3, the number of processes in "
            "`shard`. Received: classes_per_batch=2",
        ),
    ]

    def parameters(self):
        # The others exclude these. They are below.
        return without(super().parameters(), WEIGHTED | BALANCED)

    def batches(self, **overrides):
        return Batches(self.x, self.y, **{"batch_size": 4, **overrides})

    def test_an_epoch_holds_each_example_once(self):
        x, y = zip(*self.batches(), strict=True)
        assert [len(part) for part in x] == [4, 4, 2]
        assert sorted(np.concatenate(y)) == list(range(10))
        np.testing.assert_array_equal(np.concatenate(x)[:, 0], np.concatenate(y))

    def test_drops_the_remainder_but_never_all(self):
        assert [len(x) for x, _ in self.batches(remainder="drop")] == [4, 4]
        (only,) = self.batches(remainder="drop", batch_size=11)
        assert len(only[0]) == 10

    def test_keeps_the_order_on_request(self):
        y = np.concatenate([y for _, y in self.batches(shuffle=False)])
        np.testing.assert_array_equal(y, self.y)

    def test_an_item_depends_on_seed_epoch_and_index_alone(self):
        def item(epoch, index, before=(), seed=0):
            batches = self.batches(seed=seed, epoch=epoch, augment=[noise])
            for other in before:
                batches[other]
            return batches[index]

        assert same(item(3, 1), item(3, 1, before=[2, 0, 1]))
        for other in (item(4, 1), item(3, 0), item(3, 1, seed=1)):
            assert not same(item(3, 1), other)

    def test_epochs_differ(self):
        first, second = (list(self.batches(epoch=epoch)) for epoch in (0, 1))
        assert not same(first, second)

    def shown(self, batches, epochs=2, initial_epoch=0, fits=1):
        """The first inputs of the four batches that a model is shown in training."""
        model = keras.Sequential([keras.Input((1,)), Shown()])
        model.compile("sgd", "mse", metrics=["mse"])
        for _ in range(fits):
            model.fit(
                batches,
                shuffle=False,
                epochs=epochs,
                initial_epoch=initial_epoch,
                verbose=0,
            )
        return array(model.layers[0].shown)

    def rows(self, *epochs):
        """The same as they should be, of these epochs of two full batches each."""
        return np.concatenate(
            [
                np.concatenate([x for x, _ in self.batches(epoch=epoch)])[:8]
                for epoch in epochs
            ]
        ).reshape(-1, 4)

    def test_fit_sees_the_epochs_as_they_are(self):
        shown = self.shown(self.batches(remainder="drop"))
        np.testing.assert_array_equal(shown, self.rows(0, 1))

    def test_a_fit_that_goes_on_sees_what_it_would_have_seen(self):
        batches = self.batches(remainder="drop", epoch=3)
        shown = self.shown(batches, initial_epoch=3, epochs=5)
        np.testing.assert_array_equal(shown, self.rows(3, 4))

    def test_a_further_fit_sees_a_later_epoch(self):
        shown = self.shown(self.batches(remainder="drop"), epochs=1, fits=2)
        np.testing.assert_array_equal(shown, self.rows(0, 2))

    def test_consists_of_given_rows_for_an_epoch(self):
        batches = self.batches()
        rows = np.array([3, 3, 1, 0, 9, 3, 1, 1, 0, 0])
        asked = batches.use_rows(rows)
        assert same(np.concatenate([y for _, y in batches]), rows)
        assert asked == [0, 1, 2]
        batches.on_epoch_end()
        batches.on_epoch_end()
        _, y = zip(*batches, strict=True)
        assert sorted(np.concatenate(y)) == list(range(10))
        with pytest.raises(ValueError) as error:
            batches.use_rows(rows + 1)
        assert str(error.value) == (
            "`rows` must be 10 integers from 0 to 9, as many as an epoch has examples. "
            f"Received: rows={rows + 1!r}"
        )

    def test_begins_at_an_epoch_wherever_it_was(self):
        batches, other = self.batches(), self.batches(epoch=5)
        for ends in range(3):
            batches.begin_at(5)
            assert same(batches[1], other[1]), ends
            batches.on_epoch_end()

    def test_counts_the_seconds_that_batches_take(self, monkeypatch):
        clock = types.SimpleNamespace(perf_counter=iter(np.arange(9.0)).__next__)
        monkeypatch.setattr(sys.modules["kdl.data.batches.batches"], "time", clock)
        batches = self.batches()
        assert batches.seconds == 0
        assert len([*batches]) == batches.seconds == 3

    def test_takes_dicts_and_tuples_of_arrays(self):
        x = {"b": self.x, "a": (self.y.tolist(), 2 * self.x)}
        batches = Batches(x, (self.y, self.x), 4)
        assert batches.examples == 10
        for (x, y), (whole, rows) in zip(batches, self.batches(), strict=True):
            assert same(x, {"b": whole, "a": (rows, 2 * whole)})
            assert same(y, (rows, whole))

    def test_fit_takes_dicts(self):
        inputs = {name: keras.Input((1,), name=name) for name in "ab"}
        difference = keras.layers.Subtract()([inputs["a"], inputs["b"]])
        outputs = keras.layers.Dense(1, kernel_initializer="ones")(difference)
        model = keras.Model(inputs, outputs)
        model.compile("sgd", "mse")
        batches = Batches({"b": self.x, "a": 3 * self.x}, 2 * self.x, 4)
        # In their order, three minus one is two.
        history = model.fit(batches, shuffle=False, verbose=0)
        assert history.history["loss"][0] < 1e-6

    def test_refuses_an_index_past_the_end(self):
        with pytest.raises(IndexError, match="`index` must be below 3"):
            self.batches()[3]


class Shown(keras.layers.Layer):
    """Keeps the four batches of four that it has been shown in training."""

    def build(self, shape):
        self.weight = self.add_weight(shape=(), initializer="zeros", name="weight")
        self.step = self.add_weight(
            dtype="int32", initializer="zeros", trainable=False, name="step"
        )
        self.shown = self.add_weight(
            shape=(4, 4), initializer="zeros", trainable=False, name="shown"
        )

    def call(self, inputs, training=False):
        if training:
            row = keras.ops.one_hot(self.step, 4)[:, None]
            self.shown.assign(self.shown + row * inputs[:, 0][None])
            self.step.assign(self.step + 1)
        return inputs * self.weight


class TestWeightedBatches(Contract):
    """Examples of any kind, drawn by weights."""

    component = Batches
    x = [[n] * (n + 1) for n in range(10)]
    arguments = {
        "x": x,
        "y": np.arange(10),
        "batch_size": 4,
        "seed": 1,
        "shuffle": False,
        "remainder": "pad",
        "augment": (noise,),
        "epoch": 2,
        "sample_weight": np.ones(10),
        "weights": np.arange(10.0),
        "replacement": False,
        "examples_per_epoch": 7,
        "shard": (1, 2),
        "collate": np.vstack,
    }
    refused = [
        (
            {"weights": np.arange(9)},
            "`weights` must be 10 numbers in [0, inf), not all 0. Received: an array "
            "of shape (9,)",
        ),
        *(
            (
                {"weights": [1, 2, wrong, *range(7)]},
                "`weights` must be 10 numbers in [0, inf), not all 0. Received: "
                f"weights[2]={wrong}",
            )
            for wrong in (-1.0, np.nan, np.inf)
        ),
        (
            {"weights": np.zeros(10)},
            "`weights` must be 10 numbers in [0, inf), not all 0. Received: nothing "
            "but 0",
        ),
        (
            {"weights": "heavy"},
            "`weights` must be 10 numbers in [0, inf), not all 0. Received: "
            "weights='heavy'",
        ),
        (
            {"balance": True, "classes_per_batch": 2},
            "`weights`, `balance` and `classes_per_batch` exclude each other. "
            "Received: weights=array([0., 1., 2., 3., 4., 5., 6., 7., 8., 9.]), "
            "balance=True, "
            "classes_per_batch=2",
        ),
        (
            {"replacement": 1},
            "`replacement` must be one of True, False. Received: replacement=1",
        ),
        (
            # One of the weights is 0.
            {"examples_per_epoch": 10},
            "`examples_per_epoch` must be an integer in [1, 9]. Received: "
            "examples_per_epoch=10",
        ),
        (
            {"shard": 2},
            "`shard` must be (index, count), integers with 0 <= index < count. "
            "Received: shard=2",
        ),
        (
            {"shard": (0, 3)},
            "`batch_size` must be a multiple of 3, the number of processes in `shard`. "
            "Received: batch_size=4",
        ),
        (
            {"shard": (0, 4), "remainder": "keep"},
            "The last batch must have an example for each process of `shard`, or be "
            "padded by remainder='pad'. Received: 3 examples, shard=(0, 4)",
        ),
        (
            {"collate": 3},
            "`collate` must be a function of a list of examples, or None. Received: "
            "collate=3",
        ),
        (
            {"x": {"a": x}},
            "`x` must be a sequence of examples, such as a list, for `collate`. "
            "Received: x of type dict",
        ),
        (
            {"collate": None},
            "`x` must hold examples of one shape, unless `collate` joins them. "
            "Received: x of type list",
        ),
        (
            {"y": x},
            "`y` must hold examples of one shape. Received: y of type list",
        ),
        (
            {"x": x[1:]},
            "`x`, `y` and `sample_weight` must hold the same number of examples, at "
            "least one. Received: len(x)=9, len(y)=10, len(sample_weight)=10",
        ),
        (
            {"x": [], "y": None, "sample_weight": None},
            "`x` must hold the same number of examples, at least one. Received: "
            "len(x)=0",
        ),
    ]

    def parameters(self):
        apart = BALANCED | {"classes_per_batch", "examples_per_class"}
        return without(super().parameters(), apart)


class TestBalancedBatches(Contract):
    component = Batches
    arguments = {"x": np.zeros((10, 1)), "y": np.arange(10) % 2, "balance": True}
    refused = [
        (
            {"balance": 1},
            "`balance` must be one of True, False. Received: balance=1",
        ),
        (
            {"y": np.zeros((10, 2), int)},
            "`y` must be an array of integers of shape (examples,) or (examples, 1), "
            "the class of each example, for `balance`. Received: ndarray of int64 "
            "(10, 2)",
        ),
        (
            {"weights": np.ones(10)},
            "`weights`, `balance` and `classes_per_batch` exclude each other. "
            "Received: weights=array([1., 1., 1., 1., 1., 1., 1., 1., 1., 1.]), "
            "balance=True",
        ),
    ]

    def parameters(self):
        return {"balance": super().parameters()["balance"]}


class TestWeights:
    x, y = np.arange(10.0)[:, np.newaxis], np.arange(10)
    # Each example has that of its number.
    weight = np.arange(10.0) / 10

    def test_follow_their_examples(self):
        batches = Batches(self.x, self.y, 4, sample_weight=self.weight)
        for x, y, weight in batches:
            np.testing.assert_array_equal(weight, y / 10)
            np.testing.assert_array_equal(x[:, 0], y)
        rows = np.array([3, 3, 1, 0, 9, 3, 1, 1, 0, 0])
        batches.use_rows(rows)
        seen = np.concatenate([weight for *_, weight in batches])
        np.testing.assert_array_equal(seen, rows / 10)

    def test_pass_augmentation_unless_it_mixes_examples(self):
        batches = Batches(self.x, self.y, augment=[noise], sample_weight=self.weight)
        ((_, y, weight),) = batches
        np.testing.assert_array_equal(weight, y / 10)

        def swap(x, y, rng, sample_weight=None):
            parts = x[::-1], y[::-1]
            return parts if sample_weight is None else (*parts, sample_weight[::-1])

        batches = Batches(self.x, self.y, augment=[swap], sample_weight=self.weight)
        ((_, y, weight),) = batches
        np.testing.assert_array_equal(weight, y / 10)
        ((_, _),) = Batches(self.x, self.y, augment=[swap])

    def test_of_several_outputs_are_a_structure(self):
        y = {"a": self.y, "b": self.y}
        weight = {"a": self.weight, "b": 2 * self.weight}
        for _, targets, weights in Batches(self.x, y, 4, sample_weight=weight):
            np.testing.assert_array_equal(weights["b"], targets["a"] / 5)

    def test_fit_uses_them(self):
        """As it does those of arrays, example by example."""
        losses = []
        for with_batches in (True, False):
            model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
            model.layers[0].set_weights([np.ones((1, 1)), np.zeros(1)])
            model.compile("sgd", "mse", weighted_metrics=["mse"])
            if with_batches:
                batches = Batches(self.x, self.y, 10, sample_weight=self.weight)
                history = model.fit(batches, shuffle=False, epochs=2, verbose=0)
            else:
                history = model.fit(
                    self.x,
                    self.y,
                    batch_size=10,
                    sample_weight=self.weight,
                    epochs=2,
                    verbose=0,
                )
            losses.append(history.history["loss"] + history.history["mse"])
        np.testing.assert_allclose(*losses, rtol=1e-5)

    def test_are_as_many_as_the_examples(self):
        with pytest.raises(ValueError) as error:
            Batches(self.x, self.y, sample_weight=self.weight[1:])
        assert str(error.value) == (
            "`x`, `y` and `sample_weight` must hold the same number of examples, at "
            "least one. Received: len(x)=10, len(y)=10, len(sample_weight)=9"
        )


class TestPadding:
    """`remainder="pad"`."""

    x, y = np.arange(10.0)[:, np.newaxis], np.arange(10)

    def batches(self, **options):
        return Batches(self.x, self.y, **{"remainder": "pad", **options})

    @pytest.mark.one_backend
    @pytest.mark.parametrize("size", [2, 4, 32])
    def test_batches_have_one_size_and_each_example_counts_once(self, size):
        batches = list(self.batches(batch_size=size))
        assert {len(x) for x, *_ in batches} == {size}
        x, y, weight = map(np.concatenate, zip(*batches, strict=True))
        assert same(x[:, 0], y.astype(float))
        assert sorted(y[weight > 0]) == list(range(10))
        # So that the mean over all rows is that over the examples.
        np.testing.assert_allclose(weight[weight > 0], len(x) / 10, rtol=1e-6)
        # Copies of the last batch follow it, so that sequences are no longer.
        assert set(y[weight == 0]) <= set(batches[-1][1][batches[-1][2] > 0])

    @pytest.mark.one_backend
    def test_pads_other_examples_in_each_epoch(self):
        last = [set(self.batches(batch_size=4, epoch=n)[2][1]) for n in range(5)]
        assert all(len(rows) == 2 for rows in last) and len(set.union(*last)) > 4

    @pytest.mark.one_backend
    def test_weights_of_examples_and_of_outputs_stay(self):
        weight = {"a": self.y / 10, "b": np.tile(self.y[:, None], 3)}
        y = {"a": self.y, "b": self.y}
        batches = Batches(self.x, y, 4, remainder="pad", sample_weight=weight)
        for index, (_, y, weights) in enumerate(batches):
            real = np.arange(4) < (2 if index == 2 else 4)
            expected = real * y["a"] * 12 / 10
            np.testing.assert_allclose(weights["a"], expected / 10, rtol=1e-6)
            repeated = np.tile(expected[:, None], 3)
            np.testing.assert_allclose(weights["b"], repeated, rtol=1e-6)

    @pytest.mark.one_backend
    def test_augmentation_sees_padding_with_its_weight(self):
        def record(x, y, rng, sample_weight=None):
            seen.append((y, sample_weight))
            return x, y, sample_weight

        seen = []
        batches = list(self.batches(batch_size=4, augment=[record]))
        assert same([(y, weight) for _, y, weight in batches], seen)

    @pytest.mark.one_backend
    def test_nothing_is_added_to_full_batches_of_classes(self):
        y = self.y % 2
        for options in (
            {"balance": True},
            {"classes_per_batch": 2, "examples_per_class": 2},
        ):
            batches = Batches(self.x, y, 4, remainder="pad", **options)
            for x, _, weight in batches:
                assert len(x) == 4 and same(weight, np.ones(4, "float32"))

    def test_has_the_loss_of_an_epoch_without_it(self):
        """In `evaluate` and, while the weights stay as they are, in `fit`."""
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(0.0), "mse", weighted_metrics=["mae"])
        predicted = model.predict(self.x, verbose=0)[:, 0]
        weight = np.arange(10) / 5
        for size in (4, 16):
            for given in (None, weight):
                loss = np.square(predicted - self.y)
                error = np.abs(predicted - self.y)
                expected = [
                    np.average(loss) if given is None else (loss * given).mean(),
                    np.average(error, weights=given),
                ]
                options = {"batch_size": size, "sample_weight": given}
                actual = model.evaluate(self.batches(**options), verbose=0)
                np.testing.assert_allclose(actual, expected, rtol=1e-5)
        batches = self.batches(batch_size=4)
        history = model.fit(batches, shuffle=False, verbose=0).history
        np.testing.assert_allclose(
            [history["loss"][0], history["mae"][0]],
            [np.square(predicted - self.y).mean(), np.abs(predicted - self.y).mean()],
            rtol=1e-5,
        )


@pytest.mark.one_backend
class TestShards:
    """Each process has its part of each batch."""

    x = np.arange(26)

    def shards(self, count, x=None, y=None, **options):
        x = self.x if x is None else x
        y = self.x % 3 if y is None else y
        return [
            list(Batches(x, y, shard=(index, count), **options))
            for index in range(count)
        ]

    @pytest.mark.parametrize("count", [1, 2, 4])
    @pytest.mark.parametrize(
        "options",
        [
            # The last batches have 6 examples.
            {"batch_size": 20},
            {"remainder": "drop", "sample_weight": np.arange(26.0)},
            {"remainder": "pad", "epoch": 3, "examples_per_epoch": 17},
            {"weights": np.arange(26), "remainder": "pad"},
            {"weights": np.arange(26), "replacement": False, "remainder": "drop"},
            {"balance": True, "seed": 1},
            {"shuffle": False, "remainder": "pad", "batch_size": 40},
        ],
    )
    def test_make_up_the_batches(self, count, options):
        options = {"batch_size": 8, **options}
        whole = list(Batches(self.x, self.x % 3, **options))
        shards = self.shards(count, **options)
        assert {len(shard) for shard in shards} == {len(whole)}
        for batch, *parts in zip(whole, *shards, strict=True):
            for part, *pieces in zip(batch, *parts, strict=True):
                assert same(np.concatenate(pieces), part)
                sizes = [len(piece) for piece in pieces]
                assert np.ptp(sizes) <= (options.get("remainder", "keep") == "keep")

    def test_of_classes_hold_whole_ones(self):
        options = {"classes_per_batch": 2, "examples_per_class": 4}
        for first, second in zip(*self.shards(2, **options), strict=True):
            labels = [set(part[1]) for part in (first, second)]
            assert all(len(part) == 1 for part in labels) and labels[0] != labels[1]

    def test_have_noise_of_their_own(self):
        zeros = np.zeros((26, 1))
        options = {"batch_size": 8, "remainder": "drop", "augment": [noise]}
        first, second = self.shards(2, zeros, **options)
        for (a, _), (b, _) in zip(first, second, strict=True):
            assert not np.isin(a, b).any()
        # Another one than alone.
        assert not same(Batches(zeros, self.x, **options)[0][0][:4], first[0][0])

    def test_read_their_part_alone_from_disk(self):
        x = numbers(24)
        for index in (0, 1):
            batches = Batches(x, np.arange(24), 8, shard=(index, 2))
            # Else the next epoch is read ahead.
            batches._prefetch.ahead = 0
            assert all(same(part[:, 0].astype(int), y) for part, y in batches)
        assert sorted(x.rows) == list(range(24))


class TestCollate:
    x = [np.arange(1, 2 + n % 4) for n in range(10)]
    y = np.arange(10)

    @staticmethod
    def pad(examples):
        length = max(map(len, examples))
        return np.stack([np.pad(row, (0, length - len(row))) for row in examples])

    @pytest.mark.one_backend
    def test_makes_the_inputs_of_a_batch(self):
        batches = Batches(self.x, self.y, 4, collate=self.pad, sample_weight=self.y)
        seen = []
        for x, y, weight in batches:
            assert same((x > 0).sum(axis=1), 1 + y % 4) and same(y, weight)
            assert x.shape[1] == max(1 + y % 4)
            seen.extend(y)
        assert sorted(seen) == list(range(10))

    @pytest.mark.one_backend
    def test_takes_examples_of_any_kind(self):
        texts = [f"{n} dogs" for n in range(10)]
        for x in (texts, tuple(texts), [{"text": text} for text in texts]):
            batches = Batches(
                x, self.y, 4, shuffle=False, collate=lambda part: {"texts": part}
            )
            assert batches[1][0] == {"texts": list(x[4:8])}

    @pytest.mark.one_backend
    def test_makes_targets_as_well_where_there_are_none(self):
        def collate(examples):
            return self.pad([x for x, _ in examples]), np.array(
                [y for _, y in examples]
            )

        pairs = list(zip(self.x, self.y, strict=True))
        batches = Batches(pairs, None, 4, collate=collate)
        others = Batches(self.x, self.y, 4, collate=self.pad)
        assert same(list(batches), list(others))
        with pytest.raises(ValueError) as error:
            Batches(pairs, None, 4, collate=lambda examples: [1, 2])[0]
        assert str(error.value) == (
            "`collate` must return a tuple (x, y) where `y` is None. Received: list"
        )

    @pytest.mark.one_backend
    def test_comes_before_augmentation_and_after_padding_and_sharing(self):
        batches = Batches(
            self.x,
            self.y,
            4,
            collate=lambda part: np.array([len(row) for row in part], float),
            augment=[lambda x, y, rng: (10 * x, y)],
            remainder="pad",
            shuffle=False,
            shard=(1, 2),
        )
        x, y, weight = batches[2]
        assert same(x, np.array([10.0, 20.0])) and same(y, np.array([8, 9]))
        assert same(weight, np.zeros(2, "float32"))

    @pytest.mark.one_backend
    def test_examples_may_be_on_disk(self):
        batches = Batches(numbers(26), np.arange(26), 4, collate=np.stack)
        for x, y in batches:
            assert same(x[:, 0], y.astype("float32"))
        assert batches.digest == Batches(numbers(26), np.arange(26)).digest
        join_threads()

    @pytest.mark.one_backend
    def test_pairs_in_order_are_collated(self):
        pairs = Batches(self.x, self.y, 4, collate=self.pad).pairs_in_order()
        assert same(np.concatenate([y for (_, y), _ in pairs]), self.y)
        assert pairs[0][0][0].shape == (4, 4)

    def test_fit_takes_them(self):
        model = keras.Sequential([keras.layers.Embedding(5, 2)])
        model.add(keras.layers.GlobalAveragePooling1D())
        model.add(keras.layers.Dense(1))
        model.compile("sgd", "mse")
        batches = Batches(self.x, self.y, 5, collate=self.pad)
        history = model.fit(batches, shuffle=False, epochs=2, verbose=0)
        assert np.isfinite(history.history["loss"]).all()


class TestStreams:
    def test_the_order_and_the_augmentation_share_none(self):
        drawn = []

        def record(x, y, rng):
            drawn.append(rng.permutation(10))
            return x, y

        batches = Batches(np.arange(10), np.arange(10), 10, augment=[record])
        ((_, order),) = batches
        assert not (drawn[0] == order).all()

    def test_no_two_seeds_share_one(self):
        """NumPy takes a seed of more than 32 bits for several numbers."""
        orders = {
            tuple(Batches(np.arange(50), np.arange(50), 50, seed, epoch=epoch)[0][1])
            for seed in (0, 1, 2**32, 2**32 + 1)
            for epoch in (0, 1, 2)
        }
        assert len(orders) == 12


@pytest.mark.one_backend
class TestClassesAndExamples:
    """So many examples of each of so many classes."""

    # Of three classes with 3, 12 and 25 examples.
    y = np.random.default_rng(0).permutation(np.repeat([4, 7, 9], [3, 12, 25]))

    def batches(self, y=None, classes=2, examples=4, **options):
        y = self.y if y is None else y
        x = np.arange(len(y))
        options |= {"classes_per_batch": classes, "examples_per_class": examples}
        return Batches(x, y, **options)

    @pytest.mark.parametrize("seed", [0, 1])
    @pytest.mark.parametrize(
        ("counts", "classes", "examples"),
        [
            ([3, 12, 25], 2, 4),
            ([3, 12, 25], 3, 7),
            ([20] * 10, 4, 5),
            ([20] * 10, 7, 3),
            ([1, 2, 40], 2, 3),
            ([9, 8, 7, 6, 5], 1, 2),
            ([4, 4], 2, 30),
        ],
    )
    def test_classes_and_examples_come_equally_often(
        self, counts, classes, examples, seed
    ):
        y = np.random.default_rng(0).permutation(
            np.repeat(np.arange(len(counts)), counts)
        )
        size = classes * examples
        for epoch in range(3):
            batches = self.batches(y, classes, examples, seed=seed, epoch=epoch)
            assert (batches.batch_size, len(batches)) == (size, -(-len(y) // size))
            drawn, seen = np.zeros(len(counts), int), np.zeros(len(y), int)
            for x, labels in batches:
                assert same(labels, y[x])
                groups = labels.reshape(classes, examples)
                assert (groups == groups[:, :1]).all()
                assert len(np.unique(groups[:, 0])) == classes
                drawn[groups[:, 0]] += 1
                for label, rows in zip(
                    groups[:, 0], x.reshape(groups.shape), strict=True
                ):
                    _, times = np.unique(rows, return_counts=True)
                    # Those of a class with too few come again, each as often.
                    most = -(-examples // counts[label])
                    assert times.max() <= most
                    assert len(times) == min(examples, counts[label])
                seen += np.bincount(x, minlength=len(y))
            assert np.ptp(drawn) <= 1 and drawn.sum() == len(batches) * classes
            for label in range(len(counts)):
                assert np.ptp(seen[y == label]) <= 1

    def test_an_epoch_holds_each_example_once_where_it_can(self):
        y = np.arange(40) % 5
        x = np.concatenate([x for x, _ in self.batches(y, 2, 4)])
        assert sorted(x) == list(range(40))

    def test_every_pair_of_classes_meets(self):
        y = np.arange(60) % 6
        met = set()
        for epoch in range(20):
            for _, labels in self.batches(y, 2, 2, epoch=epoch):
                met.add(tuple(np.unique(labels)))
        assert len(met) == 15

    def test_an_item_depends_on_seed_epoch_and_index_alone(self):
        whole = list(self.batches(epoch=3, augment=[noise]))
        other = self.batches(epoch=3, augment=[noise])
        for index in (4, 0, 2):
            assert same(other[index], whole[index])
        for options in ({"epoch": 4}, {"epoch": 3, "seed": 1}):
            assert not same(self.batches(augment=[noise], **options)[0], whole[0])

    def test_are_in_order_without_shuffling(self):
        first, second, *_ = self.batches(np.arange(12) % 3, 2, 2, shuffle=False)
        assert same(first[0], [0, 3, 1, 4]) and same(second[0], [2, 5, 6, 9])

    def test_the_last_batch_is_full_or_left_out(self):
        counts = [len(self.batches(remainder=drop)) for drop in ("keep", "drop")]
        assert counts == [5, 5]
        counts = [
            len(self.batches(self.y[1:], remainder=drop)) for drop in ("keep", "drop")
        ]
        assert counts == [5, 4]
        assert {len(x) for x, _ in self.batches(self.y[1:])} == {8}
        ((x, _),) = self.batches(self.y[:5], 2, 10, remainder="drop")
        assert len(x) == 20

    def test_of_inputs_on_disk_are_those_of_the_array(self):
        whole = np.arange(40, dtype="float32")[:, None]
        some, others = (
            Batches(
                x,
                self.y,
                classes_per_batch=2,
                examples_per_class=4,
                sample_weight=np.arange(40),
            )
            for x in (numbers(40), whole)
        )
        assert same(list(some), list(others))
        some.release()

    def test_take_no_other_rows(self):
        with pytest.raises(ValueError) as error:
            self.batches().use_rows(np.arange(40))
        assert str(error.value) == (
            "Batches with `classes_per_batch` choose their examples themselves and "
            "take no others, such as those of a kdl.callbacks.Curriculum."
        )

    def test_all_examples_in_order_are_not_of_classes(self):
        pairs = self.batches().pairs_in_order()
        assert same(np.concatenate([x for (x, _), _ in pairs]), np.arange(40))


class TestOnDisk:
    """Inputs on disk make the same batches as the array that they are."""

    def batches(self, x=None, **options):
        x = numbers(26) if x is None else x
        return Batches(x, np.arange(26), 4, augment=[noise], **options)

    def test_are_the_batches_of_the_array(self):
        x, whole = numbers(26), np.arange(26.0)[:, None].astype("float32")
        mine, other = self.batches(x), self.batches(whole)
        for _ in range(3):
            assert same(list(mine), list(other))
            mine.on_epoch_end()
            other.on_epoch_end()
        for options in (
            {"sample_weight": np.arange(26)},
            {"weights": np.arange(26), "remainder": "pad", "shard": (1, 2)},
            {"balance": True, "examples_per_epoch": 9, "remainder": "drop"},
        ):
            assert same(
                list(self.batches(x, **options)), list(self.batches(whole, **options))
            )

    def test_hold_in_structures(self):
        x = numbers(26)
        batches = Batches({"a": x, "b": (np.arange(26), x)}, np.arange(26), 4)
        for inputs, y in batches:
            assert same(inputs["a"][:, 0], y.astype("float32"))
            assert same(inputs["b"][1], inputs["a"])

    def test_may_be_asked_in_any_order(self):
        whole = list(self.batches())
        batches, order = self.batches(), np.random.default_rng(0).integers(0, 7, 40)
        for index in order:
            assert same(batches[index], whole[index])

    def test_are_read_ahead_across_the_end_of_an_epoch(self):
        x = numbers(26)
        batches = self.batches(x)
        batches[6]
        join_threads()
        read = len(x.rows)
        batches.on_epoch_end()
        batches.on_epoch_end()
        assert same(batches[0], self.batches(epoch=1)[0])
        join_threads()
        # What was read ahead is not read again; one more batch is.
        assert read < len(x.rows) <= read + 4

    def test_given_rows_drop_what_was_read_ahead(self):
        batches, whole = self.batches(), np.arange(26.0)[:, None].astype("float32")
        rows = np.arange(26)[::-1] // 2
        others = self.batches(whole)
        for some in (batches, others):
            some[0]
            some.use_rows(rows)
        assert same(list(batches), list(others))
        # Of an epoch that is over, they are not those of the next one.
        for some in (batches, others):
            some.on_epoch_end()
            some.on_epoch_end()
        assert same(list(batches), list(others))

    def test_given_rows_stay_while_the_next_epochs_are_read(self):
        """Of epochs so short that several are read ahead."""
        batches = Batches(numbers(3), np.arange(3), 2)
        batches.use_rows(np.array([2, 2, 2]))
        for index in (0, 1, 0, 1):
            assert set(batches[index][1]) == {2}

    def test_begins_at_an_epoch_wherever_it_was(self):
        batches, other = self.batches(), self.batches(epoch=5)
        for ends in range(3):
            batches[1]
            batches.begin_at(5)
            assert same(batches[1], other[1]), ends
            batches.on_epoch_end()

    def test_batches_that_are_passed_over_are_not_read(self):
        x = numbers(26)
        batches = self.batches(x, epoch=2)
        # Else the next epoch is read ahead, with all examples.
        batches._prefetch.ahead = 2
        batches.pass_over(5)
        passed = [batches[index] for index in range(5)]
        whole = list(self.batches(epoch=2))
        assert all(same(batch, whole[0]) for batch in passed)
        join_threads()
        order = np.concatenate([y for _, y in whole])
        assert {*x.rows} == {*order[:4], *order[20:]}
        assert same([batches[5], batches[6]], whole[5:])
        batches.on_epoch_end()
        batches.on_epoch_end()
        assert same(list(batches), list(self.batches(epoch=3)))

    def test_an_error_of_a_batch_is_raised_when_it_is_asked_for(self):
        x = numbers(26, broken=9)
        batches = Batches(x, np.arange(26), 4, shuffle=False)
        batches[1]
        join_threads()
        for _ in range(2):
            with pytest.raises(ValueError, match="Row 9 is broken"):
                batches[2]
        assert same(batches[3][1], np.arange(12, 16))

    def test_threads_end_with_the_fit_and_are_none_for_arrays(self):
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        model.fit(self.batches(), shuffle=False, epochs=2, verbose=0)
        join_threads()
        batches = self.batches(np.zeros((26, 1), "float32"))
        batches[0]
        assert not threads()

    def test_fit_sees_them_as_it_sees_the_array(self):
        def trained(x):
            keras.utils.set_random_seed(0)
            model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
            model.compile(keras.optimizers.SGD(1e-3), "mse")
            validation = Batches(x, np.arange(26), 5, shuffle=False)
            return model.fit(
                self.batches(x),
                shuffle=False,
                epochs=3,
                validation_data=validation,
                verbose=0,
            ).history

        whole = np.arange(26.0)[:, None].astype("float32")
        assert trained(numbers(26)) == trained(whole)

    def test_digest_tells_files_and_their_order(self):
        x = numbers(26)
        digest = self.batches(x).digest
        assert digest == self.batches(numbers(26)).digest
        others = [x[::-1], x.take(np.arange(26) // 2), numbers(27)[1:]]
        assert len({digest, *(self.batches(other).digest for other in others)}) == 4
        assert self.batches(np.zeros((26, 1))).digest is None

    def test_sequences_are_in_buckets(self):
        """Beside inputs on disk, targets may be sequences."""
        y = (np.arange(8) < 1 + np.arange(26)[:, None] % 8).astype(int)
        for x, targets in BucketedBatches(numbers(26), y, 4, buckets=2):
            assert same(x[:, 0] % 8 + 1, targets.sum(axis=1).astype("float32"))


def numbers(count, **options):
    """Row n holds n."""
    return Stored(np.arange(count, dtype="float32")[:, None], **options)


def threads():
    return [t for t in threading.enumerate() if t.name == "kdl-prefetch"]


def join_threads():
    """Waits until all threads have ended, which they do by themselves."""
    for thread in threads():
        thread.join(60)
        assert not thread.is_alive()
