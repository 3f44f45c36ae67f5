"""What an epoch of `Batches` holds, by weights and by classes."""

import keras
import numpy as np
import pytest
from contracts import array, begin_anew, same
from scipy import stats

from kdl.callbacks import Resume
from kdl.data import Batches, BucketedBatches
from kdl.data.batches.samplers import Weighted

# An epoch with 0.1 % of chi-square's tail would be refused by chance. Seeds are fixed.
LEAST = 1e-3


def drawn(batches):
    """The rows of an epoch, where `x` holds their numbers."""
    return np.concatenate([np.ravel(x) for x, *_ in batches]).astype(int)


@pytest.mark.one_backend
class TestWeights:
    weights = np.r_[0.0, np.random.default_rng(0).exponential(size=49)]
    x = np.arange(50)

    def batches(self, **options):
        return Batches(self.x, self.x, **{"weights": self.weights, **options})

    @pytest.mark.parametrize("count", [None, 7, 500])
    def test_come_as_often_as_they_are_to_within_one(self, count):
        expected = self.weights / self.weights.sum() * (count or 50)
        for epoch in range(20):
            batches = self.batches(epoch=epoch, examples_per_epoch=count)
            times = np.bincount(drawn(batches), minlength=50)
            assert times.sum() == (count or 50)
            assert (np.floor(expected) <= times).all()
            assert (times <= np.ceil(expected)).all()

    def test_come_as_often_as_they_are_on_average(self):
        """Of 2,000 epochs; the error is that of the chance to be rounded up."""
        sampler, rng = Weighted(self.weights, 50, True), np.random.default_rng(1)
        times = sum(
            np.bincount(sampler.rows(50, rng), minlength=50) for _ in range(2000)
        )
        expected = self.weights / self.weights.sum() * 50
        up = expected % 1
        error = np.sqrt(up * (1 - up) / 2000)
        assert (np.abs(times / 2000 - expected) <= 4.5 * error + 1e-12).all()

    def test_their_order_is_random(self):
        """Each of four examples is as often at each place: 12,000 draws of 4."""
        sampler, rng = Weighted(np.ones(4), 4, True), np.random.default_rng(2)
        rows = np.array([sampler.rows(4, rng) for _ in range(12000)])
        counts = [np.bincount(rows[:, place], minlength=4) for place in range(4)]
        assert all(stats.chisquare(part).pvalue > LEAST for part in counts)

    @pytest.mark.parametrize("scale", [1e-300, 1e300])
    def test_may_be_of_any_scale(self, scale):
        small = self.weights / self.weights.max()
        a, b = (drawn(self.batches(weights=w)) for w in (small, small * scale))
        assert same(a, b)
        a, b = (
            drawn(self.batches(weights=w, replacement=False))
            for w in (small, small * scale)
        )
        assert same(a, b)

    def test_without_shuffling_are_the_same_in_each_epoch(self):
        for replacement in (True, False):
            options = {"shuffle": False, "replacement": replacement}
            first, second = (
                drawn(self.batches(epoch=epoch, **options)) for epoch in (0, 1)
            )
            assert same(first, second)
            by = first if replacement else -self.weights[first]
            assert (np.diff(by) >= 0).all()

    def test_without_replacement_come_once_at_most(self):
        batches = self.batches(replacement=False)
        assert sorted(drawn(batches)) == list(range(1, 50))
        assert batches.examples_per_epoch == 49
        some = [
            drawn(self.batches(replacement=False, examples_per_epoch=20, epoch=epoch))
            for epoch in (0, 1)
        ]
        assert all(len(set(rows)) == 20 and 0 not in rows for rows in some)
        assert not same(*some)

    def test_without_replacement_are_drawn_in_proportion_from_those_left(self):
        """The first two of four, `p_i p_j / (1 - p_i)`, in 6,000 draws."""
        p = np.array([0.1, 0.2, 0.3, 0.4])
        sampler, rng = Weighted(3 * p, 4, False), np.random.default_rng(3)
        rows = np.array([sampler.rows(2, rng) for _ in range(6000)])
        pairs = [(i, j) for i in range(4) for j in range(4) if i != j]
        counts = [(rows == pair).all(axis=1).sum() for pair in pairs]
        expected = [6000 * p[i] * p[j] / (1 - p[i]) for i, j in pairs]
        assert stats.chisquare(counts, expected).pvalue > LEAST

    def test_an_item_depends_on_seed_epoch_and_index_alone(self):
        whole = list(self.batches(epoch=3, batch_size=8))
        other = self.batches(epoch=3, batch_size=8)
        for index in (4, 0, 2):
            assert same(other[index], whole[index])
        for options in ({"epoch": 4}, {"epoch": 3, "seed": 1}):
            assert not same(self.batches(batch_size=8, **options)[0], whole[0])

    def test_leave_the_weights_of_the_loss_alone(self):
        for x, _, weight in self.batches(sample_weight=self.x / 10):
            np.testing.assert_array_equal(weight, x / 10)

    def test_take_no_other_rows(self):
        with pytest.raises(ValueError) as error:
            self.batches().use_rows(self.x)
        assert str(error.value) == (
            "Batches with `weights` choose their examples themselves and take no "
            "others, such as those of a kdl.callbacks.Curriculum."
        )

    def test_draw_sequences_in_buckets(self):
        tokens = np.tri(50, 50, dtype=int)
        expected = self.weights / self.weights.sum() * 50
        for options in ({"batch_size": 8}, {"max_tokens": 200}):
            times = np.zeros(50, int)
            batches = BucketedBatches(tokens, tokens, weights=self.weights, **options)
            for x, _ in batches:
                times += np.bincount(x.sum(axis=1) - 1, minlength=50)
            if "batch_size" in options:
                assert (np.abs(times - expected) < 1).all()
            assert times[0] == 0 and len(batches) == len(list(batches))


@pytest.mark.one_backend
class TestExamplesPerEpoch:
    def test_are_different_ones_in_each_epoch(self):
        epochs = [
            drawn(Batches(np.arange(50), np.arange(50), examples_per_epoch=20, epoch=e))
            for e in range(20)
        ]
        assert all(len(set(rows)) == len(rows) == 20 for rows in epochs)
        assert set(np.concatenate(epochs)) == set(range(50))

    def test_are_no_more_than_there_are(self):
        with pytest.raises(ValueError) as error:
            Batches(np.arange(50), np.arange(50), examples_per_epoch=51)
        assert str(error.value) == (
            "`examples_per_epoch` must be an integer in [1, 50]. Received: "
            "examples_per_epoch=51"
        )

    def test_may_be_given(self):
        batches = Batches(np.arange(50), np.arange(50), 8, examples_per_epoch=20)
        batches.use_rows(np.arange(20)[::-1])
        assert same(drawn(batches), np.arange(20)[::-1])


@pytest.mark.one_backend
class TestBalance:
    y = np.random.default_rng(0).permutation(np.repeat([4, 7, 9], [3, 12, 85]))

    @pytest.mark.parametrize("size", [1, 2, 3, 8, 30, 64, 200])
    @pytest.mark.parametrize("shuffle", [True, False])
    def test_classes_come_equally_often(self, size, shuffle):
        for y, epoch in ((self.y, 0), (self.y[:, None], 1)):
            options = {"balance": True, "shuffle": shuffle, "epoch": epoch}
            batches = Batches(np.arange(100), y, size, **options)
            assert len(batches) == -(-100 // size)
            times = np.zeros(100, int)
            for x, labels in batches:
                assert len(x) == size and same(labels, y[x])
                assert np.ptp([(labels == label).sum() for label in (4, 7, 9)]) <= 1
                times += np.bincount(x, minlength=100)
            of_classes = [times[self.y == label] for label in (4, 7, 9)]
            assert np.ptp([part.sum() for part in of_classes]) <= 1
            # And so do the examples of a class.
            assert all(np.ptp(part) <= 1 for part in of_classes)

    def test_epochs_differ(self):
        first, second = (
            drawn(Batches(np.arange(100), self.y, balance=True, epoch=epoch))
            for epoch in (0, 1)
        )
        assert not same(first, second)

    def test_has_as_many_examples_as_are_asked_for(self):
        options = {"balance": True, "examples_per_epoch": 330}
        counts = [
            len(Batches(np.arange(100), self.y, remainder=remainder, **options))
            for remainder in ("keep", "drop", "pad")
        ]
        assert counts == [11, 10, 11]

    def test_over_an_epoch_of_sequences(self):
        tokens = np.tri(100, 60, dtype=int)
        batches = BucketedBatches(tokens, self.y, 10, balance=True)
        labels = np.concatenate([y for _, y in batches])
        assert np.ptp([(labels == label).sum() for label in (4, 7, 9)]) <= 1
        assert batches.padding() < 0.2


class Kill(keras.callbacks.Callback):
    """Ends a fit at the beginning of the third batch of its second epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if (self.epoch, batch) == (1, 2):
            raise KeyboardInterrupt


def test_goes_on_within_an_epoch_of_weights(tmp_path):
    x = np.random.default_rng(0).normal(size=(26, 4)).astype("float32")
    layers = [keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dropout(0.5)]
    model = keras.Sequential([*layers, keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(), "mse")
    model.optimizer.build(model.trainable_variables)
    begin = begin_anew(model, x[:7], x[:7, :1])

    def fitted(*callbacks):
        begin()
        weights = np.arange(26) % 5
        batches = Batches(x, x[:, :1], 7, remainder="pad", weights=weights)
        resume = Resume(tmp_path / "checkpoint", batches, save_freq=1)
        fit = {"epochs": 3, "callbacks": [*callbacks, resume], "verbose": 0}
        history = model.fit(batches, shuffle=False, **fit).history
        return history, [array(variable) for variable in model.variables]

    whole = fitted()
    with pytest.raises(KeyboardInterrupt):
        fitted(Kill())
    assert (tmp_path / "checkpoint" / "checkpoint.npz").exists()
    assert same(fitted(), whole)
