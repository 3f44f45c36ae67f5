import keras
import numpy as np
import pytest
from contracts import LayerContract, array, normal

from kdl.models import Feeding, ProfessorForcing, RecurrentDecoder

ALWAYS = {"discriminator_gate": 1.0, "generator_gate": 0.0}
NEVER = {"discriminator_gate": 0.0, "generator_gate": 1.0}


def softplus(x):
    return np.log1p(np.exp(x))


class TestProfessorForcing(LayerContract):
    component = ProfessorForcing
    arguments = {
        "units": 3,
        "weight": 0.5,
        "discriminator_gate": 1.0,
        "generator_gate": 0.1,
    }
    input_shape = (4, 5, 2)
    is_composed = True
    refused = [
        ({"units": 0}, "`units` must be an integer in [1, inf). Received: units=0"),
        (
            {"weight": -1.0},
            "`weight` must be a number in [0, inf) or a LearningRateSchedule. "
            "Received: weight=-1.0",
        ),
        (
            {"generator_gate": 2},
            "`generator_gate` must be a number in [0, 1]. Received: generator_gate=2",
        ),
    ]

    def wrap(self, layer):
        inputs = keras.Input(self.input_shape[1:], dtype=layer.compute_dtype)
        return keras.Model(inputs, layer(inputs, 2 * inputs))

    def test_shapes_agree(self):
        layer = self.make()
        inputs = keras.Input((None, 2))
        assert layer(inputs, inputs).shape == (None, None, 2)

    def losses(self, **gates):
        layer = self.make(units=16, weight=0.5, **gates)
        forced, own = normal((4, 5, 2)), normal((4, 5, 2)) * 3 + 1
        layer(forced, own, training=True)
        read = [array(layer.discriminator(x))[:, 0] for x in (forced, own)]
        (loss,) = layer.losses
        return float(array(loss)), *read, layer

    def test_adds_the_paper_s_two_terms(self):
        loss, is_forced, is_own, _ = self.losses(**ALWAYS)
        found_out = softplus(-is_forced).mean() + softplus(is_own).mean()
        fooled = softplus(-is_own).mean()
        np.testing.assert_allclose(loss, found_out + 0.5 * fooled, rtol=1e-5)

    def test_gates_close_by_the_accuracy(self):
        loss, is_forced, is_own, layer = self.losses(**NEVER)
        accuracy = ((is_forced > 0).mean() + (is_own < 0).mean()) / 2
        np.testing.assert_allclose(float(layer.accuracy), accuracy)
        assert loss == 0
        for name, gate in (("discriminator_gate", 1.0), ("generator_gate", 0.0)):
            loss, is_forced, is_own, _ = self.losses(**{**NEVER, name: gate})
            terms = {
                "discriminator_gate": softplus(-is_forced).mean()
                + softplus(is_own).mean(),
                "generator_gate": 0.5 * softplus(-is_own).mean(),
            }
            np.testing.assert_allclose(loss, terms[name], rtol=1e-5)

    def test_does_nothing_in_inference(self):
        layer = self.make()
        own = normal((4, 5, 2))
        assert (array(layer(own + 1, own)) == array(own)).all()
        assert layer.losses == []

    @pytest.mark.parametrize("term", ["discriminator_gate", "generator_gate"])
    def test_each_term_moves_its_own_side_alone(self, term):
        """The decoder's loss is switched off, so that the professor's alone counts."""
        gate = {"discriminator_gate": 1.0, "generator_gate": 0.0}[term]
        # With few units, the hidden layer may be 0 everywhere, and passes no gradient.
        professor = self.make(units=16, weight=1.0, **{**NEVER, term: gate})
        decoder = RecurrentDecoder(
            keras.layers.GRUCell(4), 6, 3, Feeding(professor=professor), seed=0
        )
        entries = keras.Input((5,), dtype="int32")
        model = keras.Model(entries, decoder(entries))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(1.0), loss, loss_weights=0.0)
        judge = professor.discriminator.trainable_weights
        others = [
            weight
            for weight in model.trainable_weights
            if all(weight is not other for other in judge)
        ]
        before = [[array(w) for w in part] for part in (judge, others)]
        tokens = np.random.default_rng(0).integers(0, 6, (8, 5)).astype("int32")
        model.fit(tokens, tokens, verbose=0)
        moved = [
            max(np.abs(array(w) - old).max() for w, old in zip(part, olds, strict=True))
            for part, olds in zip((judge, others), before, strict=True)
        ]
        if term == "discriminator_gate":
            assert moved[0] > 0 and moved[1] == 0
        else:
            assert moved[0] == 0 and moved[1] > 0
