import keras
import numpy as np
import pytest
import torch
from contracts import (
    LayerContract,
    array,
    assert_close,
    compiled,
    normal,
)

from kdl.layers import (
    Clock,
    SinusoidalPositionalEncoding,
    TransformerEncoderBlock,
)

# Of two sequences of five tokens, those that are no padding.
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], "bool")


def arranged(values):
    """Values of the parameters of PyTorch's module, in the order of the block's."""
    for kind in ("weight", "bias"):
        if f"self_attn.in_proj_{kind}" not in values:
            continue
        parts = np.split(values[f"self_attn.in_proj_{kind}"], 3)
        for name, part in zip(("query", "key", "value"), parts, strict=True):
            values[f"{name}.{kind}"] = part
    names = ["query", "key", "value", "self_attn.out_proj", "norm1"]
    for name in (*names, "linear1", "linear2", "norm2"):
        # A kernel is the other way around.
        yield values[f"{name}.weight"].T
        # That of the keys changes nothing.
        if name != "key" and f"{name}.bias" in values:
            yield values[f"{name}.bias"]


def trained(block, inputs, mask, targets):
    """What each weight loses in a step down the gradient at a rate of one."""
    x, seen = keras.Input((5, 4)), keras.Input((5,), dtype="bool")
    if mask is None:
        data, model = inputs, keras.Model(x, block(x))
    else:
        # Keras passes it on to the loss.
        data, model = [inputs, mask], keras.Model([x, seen], block(x, mask=seen))
    model.compile(keras.optimizers.SGD(1.0), "mse", jit_compile=False)
    before = [array(weight) for weight in block.trainable_weights]
    model.train_on_batch(data, targets)
    after = [array(weight) for weight in block.trainable_weights]
    return [old - new for old, new in zip(before, after, strict=True)]


class TestTransformerEncoderBlock(LayerContract):
    component = TransformerEncoderBlock
    arguments = {
        "num_heads": 2,
        "intermediate_dim": 6,
        "dropout": 0.25,
        "activation": keras.activations.gelu,
        "norm_first": True,
        "epsilon": 1e-3,
        "causal": True,
        "kernel_initializer": keras.initializers.RandomNormal(stddev=0.1),
        "bias_initializer": keras.initializers.RandomNormal(stddev=0.1),
        "use_bias": False,
        "seed": 7,
    }
    input_shape = (2, 5, 4)
    refused = [
        (
            {"num_heads": 0},
            "`num_heads` must be an integer in [1, inf). Received: num_heads=0",
        ),
        (
            {"intermediate_dim": 1.5},
            "`intermediate_dim` must be an integer in [1, inf). "
            "Received: intermediate_dim=1.5",
        ),
        (
            {"dropout": 1},
            "`dropout` must be a number in [0, 1) or a LearningRateSchedule. "
            "Received: dropout=1",
        ),
        (
            {"norm_first": 1},
            "`norm_first` must be one of True, False. Received: norm_first=1",
        ),
        (
            {"epsilon": 0},
            "`epsilon` must be a number in (0, inf). Received: epsilon=0",
        ),
        (
            {"use_bias": 0},
            "`use_bias` must be one of True, False. Received: use_bias=0",
        ),
        (
            {"causal": None},
            "`causal` must be one of True, False. Received: causal=None",
        ),
    ]

    def built(self, **overrides):
        layer = self.make(**{"name": "block", "use_bias": True, **overrides})
        layer.build((None, None, 4))
        return layer

    def test_config_holds_every_argument(self):
        config = self.make().get_config()
        for name, value in self.arguments.items():
            if name == "activation":
                value = "gelu"
            elif name.endswith("initializer"):
                value = keras.saving.serialize_keras_object(value)
            assert config[name] == value, name

    @pytest.mark.parametrize("bias", [False, True])
    @pytest.mark.parametrize("per_head", [False, True])
    @pytest.mark.parametrize("norm_first", [False, True])
    def test_is_that_of_torch_with_a_mask_of_pairs(self, bias, per_head, norm_first):
        torch.manual_seed(0)
        module = torch.nn.TransformerEncoderLayer(
            *(4, 2, 6, 0.0), batch_first=True, norm_first=norm_first, bias=bias
        )
        block = TransformerEncoderBlock(2, 6, 0.0, norm_first=norm_first, use_bias=bias)
        block.build((None, None, 4))
        values = {k: v.detach().numpy() for k, v in module.named_parameters()}
        block.set_weights(list(arranged(values)))
        rng = np.random.default_rng(0)
        inputs = rng.normal(size=(2, 5, 4)).astype("float32")
        seen = rng.random((2, 2, 5, 5) if per_head else (2, 5, 5)) < 0.5
        # Of nothing that is seen, PyTorch makes NaN.
        seen[..., 0] = True
        theirs = seen if per_head else np.repeat(seen[:, None], 2, axis=1)
        # There, true is what is not seen.
        theirs = torch.tensor(~theirs.reshape(4, 5, 5))
        desired = module(torch.tensor(inputs), src_mask=theirs).detach().numpy()
        np.testing.assert_allclose(
            array(block(inputs, attention_mask=seen)), desired, rtol=1e-4, atol=1e-5
        )

    def test_masks_of_pairs_padding_and_order_hide_together(self):
        block, inputs = self.built(), self.inputs()
        seen = np.random.default_rng(0).random((2, 5, 5)) < 0.6
        outputs = block(inputs, mask=MASK, attention_mask=seen)
        both = seen & MASK[:, None] & np.tril(np.ones((5, 5), "bool"))
        free = self.built(causal=False)
        free.set_weights(block.get_weights())
        assert_close(outputs, free(inputs, attention_mask=both))

    def test_a_cache_takes_a_mask_of_pairs(self):
        block, inputs = self.built(), self.inputs()
        seen = np.random.default_rng(0).random((2, 5, 5)) < 0.6
        desired = block(inputs, attention_mask=seen)
        cache, outputs = block.make_cache(2, 5), []
        for step in range(5):
            rows = {"attention_mask": seen[:, step : step + 1]}
            part, cache = block(
                inputs[:, step : step + 1], cache=cache, index=step, **rows
            )
            outputs.append(array(part))
        assert_close(np.concatenate(outputs, 1), desired)

    def test_refuses_a_mask_of_pairs_of_another_shape(self):
        for shape in ((2, 5), (2, 4, 5), (2, 3, 5, 5)):
            with pytest.raises(ValueError) as error:
                self.built()(self.inputs(), attention_mask=np.ones(shape, "bool"))
            assert (
                "`attention_mask` must be a boolean tensor of shape (batch, length, "
                "keys)=(2, 5, 5), or with num_heads=2 after the batch. Received: "
                f"shape={shape}" in str(error.value)
            )

    @pytest.mark.parametrize(
        ("activation", "norm_first", "causal", "mask"),
        [
            ("relu", False, False, None),
            ("gelu", True, True, None),
            ("gelu", False, True, MASK),
            ("relu", True, False, MASK),
        ],
    )
    def test_is_that_of_torch_with_its_weights(
        self, activation, norm_first, causal, mask
    ):
        """And so are the gradients of these."""
        torch.manual_seed(0)
        module = torch.nn.TransformerEncoderLayer(
            *(4, 2, 6, 0.0, activation), batch_first=True, norm_first=norm_first
        )
        for name, parameter in module.named_parameters():
            if "norm" in name or "bias" in name:
                torch.nn.init.normal_(parameter)
        options = {"activation": activation, "norm_first": norm_first}
        block = TransformerEncoderBlock(2, 6, 0.0, causal=causal, **options)
        block.build((None, None, 4))
        values = {k: v.detach().numpy() for k, v in module.named_parameters()}
        block.set_weights(list(arranged(values)))

        inputs, targets = np.random.default_rng(0).normal(size=(2, 2, 5, 4))
        inputs, targets = inputs.astype("float32"), targets.astype("float32")
        outputs = module(
            torch.tensor(inputs),
            torch.ones(5, 5, dtype=torch.bool).triu(1) if causal else None,
            None if mask is None else torch.tensor(~mask),
        )
        assert_close(block(inputs, mask=mask), outputs.detach().numpy())

        seen = np.ones((2, 5), "bool") if mask is None else mask
        errors = (outputs - torch.tensor(targets)) ** 2
        errors[torch.tensor(seen)].mean().backward()
        gradients = {k: v.grad.numpy() for k, v in module.named_parameters()}
        lost = trained(block, inputs, mask, targets)
        for actual, desired in zip(lost, arranged(gradients), strict=True):
            np.testing.assert_allclose(actual, desired, rtol=1e-4, atol=2e-6)

    def test_finds_the_mask_of_an_embedding_and_passes_it(self):
        tokens = keras.Input((None,))
        embedding = keras.layers.Embedding(5, 4, mask_zero=True)
        block = self.built(causal=False)
        outputs = block(embedding(tokens))
        model = keras.Model(tokens, keras.layers.GlobalAveragePooling1D()(outputs))
        data = np.array([[1, 2, 3, 4, 1], [3, 1, 2, 0, 0]])
        outputs = array(block(array(embedding.embeddings)[data], mask=MASK))
        desired = [
            row[seen].mean(axis=0) for row, seen in zip(outputs, MASK, strict=True)
        ]
        assert_close(model.predict(data, verbose=0), np.array(desired))

    def test_masked_tokens_are_seen_by_none(self):
        block, inputs = self.built(causal=False), array(self.inputs())
        other = np.where(MASK[..., None], inputs, 1e4)
        outputs, others = (array(block(x, mask=MASK)) for x in (inputs, other))
        np.testing.assert_array_equal(outputs[MASK], others[MASK])

    def test_later_tokens_are_not_seen(self):
        block, inputs = self.built(), array(self.inputs())
        other = inputs.copy()
        other[:, 3:] = 1e4
        outputs, others = (array(block(x)) for x in (inputs, other))
        np.testing.assert_array_equal(outputs[:, :3], others[:, :3])

    @pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
    def test_tokens_that_may_see_none_get_the_bias(self, dtype):
        """And a step down their gradient is finite."""
        # Of the first sequence all, of the second the padding on its left.
        mask = np.array([[0, 0, 0, 0, 0], [0, 0, 1, 1, 1]], "bool")
        block, inputs = self.built(dropout=0.0, dtype=dtype), array(self.inputs())
        block.projection.kernel.assign(np.zeros((6, 4)))
        block.projection.bias.assign(np.zeros(4))
        outputs = array(keras.ops.cast(block(inputs, mask=mask), "float32"))
        desired = inputs + array(block.attention.projection.bias)
        rtol = 1e-5 if dtype == "float32" else 1e-2
        np.testing.assert_allclose(outputs[~mask], desired[~mask], rtol, rtol)
        for lost in trained(block, inputs, mask, np.zeros_like(inputs)):
            assert np.isfinite(lost).all()

    def test_drops_weights_of_the_attention_and_units(self):
        length, keep = 8, 0.75
        block = TransformerEncoderBlock(
            2, 16, 1 - keep, norm_first=True, seed=0, kernel_initializer="zeros"
        )
        inputs = np.zeros((300, length, 4), "float32")
        block.build(inputs.shape)
        # Every value is one, and every score zero.
        block.attention.value.bias.assign(np.ones(4))
        block.attention.projection.kernel.assign(np.eye(4))
        outputs = array(block(inputs, training=True))
        kept = outputs != 0
        # Of each token and head so many weights are kept, and of a head's features
        # those that are kept are alike.
        counts = (outputs * keep * keep * length).reshape(300, length, 2, 2)
        np.testing.assert_allclose(counts, np.round(counts), atol=1e-4)
        both = kept.reshape(counts.shape).all(axis=-1)
        np.testing.assert_allclose(counts[both][:, 0], counts[both][:, 1], 1e-5)
        # Five standard errors of a share. No weight at all is kept once in 65,536.
        error = np.sqrt(keep * (1 - keep) / kept.size)
        assert abs(kept.mean() - keep) < 5 * error
        counts = counts[both][:, 0]
        error = np.sqrt(length * keep * (1 - keep) / counts.size)
        assert abs(counts.mean() - length * keep) < 5 * error

        # Then of 16 units of one each, of which every feature is the sum.
        block.attention.projection.kernel.assign(np.zeros((4, 4)))
        block.intermediate.bias.assign(np.ones(16))
        block.projection.kernel.assign(np.ones((16, 4)))
        outputs = array(block(inputs, training=True))
        kept = outputs != 0
        counts = outputs * keep * keep
        np.testing.assert_allclose(counts, np.round(counts), atol=1e-4)
        error = np.sqrt(keep * (1 - keep) / kept.size)
        assert abs(kept.mean() - keep) < 5 * error
        counts = counts.max(axis=-1)[kept.any(axis=-1)]
        error = np.sqrt(16 * keep * (1 - keep) / counts.size)
        assert abs(counts.mean() - 16 * keep) < 5 * error

    def test_seed_decides(self):
        inputs = np.ones((8, 5, 4), "float32")
        draws = []
        weights = self.built().get_weights()
        for seed in (1, 1, 2):
            block = self.built(seed=seed)
            block.set_weights(weights)
            draws.append(array(block(inputs, training=True)))
        np.testing.assert_array_equal(draws[0], draws[1])
        assert (draws[0] != draws[2]).any()

    def test_dropout_follows_a_schedule(self):
        """From none to almost one, at which nothing is added."""
        rate = keras.optimizers.schedules.PiecewiseConstantDecay([0], [0.0, 0.999999])
        inputs = keras.Input((5, 4))
        x = Clock()(inputs)
        block = self.make(dropout=rate, norm_first=True)
        model = keras.Model(inputs, block(x))
        model.compile(keras.optimizers.SGD(0.0), "mse")
        x = array(normal((8, 5, 4)))
        losses = [float(model.train_on_batch(x, x)) for _ in range(2)]
        assert losses[0] > 1e-6 and losses[1] == 0

    @pytest.mark.parametrize("lengths", [[1] * 5, [3, 2]])
    @pytest.mark.parametrize("mask", [None, MASK, MASK[:, ::-1]])
    def test_decodes_as_it_computes_all_at_once(self, mask, lengths):
        """Tokens one by one, or several at a time."""
        inputs, index = self.inputs(), 0
        blocks = [self.built(), self.built(norm_first=False)]
        desired = inputs
        for block in blocks:
            desired = block(desired, mask=mask)
        caches = [block.make_cache(2, 7) for block in blocks]
        outputs = []
        for length in lengths:
            part = slice(index, index + length)
            x, seen = inputs[:, part], None if mask is None else mask[:, part]
            for i, block in enumerate(blocks):
                x, caches[i] = block(x, mask=seen, cache=caches[i], index=index)
            outputs.append(array(x))
            index += length
        assert_close(np.concatenate(outputs, axis=1), desired)

    def test_decodes_in_one_graph_for_all_places(self):
        """With their positions and padding on the left."""
        positions, block = SinusoidalPositionalEncoding(), self.built()
        inputs = self.inputs()
        mask = keras.ops.convert_to_tensor(MASK[:, ::-1].copy())
        desired = block(positions(inputs), mask=mask)

        def step(x, mask, cache, index):
            x = positions(x, start_index=index)
            return block(x, mask=mask, cache=cache, index=index)

        run, cache = compiled(step), block.make_cache(2, 5)
        # The prompt is another graph.
        x, cache = step(inputs[:, :3], mask[:, :3], cache, 0)
        outputs = [array(x)]
        for place in (3, 4):
            index = keras.ops.convert_to_tensor(place, "int32")
            part = slice(place, place + 1)
            x, cache = run(inputs[:, part], mask[:, part], cache, index)
            outputs.append(array(x))
        assert_close(np.concatenate(outputs, axis=1), desired)

    def test_decodes_with_the_mask_of_an_embedding(self):
        embedding = keras.layers.Embedding(5, 4, mask_zero=True)
        block, tokens = self.built(), np.array([[0, 0, 1], [3, 1, 2]])
        outputs, _ = block(embedding(tokens), cache=block.make_cache(2, 3), index=0)
        assert_close(outputs, block(embedding(tokens)))
        unmasked = block(array(embedding(tokens)))
        assert (abs(array(outputs) - array(unmasked)) > 1e-3).any()

    def test_decodes_in_a_model_of_keras(self):
        block, inputs = self.built(), self.inputs()
        cache = block.make_cache(2, 5)
        symbols = keras.tree.map_structure(
            lambda x: keras.Input(batch_shape=x.shape, dtype=x.dtype), cache
        )
        x, index = keras.Input((None, 4)), keras.Input(batch_shape=(), dtype="int32")
        outputs = block(x, cache=symbols, index=index)
        model = keras.Model([x, symbols, index], outputs)
        places = map(keras.ops.convert_to_tensor, (0, 3))
        first, cache = model([inputs[:, :3], cache, next(places)])
        last, _ = model([inputs[:, 3:], cache, next(places)])
        assert_close(np.concatenate([array(first), array(last)], 1), block(inputs))

    def test_refuses_a_token_outside_the_cache(self):
        block, inputs = self.built(), self.inputs()[:, :2]
        cache = block.make_cache(2, 5)
        # Within a graph, where the place is not known.
        step = compiled(lambda x, index: block(x, cache=cache, index=index)[0])
        for index in (4, -1):
            with pytest.raises(ValueError) as error:
                block(inputs, cache=cache, index=index)
            assert (
                "The layer 'block' was given a token outside its cache of 5 positions. "
                f"Received: 2 tokens from position {index} on"
            ) in str(error.value)
            place = keras.ops.convert_to_tensor(index, "int32")
            if keras.backend.backend() == "torch" and index > 0:
                with pytest.raises(IndexError):
                    step(inputs, place)
            else:
                assert np.isnan(array(step(inputs, place))).any()

    def test_refuses_a_cache_that_it_cannot_use(self):
        for options, is_built in (({}, False), ({"causal": False}, True)):
            block = self.make(name="block", **options)
            if is_built:
                block.build((None, 5, 4))
            with pytest.raises(ValueError) as error:
                block.make_cache(2, 5)
            assert str(error.value) == (
                "The layer 'block' must have causal=True, and have been called or "
                f"built, to have a cache. Received: causal={block.causal}, "
                f"built={is_built}"
            )
        block = self.built()
        with pytest.raises(ValueError) as error:
            block(self.inputs(), index=0)
        message = "The layer 'block' takes `cache` and `index` together."
        assert message in str(error.value)

    def test_refuses_features_that_its_heads_do_not_divide(self):
        with pytest.raises(ValueError) as error:
            self.make(num_heads=3, name="block")(normal((2, 5, 4)))
        assert str(error.value) == (
            "`num_heads` of the layer 'block' must divide the features of its inputs. "
            "Received: num_heads=3, inputs of shape (2, 5, 4)"
        )

    def test_refuses_a_cache_of_another_block(self):
        block, inputs = self.built(causal=False), self.inputs()
        cache = self.built().make_cache(2, 5)
        with pytest.raises(ValueError, match="must have causal=True"):
            block(inputs, cache=cache, index=0)
