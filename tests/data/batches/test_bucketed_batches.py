import keras
import numpy as np
import pytest
from contracts import Contract, same

from kdl.callbacks import Curriculum, Resume
from kdl.data import BucketedBatches

WIDTHS = {"source": 20, "target": 9}


def sequences(count, longest, width, seed):
    """Tokens from 1 to 9, as many as `lengths`, then zeros."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, longest + 1, count)
    tokens = rng.integers(1, 10, (count, width))
    return np.where(np.arange(width) < lengths[:, None], tokens, 0).astype("int32")


class TestBucketedBatches(Contract):
    component = BucketedBatches
    # Longer texts become longer ones. The number of an example is beside it.
    x = {
        "source": sequences(90, 18, WIDTHS["source"], 0),
        "target": sequences(90, 9, WIDTHS["target"], 1),
        "number": np.arange(90.0)[:, None],
    }
    y = x["target"]
    arguments = {
        "x": x,
        "y": y,
        "batch_size": 8,
        "seed": 1,
        "shuffle": False,
        "remainder": "drop",
        "augment": (lambda x, y, rng: (x, y),),
        "epoch": 2,
        "sample_weight": np.ones(90),
        "buckets": 3,
        "weights": np.arange(90.0),
        "replacement": False,
        "examples_per_epoch": 80,
        "shard": (1, 2),
    }
    refused = [
        (
            {"x": {**x, "number": x["number"][1:]}},
            "`x`, `y` and `sample_weight` must hold the same number of examples, at "
            "least one. Received: len(x)={'source': 90, 'target': 90, 'number': 89}, "
            "len(y)=90, len(sample_weight)=90",
        ),
        (
            {"x": x["number"], "y": np.arange(90)},
            "`x` or `y` must hold sequences, integers of shape (examples, length). "
            "Received: float64 (90, 1), int64 (90,)",
        ),
        (
            {"x": np.where(np.arange(90)[:, None] == 7, 0, x["source"])},
            "A sequence must have a token besides padding, which is 0. Received: "
            "example 7 has none",
        ),
        (
            {"buckets": 0},
            "`buckets` must be an integer in [1, inf). Received: buckets=0",
        ),
        (
            {"batch_size": 0},
            "`batch_size` must be an integer in [1, inf). Received: batch_size=0",
        ),
        (
            {"max_tokens": 300},
            "`batch_size` and `max_tokens` exclude each other. Received: batch_size=8, "
            "max_tokens=300",
        ),
        (
            {"shard": (1, 3)},
            "`batch_size` must be a multiple of 3, the number of processes in `shard`. "
            "Received: batch_size=8",
        ),
    ]
    lengths = (x["source"] > 0).sum(1) + (x["target"] > 0).sum(1)

    def parameters(self):
        # These exclude others, and are tested below.
        apart = {"max_tokens", "balance"}
        return {n: p for n, p in super().parameters().items() if n not in apart}

    def batches(self, **overrides):
        options = {"batch_size": 8, "seed": 1, **overrides}
        return BucketedBatches(self.x, self.y, **options)

    def ranked(self, rows):
        """Lengths as a list."""
        return self.lengths[rows].tolist()

    def numbers(self, batches):
        """The examples of each batch."""
        return [x["number"][:, 0].astype(int) for x, _ in batches]

    def cut(self, batches):
        """The lengths to which each batch is cut."""
        return [(x["source"].shape[1], x["target"].shape[1]) for x, _ in batches]

    def test_knows_how_long_examples_are(self):
        assert same(self.batches().lengths, self.lengths)
        # A zero that a token follows is one.
        tokens = np.array([[1, 0, 2, 0], [0, 0, 0, 3]])
        assert same(BucketedBatches(tokens, tokens).lengths, np.array([3, 4]))

    @pytest.mark.parametrize("buckets", [1, 4, 90])
    @pytest.mark.parametrize("shuffle", [True, False])
    def test_an_epoch_holds_each_example_once_and_whole(self, buckets, shuffle):
        batches = self.batches(buckets=buckets, shuffle=shuffle)
        numbers = self.numbers(batches)
        assert [len(rows) for rows in numbers] == [8] * 11 + [2]
        assert sorted(np.concatenate(numbers)) == list(range(90))
        for rows, (x, y) in zip(numbers, batches, strict=True):
            for name, width in WIDTHS.items():
                padded = np.zeros((len(rows), width), int)
                padded[:, : x[name].shape[1]] = x[name]
                assert same(padded, self.x[name][rows].astype(int))
            assert same(x["target"], y)

    @pytest.mark.parametrize("remainder", ["drop", "keep"])
    def test_pads_much_less_than_batches_do(self, remainder):
        batches = self.batches(remainder=remainder)
        parts = [x[name] for x, _ in batches for name in WIDTHS]
        tokens, padding = (
            sum((part > 0).sum() for part in parts),
            sum((part == 0).sum() for part in parts),
        )
        assert abs(batches.padding() - padding / (tokens + padding)) < 1e-9
        # 20 and 9 columns, which Batches keep, of sequences whose lengths do not go
        # together.
        before = 1 - self.lengths.mean() / 29
        assert batches.padding() < 0.8 * before
        # Of one, a quarter of the lengths remains in a bucket.
        source = self.x["source"]
        alone = BucketedBatches(source, source, 8, remainder="drop")
        assert alone.padding() < 0.4 * (source == 0).mean()

    @pytest.mark.parametrize("buckets", [1, 3, 5])
    def test_has_no_more_shapes_than_buckets(self, buckets):
        options = {"buckets": buckets, "remainder": "drop"}
        epochs = range(5)
        full, all_of_them = (
            {
                np.shape(x["source"]) + np.shape(x["target"])
                for epoch in epochs
                for x, _ in self.batches(**{**options, **more, "epoch": epoch})
            }
            for more in ({}, {"remainder": "keep"})
        )
        assert len(full) <= buckets
        assert len(all_of_them) <= buckets + 1
        assert len(full) > 1 or buckets == 1

    def test_an_item_depends_on_seed_epoch_and_index_alone(self):
        def item(epoch, index, before=(), seed=0):
            batches = self.batches(epoch=epoch, seed=seed)
            for other in before:
                batches[other]
            return batches[index]

        assert same(item(3, 5), item(3, 5, before=[2, 0, 6]))
        for other in (item(4, 5), item(3, 6), item(3, 5, seed=1)):
            assert not same(item(3, 5), other)

    def test_goes_on_in_the_middle_of_a_training(self):
        batches = self.batches()
        for ends in range(3):
            batches.begin_at(5)
            assert same(list(batches), list(self.batches(epoch=5))), ends
            batches.on_epoch_end()

    def test_drops_other_examples_in_each_epoch(self):
        dropped = [
            set(range(90)).difference(
                *self.numbers(self.batches(epoch=epoch, remainder="drop"))
            )
            for epoch in range(20)
        ]
        assert all(len(rows) == 2 for rows in dropped)
        assert len(set.union(*dropped)) > 20

    def test_buckets_are_mixed_over_an_epoch(self):
        lengths = self.cut(self.batches(remainder="drop", seed=2))[2:]
        thirds = [set(lengths[start : start + 3]) for start in (0, 3, 6)]
        assert all(len(third) > 1 for third in thirds)

    @pytest.mark.parametrize("seed", range(5))
    @pytest.mark.parametrize("shuffle", [True, False])
    def test_the_first_two_batches_differ_in_what_varies(self, seed, shuffle):
        """Keras on TensorFlow takes their shapes for those of all."""
        for count in (17, 19, 35):
            rows = np.random.default_rng(seed).permutation(90)[:count]
            x = {name: part[rows] for name, part in self.x.items()}
            cut = self.cut(BucketedBatches(x, self.y[rows], 8, seed, shuffle))
            for first, second, *others in zip(*cut, strict=True):
                assert first < second == max(others) or {first} == {second, *others}

    def test_takes_given_rows_bucket_by_bucket(self):
        batches = self.batches()
        rows = np.argsort(self.lengths, kind="stable")
        for given in (rows, rows[::-1]):
            asked = batches.use_rows(given)
            numbers = self.numbers(batches)
            assert sorted(np.concatenate(numbers)) == list(range(90))
            # The last, which is not full, as well.
            ends = [(min(part), max(part)) for part in map(self.ranked, numbers)]
            assert ends == sorted(ends, reverse=given is not rows)
            assert asked == list(range(12))
        # Some often and others not, in the order of the batches they fill.
        given = np.repeat(rows[:30], 3)
        batches.use_rows(given)
        assert sorted(np.concatenate(self.numbers(batches))) == sorted(given)
        batches.on_epoch_end()
        batches.on_epoch_end()
        assert same(list(batches), list(self.batches(epoch=1)))

    def test_arrays_of_one_width_are_cut_alike(self):
        tokens = self.x["source"]
        # What comes next, so that it ends one step earlier, and labels, often 0.
        following = np.pad(tokens[:, 1:], ((0, 0), (0, 1)))
        labels = np.where(tokens > 5, 1, 0)
        for y in (following, labels):
            batches = BucketedBatches(tokens, y, 8)
            assert same(batches.lengths, (tokens > 0).sum(1))
            assert all(x.shape == part.shape for x, part in batches)

    def test_leaves_other_arrays_whole(self):
        class_of = np.arange(90)[:, None] % 3
        x = self.x["source"], np.zeros((90, 30, 2), "int32"), np.zeros((90, 30))
        batches = BucketedBatches(x, class_of, 8)
        (tokens, images, floats), labels = batches[0]
        assert tokens.shape[1] < 18
        assert (images.shape, floats.shape) == ((8, 30, 2), (8, 30))
        assert labels.shape == (8, 1)

    def test_a_batch_that_is_alone_keeps_its_length(self):
        """On TensorFlow, Keras holds it to be fixed, whatever rows come later."""
        tokens = np.tri(8, 8, dtype="int32")
        batches = BucketedBatches(tokens, tokens, 8)
        assert batches[0][0].shape == (8, 8)
        batches.use_rows([0] * 8)
        assert batches[0][0].shape == (8, 8)

    def test_less_than_a_batch_is_one(self):
        for remainder in ("drop", "keep"):
            ((x, _),) = self.batches(batch_size=100, remainder=remainder)
            assert len(x["number"]) == 90
            assert self.batches(batch_size=100).padding() > 0

    @pytest.mark.parametrize(
        ("order", "remainder"), [("random", "drop"), ("ascending", "keep")]
    )
    def test_fit_takes_it_with_a_curriculum(self, order, remainder):
        batches = self.batches(buckets=2, remainder=remainder)
        stages = keras.optimizers.schedules.PiecewiseConstantDecay([0], [0.3, 1.0])
        curriculum = Curriculum(batches, batches.lengths, stages, order)
        seen = self.fit(network(), batches, 2, [curriculum])
        easiest = np.argsort(self.lengths, kind="stable")[:27]
        assert set(np.concatenate(seen[0])) == set(easiest)
        # None comes twice, but for those that are left out.
        assert len(set(np.concatenate(seen[1]))) == (88 if remainder == "drop" else 90)
        longest = [self.lengths[rows].max() for rows in seen[1]]
        assert (longest == sorted(longest)) == (order == "ascending")

    def test_resumes(self, tmp_path):
        model = network()
        options = {"buckets": 2, "remainder": "drop"}
        for epochs in (1, 3):
            batches = self.batches(**options)
            resume = Resume(tmp_path, batches, delete_checkpoint=False)
            seen = self.fit(model, batches, epochs, [resume])
        desired = [self.numbers(self.batches(epoch=n, **options)) for n in (1, 2)]
        assert same(seen, desired)

    def fit(self, model, batches, epochs, callbacks):
        """The examples of each batch of each epoch that a fit has seen."""
        seen = []

        def record(x, y, rng):
            seen[-1].append(x["number"][:, 0].astype(int))
            return x, y

        # TensorFlow asks for two batches before the first epoch.
        batches.augment = [lambda x, y, rng: record(x, y, rng) if seen else (x, y)]
        begin = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: seen.append([])
        )
        callbacks = [*callbacks, begin]
        model.fit(batches, shuffle=False, epochs=epochs, callbacks=callbacks, verbose=0)
        return seen


def network():
    """Tokens of any lengths to tokens of the target, which it sees."""
    inputs = {
        "source": keras.Input((None,), dtype="int32", name="source"),
        "target": keras.Input((None,), dtype="int32", name="target"),
        "number": keras.Input((1,), name="number"),
    }
    embedding = keras.layers.Embedding(10, 4, mask_zero=True)
    memory = keras.layers.GlobalAveragePooling1D()(embedding(inputs["source"]))
    x = embedding(inputs["target"]) + keras.layers.Reshape((1, 4))(memory)
    model = keras.Model(inputs, keras.layers.Dense(10)(x))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    return model


class TestWeights:
    tokens = np.array([[4, 0, 0, 0], [1, 2, 3, 4], [5, 6, 0, 0], [7, 0, 0, 0]])

    def test_follow_their_examples(self):
        weight = self.tokens[:, 0] / 10
        batches = BucketedBatches(self.tokens, self.tokens, 1, sample_weight=weight)
        for x, _, w in batches:
            np.testing.assert_array_equal(w, x[:, 0] / 10)

    def test_of_tokens_are_cut_as_these_are(self):
        weight = self.tokens / 10
        features = np.ones((4, 4))
        batches = BucketedBatches(
            {"a": self.tokens, "b": features},
            self.tokens,
            1,
            sample_weight=weight,
            buckets=3,
        )
        for x, _, w in batches:
            np.testing.assert_array_equal(w, x["a"] / 10)
            # What is no weight and no sequence stays as it is.
            assert x["b"].shape == (1, 4)
