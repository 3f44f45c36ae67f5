import keras
import numpy as np
import pytest
import torch
from contracts import LayerContract, array, assert_close, compiled, normal

from kdl.layers import LearnedPositionalEmbedding


class TestLearnedPositionalEmbedding(LayerContract):
    component = LearnedPositionalEmbedding
    arguments = {
        "length": 5,
        "embeddings_initializer": keras.initializers.RandomNormal(seed=1),
        "embeddings_regularizer": keras.regularizers.L2(0.5),
        "embeddings_constraint": keras.constraints.MaxNorm(2.0),
    }
    input_shape = (2, 5, 4)
    refused = [
        ({"length": 0}, "`length` must be an integer in [1, inf). Received: length=0"),
    ]

    def test_keeps_every_argument(self):
        layer = self.make()
        for name, value in self.arguments.items():
            assert getattr(layer, name) is value, name

    def test_config_holds_every_argument(self):
        config = self.make().get_config()
        for name, value in self.arguments.items():
            if name != "length":
                value = keras.saving.serialize_keras_object(value)
            assert config[name] == value, name

    def test_is_that_of_torch_with_its_weights(self):
        torch.manual_seed(0)
        module = torch.nn.Embedding(7, 4)
        layer = LearnedPositionalEmbedding(7)
        layer.build((None, None, 4))
        layer.set_weights([module.weight.detach().numpy()])
        step = compiled(lambda x, index: layer(x, start_index=index))
        for length, start in ((7, 0), (3, 0), (3, 2), (1, 6)):
            inputs = normal((2, length, 4))
            rows = module(torch.arange(start, start + length)).detach().numpy()
            index = keras.ops.convert_to_tensor(start, "int32")
            for outputs in (
                layer(inputs, start_index=start),
                layer(inputs, start_index=index),
                step(inputs, index),
            ):
                assert_close(outputs, array(inputs) + rows)

    def test_takes_sequences_of_any_length_and_passes_masks(self):
        tokens = keras.Input((None,))
        outputs = keras.layers.Embedding(5, 4, mask_zero=True)(tokens)
        outputs = LearnedPositionalEmbedding(4)(outputs)
        model = keras.Model(tokens, keras.layers.GlobalAveragePooling1D()(outputs))
        table, rows = map(array, model.weights)
        for data in ([[1, 2, 3, 0]], [[4, 0]]):
            data = np.array(data)
            encoded = table[data] + rows[: data.shape[1]]
            desired = encoded[data != 0].mean(axis=0, keepdims=True)
            assert_close(model.predict(data, verbose=0), desired)

    @pytest.mark.parametrize(("length", "start"), [(6, 0), (2, 4), (2, -1)])
    def test_refuses_a_token_outside_the_table(self, length, start):
        layer = self.make(name="positions")
        layer.build((None, None, 4))
        inputs = normal((2, length, 4))
        index = keras.ops.convert_to_tensor(start, "int32")
        for given in (start, index):
            with pytest.raises(ValueError) as error:
                layer(inputs, start_index=given)
            assert (
                "The layer 'positions' was given a token outside its table of 5 "
                f"positions. Received: {length} tokens from position {start} on"
            ) in str(error.value)
        # Within a graph, where the position is not known.
        outputs = compiled(lambda x, i: layer(x, start_index=i))(inputs, index)
        assert np.isnan(array(outputs)).all()
        assert not np.isnan(array(layer(inputs[:, :1]))).any()

    def test_refuses_a_symbolic_sequence_that_is_too_long(self):
        with pytest.raises(ValueError) as error:
            self.make(name="positions")(keras.Input((6, 4)))
        assert str(error.value) == (
            "The layer 'positions' was given a token outside its table of 5 positions. "
            "Received: 6 tokens from position 0 on"
        )

    @pytest.mark.skipif(
        keras.backend.backend() == "torch", reason="Keras exports no open length there."
    )
    def test_exported_it_gives_nan_beyond_the_table(self, tmp_path):
        import tensorflow as tf

        inputs = keras.Input((None, 4))
        model = keras.Model(inputs, self.make()(inputs))
        model.export(tmp_path, verbose=False)
        served = tf.saved_model.load(tmp_path)
        for length in (3, 5, 6):
            data = array(normal((2, length, 4)))
            outputs = served.serve(data).numpy()
            if length == 6:
                assert np.isnan(outputs).all()
            else:
                assert_close(outputs, model(data))
