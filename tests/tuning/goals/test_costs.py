import keras
import numpy as np
import pytest

from kdl.tuning.goals.costs import measure


def network():
    return keras.Sequential(
        [keras.Input((8,)), keras.layers.Dense(4), keras.layers.Dense(2)]
    )


class TestMeasure:
    @pytest.mark.one_backend
    def test_counts_weights_and_operations(self):
        # Biases; a multiplication and an addition for each weight, and each bias.
        known = measure(network(), ["params", "flops"])
        assert known == {"params": 8 * 4 + 4 + 4 * 2 + 2, "flops": 2 * 40.0 + 6}

    def test_latency_is_the_median_of_calls_of_one_example(self, monkeypatch):
        model, calls, clock = network(), [], iter(range(1000))
        predict = model.predict_on_batch

        def counted(x):
            calls.append(x.shape)
            return predict(x)

        monkeypatch.setattr(model, "predict_on_batch", counted)
        # By a clock that takes a longer step each time.
        monkeypatch.setattr(
            "kdl.tuning.goals.costs.time.perf_counter", lambda: next(clock) ** 2 / 1000
        )
        # The k-th of 21 calls takes (2k + 1)^2 - (2k)^2 = 4k + 1.
        assert measure(model, ["latency_ms"]) == {"latency_ms": pytest.approx(41.0)}
        assert calls == [(1, 8)] * 24

    @pytest.mark.one_backend
    def test_builds_a_model_that_does_not_know_its_inputs(self):
        model = keras.Sequential([keras.layers.Dense(4)])
        x = np.zeros((3, 5), "float32")
        assert measure(model, ["params", "flops"], x) == {"params": 24.0, "flops": 44.0}
        # For batches of any size.
        assert model(x).shape == (3, 4)

    @pytest.mark.one_backend
    def test_takes_several_inputs_by_name(self):
        inputs = {name: keras.Input((3,), name=name) for name in "ab"}
        outputs = keras.layers.Dense(2)(keras.layers.Add()(list(inputs.values())))
        model = keras.Model(inputs, outputs)
        assert measure(model, ["params", "latency_ms"])["params"] == 8

    @pytest.mark.one_backend
    def test_takes_the_shape_that_a_model_leaves_open_from_the_data(self):
        model = keras.Sequential([keras.Input((None, 3)), keras.layers.Dense(2)])
        x = np.zeros((4, 7, 3), "float32")
        assert measure(model, ["flops"], x) == {"flops": 7 * (2 * 6 + 2.0)}
        for unknown in (None, iter([x])):
            with pytest.raises(ValueError) as error:
                measure(model, ["flops"], unknown)
            assert str(error.value) == (
                "What a model costs depends on the shape of its inputs, which is not "
                "known. Begin the model with a keras.Input of all sizes, or give "
                "`search` arrays as `x`."
            )

    @pytest.mark.one_backend
    def test_names_a_layer_whose_operations_are_not_counted(self):
        class Product(keras.layers.Layer):
            def build(self, shape):
                self.kernel = self.add_weight((shape[-1], 2))

            def call(self, inputs):
                return inputs @ self.kernel

        model = keras.Sequential([keras.Input((3,)), Product(name="mine")])
        assert measure(model, ["params"]) == {"params": 6.0}
        with pytest.raises(ValueError) as error:
            measure(model, ["flops"])
        assert str(error.value) == (
            "The operations of the layer 'mine' (Product) are not counted, and "
            "'flops' asks for them."
        )
