import copy
import pickle
import random

import keras
import numpy as np
import pytest
from contracts import CallbackContract, array, same
from on_disk import Stored

from kdl.callbacks import Curriculum
from kdl.data import Batches
from kdl.layers import Clock

Stages = keras.optimizers.schedules.PiecewiseConstantDecay
X = np.random.default_rng(0).normal(size=(20, 3)).astype("float32")
INPUTS = np.random.default_rng(2).normal(size=(24, 4)).astype("float32")
SCORES = np.random.default_rng(1).permutation(20) * 1.0


def by_label(model, x, y):
    return y


class TestCurriculum(CallbackContract):
    component = Curriculum
    arguments = {
        "batches": Batches(INPUTS, INPUTS[:, :3], 8),
        "difficulty": np.arange(24.0),
        "share": 0.5,
        "order": "ascending",
        "reverse": True,
        "every": 2,
    }
    refused = [
        (
            {"batches": 3},
            "`batches` must be the kdl.data.Batches that are trained on. "
            "Received: batches=3",
        ),
        (
            {"difficulty": [1, 2]},
            "`difficulty` must be 'loss', a function, or 24 finite numbers, one for "
            "each example. Received: difficulty=[1, 2]",
        ),
        (
            {"difficulty": "length"},
            "`difficulty` must be 'loss', a function, or 24 finite numbers, one for "
            "each example. Received: difficulty='length'",
        ),
        ({"share": 0}, "`share` must be a number in (0, 1]. Received: share=0"),
        (
            {"order": "easy"},
            "`order` must be one of 'random', 'ascending'. Received: order='easy'",
        ),
        (
            {"reverse": 1},
            "`reverse` must be one of True, False. Received: reverse=1",
        ),
        ({"every": 0}, "`every` must be an integer in [1, inf). Received: every=0"),
    ]

    def train(self, model, callbacks, epochs=3, **options):
        (curriculum,) = (
            callback
            for callback in keras.tree.flatten(callbacks)
            if isinstance(callback, Curriculum)
        )
        fit = {"epochs": epochs, "callbacks": callbacks, "verbose": 0, **options}
        return model.fit(curriculum.batches, shuffle=False, **fit).history

    def test_refuses_other_batches(self):
        batches = Batches(X, X, 4)
        curriculum = Curriculum(batches, SCORES)
        with pytest.raises(ValueError) as error:
            network().fit(X, X[:, :1], callbacks=[curriculum], verbose=0)
        assert str(error.value) == (
            "`batches` must be those that `fit` trains on, but no batch was asked for "
            f"in epoch 1. Received: batches={batches!r}"
        )

    def test_refuses_batches_that_are_shuffled(self):
        random.seed(0)
        batches = Batches(X, X[:, :1], 4)
        curriculum = Curriculum(batches, SCORES)
        with pytest.raises(ValueError) as error:
            network().fit(batches, shuffle=True, callbacks=[curriculum], verbose=0)
        assert str(error.value) == (
            "`fit` must get `shuffle=False`: it has shuffled the batches, of which a "
            "Curriculum decides the order."
        )

    def test_copies_act_on_the_same_batches(self):
        curriculum = self.make()
        assert copy.deepcopy([curriculum])[0].batches is curriculum.batches

    def test_trains_on_the_easiest_in_stages(self):
        seen = rows_of_a_fit(
            {"difficulty": SCORES, "share": Stages([0, 1], [0.2, 0.6, 1.0])}
        )
        easiest = np.argsort(SCORES)
        for rows, count in zip(seen, (4, 12, 20), strict=True):
            names, times = np.unique(rows, return_counts=True)
            assert set(names) == set(easiest[:count])
            assert len(rows) == 20
            # In turns, so that none comes twice as often.
            assert times.max() - times.min() <= 1

    @pytest.mark.one_backend
    def test_epochs_may_have_fewer_or_other_examples(self):
        batches = Batches(X, X[:, :1], 4, examples_per_epoch=6)
        curriculum = Curriculum(batches, SCORES, 0.2, "ascending")
        self.train(network(), [curriculum], epochs=1)
        easiest, times = np.unique(curriculum.rows, return_counts=True)
        assert set(easiest) == set(np.argsort(SCORES)[:4])
        assert sorted(times) == [1, 1, 2, 2]

    @pytest.mark.parametrize("reverse", [False, True])
    def test_orders_an_epoch(self, reverse):
        options = {"difficulty": SCORES, "order": "ascending", "reverse": reverse}
        order = np.argsort(-SCORES if reverse else SCORES)
        for rows in rows_of_a_fit(options):
            assert same(rows, order)

    def test_leaves_out_a_random_part_rather_than_the_hardest(self):
        batches = Batches(X, X, 8, remainder="drop")
        curriculum = Curriculum(batches, SCORES, order="ascending")
        model = network()
        curriculum.set_model(model)
        curriculum.on_train_begin()
        left = set()
        for epoch in range(5):
            curriculum.on_epoch_begin(epoch)
            trained, rest = curriculum.rows[:16], curriculum.rows[16:]
            assert same(np.sort(SCORES[trained]), SCORES[trained])
            left |= set(rest)
        assert len(left) > 8

    def test_each_epoch_has_an_order_of_its_own(self):
        first, second, _ = rows_of_a_fit({"difficulty": SCORES})
        assert sorted(first) == sorted(second) == list(range(20))
        assert not same(first, second)

    def test_asks_for_difficulties_now_and_then(self):
        calls = []

        def difficulty(model, x, y):
            calls.append(len(x))
            # The ranks turn around each time.
            return SCORES if len(calls) % 2 else -SCORES

        options = {"difficulty": difficulty, "order": "ascending", "every": 2}
        first, second, third = rows_of_a_fit(options)
        assert calls == [20, 20]
        assert same(first, second)
        assert same(first[::-1], third)

    @pytest.mark.parametrize(
        "loss",
        ["mse", keras.losses.MeanAbsoluteError(), keras.losses.mean_squared_error],
    )
    def test_ranks_by_the_loss_of_the_model(self, loss):
        model, targets = network(loss), X.sum(axis=1)
        predicted = model.predict(X, verbose=0)[:, 0]
        order = np.argsort(np.abs(targets - predicted))
        options = {"order": "ascending"}
        first, *_ = rows_of_a_fit(options, model, targets, epochs=1)
        assert same(first, order)

    def test_ranks_inputs_on_disk_by_the_loss_of_the_model(self):
        model, targets = network(), X.sum(axis=1)
        order = np.argsort((targets - model.predict(X, verbose=0)[:, 0]) ** 2)
        curriculum = Curriculum(Batches(Stored(X), targets, 4), order="ascending")
        model.fit(curriculum.batches, shuffle=False, callbacks=[curriculum], verbose=0)
        assert same(curriculum.rows, order)

    def test_ranks_by_the_loss_of_classes(self):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3)])
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
        labels = np.arange(20) % 3
        logits = model.predict(X, verbose=0).astype("float64")
        logits = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(20), labels]
        (rows,) = rows_of_a_fit({"order": "ascending"}, model, labels, epochs=1)
        assert same(rows, np.argsort(logits))

    @pytest.mark.parametrize("what", ["mask", "ignored class", "both"])
    def test_ranks_sequences_by_the_loss_of_what_is_not_masked(self, what):
        model, x, y = tokens_and_model(
            mask_zero=what != "ignored class",
            ignore_class=None if what == "mask" else 0,
        )
        logits = array(model(x)).astype("float64")
        losses = np.log(np.exp(logits).sum(axis=-1))
        losses -= np.take_along_axis(logits, y[..., None], axis=-1)[..., 0]
        desired = np.where(y > 0, losses, 0).sum(axis=1) / (y > 0).sum(axis=1)
        curriculum = Curriculum(Batches(x, y, 8), order="ascending")
        model.fit(curriculum.batches, shuffle=False, callbacks=[curriculum], verbose=0)
        assert np.diff(desired[curriculum.rows]).min() > -1e-6
        # With the losses of padding, the order would be another one.
        assert np.diff(losses.mean(axis=1)[curriculum.rows]).min() < -0.01

    def test_ranks_dicts_by_a_score_and_by_a_function(self):
        model, x, y = tokens_and_model()
        lengths = (y > 0).sum(axis=1)
        for difficulty in (lengths, lambda model, x, y: (x["tokens"] > 0).sum(axis=1)):
            curriculum = Curriculum(Batches(x, y, 8), difficulty, 0.5)
            model.fit(
                curriculum.batches, shuffle=False, callbacks=[curriculum], verbose=0
            )
            easiest = np.argsort(lengths, kind="stable")[:10]
            assert set(curriculum.rows) == set(easiest)

    def test_survives_copies_of_an_interrupted_fit(self):
        def interrupt(epoch, logs):
            raise KeyboardInterrupt

        batches = Batches(X, X[:, :1], 4)
        curriculum = Curriculum(batches, order="ascending")
        interruption = keras.callbacks.LambdaCallback(on_epoch_end=interrupt)
        with pytest.raises(KeyboardInterrupt):
            fit = {"callbacks": [curriculum, interruption], "verbose": 0}
            network().fit(batches, shuffle=False, **fit)
        for clone in (
            copy.deepcopy(curriculum),
            pickle.loads(pickle.dumps(curriculum)),
        ):
            model = network()
            model.fit(clone.batches, shuffle=False, callbacks=[clone], verbose=0)
            assert same(clone.rows, curriculum.rows)

    def test_refuses_to_rank_by_several_losses(self):
        inputs = keras.Input((3,))
        outputs = {n: keras.layers.Dense(1, name=n)(inputs) for n in "ab"}
        model = keras.Model(inputs, outputs)
        model.compile("sgd", {"a": "mse", "b": "mae"})
        curriculum = Curriculum(Batches(X, X, 4))
        curriculum.set_model(model)
        curriculum.on_train_begin()
        with pytest.raises(ValueError) as error:
            curriculum.on_epoch_begin(0)
        assert str(error.value) == (
            "`difficulty` must be an array or a function where a model has several "
            "losses or outputs. Received: difficulty='loss'"
        )

    def test_refuses_a_share_that_leaves_its_interval(self):
        with pytest.raises(ValueError) as error:
            rows_of_a_fit({"share": lambda epoch: 1.5})
        assert str(error.value) == (
            "`share` must be a number in (0, 1]. Received: share=1.5"
        )


def tokens_and_model(mask_zero=True, ignore_class=None):
    """Twenty sequences of tokens, padded with 0, and a model that predicts them."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(3)
    lengths = rng.integers(1, 7, 20)
    tokens = np.where(np.arange(6) < lengths[:, None], rng.integers(1, 5, (20, 6)), 0)
    inputs = keras.Input((None,), dtype="int32", name="tokens")
    # Of a clock, because it wants to know whether the model trains.
    x = Clock()(inputs)
    x = keras.layers.Embedding(5, 4, "normal", mask_zero=mask_zero)(x)
    model = keras.Model({"tokens": inputs}, keras.layers.Dense(5)(x))
    loss = keras.losses.SparseCategoricalCrossentropy(True, ignore_class=ignore_class)
    model.compile("sgd", loss)
    return model, {"tokens": tokens.astype("int32")}, tokens.astype("int32")


def network(loss="mse"):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", loss)
    return model


def rows_of_a_fit(options, model=None, targets=None, epochs=3):
    """Which examples the batches of each epoch were made of."""
    seen, targets = [], np.zeros(20) if targets is None else targets

    def record(x, y, rng):
        seen.extend(np.argmax(np.all(row == X, axis=1)) for row in x)
        return x, y

    batches = Batches(X, targets, 4, augment=[record])
    curriculum = Curriculum(batches, **options)
    clear = keras.callbacks.LambdaCallback(
        # TensorFlow asks for a batch before the first epoch.
        on_epoch_begin=lambda epoch, logs: seen.clear() if epoch == 0 else None
    )
    callbacks = [curriculum, clear]
    model = model or network()
    model.fit(batches, epochs=epochs, shuffle=False, callbacks=callbacks, verbose=0)
    return np.array(seen).reshape(epochs, 20)
