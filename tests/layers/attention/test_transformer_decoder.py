import keras
import numpy as np
import pytest
import torch
from contracts import LayerContract, array, assert_close, compiled, normal

from kdl.layers import Clock, TransformerDecoderBlock, TransformerEncoderBlock

ARGUMENTS = {
    "num_heads": 2,
    "intermediate_dim": 6,
    "dropout": 0.25,
    "activation": keras.activations.gelu,
    "norm_first": True,
    "epsilon": 1e-3,
    "causal": False,
    "kernel_initializer": keras.initializers.RandomNormal(stddev=0.1),
    "bias_initializer": keras.initializers.RandomNormal(stddev=0.1),
    "seed": 7,
}
# Of two sequences, the tokens that are no padding.
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], "bool")
CONTEXT_MASK = np.array([[1, 0, 1], [0, 1, 1]], "bool")


def arranged(values):
    """Values of the parameters of PyTorch's module, in the order of the block's."""
    for attention in ("self_attn", "multihead_attn"):
        for kind in ("weight", "bias"):
            if f"{attention}.in_proj_{kind}" not in values:
                continue
            parts = np.split(values[f"{attention}.in_proj_{kind}"], 3)
            for name, part in zip(("query", "key", "value"), parts, strict=True):
                values[f"{attention}.{name}.{kind}"] = part
    parts = ("query", "key", "value", "out_proj")
    names = [f"self_attn.{part}" for part in parts]
    names += ["norm1", "linear1", "linear2", "norm3"]
    names += [*(f"multihead_attn.{part}" for part in parts), "norm2"]
    for name in names:
        # A kernel is the other way around.
        yield values[f"{name}.weight"].T
        # That of the keys changes nothing.
        if not name.endswith("key") and f"{name}.bias" in values:
            yield values[f"{name}.bias"]


def model_of(block):
    """Of inputs, a context, and a mask of each."""
    inputs, context = keras.Input((5, 4)), keras.Input((3, 4))
    masks = [keras.Input((length,), dtype="bool") for length in (5, 3)]
    outputs = block(inputs, context, mask=masks[0], context_mask=masks[1])
    return keras.Model([inputs, context, *masks], outputs)


class TestTransformerDecoderBlock(LayerContract):
    component = TransformerDecoderBlock
    arguments = ARGUMENTS
    input_shape = (2, 5, 4)
    is_composed = True
    refused = [
        (
            {"num_heads": 0},
            "`num_heads` must be an integer in [1, inf). Received: num_heads=0",
        ),
        (
            {"dropout": 1},
            "`dropout` must be a number in [0, 1) or a LearningRateSchedule. "
            "Received: dropout=1",
        ),
    ]

    def wrap(self, layer):
        inputs = keras.Input(self.input_shape[1:])
        return keras.Model(inputs, layer(inputs, inputs))

    def pair(self):
        return normal((2, 5, 4)), normal((2, 3, 4)) + 1

    def built(self, **overrides):
        layer = self.make(**{"name": "block", "causal": True, **overrides})
        layer.build((None, None, 4), (None, None, 4))
        return layer

    def test_config_holds_every_argument(self):
        config = self.make().get_config()
        for name, value in self.arguments.items():
            if name == "activation":
                value = "gelu"
            elif name.endswith("initializer"):
                value = keras.saving.serialize_keras_object(value)
            assert config[name] == value, name

    def test_is_that_of_torch_without_biases_and_with_masks_of_pairs(self):
        torch.manual_seed(0)
        module = torch.nn.TransformerDecoderLayer(
            *(4, 2, 6, 0.0), batch_first=True, bias=False
        )
        block = TransformerDecoderBlock(2, 6, 0.0, causal=False, use_bias=False)
        block.build((None, None, 4), (None, None, 4))
        values = {k: v.detach().numpy() for k, v in module.named_parameters()}
        block.set_weights(list(arranged(values)))
        rng = np.random.default_rng(0)
        inputs, context = (
            rng.normal(size=(2, length, 4)).astype("float32") for length in (5, 3)
        )
        masks = [rng.random((2, 2, 5, length)) < 0.5 for length in (5, 3)]
        for mask in masks:
            mask[..., 0] = True
        # There, true is what is not seen.
        theirs = [torch.tensor(~mask.reshape(4, 5, -1)) for mask in masks]
        desired = module(
            torch.tensor(inputs),
            torch.tensor(context),
            tgt_mask=theirs[0],
            memory_mask=theirs[1],
        )
        outputs = block(
            inputs,
            context,
            attention_mask=masks[0],
            context_attention_mask=masks[1],
        )
        desired = desired.detach().numpy()
        np.testing.assert_allclose(array(outputs), desired, rtol=1e-4, atol=1e-5)

    def test_shape_of_a_context_of_other_features(self):
        layer, shapes = self.make(), [(None, None, 4), (None, None, 6)]
        symbolic = layer(*(keras.Input(batch_shape=shape) for shape in shapes)).shape
        assert layer.compute_output_shape(shapes[0]) == symbolic == (None, None, 4)
        for training in (False, True):
            outputs = layer(normal((2, 5, 4)), normal((2, 3, 6)), training=training)
            assert tuple(outputs.shape) == (2, 5, 4)

    @pytest.mark.parametrize(
        ("activation", "norm_first", "causal"),
        [("relu", False, True), ("gelu", True, True), ("gelu", False, False)],
    )
    def test_is_that_of_torch_with_its_weights(self, activation, norm_first, causal):
        """With padding in both sequences, and so are the gradients of the weights."""
        torch.manual_seed(0)
        module = torch.nn.TransformerDecoderLayer(
            *(4, 2, 6, 0.0, activation), batch_first=True, norm_first=norm_first
        )
        for name, parameter in module.named_parameters():
            if "norm" in name or "bias" in name:
                torch.nn.init.normal_(parameter)
        options = {"activation": activation, "norm_first": norm_first}
        block = TransformerDecoderBlock(2, 6, 0.0, causal=causal, **options)
        model = model_of(block)
        values = {k: v.detach().numpy() for k, v in module.named_parameters()}
        block.set_weights(list(arranged(values)))

        inputs, targets = np.random.default_rng(0).normal(size=(2, 2, 5, 4))
        inputs, targets = inputs.astype("float32"), targets.astype("float32")
        context = array(normal((2, 3, 4)))
        outputs = module(
            torch.tensor(inputs),
            torch.tensor(context),
            torch.ones(5, 5, dtype=torch.bool).triu(1) if causal else None,
            tgt_key_padding_mask=torch.tensor(~MASK),
            memory_key_padding_mask=torch.tensor(~CONTEXT_MASK),
        )
        data = [inputs, context, MASK, CONTEXT_MASK]
        assert_close(model(data), outputs.detach().numpy())

        errors = (outputs - torch.tensor(targets)) ** 2
        errors[torch.tensor(MASK)].mean().backward()
        gradients = {k: v.grad.numpy() for k, v in module.named_parameters()}
        model.compile(keras.optimizers.SGD(1.0), "mse", jit_compile=False)
        before = [array(weight) for weight in block.trainable_weights]
        # Keras passes the mask of the inputs on to the loss.
        model.train_on_batch(data, targets)
        weights = zip(before, block.trainable_weights, arranged(gradients), strict=True)
        for old, weight, desired in weights:
            lost = old - array(weight)
            np.testing.assert_allclose(lost, desired, rtol=1e-4, atol=2e-6)

    def test_finds_the_masks_of_embeddings(self):
        embedding = keras.layers.Embedding(5, 4, mask_zero=True)
        tokens = np.array([[1, 2, 3, 4, 1], [3, 1, 2, 0, 0]])
        context = np.array([[1, 0, 2], [0, 3, 4]])
        block = self.built(causal=False)
        table = array(embedding(np.arange(5)))
        desired = block(
            table[tokens], table[context], mask=MASK, context_mask=CONTEXT_MASK
        )
        assert_close(block(embedding(tokens), embedding(context)), desired)

    def test_context_that_is_masked_is_not_seen(self):
        """Nor is one that is masked as a whole, in which gradients are finite."""
        block, (inputs, context) = self.built(dropout=0.0), map(array, self.pair())
        other = np.where(CONTEXT_MASK[..., None], context, 1e4)
        outputs, others = (
            array(block(inputs, x, context_mask=CONTEXT_MASK)) for x in (context, other)
        )
        np.testing.assert_array_equal(outputs, others)
        model = model_of(block)
        none = np.zeros_like(CONTEXT_MASK)
        assert_close(
            model([inputs, context, MASK, none]), model([inputs, other, MASK, none])
        )
        model.compile("sgd", "mse", jit_compile=False)
        model.train_on_batch([inputs, context, MASK, none], np.zeros_like(inputs))
        for weight in block.weights:
            assert np.isfinite(array(weight)).all()

    def test_without_the_part_between_it_is_the_encoder_block(self):
        decoder, (inputs, context) = self.built(), self.pair()
        encoder = TransformerEncoderBlock(**{**self.arguments, "causal": True})
        encoder.build(inputs.shape)
        # Those of the part between are the last.
        weights = decoder.get_weights()[: len(encoder.get_weights())]
        encoder.set_weights(weights)
        for weight in decoder.cross_attention.projection.weights:
            weight.assign(np.zeros(weight.shape))
        assert_close(decoder(inputs, context), encoder(inputs))

    def test_dropout_follows_a_schedule(self):
        """From none to almost one, at which nothing is added."""
        rate = keras.optimizers.schedules.PiecewiseConstantDecay([0], [0.0, 0.999999])
        inputs = keras.Input((5, 4))
        x = Clock()(inputs)
        block = self.make(dropout=rate, norm_first=True)
        model = keras.Model(inputs, block(x, x))
        model.compile(keras.optimizers.SGD(0.0), "mse")
        x = array(normal((8, 5, 4)))
        losses = [float(model.train_on_batch(x, x)) for _ in range(2)]
        assert losses[0] > 1e-6 and losses[1] == 0

    @pytest.mark.parametrize("lengths", [[1] * 5, [3, 2]])
    @pytest.mark.parametrize("context_mask", [None, CONTEXT_MASK])
    def test_decodes_as_it_computes_all_at_once(self, context_mask, lengths):
        block, (inputs, context) = self.built(), self.pair()
        cache = block.make_cache(2, 7, context, context_mask)
        outputs, index = [], 0
        for length in lengths:
            part = slice(index, index + length)
            seen = MASK[:, part]
            x, cache = block(inputs[:, part], mask=seen, cache=cache, index=index)
            outputs.append(array(x))
            index += length
        desired = block(inputs, context, mask=MASK, context_mask=context_mask)
        assert_close(np.concatenate(outputs, axis=1), desired)

    def test_decodes_in_one_graph_for_all_places(self):
        block, (inputs, context) = self.built(), self.pair()

        def step(x, cache, index):
            return block(x, cache=cache, index=index)

        run, outputs, cache = compiled(step), [], block.make_cache(2, 5, context)
        for place in range(5):
            index = keras.ops.convert_to_tensor(place, "int32")
            x, cache = run(inputs[:, place : place + 1], cache, index)
            outputs.append(array(x))
        assert_close(np.concatenate(outputs, axis=1), block(inputs, context))

    def test_decodes_with_the_mask_of_an_embedding_of_the_context(self):
        embedding = keras.layers.Embedding(5, 4, mask_zero=True)
        context = embedding(np.array([[1, 0, 2], [0, 3, 4]]))
        block, inputs = self.built(), normal((2, 5, 4))
        cache = block.make_cache(2, 5, context)
        np.testing.assert_array_equal(array(cache["context"]["mask"]), CONTEXT_MASK)
        outputs, _ = block(inputs, cache=cache, index=0)
        assert_close(outputs, block(inputs, context))

    def test_refuses_neither_or_both_of_a_context_and_a_cache(self):
        block, (inputs, context) = self.built(), self.pair()
        cache = block.make_cache(2, 5, context)
        for received, layer, arguments in (
            ("neither", self.make(name="block"), {}),
            ("neither", block, {}),
            ("both", block, {"context": context, "cache": cache, "index": 0}),
        ):
            with pytest.raises(ValueError) as error:
                layer(inputs, **arguments)
            assert (
                "The layer 'block' takes a context, which it also needs when it is "
                f"built, or a cache that has one. Received: {received}"
            ) in str(error.value)
