"""`BucketedBatches` of as many examples as a number of tokens allows."""

import itertools

import keras
import numpy as np
import pytest
from contracts import array, begin_anew, same

from kdl.callbacks import Curriculum, Resume
from kdl.data import BucketedBatches
from kdl.data.batches.token_batches import TokenBatches, buckets_of_least_padding

Stages = keras.optimizers.schedules.PiecewiseConstantDecay
LENGTHS = np.random.default_rng(0).geometric(0.1, 200).clip(1, 60)
LENGTHS[7] = 60
# The number of an example is its first token, from 1.
TOKENS = np.where(np.arange(60) < LENGTHS[:, None], 1 + np.arange(200)[:, None], 0)


def batches_of(tokens=TOKENS, y=None, **options):
    y = tokens if y is None else y
    return BucketedBatches(tokens, y, **{"max_tokens": 120, **options})


def rows_of(batches):
    """The examples of each batch, without what is padding."""
    rows = []
    for x, _, *weight in batches:
        rows.append(x[:, 0] - 1)
        if weight:
            rows[-1] = rows[-1][weight[0] > 0]
    return rows


@pytest.mark.one_backend
class TestTokenBatches:
    @pytest.mark.parametrize("buckets", [None, 1, 5, 100])
    @pytest.mark.parametrize("max_tokens", [60, 137, 5000, 10**6])
    @pytest.mark.parametrize("remainder", ["keep", "pad"])
    @pytest.mark.parametrize("shuffle", [True, False])
    def test_each_example_comes_once_and_whole(
        self, buckets, max_tokens, remainder, shuffle
    ):
        options = {
            "buckets": buckets,
            "max_tokens": max_tokens,
            "remainder": remainder,
            "shuffle": shuffle,
        }
        shapes, counts = set(), set()
        for epoch in range(3):
            batches = batches_of(epoch=epoch, **options)
            counts.add(len(batches))
            rows = rows_of(batches)
            assert len(rows) == len(batches)
            assert sorted(np.concatenate(rows)) == list(range(200))
            for (x, y, *_), own in zip(batches, rows, strict=True):
                assert x.size <= max_tokens and same(x, y)
                assert same((x > 0).sum(axis=1)[: len(own)], LENGTHS[own])
                shapes.add(x.shape)
        # The same in all epochs.
        assert len(counts) == 1
        assert shapes == set(batches.shapes())
        assert len(shapes) <= min(buckets or 12, 100) + (remainder == "keep")
        assert batches.batch_size is None

    def test_padding_is_what_the_batches_have(self):
        for remainder in ("keep", "pad"):
            batches = batches_of(remainder=remainder)
            tokens = sum(x.size for x, *_ in batches)
            assert abs(batches.padding() - (1 - LENGTHS.sum() / tokens)) < 1e-12

    def test_pads_less_than_half_of_what_quantiles_do(self):
        for buckets in (4, 8):
            other = BucketedBatches(TOKENS, TOKENS, 16, buckets=buckets)
            assert batches_of(max_tokens=240).padding() < other.padding() / 2

    def test_an_item_depends_on_seed_epoch_and_index_alone(self):
        whole = list(batches_of(epoch=3))
        other = batches_of(epoch=3)
        for index in (4, 0, 2):
            assert same(other[index], whole[index])
        for options in ({"epoch": 4}, {"epoch": 3, "seed": 1}):
            assert not same(list(batches_of(**options)), whole)

    def test_begin_with_a_short_and_a_long_batch(self):
        """Keras on TensorFlow takes their shapes for those of all."""
        for epoch, shuffle in itertools.product(range(5), (True, False)):
            lengths = [x.shape[1] for x, _ in batches_of(epoch=epoch, shuffle=shuffle)]
            assert lengths[:2] == [min(lengths), max(lengths)]

    def test_long_and_short_ones_come_all_over_an_epoch(self):
        """The mean place of the long batches, of 30 epochs, at 4 standard errors."""
        places = []
        for epoch in range(30):
            lengths = np.array([x.shape[1] for x, _ in batches_of(epoch=epoch)])[2:]
            places.extend(np.flatnonzero(lengths > 30) / (len(lengths) - 1))
        error = np.std(places) / np.sqrt(len(places))
        assert abs(np.mean(places) - 0.5) < 4 * error
        # Of a uniform distribution.
        assert abs(np.std(places) - 12**-0.5) < 0.05

    def test_several_widths_are_counted_together(self):
        x = {"source": TOKENS, "target": TOKENS[::-1, :40]}
        batches = batches_of(x, np.arange(200), max_tokens=300)
        for part, _ in batches:
            assert sum(array.size for array in part.values()) <= 300
        assert all(len(shape) == 3 for shape in batches.shapes())

    @pytest.mark.parametrize("count", [2, 3])
    def test_shards_make_up_the_batches_and_have_one_shape(self, count):
        options = {"max_tokens": 360, "remainder": "pad"}
        shards = [batches_of(shard=(n, count), **options) for n in range(count)]
        assert len({len(shard) for shard in shards}) == 1
        rows = []
        for parts in zip(*shards, strict=True):
            assert len({x.shape for x, *_ in parts}) == 1
            assert sum(x.size for x, *_ in parts) <= 360
            rows += [x[:, 0][weight > 0] - 1 for x, _, weight in parts]
        assert sorted(np.concatenate(rows)) == list(range(200))
        assert {x.shape for x, *_ in shards[0]} == set(shards[0].shapes())

    def test_quantile_buckets_are_chosen_from_the_whole_batch(self):
        options = {"batch_size": 8, "max_tokens": None, "remainder": "pad"}
        shards = [batches_of(shard=(index, 2), **options) for index in (0, 1)]
        for whole, *parts in zip(batches_of(**options), *shards, strict=True):
            assert {part[0].shape for part in parts} == {(4, whole[0].shape[1])}
            for part, *pieces in zip(whole, *parts, strict=True):
                assert same(np.concatenate(pieces), part)

    @pytest.mark.parametrize("share", [0.05, 0.3, 0.9, 1.0])
    def test_as_many_batches_with_a_curriculum_and_no_other_shapes(self, share):
        batches = batches_of(remainder="pad")
        count, shapes = len(batches), set(batches.shapes())
        chosen = np.argsort(LENGTHS, kind="stable")[: int(share * 200)]
        for given in (chosen, chosen[::-1]):
            batches.use_rows(np.resize(given, 200))
            rows = rows_of(batches)
            assert len(rows) == count
            assert set(np.concatenate(rows)) == set(given)
            assert set(batches.shapes()) <= shapes
            # Each as often as the others, but for one.
            times = np.bincount(np.concatenate(rows), minlength=200)[given]
            assert np.ptp(times) <= 1
            first, last = LENGTHS[rows[0]].mean(), LENGTHS[rows[-1]].mean()
            assert share < 0.3 or (first < last) == (given is chosen)

    def test_long_rows_are_cut_off(self):
        batches = batches_of()
        longest = np.argsort(-LENGTHS, kind="stable")[:50]
        batches.use_rows(np.resize(longest, 200))
        rows = rows_of(batches)
        assert len(rows) == len(batches)
        assert set(np.concatenate(rows)) <= set(longest)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (
                {"max_tokens": 59},
                "`max_tokens` must be at least 60, the tokens of example 7 with its "
                "padding. Received: max_tokens=59",
            ),
            (
                {"max_tokens": 119, "remainder": "pad", "shard": (0, 2)},
                "`max_tokens` must be at least 120, the tokens of example 7 with its "
                "padding for each of 2 processes. Received: max_tokens=119",
            ),
            (
                {"max_tokens": 0},
                "`max_tokens` must be an integer in [1, inf). Received: max_tokens=0",
            ),
            (
                {"remainder": "drop"},
                "`remainder` must be 'keep' or 'pad' with `max_tokens`. "
                "Received: remainder='drop'",
            ),
            (
                {"shard": (0, 2)},
                "`remainder` must be 'pad' with `max_tokens` and `shard`. "
                "Received: remainder='keep'",
            ),
            (
                {"shard": (0, 0)},
                "`shard` must be (index, count), integers with 0 <= index < count. "
                "Received: shard=(0, 0)",
            ),
            (
                {"batch_size": 8},
                "`batch_size` and `max_tokens` exclude each other. "
                "Received: batch_size=8, max_tokens=120",
            ),
        ],
    )
    def test_refuses_what_cannot_be(self, options, message):
        with pytest.raises(ValueError) as error:
            batches_of(**options)
        assert str(error.value) == message


@pytest.mark.one_backend
class TestBuckets:
    @pytest.mark.parametrize("buckets", [1, 2, 3, 4, 9])
    @pytest.mark.parametrize("seed", range(3))
    def test_leave_the_least_padding_that_is_possible(self, buckets, seed):
        """Less than any other choice of their ends has."""
        lengths = np.random.default_rng(seed).geometric(0.3, 30)

        def tokens(bucket):
            return sum(
                lengths[bucket == n].max() * (bucket == n).sum() for n in set(bucket)
            )

        ends = np.unique(lengths)
        least = min(
            tokens(np.searchsorted([*some, ends[-1]], lengths))
            for some in itertools.combinations(ends[:-1], min(buckets, len(ends)) - 1)
        )
        bucket = buckets_of_least_padding(lengths, buckets)
        assert tokens(bucket) == least
        assert set(bucket) == set(range(min(buckets, len(ends))))

    def test_are_near_the_least_for_very_many_lengths(self):
        lengths = np.arange(1, 5001)
        bucket = buckets_of_least_padding(lengths, 10)
        # Of equal widths, which are the best for these.
        ends = np.arange(500, 5001, 500)
        least = ends[np.searchsorted(ends, lengths)].sum()
        longest = np.array([lengths[bucket == n].max() for n in range(10)])
        assert least <= longest[bucket].sum() < 1.01 * least
        assert (longest[bucket] >= lengths).all()

    def test_batches_may_be_a_few_more_where_one_row_adds_two(self):
        """Ten of a kind, then eight, then three fit: one row may begin two batches."""
        bucket = np.repeat([0, 1, 2], [10, 7, 30])
        batches = TokenBatches(bucket, np.array([24, 30, 80]), 240, 1, 1.0)
        assert batches.sizes.tolist() == [10, 8, 3]
        for seed in range(50):
            rows = np.random.default_rng(seed).integers(0, 47, 47)
            assert len(batches.divide(rows, rows)) >= batches.count


def network():
    inputs = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(201, 4)(inputs)
    x = keras.layers.Dropout(0.5)(keras.layers.GlobalAveragePooling1D()(x))
    model = keras.Model(inputs, keras.layers.Dense(1)(x))
    model.compile(keras.optimizers.Adam(), "mse")
    model.optimizer.build(model.trainable_variables)
    return model


class Kill(keras.callbacks.Callback):
    """Ends a fit in its second epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if (self.epoch, batch) == (1, 3):
            raise KeyboardInterrupt


def test_goes_on_within_an_epoch_with_a_curriculum(tmp_path):
    """Killed within an epoch of batches by tokens, to the weights of a whole fit."""
    tokens, y = TOKENS[:60], (LENGTHS[:60] > 9).astype("float32")
    model = network()
    begin = begin_anew(model, tokens[:7], y[:7, None])

    def fitted(*callbacks):
        begin()
        batches = batches_of(tokens, y, max_tokens=180, buckets=3)
        curriculum = Curriculum(batches, batches.lengths, Stages([1], [0.4, 1.0]))
        resume = Resume(tmp_path / "checkpoint", batches, [curriculum], save_freq=1)
        fit = {"epochs": 3, "callbacks": [curriculum, *callbacks, resume]}
        history = model.fit(batches, shuffle=False, verbose=0, **fit).history
        return history, [array(variable) for variable in model.variables]

    whole = fitted()
    with pytest.raises(KeyboardInterrupt):
        fitted(Kill())
    assert (tmp_path / "checkpoint" / "checkpoint.npz").exists()
    assert same(fitted(), whole)
