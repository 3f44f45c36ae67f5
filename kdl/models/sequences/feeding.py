"""What a decoder is fed."""

import contextlib
from collections.abc import Iterator
from typing import Any, Literal, Self

import keras

from kdl.checks import check_choice, check_number
from kdl.models.sequences.professor_forcing import ProfessorForcing, as_professor
from kdl.schedules import number
from kdl.typing import FloatOrSchedule

EVALUATIONS = ("teacher_forcing", "free_running")


@keras.saving.register_keras_serializable(package="kdl")
class Feeding:
    """What a decoder is fed: the true steps before each one, or its own.

    A network that only ever sees true tokens learns nothing of what follows its own
    mistakes, among which it finds itself once it writes. In scheduled sampling, a coin
    is tossed for each step and example, and shows the true step with probability
    `epsilon`, which falls as training goes on. No gradient passes through what is fed
    back. Keras has nothing of the kind, and TensorFlow Addons' samplers are gone.

    Give `epsilon` a schedule, such as `kdl.schedules.InverseSigmoidDecay`, and the
    model a `kdl.layers.Clock`, or have `kdl.callbacks.ScheduledSampling` set it.

    Args:
        epsilon: Float in `[0, 1]`, or a schedule of it. Probability that a true step
            is fed in training. Defaults to `1.0`, teacher forcing; `0.0` is always its
            own.
        temperature: Float in `[0, inf)`. What logits are divided by before its own
            token is drawn in training. Defaults to `0.0`, the likeliest token. A
            forecaster draws nothing.
        evaluation: `"teacher_forcing"` or `"free_running"`. What is fed where it does
            not train, in `evaluate`, `predict` and validation: the true steps, or its
            own, as in use. Defaults to `"teacher_forcing"`.
        professor: Optional `kdl.models.ProfessorForcing`, which adds its loss. Defaults
            to `None`.

    Raises:
        ValueError: If an argument is outside its interval.

    Example:

    >>> feeding = kdl.models.Feeding(kdl.schedules.InverseSigmoidDecay(k=100))
    >>> tokens = keras.Input((None,), dtype="int32")
    >>> decoder = kdl.models.RecurrentDecoder(
    ...     keras.layers.GRUCell(16), 10, 8, feeding
    ... )
    >>> model = keras.Model(tokens, decoder(kdl.layers.Clock()(tokens)))

    References:
        - [Bengio et al., 2015](https://arxiv.org/abs/1506.03099)
    """

    def __init__(
        self,
        epsilon: FloatOrSchedule = 1.0,
        temperature: float = 0.0,
        evaluation: Literal["teacher_forcing", "free_running"] = "teacher_forcing",
        professor: ProfessorForcing | None = None,
    ) -> None:
        self.epsilon = number("epsilon", epsilon, "[0, 1]")
        self.temperature = check_number("temperature", temperature, "[0, inf)")
        self.evaluation = check_choice("evaluation", evaluation, EVALUATIONS)
        self.professor = as_professor(professor)

    def get_config(self) -> dict[str, Any]:
        return {
            "epsilon": keras.saving.serialize_keras_object(self.epsilon),
            "temperature": self.temperature,
            "evaluation": self.evaluation,
            "professor": keras.saving.serialize_keras_object(self.professor),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls(**config)


class Fed:
    """Mixin for a layer that is fed as its `feeding` says."""

    def be_fed(self, feeding: Feeding | dict[str, Any] | None) -> None:
        """Takes over a `Feeding`, also from a config; `None` is teacher forcing.

        Raises:
            ValueError: If it is something else.
        """
        if isinstance(feeding, dict) and feeding:
            feeding = keras.saving.deserialize_keras_object(feeding)
        if feeding is None:
            feeding = Feeding()
        if not isinstance(feeding, Feeding):
            raise ValueError(
                "`feeding` must be a kdl.models.Feeding, or None. Received: "
                f"feeding={feeding!r}"
            )
        self.feeding = feeding
        # Where callbacks find the number, and Keras the weights.
        self.epsilon, self.professor = feeding.epsilon, feeding.professor
        self.evaluation = feeding.evaluation

    @contextlib.contextmanager
    def evaluated(
        self, evaluation: Literal["teacher_forcing", "free_running"]
    ) -> Iterator[None]:
        """Feeds it otherwise where it does not train, while the block lasts.

        What has been compiled stays as it is: make another model of the same layers.

        Args:
            evaluation: `"teacher_forcing"` or `"free_running"`.
        """
        usual = self.evaluation
        self.evaluation = check_choice("evaluation", evaluation, EVALUATIONS)
        try:
            yield
        finally:
            self.evaluation = usual
