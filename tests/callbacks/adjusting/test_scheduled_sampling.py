import keras
import numpy as np
import pytest
from contracts import CallbackContract

from kdl.callbacks import LogNumbers, ScheduledSampling
from kdl.layers import Clock
from kdl.models import Feeding, RecurrentDecoder
from kdl.schedules import Adjustable, InverseSigmoidDecay


def halve(value, logs):
    return value / 2


def model_of(*epsilons):
    tokens = keras.Input((3,), dtype="int32")
    x = Clock()(tokens)
    outputs = [
        RecurrentDecoder(
            keras.layers.GRUCell(2), 5, 2, Feeding(epsilon), name=f"decoder_{n}"
        )(x)
        for n, epsilon in enumerate(epsilons)
    ]
    model = keras.Model(tokens, outputs[0] if len(outputs) == 1 else outputs, name="m")
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


TOKENS = np.ones((4, 3), "int32")


class TestScheduledSampling(CallbackContract):
    component = ScheduledSampling
    arguments = {"schedule": halve, "by": "metrics", "name": "probe/value"}
    refused = [
        (
            {"by": "step"},
            "`by` must be one of 'epoch', 'batch', 'metrics'. Received: by='step'",
        ),
        (
            {"schedule": InverseSigmoidDecay(10, max_value=2.0)},
            "`schedule` must be a number in [0, 1]. Received: schedule=1.81818 at step "
            "0 of its InverseSigmoidDecay",
        ),
    ]
    seen = [8, 8, 8, 4, 4, 4, 2, 2, 2]

    def test_sets_the_epsilon_of_the_decoder(self):
        model = model_of(Adjustable(1.0))
        sampling = ScheduledSampling(InverseSigmoidDecay(2))
        history = model.fit(
            TOKENS, TOKENS, epochs=3, callbacks=[LogNumbers(), sampling], verbose=0
        ).history
        desired = 2 / (2 + np.exp(np.arange(3) / 2))
        np.testing.assert_allclose(history["decoder_0/epsilon"], desired, rtol=1e-5)

    @pytest.mark.parametrize(
        ("epsilons", "received"),
        [
            (
                [0.5],
                "none: give it a kdl.models.Feeding of kdl.schedules.Adjustable(1.0)",
            ),
            (
                [Adjustable(1.0), Adjustable(1.0)],
                "several: decoder_0/epsilon, decoder_1/epsilon; say which by `name`",
            ),
        ],
    )
    def test_refuses_models_without_it_or_with_several(self, epsilons, received):
        with pytest.raises(ValueError) as error:
            model_of(*epsilons).fit(
                TOKENS,
                [TOKENS] * len(epsilons),
                callbacks=[ScheduledSampling(lambda epoch: 0.5)],
                verbose=0,
            )
        assert str(error.value) == (
            "The model 'm' must have a decoder whose epsilon is Adjustable. It has "
            f"{received}."
        )

    def test_refuses_what_is_no_probability(self):
        with pytest.raises(ValueError) as error:
            model_of(Adjustable(1.0)).fit(
                TOKENS,
                TOKENS,
                callbacks=[ScheduledSampling(lambda epoch: 1.5)],
                verbose=0,
            )
        assert str(error.value) == (
            "`epsilon` must be a number in [0, 1]. Received: epsilon=1.5"
        )
