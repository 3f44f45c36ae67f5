import keras
import numpy as np
import pytest
from contracts import SavedContract, array

from kdl.models import Feeding, ProfessorForcing, RecurrentDecoder


class TestFeeding(SavedContract):
    component = Feeding
    arguments = {
        "epsilon": 0.5,
        "temperature": 0.7,
        "evaluation": "free_running",
        "professor": ProfessorForcing(3, name="professor"),
    }
    refused = [
        (
            {"epsilon": 1.5},
            "`epsilon` must be a number in [0, 1] or a LearningRateSchedule. "
            "Received: epsilon=1.5",
        ),
        (
            {"temperature": -1},
            "`temperature` must be a number in [0, inf). Received: temperature=-1",
        ),
        (
            {"evaluation": "free"},
            "`evaluation` must be one of 'teacher_forcing', 'free_running'. "
            "Received: evaluation='free'",
        ),
        (
            {"professor": 1},
            "`professor` must be a kdl.models.ProfessorForcing, or None. Received: "
            "professor=1",
        ),
    ]

    def test_evaluation_is_another_for_a_while(self):
        tokens = np.array([[1, 2, 3, 1]])
        decoder = RecurrentDecoder(keras.layers.GRUCell(4), 5, 3)
        forced = array(decoder(tokens))
        with decoder.evaluated("free_running"):
            free = array(decoder(tokens))
        written = decoder.generate(4).tokens
        assert (free.argmax(-1) == written).all()
        np.testing.assert_array_equal(array(decoder(tokens)), forced)
        with (
            pytest.raises(ValueError, match=r"^`evaluation` must be one of"),
            decoder.evaluated("free"),
        ):
            pass
