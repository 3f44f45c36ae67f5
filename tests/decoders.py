"""What decoders of tokens promise."""

import itertools

import keras
import numpy as np
import pytest
from contracts import LayerContract, array, assert_close, normal

from kdl.models import BeamSearch, Feeding, ProfessorForcing, Sampling

SIZE = 7
# Two sequences, the second of which ends with padding.
TOKENS = np.array([[3, 1, 6, 2, 5], [4, 4, 1, 0, 0]], "int32")


def fed(arguments):
    """Arguments of a decoder, with those that are of its `Feeding` put into one."""
    names = ("epsilon", "temperature", "evaluation", "professor")
    feeding = {name: arguments[name] for name in names if name in arguments}
    others = {k: v for k, v in arguments.items() if k not in feeding}
    return {**others, "feeding": Feeding(**feeding)} if feeding else others


def feeding():
    """Half of the true steps and a professor in training, and its own otherwise."""
    professor = ProfessorForcing(8, discriminator_gate=1.0, generator_gate=0.0)
    return Feeding(0.5, 0.5, "free_running", professor)


def anew(arguments, dtype=None):
    """The cell and the feeding among arguments, with weights of their own."""
    found = {}
    for name in {"cell", "feeding"} & arguments.keys():
        part = arguments[name]
        config = part.get_config()
        if dtype is not None:
            owner = config["professor"]["config"] if name == "feeding" else config
            owner["dtype"] = dtype
        found[name] = type(part).from_config(config)
    return found


def log_softmax(logits):
    logits = logits - logits.max(-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


class DecoderContract(LayerContract):
    """Promises of a `TokenDecoder`, which `plain` makes from few arguments.

    Its `arguments` have mask_zero=True and a `feeding` with a `professor` and
    evaluation="free_running". `plain` takes the arguments of a `Feeding` too.

    Attributes:
        context: List of strings. What it depends on besides the tokens, sorted.
    """

    context = []

    input_shape = (2, 5)
    is_composed = True
    # Its inputs would be nothing but padding, which is refused.
    test_gradient_is_finite_at_zero = None

    def inputs(self):
        return keras.ops.convert_to_tensor(TOKENS)

    def batch(self):
        return TOKENS.astype("float32")

    def plain(self, size=SIZE, **arguments):
        raise NotImplementedError

    def built(self, **arguments):
        decoder = self.plain(**arguments)
        decoder(np.ones((1, 2), "int32"))
        # Far from uniform, so that what is likely is so for everybody.
        rng = np.random.default_rng(0)
        for weight in decoder.weights:
            if weight.dtype == "float32":
                weight.assign(rng.normal(0, 1, weight.shape))
        return decoder

    def log_probability(self, decoder, tokens):
        """Of each sequence, step by step, by the outputs under teacher forcing."""
        logits = log_softmax(array(decoder(np.asarray(tokens, "int32"))))
        return np.take_along_axis(logits, np.asarray(tokens)[..., None], -1)[..., 0]

    def test_writes_nothing_of_sequences_without_steps(self):
        for arguments in ({}, {"epsilon": 0.5}, {"evaluation": "free_running"}):
            decoder = self.plain(**arguments)
            for training in (False, True):
                outputs = decoder(np.zeros((2, 0), "int32"), training=training)
                assert tuple(outputs.shape) == (2, 0, SIZE)

    def test_refuses_a_token_that_32_bits_would_make_another(self):
        decoder = self.built()
        with pytest.raises(ValueError) as error:
            decoder(np.array([[1, 2**32 + 2]]))
        assert str(2**32 + 2) in str(error.value)

    def test_fed_its_own_it_writes_as_it_does_greedily(self):
        tokens = np.random.default_rng(1).integers(0, SIZE, (3, 6)).astype("int32")
        free = self.built(evaluation="free_running")
        written, lengths, scores = free.generate(6, count=3)
        assert (lengths == 6).all()
        # Whatever the tokens are that it is called with.
        assert (array(free(tokens)).argmax(-1) == written).all()
        steps = self.log_probability(self.built(), written)
        np.testing.assert_allclose(scores, steps.sum(1), rtol=1e-4)
        logits = array(self.built()(written))
        assert (logits.argmax(-1) == written).all()

    def test_beam_search_is_brute_force_where_beams_are_many(self):
        decoder = self.built(size=3)
        everything = np.array(list(itertools.product(range(3), repeat=4)))
        steps = self.log_probability(decoder, everything)
        for end, penalty in ((None, 0.0), (2, 0.0), (2, 1.0), (1, 2.0)):
            best, best_score = None, -np.inf
            for tokens, gains in zip(everything, steps, strict=True):
                ended = np.flatnonzero(tokens == end)
                length = ended[0] + 1 if len(ended) else 4
                score = gains[:length].sum() / ((5 + length) / 6) ** penalty
                if score > best_score:
                    best, best_score = (tokens[:length], length), score
            search = BeamSearch(81, penalty)
            found = decoder.generate(4, end_token=end, by=search)
            tokens, length = best
            assert found.lengths == [length]
            assert (found.tokens[0, :length] == tokens).all()
            assert (found.tokens[0, length:] == 0).all()
            np.testing.assert_allclose(found.scores, [best_score], rtol=1e-4)

    @pytest.mark.one_backend
    def test_returns_all_beams_with_their_scores(self):
        decoder = self.built(size=3)
        everything = np.array(list(itertools.product(range(3), repeat=3)))
        scores = self.log_probability(decoder, everything).sum(1)
        order = np.argsort(-scores)
        found = decoder.generate(3, count=2, by=BeamSearch(30, return_all=True))
        assert found.tokens.shape == (2, 30, 3) and found.lengths.shape == (2, 30)
        for tokens, logs in zip(found.tokens, found.scores, strict=True):
            assert (tokens[:27] == everything[order]).all()
            np.testing.assert_allclose(logs[:27], scores[order], rtol=1e-4)
            # There are no more sequences than these.
            assert (logs[27:] == -np.inf).all()
        best = decoder.generate(3, count=2, by=BeamSearch(30))
        assert (best.tokens == found.tokens[:, 0]).all()
        alone = decoder.generate(3, by=BeamSearch(1, return_all=True))
        assert alone.tokens.shape == (1, 1, 3)

    def test_compiles_one_generator_for_all_numbers_and_keeps_a_few(self):
        decoder = self.built()
        kept = decoder.generators._made
        for temperature in (0.5, 1.0, 2.0):
            for top_p in (0.5, 0.9):
                decoder.generate(3, by=Sampling(temperature, top_p=top_p))
        assert len(kept) == 1
        (generator,) = kept.values()
        for length in range(4, 16):
            decoder.generators.get(decoder, np.zeros((1, length)), None, {}, 1, 1)
        assert len(kept) == 8 and generator not in kept.values()

    @pytest.mark.one_backend
    def test_beam_search_finds_what_greed_misses(self):
        decoder = self.built(size=6)
        greedy, *few = (
            decoder.generate(7, count=2, by=BeamSearch(n)).scores for n in (1, 2, 16)
        )
        for scores in few:
            assert (scores >= greedy - 1e-5).all()

    def test_draws_tokens_by_their_probabilities(self):
        decoder = self.built(size=4)
        count, temperature = 4000, 1.5
        found = decoder.generate(
            1, count=count, by=Sampling(temperature), batch_size=count
        )
        shares = np.bincount(found.tokens[:, 0], minlength=4) / count
        logits = array(decoder(np.zeros((1, 1), "int32")))[0, 0] / temperature
        desired = np.exp(log_softmax(logits))
        # Four standard errors.
        error = 4 * np.sqrt(desired * (1 - desired) / count)
        assert (np.abs(shares - desired) < error).all()

    def test_in_training_draws_tokens_by_their_probabilities(self):
        count, temperature = 4000, 1.5
        decoder = self.built(size=4, temperature=temperature)
        features = normal((1, 1, decoder.head.kernel.shape[0]))
        logits = array(decoder.logits(features))[0, 0] / temperature
        desired = np.exp(log_softmax(logits))
        noise = decoder.noise(np.zeros((count, 1), "int32"), training=True)
        found = array(decoder.choose(np.repeat(features, count, 0), noise))
        shares = np.bincount(found[:, 0], minlength=4) / count
        # Four standard errors.
        error = 4 * np.sqrt(desired * (1 - desired) / count)
        assert (np.abs(shares - desired) < error).all()
        assert decoder.noise(found, training=False) is None

    @pytest.mark.one_backend
    @pytest.mark.parametrize("options", [{"top_k": 2}, {"top_p": 0.5}])
    def test_draws_among_the_likeliest(self, options):
        decoder = self.built(size=6)
        logits = array(decoder(np.zeros((1, 1), "int32")))[0, 0]
        order = np.argsort(-logits)
        shares = np.exp(log_softmax(logits))[order]
        most = options.get("top_k") or 1 + (shares.cumsum() < 0.5).sum()
        found = decoder.generate(1, count=500, by=Sampling(**options), batch_size=500)
        assert set(found.tokens[:, 0]) == set(order[:most])

    @pytest.mark.one_backend
    def test_seed_draws_the_same_again(self):
        decoder = self.built()
        first, again, other = (
            decoder.generate(8, count=4, by=Sampling(), seed=seed).tokens
            for seed in (0, 0, 1)
        )
        assert (first == again).all()
        assert (first != other).any()

    def test_goes_on_with_prompts_of_any_length(self):
        decoder = self.built()
        prompt = np.array([[3, -1, -1], [1, 2, 6]])
        both = decoder.generate(6, prompt=prompt)
        assert both.tokens[0, 0] == 3
        assert both.tokens[1, :3].tolist() == [1, 2, 6]
        alone = decoder.generate(6, prompt=prompt[:1, :1])
        assert (alone.tokens[0] == both.tokens[0]).all()
        steps = self.log_probability(decoder, both.tokens)
        desired = [steps[0, 1:].sum(), steps[1, 3:].sum()]
        np.testing.assert_allclose(both.scores, desired, rtol=1e-4)
        beams = decoder.generate(6, prompt=prompt, by=BeamSearch(3))
        assert beams.tokens[1, :3].tolist() == [1, 2, 6]
        assert (beams.scores >= both.scores - 1e-5).all()

    @pytest.mark.one_backend
    def test_writes_nothing_after_the_end(self):
        decoder = self.built(size=4)
        found = decoder.generate(12, count=50, by=Sampling(5.0), end_token=2)
        for tokens, length in zip(found.tokens, found.lengths, strict=True):
            assert (tokens[: length - 1] != 2).all()
            assert (tokens[length:] == 0).all()
            assert length == 12 or tokens[length - 1] == 2
        assert len(set(found.lengths)) > 1

    def test_never_predicts_padding(self):
        decoder = self.built(mask_zero=True)
        found = decoder.generate(6, count=200, by=Sampling(3.0), batch_size=200)
        assert (found.tokens > 0).all()
        # That of a prompt is left to write.
        found = decoder.generate(6, prompt=TOKENS)
        assert (found.tokens > 0).all() and (found.tokens[:, :3] == TOKENS[:, :3]).all()
        outputs = decoder(TOKENS)
        assert (array(outputs._keras_mask) == (TOKENS > 0)).all()

    def test_takes_schedules(self):
        """Of epsilon, by a clock; and asks for one."""
        schedule = keras.optimizers.schedules.PolynomialDecay(1.0, 10, 0.0)
        with pytest.raises(ValueError, match="`epsilon` follows a schedule"):
            self.plain(epsilon=schedule)(TOKENS, training=True)
        with pytest.raises(ValueError) as error:
            self.plain(epsilon=keras.optimizers.schedules.PolynomialDecay(2.0, 10))
        assert str(error.value) == (
            "`epsilon` must be a number in [0, 1]. Received: epsilon=2.0 at step 0 of "
            "its PolynomialDecay"
        )

    def test_seed_draws_the_same_coins_again(self):
        def trained(seed):
            decoder = self.plain(epsilon=0.5, seed=seed, name="decoder")
            decoder(TOKENS)
            for weight in decoder.trainable_weights:
                weight.assign(np.random.default_rng(0).normal(size=weight.shape))
            return array(decoder(TOKENS, training=True))

        assert_close(trained(3), trained(3))
        assert (trained(3) != trained(4)).any()

    def test_no_gradient_passes_through_the_choice(self):
        """Fed its own tokens, it learns as it would if they had been given."""
        tokens = np.random.default_rng(1).integers(1, SIZE, (4, 5)).astype("int32")
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        weights = []
        for epsilon in (0.0, 1.0):
            decoder = self.built(epsilon=epsilon)
            inputs = tokens if epsilon == 0 else self.own(decoder, tokens)
            entries = keras.Input((5,), dtype="int32")
            model = keras.Model(entries, decoder(entries))
            model.compile(keras.optimizers.SGD(1e-2), loss)
            model.fit(inputs, tokens, verbose=0)
            weights.append([array(weight) for weight in decoder.trainable_weights])
        for ours, given in zip(*weights, strict=True):
            np.testing.assert_allclose(ours, given, rtol=1e-4, atol=1e-6)

    def own(self, decoder, tokens):
        """The tokens that a decoder is fed, in training, if epsilon is 0."""
        return decoder.generate(5, count=len(tokens)).tokens

    @pytest.mark.parametrize(
        ("tokens", "message"),
        [
            (
                [[1, 2], [3, 7]],
                "The decoder 'decoder' takes tokens from 0 to 6. Received: 7, in "
                "example 1 of the batch",
            ),
            (
                [[1, 2], [0, 0]],
                "The decoder 'decoder' has mask_zero=True, so that 0 is padding, and "
                "example 1 of the batch is nothing else. Leave it out.",
            ),
        ],
    )
    def test_refuses_what_are_no_sequences(self, tokens, message):
        decoder = self.plain(mask_zero=True, name="decoder")
        with pytest.raises(ValueError) as error:
            decoder(np.array(tokens, "int32"))
        assert message in str(error.value)

    def test_in_a_graph_an_unknown_token_makes_its_own_example_nan(self):
        if keras.backend.backend() != "jax":
            pytest.skip("These backends fail, or are eager")
        import jax

        logits = array(jax.jit(self.built())(np.array([[1, 2], [3, 9]], "int32")))
        assert np.isfinite(logits[0]).all() and np.isnan(logits[1]).all()

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (
                {"length": 0},
                "`length` must be an integer in [1, inf). Received: length=0",
            ),
            (
                {"end_token": 7},
                "`end_token` must be an integer in [0, 6]. Received: end_token=7",
            ),
            (
                {"by": Sampling(top_k=8)},
                "`top_k` must be an integer in [1, 7]. Received: top_k=8",
            ),
            (
                {"by": "beams"},
                "`by` must be a kdl.models.Sampling, a kdl.models.BeamSearch, or None. "
                "Received: by='beams'",
            ),
            (
                {"prompt": np.ones((1, 9), int)},
                "`prompt` must be integers of shape (sequences, steps), with at most "
                "`length`=4 steps. Received: int64 (1, 9)",
            ),
            (
                {"prompt": np.full((1, 2), 7)},
                "`prompt` must hold tokens below 7. Received: 7",
            ),
            (
                {"memry": np.ones((3, 2, 4))},
                "The decoder 'decoder' depends on {}. Received: memry",
            ),
            (
                {"prompt": np.ones((2, 1), int), "memory": np.ones((3, 2, 4))},
                "All arrays must be of as many sequences. Received: memory of 3, "
                "prompt of 2",
            ),
        ],
    )
    def test_refuses_to_write(self, options, message):
        decoder = self.plain(name="decoder")
        with pytest.raises(ValueError) as error:
            decoder.generate(**{"length": 4, **options})
        assert str(error.value) == message.format(", ".join(self.context))

    def test_refuses_to_write_without_weights(self):
        with pytest.raises(ValueError) as error:
            self.plain(name="decoder").generate(4)
        assert str(error.value) == (
            "The decoder 'decoder' has no weights yet. Call it, or fit the model that "
            "it is in, before it is to write."
        )

    def test_refuses_a_memory_in_some_calls_only(self):
        memory = np.ones((1, 2, 4), "float32")
        decoder = self.plain(name="decoder")
        decoder(TOKENS[:1])
        with pytest.raises(ValueError) as error:
            decoder(TOKENS[:1], memory=memory)
        assert (
            "The decoder 'decoder' was built without a memory, and is called with one."
            in str(error.value)
        )
