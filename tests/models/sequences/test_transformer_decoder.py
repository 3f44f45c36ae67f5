import keras
import numpy as np
import pytest
from contracts import array
from decoders import SIZE, TOKENS, DecoderContract, anew, fed, feeding

from kdl.models import BeamSearch, TransformerDecoder


class TestTransformerDecoder(DecoderContract):
    component = TransformerDecoder
    context = ["memory", "memory_mask"]
    arguments = {
        "vocabulary_size": SIZE,
        "embedding_dim": 4,
        "num_layers": 2,
        "num_heads": 2,
        "intermediate_dim": 6,
        "dropout": 0.25,
        "passes": 2,
        "feeding": feeding(),
        "mask_zero": True,
        "seed": 7,
    }
    refused = [
        (
            {"num_layers": 0},
            "`num_layers` must be an integer in [1, inf). Received: num_layers=0",
        ),
        ({"passes": 0}, "`passes` must be an integer in [1, inf). Received: passes=0"),
        (
            {"dropout": 1.0},
            "`dropout` must be a number in [0, 1) or a LearningRateSchedule. "
            "Received: dropout=1.0",
        ),
    ]

    def make(self, **overrides):
        own = anew(self.arguments, overrides.get("dtype"))
        return self.component(**{**self.arguments, **own, **overrides})

    def plain(self, size=SIZE, **arguments):
        options = {"dropout": 0.0, **fed(arguments)}
        return TransformerDecoder(size, 4, 2, 2, 6, **options)

    def own(self, decoder, tokens):
        return array(decoder(tokens)).argmax(-1)

    def test_is_a_stack_of_its_blocks_under_teacher_forcing(self):
        decoder = self.built()
        fed = np.array([[SIZE, *row[:-1]] for row in TOKENS])
        x = array(decoder.embedding.embeddings)[fed] * 2  # The root of 4.
        place = np.arange(5)[:, None] / 10000 ** (np.array([0, 0, 2, 2]) / 4)
        x = x + np.where(np.arange(4) % 2, np.cos(place), np.sin(place))
        for block in decoder.blocks:
            assert block.causal and block.norm_first
            x = array(block(x.astype("float32")))
        head, bias = (array(weight) for weight in decoder.head.weights)
        desired = array(decoder.norm(x)) @ head + bias
        np.testing.assert_allclose(array(decoder(TOKENS)), desired, atol=1e-4)

    @pytest.mark.parametrize("passes", [1, 2])
    def test_own_tokens_are_those_of_the_passes_before(self, passes):
        decoder = self.built(epsilon=0.0, passes=passes)
        logits = array(decoder(TOKENS, training=True))
        # Each pass is fed what the one before has chosen.
        fed = TOKENS
        for _ in range(passes):
            fed = array(decoder(fed)).argmax(-1)
        np.testing.assert_allclose(logits, array(decoder(fed)), atol=1e-4)

    def test_coins_choose_between_true_and_own_tokens(self):
        decoder = self.built(epsilon=0.3, seed=1)
        tokens = np.random.default_rng(0).integers(0, SIZE, (300, 41)).astype("int32")
        mixed = []
        forced = decoder.forced
        decoder.forced = lambda fed, *rest: (
            mixed.append(array(fed)) or forced(fed, *rest)
        )
        decoder(tokens, training=True)
        _, fed = mixed
        own = array(self.built()(tokens)).argmax(-1)[:, :-1]
        differ = own != tokens[:, :-1]
        heads = (fed[:, 1:] == tokens[:, :-1])[differ]
        assert ((fed[:, 1:] == own) | (fed[:, 1:] == tokens[:, :-1])).all()
        # Some 10,000 coins: four standard errors of 0.0046.
        assert differ.sum() > 9000
        assert abs(heads.mean() - 0.3) < 0.019

    def test_looks_at_a_memory_and_writes_from_it(self):
        memory = np.random.default_rng(0).normal(size=(2, 3, 5)).astype("float32")
        context = {
            "memory": memory,
            "memory_mask": np.array([[1, 1, 0], [1, 1, 1]], "bool"),
        }
        decoder = self.plain(evaluation="free_running")
        free = decoder(TOKENS, **context)
        written = decoder.generate(5, **context)
        assert (array(free).argmax(-1) == written.tokens).all()
        searched = decoder.generate(5, by=BeamSearch(4), **context)
        assert (searched.scores >= written.scores - 1e-5).all()
        other = {**context, "memory": memory + 1}
        assert np.abs(array(free) - array(decoder(TOKENS, **other))).max() > 1e-4

    def test_writes_sequences_of_any_number_and_length(self):
        decoder = self.built()
        long = decoder.generate(9, count=3).tokens
        for length in (2, 5):
            short = decoder.generate(length, count=2).tokens
            assert (short == long[:2, :length]).all()

    def test_trains_and_validates_on_sequences_of_several_lengths(self):
        decoder = self.plain(epsilon=0.5, evaluation="free_running")
        entries = keras.Input((None,), dtype="int32")
        model = keras.Model(entries, decoder(entries))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("adam", loss)
        for length in (5, 3, 4):
            part = TOKENS[:1, :length]
            history = model.fit(part, part, validation_data=(part, part), verbose=0)
            assert np.isfinite(history.history["val_loss"]).all()
