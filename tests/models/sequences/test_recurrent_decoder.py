import keras
import numpy as np
import pytest
from contracts import array, assert_close
from decoders import SIZE, TOKENS, DecoderContract, anew, fed, feeding

from kdl.layers import Clock, PeepholeLSTMCell
from kdl.models import BeamSearch, Feeding, RecurrentDecoder


class Echo(keras.layers.Layer):
    """A cell that gives back what it is fed."""

    state_size = output_size = 5

    def call(self, inputs, states):
        return inputs, states

    def get_initial_state(self, batch_size):
        return [keras.ops.zeros((batch_size, 5))]


class TestRecurrentDecoder(DecoderContract):
    component = RecurrentDecoder
    has_keras_cell = True
    context = ["initial_state", "memory", "memory_mask"]
    arguments = {
        "cell": keras.layers.GRUCell(5),
        "vocabulary_size": SIZE,
        "embedding_dim": 4,
        "feeding": feeding(),
        "mask_zero": True,
        "seed": 7,
    }
    refused = [
        (
            {"vocabulary_size": 0},
            "`vocabulary_size` must be an integer in [1, inf). "
            "Received: vocabulary_size=0",
        ),
        (
            {"feeding": 0.5},
            "`feeding` must be a kdl.models.Feeding, or None. Received: feeding=0.5",
        ),
        (
            {"cell": "gru"},
            "`cell` must be a recurrent cell, or a list of them, with a `state_size` "
            "and an integer `output_size`, such as keras.layers.GRUCell(64). "
            "Received: cell='gru'",
        ),
        (
            {"cell": keras.layers.GRUCell(3, dtype="float16")},
            "`cell` must compute in the dtype of the layer that it is for. Received: "
            "float16 for float32",
        ),
    ]

    def make(self, **overrides):
        own = anew(self.arguments, overrides.get("dtype"))
        return self.component(**{**self.arguments, **own, **overrides})

    def plain(self, size=SIZE, **arguments):
        return RecurrentDecoder(keras.layers.GRUCell(5), size, 4, **fed(arguments))

    @pytest.mark.parametrize("kind", ["GRU", "LSTM"])
    def test_is_keras_s_layer_under_teacher_forcing(self, kind):
        """Outputs and gradients, with the same weights."""
        cell = getattr(keras.layers, f"{kind}Cell")(6)
        decoder = RecurrentDecoder(cell, SIZE, 4)
        tokens = np.random.default_rng(0).integers(0, SIZE, (8, 5)).astype("int32")
        fed = np.concatenate([np.full((8, 1), SIZE), tokens[:, :-1]], 1)
        entries = keras.Input((5,), dtype="int32")
        layers = [
            keras.layers.Embedding(SIZE + 1, 4),
            getattr(keras.layers, kind)(6, return_sequences=True),
            keras.layers.Dense(SIZE),
        ]
        theirs = keras.Sequential([keras.Input((5,), dtype="int32"), *layers])
        ours = keras.Model(entries, decoder(entries))
        embedding, recurrent, dense = (layer.weights for layer in layers)
        decoder.embedding.set_weights([array(w) for w in embedding])
        for weight, other in zip(cell.weights, recurrent, strict=True):
            weight.assign(array(other))
        decoder.head.set_weights([array(w) for w in dense])
        np.testing.assert_allclose(
            ours.predict(tokens, verbose=0), theirs.predict(fed, verbose=0), atol=1e-5
        )
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        for model, inputs in ((ours, tokens), (theirs, fed)):
            model.compile(keras.optimizers.SGD(1.0), loss)
            model.fit(inputs, tokens, verbose=0)
        pairs = [
            *zip(decoder.embedding.weights, embedding, strict=True),
            *zip(cell.weights, recurrent, strict=True),
            *zip(decoder.head.weights, dense, strict=True),
        ]
        for weight, other in pairs:
            np.testing.assert_allclose(array(weight), array(other), atol=1e-5)

    def echoes(self, epsilon, tokens):
        """The tokens that are fed in training, where its own is always 4."""
        decoder = RecurrentDecoder(Echo(), 5, 5, Feeding(epsilon), seed=3)
        decoder(tokens[:1])
        decoder.embedding.set_weights([np.eye(6)[:, :5]])
        bias = np.array([0, 0, 0, 0, 9])
        decoder.head.set_weights([np.eye(5), bias])
        return (array(decoder(tokens, training=True)) - bias).argmax(-1)

    def test_tosses_a_coin_for_each_token_and_example(self):
        tokens = np.random.default_rng(0).integers(0, 4, (200, 101)).astype("int32")
        fed = self.echoes(0.3, tokens)[:, 1:]
        heads = fed != 4
        assert (fed[heads] == tokens[:, :-1][heads]).all()
        # 20,000 coins: four standard errors of 0.0032.
        assert abs(heads.mean() - 0.3) < 0.013
        # Neighbours in time, and among examples, are independent: four times 0.0071.
        for first, second in ((heads[:, 1:], heads[:, :-1]), (heads[1:], heads[:-1])):
            assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.029

    def test_epsilon_follows_its_schedule_in_fit(self):
        seen = []

        class Spy(keras.callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None):
                _ = self.model
                seen.append(float(decoder.epsilon.now(training=False)))

        decoder = self.plain(
            epsilon=keras.optimizers.schedules.PolynomialDecay(1.0, 4, 0.0)
        )
        entries = keras.Input((5,), dtype="int32")
        model = keras.Model(entries, decoder(Clock()(entries)))
        model.compile(
            "sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        )
        model.fit(
            np.repeat(TOKENS, 4, 0),
            np.repeat(TOKENS, 4, 0),
            batch_size=2,
            epochs=2,
            callbacks=[Spy()],
            verbose=0,
        )
        np.testing.assert_allclose(seen, [1, 0.75, 0.5, 0.25, 0, 0, 0, 0], atol=1e-6)

    @pytest.mark.parametrize("training", [False, True])
    @pytest.mark.parametrize("epsilon", [1.0, 0.0])
    def test_passes_over_padding_wherever_it_is(self, training, epsilon):
        decoder = self.built(epsilon=epsilon, mask_zero=True)
        padded = np.array([[0, 0, 3, 0, 1, 6], [3, 1, 6, 0, 0, 0]], "int32")
        logits = array(decoder(padded, training=training))
        np.testing.assert_allclose(logits[0, [2, 4, 5]], logits[1, :3], atol=1e-5)

    def test_looks_up_a_memory_as_luong_s_general_score_does(self):
        decoder = self.plain()
        memory = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")
        mask = np.array([[1, 1, 0], [1, 1, 1]], "bool")
        logits = array(decoder(TOKENS, memory=memory, memory_mask=mask))
        hidden = array(
            decoder.forced(
                np.array([[SIZE, *row[:-1]] for row in TOKENS]),
                None,
                {"memory": memory, "memory_mask": mask},
                False,
            )
        )
        bare = array(
            decoder._rnn(
                decoder.embedding(np.array([[SIZE, *row[:-1]] for row in TOKENS]))
            )
        )
        (key,), (kernel, bias) = (
            [array(w) for w in part.weights]
            for part in (decoder.attention.key, decoder.attention.combined)
        )
        scores = np.einsum("bth,bsh->bts", bare, memory @ key)
        weights = np.exp(scores) * mask[:, None]
        weights /= weights.sum(-1, keepdims=True)
        found = np.einsum("bts,bsm->btm", weights, memory)
        desired = np.tanh(np.concatenate([found, bare], -1) @ kernel + bias)
        np.testing.assert_allclose(hidden, desired, atol=1e-5)
        head, offset = (array(w) for w in decoder.head.weights)
        np.testing.assert_allclose(logits, desired @ head + offset, atol=1e-5)

    def test_writes_from_a_memory_and_a_state(self):
        rng = np.random.default_rng(0)
        context = {
            "memory": rng.normal(size=(3, 4, 2)).astype("float32"),
            "memory_mask": np.array([[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]], "bool"),
            "initial_state": rng.normal(size=(3, 5)).astype("float32"),
        }
        decoder = self.plain(evaluation="free_running")
        free = decoder(np.ones((3, 6), "int32"), **context)
        written = decoder.generate(6, **context)
        assert (array(free).argmax(-1) == written.tokens).all()
        searched = decoder.generate(6, by=BeamSearch(4), **context)
        assert (searched.scores >= written.scores - 1e-5).all()

    def test_trains_any_stack_of_cells_with_dropout(self):
        cells = [
            keras.layers.LSTMCell(4, dropout=0.2, recurrent_dropout=0.1),
            PeepholeLSTMCell(3),
            keras.layers.SimpleRNNCell(3),
        ]
        decoder = RecurrentDecoder(
            cells, SIZE, 4, Feeding(0.5, evaluation="free_running")
        )
        entries = keras.Input((None,), dtype="int32")
        model = keras.Model(entries, decoder(entries))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("adam", loss)
        history = model.fit(TOKENS, TOKENS, epochs=2, verbose=0).history
        assert np.isfinite(history["loss"]).all()
        assert_close(decoder(TOKENS), decoder(TOKENS))
        assert decoder.generate(4, by=BeamSearch(2), count=2).tokens.shape == (2, 4)

    def test_learns_to_copy_under_each_kind_of_feeding(self):
        """What an encoder has seen, better than a constant could be."""
        rng = np.random.default_rng(0)
        x = rng.integers(1, SIZE, (512, 3)).astype("int32")
        source, target = (keras.Input((3,), dtype="int32") for _ in range(2))
        memory, state = keras.layers.GRU(16, return_sequences=True, return_state=True)(
            keras.layers.Embedding(SIZE, 8)(source)
        )
        decoder = RecurrentDecoder(
            keras.layers.GRUCell(16), SIZE, 8, Feeding(0.5, evaluation="free_running")
        )
        outputs = decoder(target, memory=memory, initial_state=state)
        model = keras.Model([source, target], outputs)
        model.compile(
            keras.optimizers.Adam(0.02),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        model.fit([x, x], x, epochs=12, batch_size=32, verbose=0)
        accuracy = model.evaluate([x, x], x, verbose=0, return_dict=True)["accuracy"]
        assert accuracy > 0.6


def test_a_call_that_raised_leaves_no_mask_of_dropout():
    cell = keras.layers.GRUCell(8, dropout=0.5, recurrent_dropout=0.5)
    decoder = RecurrentDecoder(cell, 7, 4, Feeding(0.0))
    decoder(np.ones((2, 3), "int32"), training=True)
    with pytest.MonkeyPatch.context() as patch:

        def fail(*args, **kwargs):
            raise RuntimeError("as the loop did")

        patch.setattr(cell, "call", fail)
        with pytest.raises(RuntimeError, match="as the loop did"):
            decoder(np.ones((3, 3), "int32"), training=True)
    assert decoder(np.ones((5, 3), "int32"), training=True).shape[0] == 5
